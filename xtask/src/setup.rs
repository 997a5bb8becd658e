//! `setup`: the Python side of the renderers, in `.venv/` under the root.
//!
//! The virtual environment is made from `crates/render/python/requirements.lock`, where every file
//! has its hash. A copy of the lock file inside it says that it is complete; when the copy equals
//! the lock, setup has nothing to do. A virtual environment cannot be moved, so it is made in place
//! and stamped last.

use crate::{run, say};
use anyhow::{Context, Result, bail};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The lock holds files for this version only: spans of call expressions need CPython 3.11 (PEP
/// 657), and the pandas that ChartMimic's scripts were written for has no wheel after it.
const PYTHON: &str = "3.11";

/// Debian packages that the renders need: the fonts of the fixtures, the browser that draws pages,
/// and the office that draws decks.
const PACKAGES: [&str; 4] =
    ["fonts-dejavu-core", "fonts-liberation", "chromium-headless-shell", "libreoffice-impress"];

/// The font that the office brings, its package, and where only the office looks. Left in the
/// system's folder, it would serve pages too and change them.
const SYMBOLS: &str = "fonts-opensymbol";
const SYMBOLS_FILE: &str = "/usr/share/fonts/truetype/libreoffice/opens___.ttf";
const SYMBOLS_FOLDER: &str = "/usr/lib/libreoffice/share/fonts/truetype";

/// Debian packages of fonts that only the office gets: those with the widths of Calibri and of
/// Cambria, and one for Chinese, Japanese and Korean.
const OFFICE_FONTS: [&str; 3] =
    ["fonts-crosextra-carlito", "fonts-crosextra-caladea", "fonts-droid-fallback"];

/// Makes `.venv/` unless it is there and complete.
pub fn setup(root: &Path) -> Result<()> {
    let lock_path = root.join("crates/render/python/requirements.lock");
    let lock = std::fs::read_to_string(&lock_path)
        .with_context(|| format!("cannot read {}", lock_path.display()))?;
    let venv = root.join(".venv");
    let stamp = venv.join("requirements.lock");
    packages();
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == lock) && venv_runs(&venv) {
        office_fonts(&venv);
        say(".venv is up to date");
        return Ok(());
    }
    let python = find_python()?;
    say(&format!("making .venv with {}", python.display()));
    make_venv(&python, &venv)?;
    say("installing crates/render/python/requirements.lock (a minute or two)");
    install(&venv, &lock_path)?;
    font_cache(&venv)?;
    office_fonts(&venv);
    std::fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))?;
    say(".venv is ready");
    Ok(())
}

/// Installs what a lock file names, every file checked against its hash.
pub(crate) fn install(venv: &Path, lock: &Path) -> Result<()> {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    run(Command::new(venv.join("bin/python"))
        .args(pip)
        .args(["--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(lock))
}

/// Whether the interpreter behind `.venv` still starts (a system upgrade may have taken it away).
pub(crate) fn venv_runs(venv: &Path) -> bool {
    version(&venv.join("bin/python")).is_some_and(|v| v == PYTHON)
}

/// `3.11` for a working interpreter with this version.
fn version(python: &Path) -> Option<String> {
    let print = "import sys; print('%d.%d' % sys.version_info[:2])";
    let out = Command::new(python).args(["-I", "-c", print]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    out.status.success().then(|| text.trim().to_owned())
}

/// An interpreter of the right version. Those that every user may read come first, because
/// sandboxed jobs may run under a user who may not read somebody's home.
pub(crate) fn find_python() -> Result<PathBuf> {
    if let Some(found) = candidates() {
        return Ok(found);
    }
    if is_root()
        && apt(&["python3", "python3-venv"])
        && let Some(found) = candidates()
    {
        return Ok(found);
    }
    bail!(
        "no CPython {PYTHON} found; install it (Debian 12: apt-get install python3 python3-venv) and run \
         `cargo xtask setup` again"
    )
}

fn candidates() -> Option<PathBuf> {
    let system = ["/usr/bin/python3", "/usr/bin/python3.11", "/usr/local/bin/python3.11"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path =
        std::env::split_paths(&path).flat_map(|dir| ["python3.11", "python3"].map(|name| dir.join(name)));
    let right: Vec<PathBuf> = system
        .iter()
        .map(PathBuf::from)
        .chain(on_path)
        .filter(|p| p.is_file() && version(p).is_some_and(|v| v == PYTHON))
        .collect();
    right.iter().find(|p| readable_by_all(p)).or(right.first()).cloned()
}

/// Whether every folder on the way to the real interpreter may be entered by everybody.
fn readable_by_all(python: &Path) -> bool {
    let real = python.canonicalize().unwrap_or_else(|_| python.to_owned());
    real.ancestors().all(|p| std::fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 0o001 != 0))
}

/// An empty virtual environment at `venv`; what was there before goes.
pub(crate) fn make_venv(python: &Path, venv: &Path) -> Result<()> {
    // Debian's python3 has the module `venv` but not the `ensurepip` that it needs.
    let whole = Command::new(python).args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    let whole = whole.is_ok_and(|s| s.success());
    if !(whole || (is_root() && apt(&["python3-venv"]))) {
        bail!(
            "{} cannot make virtual environments; type: sudo apt-get install python3-venv",
            python.display()
        );
    }
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(venv))
}

/// Builds matplotlib's list of fonts where the renderers look for it (`MPLCONFIGDIR`).
fn font_cache(venv: &Path) -> Result<()> {
    let dir = venv.join("share/matplotlib-cache");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-I", "-c", "import matplotlib.font_manager"])
        .env("MPLCONFIGDIR", &dir))
}

/// Puts the fonts of the office into a folder of their own, where neither charts nor pages see
/// them. Without them decks are drawn in other fonts, so what fails is said and nothing more.
fn office_fonts(venv: &Path) {
    let folder = venv.join("share/office-fonts");
    if folder.is_dir() {
        return;
    }
    say(&format!("getting {} for the office", OFFICE_FONTS.join(" ")));
    let fresh = venv.join("share/office-fonts.new");
    let made = unpack_fonts(&fresh, &folder);
    let _ = std::fs::remove_dir_all(&fresh);
    if let Err(e) = made {
        say(&format!("decks will be drawn in other fonts: {e:#}"));
    }
}

/// Unpacks the packages in `fresh` and moves their font files to `folder`, all of them or none.
fn unpack_fonts(fresh: &Path, folder: &Path) -> Result<()> {
    let fonts = fresh.join("fonts");
    std::fs::create_dir_all(&fonts).with_context(|| format!("cannot make {}", fonts.display()))?;
    let mut get = Command::new("apt-get");
    run(get.args(["download", "-q"]).args(OFFICE_FONTS).current_dir(fresh).stdout(Stdio::null()))?;
    for package in
        std::fs::read_dir(fresh)?.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "deb"))
    {
        run(Command::new("dpkg-deb").arg("-x").arg(package.path()).arg(fresh.join("root")))?;
    }
    let mut open = vec![fresh.join("root")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir)?.flatten() {
            match entry.path() {
                // Links in the packages lead to places that are not there.
                path if entry.file_type()?.is_dir() => open.push(path),
                path if path.extension().is_some_and(|e| e == "ttf") => {
                    std::fs::rename(&path, fonts.join(entry.file_name()))?;
                }
                _ => (),
            }
        }
    }
    Ok(std::fs::rename(&fonts, folder)?)
}

/// Tells dpkg to put the office's own font where only the office looks. A font that is there
/// already was somebody's wish.
fn divert_symbols() {
    if installed(SYMBOLS) {
        return;
    }
    let to = Path::new(SYMBOLS_FOLDER).join("opens___.ttf");
    let made = std::fs::create_dir_all(SYMBOLS_FOLDER).map_err(anyhow::Error::from).and_then(|()| {
        run(Command::new("dpkg-divert")
            .args(["--quiet", "--local", "--rename", "--divert"])
            .arg(&to)
            .args(["--add", SYMBOLS_FILE]))
    });
    if let Err(e) = made {
        say(&format!("the office's font becomes visible to pages: {e:#}"));
    }
}

/// Installs missing packages as root, or says what to type. Charts draw without the fonts, in other
/// glyphs.
fn packages() {
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|p| !installed(p)).collect();
    if missing.is_empty() {
        return;
    }
    if is_root() && missing.contains(&"libreoffice-impress") {
        divert_symbols();
    }
    if !(is_root() && apt(&missing)) {
        say(&format!(
            "Debian packages are missing; type: sudo apt-get install --no-install-recommends {}",
            missing.join(" ")
        ));
    }
}

/// Whether dpkg knows the package as installed; on a system without dpkg nothing is asked for.
fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).output();
    query.map_or(true, |out| String::from_utf8_lossy(&out.stdout).contains("install ok installed"))
}

/// Installs Debian packages; false if that cannot be done here.
fn apt(packages: &[&str]) -> bool {
    let quiet = |args: &[&str]| {
        Command::new("apt-get")
            .args(args)
            .args(packages.iter().filter(|_| args[0] == "install"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    say(&format!("installing {} with apt-get", packages.join(" ")));
    let install = ["install", "-y", "--no-install-recommends"];
    quiet(&install) || (quiet(&["update"]) && quiet(&install))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
