//! Task sources: where prompts come from. One file per data set.
//!
//! The principal type is [`TaskStream`]: a deterministic stream of [`Task`]s with a stateless
//! cursor: a resumed run sees the tasks that the interrupted one would have seen. The embedded mini
//! world generates its tasks; a corpus of JSON is a file that is read once at opening, when each
//! row is checked and its byte offset kept (16 bytes a row); of a corpus in Parquet the footers are
//! read, and the columns of a filter. Code and pictures are read when a task is drawn.
//!
//! | `[data] type` | what | domain | `path` | `split` |
//! |---|---|---|---|---|
//! | `mini` | the embedded world of the domain | chart, web | - | `train`, `heldout`, `feedback` |
//! | `chart2code` | Chart2Code-160K as published | chart | its folder | `train` |
//! | `chartmimic` | ChartMimic's Direct task | chart | its folder | `ori_500`, `direct_600`, `direct_1800` |
//! | `websight` | WebSight, v0.1 and v0.2 | web | a `.parquet` file, or a folder of them | `train` |
//! | `webcode2m` | WebCode2M | web | the same | `train` |
//! | `design2code` | Design2Code | web | the same, or a folder of `N.html` and `N.png` | `train` |
//! | `jsonl` | trl's conversational form | chart, web | a file, or a folder of `SPLIT.jsonl` | names the file |
//!
//! The three of web pages need the feature `parquet`, but for Design2Code's folders.
//!
//! ```
//! use vsdpo_data::{DataConfig, TaskStream};
//! let source = TaskStream::open(&DataConfig::default()).unwrap();
//! let tasks = source.batch(1, 0, 4).unwrap();
//! assert_eq!(tasks.len(), 4);
//! assert_eq!(tasks[0].id, source.batch(1, 0, 1).unwrap()[0].id);
//! ```

mod archive;
mod chart2code;
mod chartmimic;
mod corpus;
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
#[cfg(feature = "parquet")]
mod websight;

pub use corpus::Corpus;
pub use design2code::{PLACEHOLDER as DESIGN2CODE_PLACEHOLDER, PROMPT as DESIGN2CODE_PROMPT, in_parquet};
pub use error::{DataError, Reason, Skipped};
pub use filter::{Filter, Filtered};
pub use jsonl::line as jsonl_line;
pub use picture::{Picture, decode as decode_picture};
pub use record::Record;
#[cfg(feature = "parquet")]
pub use shards::reads_damaged_files;

use mini::{Split, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use vsdpo_artifact::{Domain, Task};

/// Which tasks to draw: the `[data]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set, by the name in the table above.
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
    /// `webcode2m` only: the lowest score of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<i64>,
    /// `webcode2m` only: the languages of pages, as its column `lang` writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lang: Vec<String>,
    /// `webcode2m` only: GPT-2 tokens of a page at most, CSS and HTML together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

/// The data sets, each with the domains that its tasks may have.
const KINDS: [(&str, &[Domain]); 7] = [
    ("mini", &[Domain::Chart, Domain::Web]),
    ("chart2code", &[Domain::Chart]),
    ("chartmimic", &[Domain::Chart]),
    ("websight", &[Domain::Web]),
    ("webcode2m", &[Domain::Web]),
    ("design2code", &[Domain::Web]),
    ("jsonl", &[Domain::Chart, Domain::Web]),
];

impl DataConfig {
    /// Files that answers may use by name, because their prompts say so.
    ///
    /// # Errors
    /// One is not where the data set lies.
    pub fn common(&self) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
        if self.kind == "design2code" { design2code::common(&self.path) } else { Ok(BTreeMap::new()) }
    }

    /// Whether the data set is known, has the domain, and knows the keys that are given.
    fn check(&self) -> Result<(), DataError> {
        let Some((kind, domains)) = KINDS.iter().find(|(kind, _)| *kind == self.kind) else {
            let known = either(KINDS.iter().map(|(kind, _)| *kind));
            return Err(DataError::UnknownType { name: self.kind.clone(), known });
        };
        if !domains.contains(&self.domain) {
            return Err(DataError::UnknownDomain {
                kind: self.kind.clone(),
                domain: self.domain.name(),
                known: either(domains.iter().map(|domain| domain.name())),
            });
        }
        let keys = [
            ("min_score", self.min_score.is_some()),
            ("lang", !self.lang.is_empty()),
            ("max_tokens", self.max_tokens.is_some()),
        ];
        match keys.into_iter().find(|(_, given)| *given && *kind != "webcode2m") {
            Some((key, _)) => Err(DataError::Key {
                key,
                problem: format!("is given, but the rows of {kind:?} do not have it"),
                help: "leave it out: it is for \"webcode2m\"",
            }),
            None => Ok(()),
        }
    }
}

/// The domains that a data set's tasks may have; none if there is no such data set.
pub fn domains(kind: &str) -> &'static [Domain] {
    KINDS.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, domains)| domains)
}

/// `"a", "b" or "c"`.
fn either<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    match (names.pop(), names.is_empty()) {
        (Some(last), false) => format!("{} or {last}", names.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
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
            kind: "mini".into(),
            path: PathBuf::new(),
            domain: chart(),
            split: train(),
            limit: 0,
            min_score: None,
            lang: Vec::new(),
            max_tokens: None,
        }
    }
}

/// An opened data set. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TaskStream {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Mini { world: World, split: Split, limit: u64 },
    Corpus(Arc<Corpus>),
}

impl TaskStream {
    /// Opens the data set that the configuration names. Archives are unpacked without a word; call
    /// [`prepare`] before to be told.
    ///
    /// # Errors
    /// An unknown data set, domain or split; files that are not there or of another form; no usable
    /// row.
    pub fn open(config: &DataConfig) -> Result<Self, DataError> {
        config.check()?;
        let kind = match (config.kind.as_str(), World::of(config.domain)) {
            ("mini", Some(world)) => {
                Kind::Mini { world, split: mini_split(&config.split)?, limit: config.limit }
            }
            _ => Kind::Corpus(Arc::new(Corpus::open(config, &mut |_| {})?)),
        };
        Ok(Self { kind })
    }

    /// The `n` tasks of one step. Depends on `seed`, `step` and position only, never on earlier
    /// calls. A corpus is drawn in a fresh order per pass over its rows; one in Parquet in a fresh
    /// order of blocks of 64 neighbours, mixed four at a time.
    ///
    /// # Errors
    /// A row or a picture that cannot be read any more, or a picture that cannot be decoded.
    pub fn batch(&self, seed: u64, step: u64, n: usize) -> Result<Vec<Task>, DataError> {
        let first = step.wrapping_mul(n as u64);
        let positions = (0..n as u64).map(|i| first.wrapping_add(i));
        match &self.kind {
            Kind::Mini { world, split, limit } => {
                let index = |position: u64| if *limit > 0 { position % limit } else { position };
                Ok(positions.map(|position| world.task(*split, seed, index(position))).collect())
            }
            Kind::Corpus(corpus) => corpus.tasks(seed, positions),
        }
    }

    /// What a run's manifest says of the data: how the mini world's splits differ, or how many rows
    /// a corpus has and why others were left out.
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
        help: "use \"train\", \"heldout\" or \"feedback\"",
    })
}

/// Does what takes long before a first opening: unpacks archives, telling `note` before it begins.
///
/// # Errors
/// As [`TaskStream::open`].
pub fn prepare(config: &DataConfig, note: &mut dyn FnMut(&str)) -> Result<(), DataError> {
    match config.kind.as_str() {
        "chart2code" => chart2code::prepare(&config.path, note),
        _ => Ok(()),
    }
}
