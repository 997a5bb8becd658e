//! Reads the records of a run folder. A field that the run did not write has its default, and an
//! incomplete last line is left out. The writer is `vsdpo_train::log`; this reader shares no type
//! with it, so that the report works in a build without the trainer.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

/// One stored rollout. Byte offsets are into `text`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RolloutRecord {
    pub step: u64,
    pub task: String,
    pub prompt: String,
    pub text: String,
    pub code: Option<Bytes>,
    pub finished: Option<bool>,
    pub executed: bool,
    pub reward: f64,
    pub advantage: Option<f64>,
    pub error: Option<ErrorRecord>,
    pub rubric: Map<String, Value>,
    pub defects: Vec<DefectRecord>,
    pub statements: Vec<StatementRecord>,
    pub tokens: Vec<TokenRecord>,
    pub image: Option<String>,
    /// Paths of the pages of the render; the first one is `image`.
    pub images: Vec<String>,
}

/// A byte range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Bytes {
    pub start: usize,
    pub end: usize,
}

/// The error of code that failed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorRecord {
    pub kind: String,
    pub message: String,
    pub traceback: String,
}

/// A finding, with its boxes `[x0, y0, x1, y1]` in pixels of the picture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DefectRecord {
    pub rule: String,
    pub page: usize,
    pub elements: Vec<u32>,
    pub regions: Vec<[f64; 4]>,
    pub message: String,
    pub level: Option<String>,
    pub help: Option<String>,
}

impl DefectRecord {
    /// Whether it is drawn without emphasis.
    pub fn is_note(&self) -> bool {
        self.level.as_deref() == Some("note")
    }
}

/// A statement with its responsibility and weight.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatementRecord {
    pub start: usize,
    pub end: usize,
    pub resp: f64,
    pub weight: f64,
    pub elements: Vec<u32>,
}

/// A token with its values in the loss.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenRecord {
    pub start: usize,
    pub end: usize,
    pub kl: Option<f64>,
    pub weight: Option<f64>,
    pub logp: Option<f64>,
    pub logp_teacher: Option<f64>,
}

/// The score of one axis.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AxisRecord {
    pub satisfied: Option<bool>,
    pub score: Option<f64>,
    pub observed: String,
}

/// A rate with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Interval {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// The scores of one arm at one step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ArmRecord {
    pub step: u64,
    pub benchmark: String,
    pub arm: String,
    pub tasks: u64,
    pub exec: Option<Interval>,
    pub defect_free: Option<Interval>,
    pub reward: Option<Interval>,
    pub good: Option<Interval>,
    pub held_back: Option<Interval>,
    pub axes: BTreeMap<String, Interval>,
}

impl ArmRecord {
    /// Whether this is the policy without feedback.
    pub fn is_student(&self) -> bool {
        self.arm == "student"
    }
}

impl RolloutRecord {
    /// Whether the code ran and no axis has a defect.
    pub fn clean(&self) -> bool {
        self.executed && self.axes().all(|(_, v)| v.satisfied != Some(false))
    }

    /// The scores of the rubric in the order of the file.
    pub fn axes(&self) -> impl Iterator<Item = (&str, AxisRecord)> {
        self.rubric
            .iter()
            .map(|(axis, v)| (axis.as_str(), serde_json::from_value(v.clone()).unwrap_or_default()))
    }
}

/// The byte offset of a rollout in `rollouts.jsonl`, and the fields that select and list it.
#[derive(Clone, Debug)]
pub struct RolloutEntry {
    pub offset: u64,
    pub step: u64,
    pub task: String,
    pub reward: f64,
    pub executed: bool,
    pub clean: bool,
}

/// All lines of a JSONL file that parse; empty if there is no such file.
pub fn read_lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for_each_line(path, |_, line| {
        if let Ok(value) = serde_json::from_str(line) {
            found.push(value);
        }
    })?;
    Ok(found)
}

/// The entries of `rollouts.jsonl`. Only entries are kept, because the file may be larger than
/// memory.
pub fn index_rollouts(path: &Path) -> Result<Vec<RolloutEntry>> {
    let mut found = Vec::new();
    for_each_line(path, |offset, line| {
        if let Ok(r) = serde_json::from_str::<RolloutRecord>(line) {
            let (step, reward, executed, clean) = (r.step, r.reward, r.executed, r.clean());
            found.push(RolloutEntry { offset, step, task: r.task, reward, executed, clean });
        }
    })?;
    Ok(found)
}

/// Reads one rollout found by [`index_rollouts`].
pub fn read_rollout(file: &mut BufReader<File>, entry: &RolloutEntry) -> Result<RolloutRecord> {
    file.seek(SeekFrom::Start(entry.offset))?;
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

fn for_each_line(path: &Path, mut each: impl FnMut(u64, &str)) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).with_context(|| format!("cannot read `{}`", path.display())),
    };
    let (mut reader, mut offset, mut line) = (BufReader::new(file), 0, Vec::new());
    loop {
        line.clear();
        let read = reader
            .read_until(b'\n', &mut line)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        if read == 0 {
            return Ok(());
        }
        if let Ok(text) = std::str::from_utf8(&line) {
            each(offset, text);
        }
        offset += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_last_line_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollouts.jsonl");
        std::fs::write(
            &path,
            "{\"step\":1,\"task\":\"é\",\"executed\":true,\"reward\":0.5}\n{\"step\":2,\"task\":\"b\"}\n{\"st",
        )
        .unwrap();
        let entries = index_rollouts(&path).unwrap();
        assert_eq!(entries.iter().map(|e| e.step).collect::<Vec<_>>(), [1, 2]);
        let mut file = BufReader::new(File::open(&path).unwrap());
        assert_eq!(read_rollout(&mut file, &entries[1]).unwrap().task, "b");
        assert_eq!(read_rollout(&mut file, &entries[0]).unwrap().reward, 0.5);
        assert!(read_lines::<Value>(&dir.path().join("none.jsonl")).unwrap().is_empty());
    }

    #[test]
    fn clean_needs_execution_and_no_axis_with_a_defect() {
        let record = |json: &str| serde_json::from_str::<RolloutRecord>(json).unwrap();
        assert!(
            record(r#"{"executed":true,"rubric":{"a":{"satisfied":null},"b":{"satisfied":true}}}"#).clean()
        );
        assert!(!record(r#"{"executed":true,"rubric":{"a":{"satisfied":false}}}"#).clean());
        assert!(!record(r#"{"executed":false}"#).clean());
    }
}
