//! `examples.jsonl`: one line per example, written as soon as the example is scored. The next run
//! reuses a line if its key, a hash of everything that decides it, has not changed.

use crate::files;
use crate::report::Reporter;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use vsdpo_render::spread;

/// A line of an example.
pub trait Named {
    /// The example's name.
    fn name(&self) -> &str;
}

/// The file of results, and the examples in it.
pub struct Results<E> {
    path: PathBuf,
    inner: Mutex<(File, BTreeMap<String, E>)>,
}

impl<E: DeserializeOwned + Named> Results<E> {
    /// Opens the file and keeps the lines that `hold`; of two for one example the first.
    pub fn open(path: &Path, hold: impl Fn(&E) -> bool) -> Result<Self> {
        let mut known = BTreeMap::new();
        files::retain_lines(path, |line| {
            let Ok(example) = serde_json::from_slice::<E>(line) else { return false };
            let kept = !known.contains_key(example.name()) && hold(&example);
            if kept {
                known.insert(example.name().to_owned(), example);
            }
            kept
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

    /// Appends an example; it is in the file when this returns.
    pub fn add(&self, row: &Value) -> Result<()> {
        let line = row.to_string() + "\n";
        // Parsed from the text, as in the next run: writing a number may change its last digit.
        let example: E = serde_json::from_str(&line).context("the line of an example cannot be parsed")?;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let written = inner.0.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        inner.1.insert(example.name().to_owned(), example);
        Ok(())
    }

    /// Scores examples on `workers` threads and adds their lines. The first error stops the run;
    /// the examples scored before it are in the file.
    pub fn fill<T: Sync>(
        &self,
        open: &[T],
        workers: usize,
        line: impl Fn(&T) -> Result<Value> + Sync,
        reporter: &dyn Reporter,
    ) -> Result<()>
    where
        E: Send,
    {
        reporter.begin("scoring", open.len() as u64);
        let score = |i: usize| {
            let added = line(&open[i]).and_then(|line| self.add(&line));
            reporter.advance();
            added
        };
        let scored = spread(workers, open.len(), score);
        reporter.end();
        scored.map(drop).context("the examples scored so far are kept; rerunning resumes there")
    }

    /// All examples by name.
    pub fn into_examples(self) -> BTreeMap<String, E> {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// One evaluation at a time writes into a folder; the lock ends with the process.
pub fn lock(folder: &Path) -> Result<File> {
    files::make_folder(folder)?;
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let busy = || {
        format!("another run writes into `{}`; help: wait for it, or give another --out", folder.display())
    };
    file.try_lock().with_context(busy)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Example {
        name: String,
        key: String,
        value: f64,
    }

    impl Named for Example {
        fn name(&self) -> &str {
            &self.name
        }
    }

    fn row(name: &str, key: &str) -> Value {
        json!({"key": key, "name": name, "value": 2.0 / 3.0})
    }

    #[test]
    fn only_complete_lines_with_a_current_key_are_reused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("examples.jsonl");
        let torn = &row("d", "k").to_string()[..20];
        let lines = format!("{}\n{}\nnonsense\n{}\n{torn}", row("a", "k"), row("b", "old"), row("a", "k"));
        std::fs::write(&path, lines).unwrap();
        let results = Results::<Example>::open(&path, |e| e.key == "k").unwrap();
        assert!(results.knows("a") && !results.knows("b") && !results.knows("d"));
        results.add(&row("d", "k")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        let all = results.into_examples();
        assert_eq!(all["a"].value, all["d"].value);
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
