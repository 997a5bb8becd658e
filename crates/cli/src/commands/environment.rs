//! The environment of a person's script: the interpreter, the folders that it may read, its
//! arguments.

use super::input::MEMORY_MB;
use super::lint::config::Settings;
use clap::Args;
use std::path::{Path, PathBuf};
use vsdpo_render::UserEnv;

/// What a virtual environment of this program has, and no other.
const PINNED: &str = "requirements.lock";

/// Where scripts run.
#[derive(Args)]
pub struct Environment {
    /// The Python that runs scripts, 3.9 or later with matplotlib 3.5 or later. Default: `python`
    /// in visual-sdpo.toml, else the active virtual environment, else `.venv` beside the nearest
    /// visual-sdpo.toml or pyproject.toml, else the environment that this program is installed in
    /// (if it has matplotlib), else what `visual-sdpo setup` made, else python3 on the PATH.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// A folder that scripts may read besides their own; several are given by repeating it. In
    /// visual-sdpo.toml the key `allow-read` has a list.
    #[arg(long, value_name = "DIR")]
    allow_read: Vec<PathBuf>,
    /// Memory that a script may take, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_MB, value_parser = clap::value_parser!(u64).range(64..=1 << 20))]
    memory: u64,
    /// Arguments for the scripts, after `--`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

impl Environment {
    /// The environment of a script whose project has these settings.
    pub fn of(&self, settings: &Settings) -> UserEnv {
        let python = self.python.clone().or_else(|| settings.python.clone());
        let absolute = |folder: &PathBuf| std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        UserEnv {
            python: python.or_else(|| active(settings.project.as_deref())).or_else(vsdpo_render::stand_in),
            read: self.allow_read.iter().map(absolute).chain(settings.read.iter().cloned()).collect(),
            args: self.arguments.clone(),
        }
    }

    /// Memory of a script in MiB.
    pub fn memory(&self) -> u64 {
        self.memory
    }
}

/// The interpreter of the active virtual environment, else of the one in the project's folder, else
/// of the one that this program is installed in.
pub fn active(project: Option<&Path>) -> Option<PathBuf> {
    let named = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let beside = project.map(|folder| folder.join(".venv")).filter(|venv| !venv.join(PINNED).is_file());
    named.chain(beside).map(|venv| venv.join("bin/python")).find(|python| python.is_file()).or_else(around)
}

/// The Python of the environment whose `bin` holds this program, if matplotlib is installed there:
/// a tool's own environment has none, and is not where a person's scripts run.
fn around() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let (bin, prefix) = (program.parent()?, program.parent()?.parent()?);
    let versions = std::fs::read_dir(prefix.join("lib")).ok()?.flatten();
    let has = |version: std::fs::DirEntry| {
        let packages = ["site-packages/matplotlib", "dist-packages/matplotlib"];
        packages.iter().any(|package| version.path().join(package).is_dir())
    };
    let python = bin.join("python3");
    (!prefix.join(PINNED).is_file() && python.is_file() && versions.into_iter().any(has)).then_some(python)
}
