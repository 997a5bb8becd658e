//! `wheel`, the tests of the Python package in an environment of their own, `.venv-python/`, and
//! environments as people have them.

use crate::{cargo, program, run, say};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Locks of what building the wheel and testing the module need, and of what the trainer on TRL
/// needs.
const WHEEL: &str = "python/requirements.lock";
const TRL: &str = "python/requirements-trl.lock";

/// Versions of matplotlib that charts of people are tested with, with a numpy of their time.
const VERSIONS: [[&str; 2]; 4] = [
    ["matplotlib==3.6.3", "numpy==1.26.4"],
    ["matplotlib==3.7.5", "numpy==1.26.4"],
    ["matplotlib==3.9.4", "numpy==2.0.2"],
    ["matplotlib==3.11.2", "numpy==2.4.6"],
];

/// Interpreters with these versions of matplotlib, separated by colons, for the tests of `lint`.
pub fn versions(root: &Path) -> Result<String> {
    let of = |packages: &[&str; 2]| {
        let python = with_packages(&root.join("target/versions").join(packages[0]), packages)?;
        Ok(python.display().to_string())
    };
    Ok(VERSIONS.iter().map(of).collect::<Result<Vec<_>>>()?.join(":"))
}

/// The interpreter of a virtual environment with these packages, which is made unless it is there.
pub(crate) fn with_packages(venv: &Path, packages: &[&str]) -> Result<PathBuf> {
    let (python, stamp) = (venv.join("bin/python"), venv.join("complete"));
    if !stamp.is_file() || !vsdpo_setup::venv_runs(venv) {
        say(&format!("installing {}", packages.join(" ")));
        vsdpo_setup::make_venv(&vsdpo_setup::find_python(&say)?, venv, &say)?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(pip).args(packages))?;
        std::fs::write(&stamp, "")?;
    }
    Ok(python)
}

/// Builds the wheel into `target/wheels` and returns its path.
pub fn wheel(root: &Path) -> Result<PathBuf> {
    let venv = environment(root)?;
    say("building the program of the wheel");
    cargo(root, &["build", "--release", "-p", "vsdpo-cli", "--no-default-features"])?;
    // The folder that pyproject.toml names: pip installs what lies in `scripts` as commands.
    let scripts = root.join("target/wheel-data/scripts");
    std::fs::create_dir_all(&scripts).with_context(|| format!("cannot make {}", scripts.display()))?;
    let (from, to) = (program(root), scripts.join("visual-sdpo"));
    std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    say("building the wheel");
    let wheels = root.join("target/wheels");
    let build = ["build", "--quiet", "--release", "--strip", "--out"];
    run(Command::new(venv.join("bin/maturin")).args(build).arg(&wheels).current_dir(root))?;
    newest(&wheels)
}

/// Installs the wheel in `.venv-python/` and runs `python/tests` there.
pub fn test(root: &Path) -> Result<()> {
    let (wheel, venv) = (wheel(root)?, root.join(".venv-python"));
    if !is_installed(&root.join(TRL), &venv)? {
        say("installing python/requirements-trl.lock in .venv-python (5 GB, most of it torch's CUDA)");
        install(&root.join(TRL), &venv)?;
    }
    say("building the step of the Rust trainer that the trainer on TRL is compared with");
    cargo(root, &["build", "--release", "--workspace", "--example", "step_on"])?;
    let python = venv.join("bin/python");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    run(Command::new(&python).args(pip).arg("--force-reinstall").arg(&wheel))?;
    say("running the tests of the Python package");
    run(Command::new(&python).args(["-m", "pytest", "-q"]).current_dir(root))
}

/// The environment of `python/requirements.lock`; made unless it is there and complete.
fn environment(root: &Path) -> Result<PathBuf> {
    let (lock, venv) = (root.join(WHEEL), root.join(".venv-python"));
    if !is_installed(&lock, &venv)? || !vsdpo_setup::venv_runs(&venv) {
        say("making .venv-python from python/requirements.lock");
        vsdpo_setup::make_venv(&vsdpo_setup::find_python(&say)?, &venv, &say)?;
        install(&lock, &venv)?;
    }
    Ok(venv)
}

/// Whether the environment keeps a copy of this lock, which [`install`] leaves at its end.
fn is_installed(lock: &Path, venv: &Path) -> Result<bool> {
    let text = std::fs::read(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(std::fs::read(stamp(lock, venv)).is_ok_and(|old| old == text))
}

fn install(lock: &Path, venv: &Path) -> Result<()> {
    vsdpo_setup::install(venv, lock)?;
    let stamp = stamp(lock, venv);
    std::fs::copy(lock, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

fn stamp(lock: &Path, venv: &Path) -> PathBuf {
    venv.join(lock.file_name().unwrap_or_default())
}

/// The wheel that was made last: the folder keeps those of earlier versions.
fn newest(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let wheels =
        files.flatten().map(|f| f.path()).filter(|path| path.extension().is_some_and(|e| e == "whl"));
    let made = |path: &PathBuf| std::fs::metadata(path).and_then(|facts| facts.modified()).ok();
    wheels.max_by_key(made).context("maturin left no wheel")
}
