//! Cached records of ground truths, by the hash of everything that decides them, so that scoring
//! another model does not run these scripts again.

use crate::chartmimic::scorer::Scorer;
use crate::files::{self, hash};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use vsdpo_artifact::{ChartRecords, ColorToken, GridCell};

/// The records as stored in a file.
#[derive(Serialize, Deserialize)]
struct Stored {
    text: Vec<String>,
    layout: Vec<GridCell>,
    types: BTreeMap<String, u64>,
    colors: Vec<(String, String)>,
}

/// A folder of records.
pub struct Truths {
    folder: PathBuf,
    identity: String,
    hits: AtomicUsize,
}

impl Truths {
    pub fn open(cache: &Path, scorer: &Scorer) -> Result<Self> {
        let folder = cache.join("chartmimic");
        files::make_folder(&folder)?;
        Ok(Self { folder, identity: scorer.identity(), hits: AtomicUsize::new(0) })
    }

    /// Ground truths that were in the cache.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// The records of a ground truth.
    pub fn get(&self, scorer: &Scorer, name: &str, script: &str) -> Result<Arc<ChartRecords>> {
        let job = scorer.truth_job(name, script);
        let key = hash(&[&self.identity, &job.script, &job.graph.to_string()]);
        let path = self.folder.join(format!("{key}.json"));
        let known = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice::<Stored>(&b).ok());
        if let Some(known) = known {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::new(known.into()));
        }
        let records = scorer.record(&job)?;
        // Errors may be transient, such as a time limit on a busy machine.
        if records.remarks.is_empty() {
            files::replace(&path, &serde_json::to_vec(&Stored::from(&records))?)?;
        }
        Ok(Arc::new(records))
    }
}

impl From<&ChartRecords> for Stored {
    fn from(records: &ChartRecords) -> Self {
        let color = |c: &ColorToken| (c.class.clone(), c.token.clone());
        Self {
            text: records.text.clone(),
            layout: records.layout.clone(),
            types: records.types.clone(),
            colors: records.colors.iter().map(color).collect(),
        }
    }
}

impl From<Stored> for ChartRecords {
    fn from(stored: Stored) -> Self {
        let color = |(class, token)| ColorToken { class, token };
        Self {
            text: stored.text,
            layout: stored.layout,
            types: stored.types,
            colors: stored.colors.into_iter().map(color).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_file() {
        let color = ColorToken { class: "a--b".into(), token: "#00FF00".into() };
        let records = ChartRecords {
            text: vec!["é".into(), String::new()],
            layout: vec![GridCell { nrows: 1, ncols: 2, row_start: 0, row_end: 0, col_start: 1, col_end: 1 }],
            types: [("bar".into(), 2)].into(),
            colors: [color].into(),
            ..ChartRecords::default()
        };
        let bytes = serde_json::to_vec(&Stored::from(&records)).unwrap();
        let back: ChartRecords = serde_json::from_slice::<Stored>(&bytes).unwrap().into();
        assert_eq!(back, records);
    }
}
