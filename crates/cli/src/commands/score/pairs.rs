//! The list of pairs to score.

use crate::commands::source;
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer lists are no lists of pairs.
const MAX_BYTES: u64 = 64 << 20;

/// A prediction and what it was to reproduce.
pub struct Pair {
    /// The chart's name in the benchmark.
    pub name: String,
    /// The code as it stood in the fence.
    pub pred: String,
    /// The ground truth's script.
    pub gt: Arc<String>,
}

#[derive(Deserialize)]
struct Line {
    pred: PathBuf,
    gt: PathBuf,
    name: Option<String>,
}

/// Reads a JSONL file of pairs and all scripts that it names, so that a mistake in it is told
/// before anything runs.
pub fn read(list: &Path) -> Result<Vec<Pair>> {
    let shown = list.display();
    match std::fs::metadata(list) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{shown}` does not exist: check the path")
        }
        Ok(facts) if !facts.is_file() => bail!("`{shown}` is no file: give a file with a JSON object a line"),
        Ok(facts) if facts.len() > MAX_BYTES => {
            bail!("`{shown}` has {} bytes, more than {MAX_BYTES}: split it", facts.len())
        }
        other => other.map(drop).with_context(|| format!("cannot read `{shown}`"))?,
    }
    let bytes = std::fs::read(list).with_context(|| format!("cannot read `{shown}`"))?;
    let text = source::utf8(&shown.to_string(), bytes)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut truths = HashMap::new();
    let mut pairs = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("`{shown}` line {}", i + 1);
        let line: Line = serde_json::from_str(line).map_err(|e| {
            anyhow!("{}: {e}: write {{\"pred\": PATH, \"gt\": PATH, \"name\": STEM}} on each line", place())
        })?;
        let (pred, gt) = (folder.join(&line.pred), folder.join(&line.gt));
        if !truths.contains_key(&gt) {
            truths.insert(gt.clone(), Arc::new(source::read(&gt).with_context(place)?));
        }
        let name = line.name.unwrap_or_else(|| stem(&gt));
        let pred = source::read_even_empty(&pred).with_context(place)?;
        pairs.push(Pair { name, pred, gt: Arc::clone(&truths[&gt]) });
    }
    if pairs.is_empty() {
        bail!("`{shown}` names no pairs: write {{\"pred\": PATH, \"gt\": PATH}} on each line");
    }
    Ok(pairs)
}

/// The name of a chart when none is given.
pub fn stem(gt: &Path) -> String {
    gt.file_stem().map_or(String::new(), |s| s.to_string_lossy().into_owned())
}
