//! Makes what rendering needs beside this program: the pinned Python environment, the browser, the
//! office and its fonts. The same for a checkout (`cargo xtask setup`), a wheel and a lone binary
//! (`visual-sdpo setup`).
//!
//! The virtual environment is `.venv/` under the root that the caller names, made from the lock of
//! the renderers, where every file has its hash. A copy of the lock inside it says that it is
//! complete; when the copy equals the lock, setup has nothing to do. A virtual environment cannot
//! be moved, so it is made in place and stamped last.

use anyhow::{Context, Result, bail};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the pinned environment holds; in the program, so that it needs no checkout.
const LOCK: &str = include_str!("../../render/python/requirements.lock");
/// The lock holds files for this version only: spans of call expressions need CPython 3.11 (PEP
/// 657), and the pandas that ChartMimic's scripts were written for has no wheel after it.
const PYTHON: &str = "3.11";

/// What to make ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Charts: the pinned environment and the fonts.
    Charts,
    /// Pages, and slides that are pages: the browser and the fonts.
    Pages,
    /// Decks: the pinned environment, the office and its fonts.
    Decks,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Charts, Self::Pages, Self::Decks];

    /// The Debian packages of this part.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Charts => &["fonts-dejavu-core", "fonts-liberation"],
            Self::Pages => &["fonts-dejavu-core", "fonts-liberation", BROWSER],
            Self::Decks => &["fonts-dejavu-core", "fonts-liberation", OFFICE],
        }
    }
}

const BROWSER: &str = "chromium-headless-shell";
const OFFICE: &str = "libreoffice-impress";

/// The font that the office brings, its package, and where only the office looks. Left in the
/// system's folder, it would serve pages too and change them.
const SYMBOLS: &str = "fonts-opensymbol";
const SYMBOLS_FILE: &str = "/usr/share/fonts/truetype/libreoffice/opens___.ttf";
const SYMBOLS_FOLDER: &str = "/usr/lib/libreoffice/share/fonts/truetype";

/// Debian packages of fonts that only the office gets: those with the widths of Calibri and of
/// Cambria, and one for Chinese, Japanese and Korean.
const OFFICE_FONTS: [&str; 3] =
    ["fonts-crosextra-carlito", "fonts-crosextra-caladea", "fonts-droid-fallback"];

/// Makes these parts under `root` unless they are there and complete, and tells each step to `say`.
/// Returns the command that a person has to type as root; none when nothing is missing.
///
/// # Errors
/// An interpreter or a package that cannot be had, and a folder that cannot be written, each with
/// what to do.
pub fn setup(root: &Path, parts: &[Part], say: &dyn Fn(&str)) -> Result<Option<String>> {
    let to_type = packages(parts, say);
    if parts.iter().any(|part| *part != Part::Pages) {
        environment(root, say)?;
    }
    if parts.contains(&Part::Decks) {
        office_fonts(&root.join(".venv"), say);
    }
    Ok(to_type)
}

/// The pinned environment.
fn environment(root: &Path, say: &dyn Fn(&str)) -> Result<()> {
    let venv = root.join(".venv");
    let stamp = venv.join("requirements.lock");
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == LOCK) && venv_runs(&venv) {
        say(&format!("{} is up to date", venv.display()));
        return Ok(());
    }
    let python = find_python(say)?;
    say(&format!("making {} with {}", venv.display(), python.display()));
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    make_venv(&python, &venv, say)?;
    say("installing the pinned packages (a minute or two)");
    // pip reads the lock from a file, and the stamp may lie there only when all is done.
    let lock = venv.join("requirements.new");
    std::fs::write(&lock, LOCK).with_context(|| format!("cannot write {}", lock.display()))?;
    install(&venv, &lock)?;
    font_cache(&venv)?;
    std::fs::rename(&lock, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    say(&format!("{} is ready", venv.display()));
    Ok(())
}

/// Installs what a lock file names, every file checked against its hash.
pub fn install(venv: &Path, lock: &Path) -> Result<()> {
    // No cache: a second copy of what is installed once fills the disk (torch is 3 GB).
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"];
    run(Command::new(venv.join("bin/python"))
        .args(pip)
        .args(["--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(lock))
}

/// Whether the interpreter behind `.venv` still starts (a system upgrade may have taken it away).
pub fn venv_runs(venv: &Path) -> bool {
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
pub fn find_python(say: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(found) = candidates() {
        return Ok(found);
    }
    if is_root()
        && apt(&["python3", "python3-venv"], say)
        && let Some(found) = candidates()
    {
        return Ok(found);
    }
    bail!(
        "no CPython {PYTHON} found, for which the pinned packages are made; help: install it (Debian 12: \
         apt-get install python3 python3-venv; elsewhere: uv python install {PYTHON}) and run setup again; \
         charts need none of it in an environment with matplotlib (`lint --python PATH`)"
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
pub fn make_venv(python: &Path, venv: &Path, say: &dyn Fn(&str)) -> Result<()> {
    // Debian's python3 has the module `venv` but not the `ensurepip` that it needs.
    let whole = Command::new(python).args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    let whole = whole.is_ok_and(|s| s.success());
    if !(whole || (is_root() && apt(&["python3-venv"], say))) {
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
fn office_fonts(venv: &Path, say: &dyn Fn(&str)) {
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
fn divert_symbols(say: &dyn Fn(&str)) {
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

/// Installs missing packages as root, or returns what to type. Charts draw without the fonts, in
/// other glyphs.
fn packages(parts: &[Part], say: &dyn Fn(&str)) -> Option<String> {
    let mut missing: Vec<&str> = parts.iter().flat_map(|part| part.packages()).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    missing.retain(|package| !installed(package));
    if missing.is_empty() {
        return None;
    }
    if is_root() && missing.contains(&OFFICE) {
        divert_symbols(say);
    }
    let done = is_root() && apt(&missing, say);
    (!done).then(|| format!("sudo apt-get install --no-install-recommends {}", missing.join(" ")))
}

/// Whether dpkg knows the package as installed; on a system without dpkg nothing is asked for.
fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).output();
    query.map_or(true, |out| String::from_utf8_lossy(&out.stdout).contains("install ok installed"))
}

/// Installs Debian packages; false if that cannot be done here.
fn apt(packages: &[&str], say: &dyn Fn(&str)) -> bool {
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

/// Runs a program to its end; an exit status other than 0 is an error that shows the command.
///
/// # Errors
/// A program that cannot be started or that fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}
