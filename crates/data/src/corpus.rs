//! The part that all corpora share: an index of rows, which become records and then tasks.

use crate::chartmimic::ChartMimic;
use crate::error::{DataError, Reason, Skipped, Skips, tally};
use crate::picture::{Picture, decode};
use crate::record::{Record, Rows};
use crate::{DataConfig, DataSet, aeslides, chart2code, design2code, jsonl, websight};
use std::collections::BTreeMap;
use std::path::Path;
use vsdpo_artifact::{Domain, Task};

/// An opened corpus: its valid rows in file order.
#[derive(Debug)]
pub struct Corpus {
    rows: Box<dyn Rows>,
    domain: Domain,
    skipped: BTreeMap<Reason, u64>,
}

impl Corpus {
    /// Opens a corpus (not `mini`) and calls `skipped` for every row that is skipped.
    ///
    /// # Errors
    /// Returns an error if the data set is generated, if it does not have the domain, the split or
    /// a given filter, if a file is missing or has another format, or if no row is usable.
    pub fn open(config: &DataConfig, skipped: &mut dyn FnMut(&Skipped)) -> Result<Self, DataError> {
        config.check()?;
        if config.path.as_os_str().is_empty() && !config.dataset.is_generated() {
            return Err(DataError::Key {
                key: "path",
                problem: format!("is not given, but {:?} is read from files", config.dataset.name()),
                help: "give its file or folder",
            });
        }
        let mut skips = Skips { counts: BTreeMap::new(), listener: skipped };
        let rows = open(config, &mut skips)?;
        let corpus = Self { rows, domain: config.domain, skipped: skips.counts };
        match corpus.len() {
            0 => Err(DataError::file(
                corpus.path(),
                format!("contains no usable row (skipped: {})", tally(&corpus.skipped)),
                "check data.type and the format of the rows",
            )),
            _ => Ok(corpus),
        }
    }

    /// The number of valid rows.
    #[allow(clippy::len_without_is_empty)] // An empty corpus is not opened.
    pub fn len(&self) -> u64 {
        self.rows.len()
    }

    /// The number of the `i`-th valid row (from 0) in its file, counted from 1.
    pub fn number(&self, i: u64) -> u64 {
        self.rows.number(i)
    }

    /// The number of rows that were skipped at opening, by reason.
    pub fn skipped(&self) -> &BTreeMap<Reason, u64> {
        &self.skipped
    }

    /// The `i`-th valid row (from 0) with its pictures not decoded.
    ///
    /// # Errors
    /// Returns an error if the file changed since it was opened.
    pub fn record(&self, i: u64) -> Result<Record, DataError> {
        self.rows.record(i)
    }

    /// The records of several rows, in the order given. Rows of one Parquet row group are read
    /// together.
    ///
    /// # Errors
    /// The same as [`Self::record`].
    pub fn records(&self, rows: &[u64]) -> Result<Vec<Record>, DataError> {
        self.rows.records(rows)
    }

    /// The encoded bytes of a picture's file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn picture(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.rows.bytes(picture)
    }

    /// The `i`-th valid row (from 0) with its pictures decoded.
    ///
    /// # Errors
    /// Returns an error if the file changed, or if a picture cannot be read or decoded.
    pub fn task(&self, i: u64) -> Result<Task, DataError> {
        self.decoded(i, self.record(i)?)
    }

    /// The tasks of these rows, in this order.
    pub(crate) fn tasks(&self, rows: Vec<u64>) -> Result<Vec<Task>, DataError> {
        let records = self.records(&rows)?;
        rows.into_iter().zip(records).map(|(i, record)| self.decoded(i, record)).collect()
    }

    /// The row at a position of the endless stream of epochs over the first `n` rows.
    pub(crate) fn at(&self, seed: u64, position: u64, n: u64) -> u64 {
        self.rows.at(seed, position, n)
    }

    fn decoded(&self, i: u64, record: Record) -> Result<Task, DataError> {
        let image = |picture: &Picture| {
            decode(&self.picture(picture)?).map_err(|problem| DataError::Row {
                path: self.rows.file(i).to_owned(),
                row: self.number(i),
                problem: format!("{}: {problem}", picture.name()),
                help: "write the valid rows to a new file with `visual-sdpo data filter`",
            })
        };
        Ok(Task {
            images: record.pictures.iter().map(image).collect::<Result<_, _>>()?,
            id: record.id,
            domain: self.domain,
            language: self.domain.default_language(),
            prompt: record.prompt,
            reference: record.reference,
            requirements: record.requirements,
        })
    }

    /// The file or folder that contains the rows.
    pub fn path(&self) -> &Path {
        self.rows.path()
    }

    /// The row counts for a run's manifest.
    pub(crate) fn facts(&self) -> serde_json::Value {
        let skipped: BTreeMap<&str, u64> = self.skipped.iter().map(|(r, n)| (r.name(), *n)).collect();
        serde_json::json!({"rows": self.len(), "left_out": skipped})
    }
}

/// Opens the rows of a checked configuration.
fn open(config: &DataConfig, skips: &mut Skips) -> Result<Box<dyn Rows>, DataError> {
    let (path, split, limit) = (config.path.as_path(), config.split.as_str(), config.limit);
    if !config.dataset.has_splits() && split != "train" {
        return Err(DataError::Key {
            key: "split",
            problem: format!("{:?} has no split {split:?}", config.dataset.name()),
            help: "leave it out: the only split is \"train\"",
        });
    }
    Ok(match config.dataset {
        DataSet::Mini => {
            return Err(DataError::Key {
                key: "type",
                problem: "\"mini\" is generated and has no rows to read".into(),
                help: "choose a data set that is read from files",
            });
        }
        DataSet::Chart2Code => Box::new(chart2code::open(path, limit, skips)?),
        DataSet::ChartMimic => Box::new(ChartMimic::open(path, split, limit, skips)?),
        DataSet::WebSight | DataSet::WebCode2M => parquet(config, websight::PROMPT, skips)?,
        DataSet::Design2Code if design2code::in_parquet(path) => parquet(config, design2code::PROMPT, skips)?,
        DataSet::Design2Code => Box::new(design2code::Folder::open(path, limit, skips)?),
        DataSet::AeSlides => Box::new(aeslides::open(config, skips)?),
        DataSet::Jsonl => Box::new(jsonl::open(config, skips)?),
    })
}

/// Opens rows in Parquet files; `prompt` is the instruction of every task.
#[cfg(feature = "parquet")]
fn parquet(config: &DataConfig, prompt: &'static str, skips: &mut Skips) -> Result<Box<dyn Rows>, DataError> {
    use crate::{shards::Shards, webcode2m::Filters};
    Ok(Box::new(Shards::open(&config.path, prompt, &Filters(config), config.limit, skips)?))
}

#[cfg(not(feature = "parquet"))]
fn parquet(config: &DataConfig, _: &'static str, _: &mut Skips) -> Result<Box<dyn Rows>, DataError> {
    Err(DataError::Key {
        key: "type",
        problem: format!(
            "{:?} is stored in Parquet files, which this build cannot read",
            config.dataset.name()
        ),
        help: "build with the default features",
    })
}
