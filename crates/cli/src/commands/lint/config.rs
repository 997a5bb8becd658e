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
#[serde(deny_unknown_fields)]
struct Keys {
    /// Report these rules only.
    #[serde(default)]
    select: Vec<String>,
    /// Do not report these rules.
    #[serde(default)]
    ignore: Vec<String>,
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

/// The configurations of folders, each read once.
#[derive(Default)]
pub struct Configs {
    of_folder: HashMap<PathBuf, Rules>,
}

impl Configs {
    /// The rules for a file: those of the nearest configuration at or above its folder.
    pub fn of(&mut self, file: &Path) -> Result<Rules> {
        let here = std::path::absolute(file).with_context(|| format!("cannot find `{}`", file.display()))?;
        let folder = here.parent().unwrap_or(&here).to_owned();
        if let Some(rules) = self.of_folder.get(&folder) {
            return Ok(rules.clone());
        }
        let mut rules = Rules::default();
        for above in folder.ancestors() {
            if let Some(found) = in_folder(above)? {
                rules = found;
                break;
            }
        }
        self.of_folder.insert(folder, rules.clone());
        Ok(rules)
    }
}

/// The configuration in a folder, if it has one.
fn in_folder(folder: &Path) -> Result<Option<Rules>> {
    let (own, python) = (folder.join("visual-sdpo.toml"), folder.join("pyproject.toml"));
    if own.is_file() {
        return Ok(Some(keys(&own, &[])?.unwrap_or_default()));
    }
    if python.is_file() {
        return keys(&python, &["tool", "visual-sdpo"]);
    }
    Ok(None)
}

/// The keys of the table at `path` in a file; `None` without that table.
fn keys(file: &Path, path: &[&str]) -> Result<Option<Rules>> {
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
            "`{shown}`: {}{why}; help: the keys are `select` and `ignore`, lists of rules",
            if path.is_empty() { String::new() } else { path.join(".") + ": " }
        )
    })?;
    let named = |list: &[String]| known(list).with_context(|| format!("`{shown}`"));
    Ok(Some(Rules { select: named(&keys.select)?, ignore: named(&keys.ignore)? }))
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
        let of = |configs: &mut Configs, file: &str| configs.of(&dir.path().join(file)).unwrap();
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
