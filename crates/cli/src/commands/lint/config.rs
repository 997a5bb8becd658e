//! The project's configuration of `lint`: `visual-sdpo.toml`, or the table `[tool.visual-sdpo]` of
//! `pyproject.toml`.

use super::known;
use crate::emit::line_column;
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The keys that a project may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    /// Report these rules only.
    #[serde(default)]
    select: Vec<String>,
    /// Do not report these rules.
    #[serde(default)]
    ignore: Vec<String>,
    /// The interpreter of scripts, relative to the file.
    #[serde(default)]
    python: Option<PathBuf>,
    /// Folders that scripts may read besides their own, relative to the file.
    #[serde(default)]
    allow_read: Vec<PathBuf>,
}

/// The rules to report for one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Only these rules; empty means all.
    pub select: Vec<&'static str>,
    /// Not these rules.
    pub ignore: Vec<&'static str>,
}

impl Rules {
    /// Whether a rule is reported.
    pub fn wants(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }
}

/// What a project sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The rules to report.
    pub rules: Rules,
    /// The interpreter of scripts.
    pub python: Option<PathBuf>,
    /// Folders that scripts may read besides their own.
    pub read: Vec<PathBuf>,
    /// The folder of the project: the nearest one with a visual-sdpo.toml or a pyproject.toml.
    pub project: Option<PathBuf>,
}

/// The configurations of folders, each read once.
#[derive(Default)]
pub struct Configs {
    of_folder: HashMap<PathBuf, Settings>,
}

impl Configs {
    /// The settings for a file: those of the nearest configuration at or above its folder.
    pub fn of(&mut self, file: &Path) -> Result<Settings> {
        let here = std::path::absolute(file).with_context(|| format!("cannot find `{}`", file.display()))?;
        let folder = here.parent().unwrap_or(&here).to_owned();
        if let Some(settings) = self.of_folder.get(&folder) {
            return Ok(settings.clone());
        }
        let mut settings = Settings::default();
        for above in folder.ancestors() {
            if let Some(found) = in_folder(above)? {
                settings = found;
                break;
            }
        }
        let marked = |dir: &&Path| NAMES.iter().any(|name| dir.join(name).is_file());
        settings.project = folder.ancestors().find(marked).map(Path::to_path_buf);
        self.of_folder.insert(folder, settings.clone());
        Ok(settings)
    }
}

/// The files of a project that may configure `lint`.
const NAMES: [&str; 2] = ["visual-sdpo.toml", "pyproject.toml"];

/// The configuration in a folder, if it has one.
fn in_folder(folder: &Path) -> Result<Option<Settings>> {
    let [own, python] = NAMES.map(|name| folder.join(name));
    if own.is_file() {
        return Ok(Some(keys(&own, &[])?.unwrap_or_default()));
    }
    if python.is_file() {
        return keys(&python, &["tool", "visual-sdpo"]);
    }
    Ok(None)
}

/// The keys of the table at `path` in a file; `None` without that table.
fn keys(file: &Path, path: &[&str]) -> Result<Option<Settings>> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    let mut value: toml::Value = toml::from_str(&text).map_err(|e| {
        let (line, _) = line_column(&text, e.span().map_or(0, |span| span.start));
        anyhow!("`{shown}` line {line}: {}", e.message())
    })?;
    for key in path {
        match value.get(key) {
            Some(inner) => value = inner.clone(),
            None => return Ok(None),
        }
    }
    let keys: Keys = serde_path_to_error::deserialize(value).map_err(|e| {
        let inner = e.inner().to_string();
        let why = inner.lines().next().unwrap_or_default();
        anyhow!(
            "`{shown}`: {}{why}; help: the keys are `select` and `ignore`, lists of rules, `python`, a path, and `allow-read`, a list of folders",
            if path.is_empty() { String::new() } else { path.join(".") + ": " }
        )
    })?;
    let named = |list: &[String]| known(list).with_context(|| format!("`{shown}`"));
    let rules = Rules { select: named(&keys.select)?, ignore: named(&keys.ignore)? };
    let folder = file.parent().unwrap_or(Path::new(""));
    let python = keys.python.map(|path| folder.join(path));
    let read = keys.allow_read.iter().map(|path| folder.join(path)).collect();
    Ok(Some(Settings { rules, python, read, project: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_configuration_counts() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(dir.path().join("visual-sdpo.toml"), "ignore = [\"tiny-text\"]\n").unwrap();
        let mut configs = Configs::default();
        let of = |configs: &mut Configs, file: &str| configs.of(&dir.path().join(file)).unwrap().rules;
        assert_eq!(
            of(&mut configs, "a/b/x.py").ignore,
            ["chart/tiny-text", "web/tiny-text", "slide/tiny-text"]
        );
        fs::write(dir.path().join("a/pyproject.toml"), "[project]\nname = \"x\"\n").unwrap();
        let mut configs = Configs::default();
        assert_eq!(
            of(&mut configs, "a/b/x.py").ignore.len(),
            3,
            "a pyproject.toml without the table is skipped"
        );
        let table = "[tool.visual-sdpo]\nselect = [\"chart/text-overlap\"]\n";
        fs::write(dir.path().join("a/pyproject.toml"), table).unwrap();
        let rules = of(&mut Configs::default(), "a/b/x.py");
        assert!(rules.wants("chart/text-overlap") && !rules.wants("chart/tiny-text"));
    }

    #[test]
    fn paths_begin_at_the_file_that_names_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("visual-sdpo.toml"),
            "python = \"env/bin/python\"\nallow-read = [\"../data\", \"/d\"]\n",
        )
        .unwrap();
        let settings = Configs::default().of(&dir.path().join("a/x.py")).unwrap();
        assert_eq!(settings.python, Some(dir.path().join("env/bin/python")));
        assert_eq!(settings.read, [dir.path().join("../data"), "/d".into()]);
        assert_eq!(settings.project.as_deref(), Some(dir.path()));
    }

    #[test]
    fn a_wrong_key_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = |text: &str| {
            fs::write(dir.path().join("visual-sdpo.toml"), text).unwrap();
            format!("{:#}", Configs::default().of(&dir.path().join("x.py")).unwrap_err())
        };
        assert!(error("slect = []\n").contains("unknown field `slect`"));
        assert!(error("select = \"a\"\n").contains("select"));
        assert!(error("ignore = [\"nothing\"]\n").contains("there is no rule `nothing`"));
        assert!(error("x = [\n").contains("line 1") || error("x = [\n").contains("line 2"));
    }
}
