//! Where the project's Python part lies.

use crate::config::RenderError;
use std::path::{Path, PathBuf};

const SETUP: &str = "run `cargo xtask setup` in the project root";

/// The project root with everything that rendering needs, checked to be there.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// `.venv/bin/python`.
    pub python: PathBuf,
    /// `python/zygote.py`.
    pub zygote: PathBuf,
    /// `python/probe.py`.
    pub probe: PathBuf,
    /// Where matplotlib keeps its font list.
    pub font_cache: PathBuf,
}

impl Home {
    /// Looks at `given`, then at `VSDPO_HOME`, then upwards from the working folder and the
    /// program.
    pub fn find(given: Option<&Path>) -> Result<Self, RenderError> {
        let root =
            match given.map(Path::to_path_buf).or_else(|| std::env::var_os("VSDPO_HOME").map(Into::into)) {
                Some(root) => root,
                None => search().ok_or_else(|| RenderError::Setup {
                    what: "no folder above the working folder or the program holds python/zygote.py".into(),
                    help: "run inside the project, or set VSDPO_HOME to its root",
                })?,
            };
        let home = Self {
            python: root.join(".venv/bin/python"),
            zygote: root.join("python/zygote.py"),
            probe: root.join("python/probe.py"),
            font_cache: root.join(".venv/share/matplotlib-cache"),
        };
        for (path, what) in [(&home.zygote, "the fork server"), (&home.probe, "the probe")] {
            if !path.is_file() {
                let help = "set VSDPO_HOME to the root of a complete checkout";
                return Err(RenderError::Setup {
                    what: format!("{what} {} is missing", path.display()),
                    help,
                });
            }
        }
        if !home.python.is_file() {
            let what = format!("the Python environment {} is missing", home.python.display());
            return Err(RenderError::Setup { what, help: SETUP });
        }
        Ok(home)
    }
}

fn search() -> Option<PathBuf> {
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let holds = |dir: &&Path| dir.join("python/zygote.py").is_file();
    starts.iter().flatten().find_map(|start| start.ancestors().find(holds).map(Path::to_path_buf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_environment_names_its_mend() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("python")).unwrap();
        for file in ["zygote.py", "probe.py"] {
            std::fs::write(root.path().join("python").join(file), "").unwrap();
        }
        let message = Home::find(Some(root.path())).unwrap_err().to_string();
        assert!(message.contains(".venv/bin/python is missing"), "{message}");
        assert!(message.ends_with("help: run `cargo xtask setup` in the project root"), "{message}");
        std::fs::remove_file(root.path().join("python/probe.py")).unwrap();
        let message = Home::find(Some(root.path())).unwrap_err().to_string();
        assert!(message.contains("probe.py is missing"), "{message}");
    }
}
