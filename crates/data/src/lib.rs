//! Task sources: where prompts come from. One file per data set.
//!
//! The principal type is [`Source`]: a deterministic stream of [`Task`]s with a stateless cursor, so that a
//! resumed run sees the tasks that the interrupted one would have seen. The embedded mini world generates its
//! tasks; a corpus is a file that is read once at opening, when each row is checked and its byte offset kept
//! (16 bytes a row). Code and pictures are read when a task is drawn.
//!
//! | `[data] type` | what | `path` | `split` |
//! |---|---|---|---|
//! | `mini` | the embedded world of the domain | - | `train`, `heldout`, `feedback` |
//! | `chart2code` | Chart2Code-160K as published | its folder | `train` |
//! | `chartmimic` | ChartMimic's Direct task | its folder | `ori_500`, `direct_600`, `direct_1800` |
//! | `jsonl` | trl's conversational form | a file, or a folder of `SPLIT.jsonl` | names the file |
//!
//! ```
//! use vsdpo_data::{DataConfig, Source};
//! let source = Source::open(&DataConfig::default()).unwrap();
//! let tasks = source.batch(1, 0, 4).unwrap();
//! assert_eq!(tasks.len(), 4);
//! assert_eq!(tasks[0].id, source.batch(1, 0, 1).unwrap()[0].id);
//! ```

mod archive;
mod chart2code;
mod chartmimic;
mod corpus;
mod error;
mod jsonl;
pub mod mini;
mod order;
mod picture;
mod record;
mod rows;
mod table;

pub use corpus::Corpus;
pub use error::{DataError, Reason, Skipped};
pub use jsonl::line as jsonl_line;
pub use picture::{Picture, decode as decode_picture};
pub use record::Record;

use mini::{Split, World};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use vsdpo_artifact::{Domain, Task};

/// Which tasks to draw: the `[data]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set: `mini`, `chart2code`, `chartmimic` or `jsonl`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it lies; nothing for `mini`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub path: PathBuf,
    /// Domain of the tasks.
    #[serde(default = "chart")]
    pub domain: Domain,
    /// Part of the data set; what there is depends on the type.
    #[serde(default = "train")]
    pub split: String,
    /// Draw from the first so many tasks only, in the order of the file; 0 means no limit.
    #[serde(default)]
    pub limit: u64,
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

fn chart() -> Domain {
    Domain::Chart
}

fn train() -> String {
    "train".into()
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { kind: "mini".into(), path: PathBuf::new(), domain: chart(), split: train(), limit: 0 }
    }
}

/// An opened data set. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Mini { world: World, split: Split, limit: u64 },
    Corpus(Arc<Corpus>),
}

impl Source {
    /// Opens the data set that the configuration names. Archives are unpacked without a word; call
    /// [`prepare`] before to be told.
    ///
    /// # Errors
    /// An unknown data set, domain or split; files that are not there or of another form; no usable row.
    pub fn open(config: &DataConfig) -> Result<Self, DataError> {
        let unknown = || DataError::UnknownDomain { kind: config.kind.clone(), domain: config.domain.name() };
        let kind = match config.kind.as_str() {
            "mini" => Kind::Mini {
                world: World::of(config.domain).ok_or_else(unknown)?,
                split: mini_split(&config.split)?,
                limit: config.limit,
            },
            _ if config.domain != Domain::Chart => return Err(unknown()),
            _ => Kind::Corpus(Arc::new(Corpus::open(config, &mut |_| {})?)),
        };
        Ok(Self { kind })
    }

    /// The `n` tasks of one step. Depends on `seed`, `step` and position only, never on earlier calls.
    /// A corpus is drawn in a fresh order per pass over its rows.
    ///
    /// # Errors
    /// A row or a picture that cannot be read any more, or a picture that cannot be decoded.
    pub fn batch(&self, seed: u64, step: u64, n: usize) -> Result<Vec<Task>, DataError> {
        let first = step.wrapping_mul(n as u64);
        (0..n as u64).map(|i| self.task(seed, first.wrapping_add(i))).collect()
    }

    fn task(&self, seed: u64, position: u64) -> Result<Task, DataError> {
        match &self.kind {
            Kind::Mini { world, split, limit } => {
                let index = if *limit > 0 { position % limit } else { position };
                Ok(world.task(*split, seed, index))
            }
            Kind::Corpus(corpus) => corpus.task(order::row_at(seed, position, corpus.len())),
        }
    }

    /// What a run's manifest says of the data: how the mini world's splits differ, or how many rows a corpus
    /// has and why others were left out.
    pub fn held_out(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Mini { world, .. } => world.held_out(),
            Kind::Corpus(corpus) => corpus.facts(),
        }
    }
}

fn mini_split(name: &str) -> Result<Split, DataError> {
    Split::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| DataError::Key {
        key: "split",
        problem: format!("the mini world has no {name:?}"),
        mend: "use \"train\", \"heldout\" or \"feedback\"",
    })
}

/// Does what takes long before a first opening: unpacks archives, telling `note` before it begins.
///
/// # Errors
/// As [`Source::open`].
pub fn prepare(config: &DataConfig, note: &mut dyn FnMut(&str)) -> Result<(), DataError> {
    match config.kind.as_str() {
        "chart2code" => chart2code::prepare(&config.path, note),
        _ => Ok(()),
    }
}
