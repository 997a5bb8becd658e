//! The program away from its checkout: beside a person's Python, alone, with what `setup` makes.

use crate::common::assert_one_line;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CHART: &str = "import matplotlib.pyplot as plt\nplt.bar(['a', 'b', 'c'], [1, 2, 3], label='x')\n\
    plt.legend(loc='upper right')\n";

/// The pinned environment of the checkout.
fn pinned() -> PathBuf {
    let root = std::env::var_os("VSDPO_HOME").map(PathBuf::from);
    let checkout = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    root.unwrap_or_else(checkout).join(".venv")
}

/// A virtual environment with the packages of the pinned one, without its stamp.
fn environment(folder: &Path) -> PathBuf {
    let (env, from) = (folder.join("env"), pinned());
    fs::create_dir_all(env.join("bin")).unwrap();
    fs::copy(from.join("pyvenv.cfg"), env.join("pyvenv.cfg")).unwrap();
    symlink(from.join("lib"), env.join("lib")).unwrap();
    symlink(from.join("bin/python3").canonicalize().unwrap(), env.join("bin/python3")).unwrap();
    env
}

/// Puts the program into this folder.
fn install(bin: &Path) -> PathBuf {
    fs::create_dir_all(bin).unwrap();
    let program = bin.join("visual-sdpo");
    let built = env!("CARGO_BIN_EXE_visual-sdpo");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    program
}

/// Lints a chart in `folder` with nothing of the caller's environment but this search path.
fn lint(program: &Path, folder: &Path, path: &str) -> Output {
    fs::write(folder.join("chart.py"), CHART).unwrap();
    Command::new(program)
        .args(["lint", "chart.py", "--format", "json"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join("home"))
        .env("PATH", path)
        .output()
        .unwrap()
}

fn assert_finds(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text.contains("chart/legend-covers-data"), "{text}");
}

#[test]
fn a_program_in_a_virtual_environment_uses_its_matplotlib() {
    let dir = tempfile::tempdir().unwrap();
    let env = environment(dir.path());
    assert_finds(&lint(&install(&env.join("bin")), dir.path(), "/nonexistent"));
}

#[test]
fn a_lone_program_uses_the_python_on_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let program = install(&dir.path().join("alone"));
    let nothing = lint(&program, dir.path(), "/nonexistent");
    assert_one_line(&nothing, &["visual-sdpo setup", "cargo xtask setup", "VSDPO_HOME", "--python"]);
    let env = environment(dir.path());
    assert_finds(&lint(&program, dir.path(), env.join("bin").to_str().unwrap()));
}

#[test]
fn a_lone_program_uses_what_setup_keeps_in_the_cache_folder() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("home/.cache/visual-sdpo");
    fs::create_dir_all(&cache).unwrap();
    symlink(pinned(), cache.join(".venv")).unwrap();
    let program = install(&dir.path().join("alone"));
    assert_finds(&lint(&program, dir.path(), "/nonexistent"));
    let setup = Command::new(&program)
        .args(["setup", "chart"])
        .current_dir(dir.path())
        .env("HOME", dir.path().join("home"))
        .env_remove("VSDPO_HOME")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&setup.stderr);
    assert!(setup.status.success() && said.contains(".cache/visual-sdpo/.venv is up to date"), "{said}");
}
