//! Data sets as streams of tasks. One file per data set.
//!
//! The principal type is [`TaskStream`]: a deterministic stream of [`Task`]s without state, so that
//! a resumed run gets the same tasks as an uninterrupted one. `mini` generates its tasks. A JSON
//! corpus is read once when it is opened: every row is checked, and its byte offset is kept (16
//! bytes per row). Of a Parquet corpus, only the footers and the columns used by a filter are read.
//! Code and pictures are read when a task is drawn.
//!
//! | `[data] type` | data set | domain | `path` | `split` |
//! |---|---|---|---|---|
//! | `mini` | generated, see [`mini`] | chart, web, slide | - | `train`, `dev`, `test`, `feedback` |
//! | `chart2code` | Chart2Code-160K as published | chart | its folder | `train` |
//! | `chartmimic` | ChartMimic's Direct task | chart | its folder | `ori_500`, `direct_600`, `direct_1800` |
//! | `websight` | WebSight, v0.1 and v0.2 | web | a `.parquet` file, or a folder of them | `train` |
//! | `webcode2m` | WebCode2M | web | the same | `train` |
//! | `design2code` | Design2Code | web | the same, or a folder of `N.html` and `N.png` | `train` |
//! | `aeslides` | slides to write, as AeSlides trains on | slide | a file, or a folder of `SPLIT.jsonl` | names the file |
//! | `jsonl` | TRL's conversational format | chart, web, slide | a file, or a folder of `SPLIT.jsonl` | names the file |
//!
//! WebSight, WebCode2M and Design2Code need the feature `parquet`; a Design2Code folder of `N.html`
//! and `N.png` does not.
//!
//! ```
//! use vsdpo_data::{DataConfig, TaskStream};
//! let source = TaskStream::open(&DataConfig::default()).unwrap();
//! let tasks = source.batch(1, 0, 4).unwrap();
//! assert_eq!(tasks.len(), 4);
//! assert_eq!(tasks[0].id, source.batch(1, 0, 1).unwrap()[0].id);
//! ```

mod aeslides;
mod archive;
mod chart2code;
mod chartmimic;
mod corpus;
mod dataset;
mod design2code;
mod error;
mod filter;
mod jsonl;
pub mod mini;
mod order;
mod pairs;
mod picture;
mod record;
mod rows;
#[cfg(feature = "parquet")]
mod shards;
mod table;
#[cfg(feature = "parquet")]
mod webcode2m;
mod websight;

pub use corpus::Corpus;
pub use dataset::DataSet;
pub use design2code::{PLACEHOLDER as DESIGN2CODE_PLACEHOLDER, PROMPT as DESIGN2CODE_PROMPT, in_parquet};
pub use error::{DataError, Reason, Skipped};
pub use filter::{Filter, Filtered};
pub use jsonl::line as jsonl_line;
pub use picture::{Picture, decode as decode_picture};
pub use record::Record;
#[cfg(feature = "parquet")]
pub use shards::reads_damaged_files;

use error::quoted_list;
use mini::{References, Split, UnknownSplit, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use vsdpo_artifact::{Domain, Language, Task};

/// Which tasks to draw: the `[data]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set; its name in a recipe is in the table of this crate's documentation.
    #[serde(rename = "type")]
    pub dataset: DataSet,
    /// File or folder of the data set; empty for `mini`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub path: PathBuf,
    /// Domain of the tasks.
    #[serde(default = "chart")]
    pub domain: Domain,
    /// `mini` with slides only: the language of the answers. Without it, that of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Split of the data set; the table in this crate's documentation lists them.
    #[serde(default = "train")]
    pub split: String,
    /// Use only the first `limit` tasks, in file order; 0 means no limit.
    #[serde(default)]
    pub limit: u64,
    /// `mini` only: how good the references are.
    #[serde(default, skip_serializing_if = "is_gold")]
    pub references: References,
    /// `webcode2m` only: the minimum score of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<i64>,
    /// `webcode2m` only: the languages of the pages, as in the column `lang`; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lang: Vec<String>,
    /// `webcode2m` only: the maximum number of GPT-2 tokens of a page, CSS and HTML together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

impl DataConfig {
    /// The language of the answers.
    pub fn language(&self) -> Language {
        self.language.unwrap_or(self.domain.default_language())
    }

    /// Files that generated code may use by name because the prompt says so: name and content.
    ///
    /// # Errors
    /// Returns an error if such a file is missing from the folder of the data set.
    pub fn common(&self) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
        match self.dataset {
            DataSet::Design2Code => design2code::common(&self.path),
            DataSet::Mini
            | DataSet::Chart2Code
            | DataSet::ChartMimic
            | DataSet::WebSight
            | DataSet::WebCode2M
            | DataSet::AeSlides
            | DataSet::Jsonl => Ok(BTreeMap::new()),
        }
    }

    /// Returns an error if the data set does not have the domain, the kind of references or one of
    /// the given filters.
    fn check(&self) -> Result<(), DataError> {
        if !self.dataset.domains().contains(&self.domain) {
            return Err(self.unknown_domain());
        }
        self.check_language()?;
        if !is_gold(&self.references) && !self.dataset.is_generated() {
            return Err(DataError::Key {
                key: "references",
                problem: format!("is given, but {:?} has references of its own", self.dataset.name()),
                help: "leave it out: only \"mini\" generates references",
            });
        }
        let filters = [
            ("min_score", self.min_score.is_some()),
            ("lang", !self.lang.is_empty()),
            ("max_tokens", self.max_tokens.is_some()),
        ];
        match filters.into_iter().find(|(_, given)| *given && !self.dataset.has_filters()) {
            Some((key, _)) => Err(DataError::Key {
                key,
                problem: format!("is given, but the rows of {:?} do not have it", self.dataset.name()),
                help: "leave it out: only \"webcode2m\" has this filter",
            }),
            None => Ok(()),
        }
    }

    /// Only the embedded world has tasks of one domain in two languages.
    fn check_language(&self) -> Result<(), DataError> {
        let usual = self.language() == self.domain.default_language();
        let generated = self.dataset.is_generated() && World::of(self.domain, self.language()).is_some();
        if usual || generated {
            return Ok(());
        }
        Err(DataError::Key {
            key: "language",
            problem: format!(
                "{:?} has no {}s in {:?}",
                self.dataset.name(),
                self.domain.name(),
                self.language().name()
            ),
            help: "leave it out: only the slides of \"mini\" have two languages",
        })
    }

    fn unknown_domain(&self) -> DataError {
        DataError::UnknownDomain {
            dataset: self.dataset.name(),
            domain: self.domain.name(),
            known: quoted_list(self.dataset.domains().iter().map(|domain| domain.name())),
        }
    }
}

fn is_gold(references: &References) -> bool {
    *references == References::Gold
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
        Self {
            dataset: DataSet::Mini,
            path: PathBuf::new(),
            domain: chart(),
            language: None,
            split: train(),
            limit: 0,
            references: References::Gold,
            min_score: None,
            lang: Vec::new(),
            max_tokens: None,
        }
    }
}

/// An opened data set. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskStream {
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    Generated {
        world: World,
        split: Split,
        references: References,
        limit: u64,
    },
    /// The last `apart` rows are never drawn.
    Corpus {
        corpus: Arc<Corpus>,
        apart: u64,
    },
}

impl TaskStream {
    /// Opens the data set of the configuration. Archives are unpacked silently; call [`prepare`]
    /// first to report progress.
    ///
    /// # Errors
    /// Returns an error if the data set does not have the domain, the split or a given filter, if a
    /// file is missing or has another format, or if no row is usable.
    pub fn open(config: &DataConfig) -> Result<Self, DataError> {
        config.check()?;
        let origin = match config.dataset {
            DataSet::Mini => Origin::Generated {
                world: World::of(config.domain, config.language()).ok_or_else(|| config.unknown_domain())?,
                split: mini_split(&config.split)?,
                references: config.references,
                limit: config.limit,
            },
            DataSet::Chart2Code
            | DataSet::ChartMimic
            | DataSet::WebSight
            | DataSet::WebCode2M
            | DataSet::Design2Code
            | DataSet::AeSlides
            | DataSet::Jsonl => {
                Origin::Corpus { corpus: Arc::new(Corpus::open(config, &mut |_| {})?), apart: 0 }
            }
        };
        Ok(Self { origin })
    }

    /// The `n` tasks of one step. They depend only on `seed`, `step` and the position, never on
    /// earlier calls. The rows of a corpus are shuffled anew in every epoch. A Parquet corpus is
    /// shuffled in blocks of 64 adjacent rows, and four blocks at a time are mixed.
    ///
    /// # Errors
    /// Returns an error if a row or picture can no longer be read, or if a picture cannot be
    /// decoded.
    pub fn batch(&self, seed: u64, step: u64, n: usize) -> Result<Vec<Task>, DataError> {
        let first = step.wrapping_mul(n as u64);
        let positions = (0..n as u64).map(|i| first.wrapping_add(i));
        match &self.origin {
            Origin::Generated { world, split, references, limit } => {
                let index = |position: u64| if *limit > 0 { position % limit } else { position };
                let task = |position| world.task_with(*references, *split, seed, index(position));
                Ok(positions.map(task).collect())
            }
            Origin::Corpus { corpus, apart } => {
                let drawn = corpus.len() - apart;
                corpus.tasks(positions.map(|position| corpus.at(seed, position, drawn)).collect())
            }
        }
    }

    /// Sets the last `rows` valid rows of a corpus apart: [`batch`](Self::batch) no longer draws
    /// them, [`apart`](Self::apart) reads them. 0 changes nothing.
    ///
    /// # Errors
    /// Returns an error if no row is left to draw, or if the tasks are generated.
    pub fn set_apart(mut self, rows: u64) -> Result<Self, DataError> {
        let error = |problem, help| DataError::Key { key: "limit", problem, help };
        match &mut self.origin {
            _ if rows == 0 => {}
            Origin::Generated { .. } => {
                let problem = format!("{rows} rows cannot be set apart from generated tasks");
                return Err(error(
                    problem,
                    "write eval.rows = 0: \"mini\" has a split of its own for evaluation",
                ));
            }
            Origin::Corpus { corpus, .. } if corpus.len() <= rows => {
                let problem = format!("{rows} rows cannot be set apart from {}", corpus.len());
                return Err(error(problem, "write a smaller eval.rows, or use more rows"));
            }
            Origin::Corpus { apart, .. } => *apart = rows,
        }
        Ok(self)
    }

    /// The first `n` tasks of the rows that were set apart, in file order.
    ///
    /// # Errors
    /// Returns an error if a row or picture can no longer be read, or if a picture cannot be
    /// decoded.
    pub fn apart(&self, n: usize) -> Result<Vec<Task>, DataError> {
        match &self.origin {
            Origin::Generated { .. } => Ok(Vec::new()),
            Origin::Corpus { corpus, apart } => {
                corpus.tasks((corpus.len() - apart..corpus.len()).take(n).collect())
            }
        }
    }

    /// The entry about the data in a run's manifest: how the splits of `mini` differ, or how many
    /// rows of a corpus are usable and why others were skipped.
    pub fn held_out(&self) -> serde_json::Value {
        match &self.origin {
            Origin::Generated { world, .. } => world.held_out(),
            Origin::Corpus { corpus, apart } => {
                let mut facts = corpus.facts();
                if *apart > 0 {
                    facts["set_apart"] = (*apart).into();
                }
                facts
            }
        }
    }
}

fn mini_split(name: &str) -> Result<Split, DataError> {
    let key = |UnknownSplit { problem, help }| DataError::Key { key: "split", problem, help };
    name.parse().map_err(key)
}

/// Unpacks the archives of a data set, unless that was done before. Calls `note` with one line
/// before each archive.
///
/// # Errors
/// The same as [`TaskStream::open`].
pub fn prepare(config: &DataConfig, note: &mut dyn FnMut(&str)) -> Result<(), DataError> {
    match config.dataset {
        DataSet::Chart2Code => chart2code::prepare(&config.path, note),
        DataSet::Mini
        | DataSet::ChartMimic
        | DataSet::WebSight
        | DataSet::WebCode2M
        | DataSet::Design2Code
        | DataSet::AeSlides
        | DataSet::Jsonl => Ok(()),
    }
}
