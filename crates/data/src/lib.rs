//! Task sources: where prompts come from. One file per data set.
//!
//! The principal type is [`Source`]: a deterministic stream of [`Task`]s with a stateless cursor, so that a
//! resumed run sees the tasks that the interrupted one would have seen. Only the embedded mini world is
//! here so far; real corpora become further files beside it.
//!
//! ```
//! use vsdpo_data::{DataConfig, Source};
//! let source = Source::open(&DataConfig::default()).unwrap();
//! let tasks = source.batch(1, 0, 4);
//! assert_eq!(tasks.len(), 4);
//! assert_eq!(tasks[0].id, source.batch(1, 0, 1)[0].id);
//! ```

pub mod mini;

use mini::chart::Split;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use vsdpo_artifact::{Domain, Task};

/// Which tasks to draw: the `[data]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set: `mini`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Domain of the mini world's tasks.
    #[serde(default = "chart")]
    pub domain: Domain,
    /// `train` or `heldout` (the mini world also has `feedback`, which its base policy was trained on).
    #[serde(default)]
    pub split: Split,
    /// Draw from the first so many tasks only; 0 means no limit.
    #[serde(default)]
    pub limit: u64,
}

fn chart() -> Domain {
    Domain::Chart
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { kind: "mini".into(), domain: Domain::Chart, split: Split::Train, limit: 0 }
    }
}

/// Why a data set cannot be opened.
#[derive(Debug, Error)]
pub enum DataError {
    /// `[data] type` names no known data set.
    #[error("data.type: no data set is called '{0}'; use \"mini\"")]
    UnknownType(String),
    /// The mini world does not have this domain yet.
    #[error("data.domain: the mini world has no {0} tasks yet; use \"chart\"")]
    UnknownDomain(&'static str),
}

/// An opened data set.
#[derive(Clone, Debug)]
pub struct Source {
    config: DataConfig,
}

impl Source {
    /// Opens the data set that the configuration names.
    ///
    /// # Errors
    /// An unknown data set or domain.
    pub fn open(config: &DataConfig) -> Result<Self, DataError> {
        if config.kind != "mini" {
            return Err(DataError::UnknownType(config.kind.clone()));
        }
        if config.domain != Domain::Chart {
            return Err(DataError::UnknownDomain(config.domain.name()));
        }
        Ok(Self { config: config.clone() })
    }

    /// The `n` tasks of one step. Depends on `seed`, `step` and position only, never on earlier calls.
    pub fn batch(&self, seed: u64, step: u64, n: usize) -> Vec<Task> {
        let first = step * n as u64;
        (first..first + n as u64)
            .map(|i| {
                mini::chart::task(
                    self.config.split,
                    seed,
                    if self.config.limit > 0 { i % self.config.limit } else { i },
                )
            })
            .collect()
    }

    /// What distinguishes the splits, for a run's manifest.
    pub fn held_out(&self) -> serde_json::Value {
        mini::chart::held_out()
    }
}
