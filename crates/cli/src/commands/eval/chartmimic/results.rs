//! `examples.jsonl`: a line per example as soon as it is known. A line is believed on the next run if its key
//! still says the same of the scripts, the rules and the programs.

use super::files;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One metric of one example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// What is kept of an example.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    pub key: String,
    pub name: String,
    /// Whether the model answered at all.
    pub answered: bool,
    /// Whether the answer held code.
    pub code: bool,
    pub exec: bool,
    pub text: Metric,
    pub layout: Metric,
    pub chart_type: Metric,
    /// `None` where the benchmark's program raises; it then loses the whole example.
    pub color: Option<Metric>,
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

impl Example {
    /// What a metric adds to the benchmark's sum: only examples that ran and were scored count.
    pub fn counted(&self, metric: impl Fn(&Self) -> Metric) -> f64 {
        if self.exec && self.color.is_some() { metric(self).f1 } else { 0.0 }
    }

    /// Whether one of its scripts met the time limit.
    pub fn timed_out(&self) -> bool {
        self.reasons.values().any(|why| why.contains("ran longer than"))
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&str> {
        if self.exec && self.color.is_some() {
            return None;
        }
        let why = ["exec", "pred.exec", "color"].iter().find_map(|at| self.reasons.get(*at));
        Some(why.map_or("the script left no picture", String::as_str))
    }
}

/// The file and what is known.
pub struct Results {
    path: PathBuf,
    inner: Mutex<(File, BTreeMap<String, Example>)>,
}

impl Results {
    /// Opens the file and keeps the lines whose key is the one in `keys`.
    pub fn open(path: &Path, keys: &BTreeMap<String, String>) -> Result<Self> {
        let mut known = BTreeMap::new();
        files::retain_lines(path, |line| {
            let Ok(example) = serde_json::from_slice::<Example>(line) else { return false };
            let holds = keys.get(&example.name) == Some(&example.key) && !known.contains_key(&example.name);
            if holds {
                known.insert(example.name.clone(), example);
            }
            holds
        })?;
        let open = OpenOptions::new().create(true).append(true).open(path);
        let file = open.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path: path.into(), inner: Mutex::new((file, known)) })
    }

    pub fn knows(&self, name: &str) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.contains_key(name)
    }

    pub fn count(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.len()
    }

    /// Takes down an example; it is in the file when this returns.
    pub fn add(&self, row: Value) -> Result<()> {
        let line = row.to_string() + "\n";
        let example: Example = serde_json::from_value(row).context("an example that cannot be read again")?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let written = inner.0.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        inner.1.insert(example.name.clone(), example);
        Ok(())
    }

    /// All examples by name.
    pub fn into_examples(self) -> BTreeMap<String, Example> {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// One evaluation at a time writes into a folder; the lock ends with the process.
pub fn lock(folder: &Path) -> Result<File> {
    files::make_folder(folder)?;
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let busy =
        || format!("another run writes into `{}`: wait for it or give another --out", folder.display());
    file.try_lock().with_context(busy)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, key: &str) -> Value {
        let m = Metric { precision: 1.0, recall: 0.5, f1: 2.0 / 3.0 };
        serde_json::json!({"key": key, "name": name, "answered": true, "code": true, "exec": true,
            "text": m, "layout": m, "chart_type": m, "color": m, "reasons": {}})
    }

    #[test]
    fn only_whole_lines_with_the_right_key_are_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("examples.jsonl");
        let torn = &row("d", "k").to_string()[..40];
        let lines = format!("{}\n{}\nnonsense\n{torn}", row("a", "k"), row("b", "old"));
        std::fs::write(&path, lines).unwrap();
        let keys = ["a", "b", "c", "d"].map(|n| (n.to_owned(), "k".to_owned())).into();
        let results = Results::open(&path, &keys).unwrap();
        assert!(results.knows("a") && !results.knows("b") && !results.knows("d"));
        results.add(row("d", "k")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        let all = results.into_examples();
        assert_eq!(all["a"].counted(|e| e.text), 2.0 / 3.0);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn two_runs_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(lock(dir.path()).unwrap_err().to_string().contains("--out"));
        drop(first);
        assert!(lock(dir.path()).is_ok());
    }
}
