//! The Python environment of the project, and the renderer-side Python that is built into this
//! crate.

use crate::config::{RenderConfig, RenderError, io};
use include_dir::{Dir, DirEntry, include_dir};
use sha2::{Digest, Sha256};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The fork server, the probe and the recorder of a benchmark.
static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/python");

/// What to do without an environment.
const SETUP: &str = "run `visual-sdpo setup` (in a checkout: `cargo xtask setup`), or set VSDPO_HOME to a \
                     root where that was run; charts also run under a Python of yours that has matplotlib, \
                     which --python names";
/// What setup leaves in a complete environment; another project's `.venv` has none.
const STAMP: &str = ".venv/requirements.lock";

/// The environment that rendering needs, checked to be there.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// `.venv/bin/python`.
    pub python: PathBuf,
    /// Where matplotlib keeps its font list.
    pub font_cache: PathBuf,
    /// Fonts that only the office sees.
    pub office_fonts: PathBuf,
    /// Whether the interpreter is the user's own, with the packages and the variables of the user.
    pub own: bool,
}

/// What a fork server is started from.
pub(crate) struct Files<'a> {
    pub home: &'a Home,
    /// The fork server's own file.
    pub zygote: &'a Path,
}

impl Home {
    /// The environment of scripts: the user's interpreter if one is given, else the pinned one.
    pub fn of_scripts(cfg: &RenderConfig) -> Result<Self, RenderError> {
        let Some(python) = cfg.user.as_ref().and_then(|user| user.python.as_ref()) else {
            return Self::find(cfg.home.as_deref());
        };
        if !python.is_file() {
            return Err(RenderError::Interpreter {
                python: python.clone(),
                why: "there is no such file".into(),
            });
        }
        let absolute = std::path::absolute(python).map_err(io("find the interpreter"))?;
        let font_cache = font_cache(&absolute);
        Ok(Self { python: absolute, font_cache, office_fonts: PathBuf::new(), own: true })
    }

    /// The root that `given` or `VSDPO_HOME` names, else the nearest one above the working folder
    /// or the program, else the one in the person's cache folder.
    pub fn find(given: Option<&Path>) -> Result<Self, RenderError> {
        let root = given.map(Path::to_path_buf).or_else(root).ok_or_else(|| RenderError::Setup {
            what: format!("neither your cache folder nor one above this folder or the program holds {STAMP}"),
            help: SETUP,
        })?;
        let home = Self {
            python: root.join(".venv/bin/python"),
            font_cache: root.join(".venv/share/matplotlib-cache"),
            office_fonts: root.join(".venv/share/office-fonts"),
            own: false,
        };
        if !home.python.is_file() {
            let what = format!("the Python environment {} is missing", home.python.display());
            return Err(RenderError::Setup { what, help: SETUP });
        }
        Ok(home)
    }
}

/// A folder of ours in which matplotlib of this interpreter keeps its font list: searching for
/// fonts takes seconds, and no script may write there.
fn font_cache(python: &Path) -> PathBuf {
    let digest = Sha256::digest(python.as_os_str().as_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache().join("matplotlib").join(name);
    // Without the folder matplotlib makes one of its own for the time of the process.
    let _ = std::fs::create_dir_all(&folder);
    folder
}

/// What this program keeps for a person from call to call: `$XDG_CACHE_HOME/visual-sdpo`, or the
/// same below `~/.cache`.
fn cache() -> PathBuf {
    let place = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = place("XDG_CACHE_HOME").or_else(|| Some(place("HOME")?.join(".cache")));
    folder.unwrap_or_else(std::env::temp_dir).join("visual-sdpo")
}

/// The root with a pinned environment that is used without a word of the caller.
fn root() -> Option<PathBuf> {
    let named = std::env::var_os("VSDPO_HOME").map(PathBuf::from);
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let holds = |dir: &&Path| dir.join(STAMP).is_file();
    let above =
        || starts.iter().flatten().find_map(|start| start.ancestors().find(holds).map(Path::to_path_buf));
    named.or_else(above).or_else(|| Some(cache()).filter(|root| holds(&root.as_path())))
}

/// Where `visual-sdpo setup` puts the pinned environment: the root that is in use, else the cache
/// folder.
pub fn setup_root() -> PathBuf {
    root().unwrap_or_else(cache)
}

/// The first Python on the `PATH` that has matplotlib, for a person without the pinned environment;
/// none where that is there.
pub fn stand_in() -> Option<PathBuf> {
    if root().is_some() {
        return None;
    }
    const HAS: &str = "import sys, importlib.util; sys.exit(importlib.util.find_spec('matplotlib') is None)";
    let path = std::env::var_os("PATH")?;
    let has = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", HAS]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        python.is_file() && command.status().is_ok_and(|status| status.success())
    };
    std::env::split_paths(&path).map(|folder| folder.join("python3")).find(has)
}

/// Writes the built-in Python files into a folder, and returns the path of the fork server.
pub(crate) fn unpack(folder: &Path) -> Result<PathBuf, RenderError> {
    std::fs::create_dir_all(folder).map_err(io("create a scratch folder"))?;
    FILES.extract(folder).map_err(io("write the built-in Python files"))?;
    Ok(folder.join("zygote.py"))
}

/// The text of all built-in Python files, in the order of their names.
pub(crate) fn python_text() -> String {
    let mut files: Vec<(&Path, &str)> = Vec::new();
    let mut open: Vec<&Dir> = vec![&FILES];
    while let Some(dir) = open.pop() {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(inner) => open.push(inner),
                DirEntry::File(file) if file.path().extension().is_some_and(|e| e == "py") => {
                    files.push((file.path(), file.contents_utf8().unwrap_or_default()));
                }
                DirEntry::File(_) => (),
            }
        }
    }
    files.sort();
    files.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_environment_names_its_help() {
        let root = tempfile::tempdir().unwrap();
        let message = Home::find(Some(root.path())).unwrap_err().to_string();
        assert!(message.contains(".venv/bin/python is missing"), "{message}");
        assert!(
            message.contains("help: run `visual-sdpo setup` (in a checkout: `cargo xtask setup`)"),
            "{message}"
        );
    }

    #[test]
    fn the_python_files_are_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let zygote = unpack(&folder.path().join("python")).unwrap();
        assert!(std::fs::read_to_string(&zygote).unwrap().contains("def close_sandbox("));
        assert!(zygote.with_file_name("vsdpo_probe").join("blame.py").is_file());
        assert!(python_text().contains("class Maker"));
    }
}
