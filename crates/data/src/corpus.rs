//! What the corpora have in common: an index of rows, records, tasks.

use crate::DataConfig;
use crate::chart2code;
use crate::chartmimic::ChartMimic;
use crate::error::{DataError, Reason, Skipped, Skips, tally};
use crate::jsonl;
use crate::picture::{Picture, Store, decode};
use crate::record::Record;
use crate::table::Table;
use std::collections::BTreeMap;
use std::path::Path;
use vsdpo_artifact::{Domain, Task};

/// An opened corpus: its good rows in the order of the file.
#[derive(Debug)]
pub struct Corpus {
    set: Set,
    skipped: BTreeMap<Reason, u64>,
}

#[derive(Debug)]
enum Set {
    Table(Table),
    ChartMimic(ChartMimic),
}

impl Corpus {
    /// Opens a corpus (not `mini`), telling `skipped` of every row that is left out.
    ///
    /// # Errors
    /// An unknown data set or split; files that are not there or of another form; no usable row.
    pub fn open(config: &DataConfig, skipped: &mut dyn FnMut(&Skipped)) -> Result<Self, DataError> {
        let (path, split, limit) = (&config.path, config.split.as_str(), config.limit);
        let known = ["chart2code", "chartmimic", "jsonl"].contains(&config.kind.as_str());
        if known && path.as_os_str().is_empty() {
            return Err(DataError::Key {
                key: "path",
                problem: format!("is not given, and {:?} lies in files", config.kind),
                mend: "name its file or folder",
            });
        }
        let mut skips = Skips { counts: BTreeMap::new(), listener: skipped };
        let set = match config.kind.as_str() {
            "chart2code" if split != "train" => {
                return Err(DataError::Key {
                    key: "split",
                    problem: format!("Chart2Code has no {split:?}"),
                    mend: "leave it out: the data set has one part",
                });
            }
            "chart2code" => Set::Table(chart2code::open(path, limit, &mut skips)?),
            "chartmimic" => Set::ChartMimic(ChartMimic::open(path, split, limit, &mut skips)?),
            "jsonl" => Set::Table(jsonl::open(path, split, limit, &mut skips)?),
            other => return Err(DataError::UnknownType(other.to_owned())),
        };
        let corpus = Self { set, skipped: skips.counts };
        match corpus.len() {
            0 => Err(DataError::file(
                corpus.path(),
                format!("holds no usable row (left out: {})", tally(&corpus.skipped)),
                "check data.type and the form of its rows",
            )),
            _ => Ok(corpus),
        }
    }

    /// Good rows.
    #[allow(clippy::len_without_is_empty)] // An empty corpus is not opened.
    pub fn len(&self) -> u64 {
        match &self.set {
            Set::Table(set) => set.rows().len(),
            Set::ChartMimic(set) => set.len(),
        }
    }

    /// The number of the `i`-th good row in its file, from 1.
    pub fn number(&self, i: u64) -> u64 {
        match &self.set {
            Set::Table(set) => set.rows().number(i),
            Set::ChartMimic(_) => i + 1,
        }
    }

    /// Rows that were left out at opening, by reason.
    pub fn skipped(&self) -> &BTreeMap<Reason, u64> {
        &self.skipped
    }

    /// The `i`-th good row (from 0) without its pictures.
    ///
    /// # Errors
    /// The file changed.
    pub fn record(&self, i: u64) -> Result<Record, DataError> {
        match &self.set {
            Set::Table(set) => set.record(i),
            Set::ChartMimic(set) => set.record(i),
        }
    }

    /// The file of a picture, byte for byte.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn picture(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.store().bytes(picture)
    }

    /// The `i`-th good row (from 0) with its pictures decoded.
    ///
    /// # Errors
    /// The file changed, or a picture cannot be read or decoded.
    pub fn task(&self, i: u64) -> Result<Task, DataError> {
        let record = self.record(i)?;
        let image = |picture: &Picture| {
            decode(&self.picture(picture)?).map_err(|problem| {
                let name = match picture {
                    Picture::File(path) => path.display().to_string(),
                    Picture::Member { name, .. } => name.clone(),
                };
                DataError::Row {
                    path: self.path().to_owned(),
                    row: self.number(i),
                    problem: format!("{name}: {problem}"),
                    mend: "`visual-sdpo data filter` writes the rows that are whole",
                }
            })
        };
        Ok(Task {
            images: record.pictures.iter().map(image).collect::<Result<_, _>>()?,
            id: record.id,
            domain: Domain::Chart,
            prompt: record.prompt,
            reference: record.reference,
            requirements: record.requirements,
        })
    }

    /// The file of the rows, or their folder.
    pub fn path(&self) -> &Path {
        match &self.set {
            Set::Table(set) => set.rows().path(),
            Set::ChartMimic(set) => set.folder(),
        }
    }

    /// For a run's manifest.
    pub(crate) fn facts(&self) -> serde_json::Value {
        let skipped: BTreeMap<&str, u64> = self.skipped.iter().map(|(r, n)| (r.name(), *n)).collect();
        serde_json::json!({"rows": self.len(), "left_out": skipped})
    }

    fn store(&self) -> &Store {
        match &self.set {
            Set::Table(set) => set.store(),
            Set::ChartMimic(set) => set.store(),
        }
    }
}
