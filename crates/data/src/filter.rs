//! Filtering a corpus: the rows whose reference renders and whose pictures decode are kept, in
//! trl's conversational form. An interrupted filter resumes where it stopped.
//!
//! Rendering is passed in as a function, so this crate starts no process.

mod outputs;

use crate::{Corpus, DataConfig, DataError, Record, Skipped, decode_picture};
use outputs::Outputs;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use vsdpo_artifact::{ExecError, Source};

/// An opened corpus and the files that its rows go to.
pub struct Filter {
    corpus: Corpus,
    config: DataConfig,
    outputs: Outputs,
}

/// The counts of a finished filter.
pub struct Filtered {
    /// Rows in the output.
    pub kept: u64,
    /// Rows that were left out, by kind.
    pub rejected: BTreeMap<String, u64>,
}

impl Filter {
    /// Opens the corpus and its outputs: the kept rows go to `out`, the other ones with their
    /// reasons to `rejected`. If `out` has a saved state of the same configuration, the filter
    /// resumes there; otherwise the malformed rows are rejected first.
    ///
    /// # Errors
    /// Returns an error if the corpus cannot be opened, `out` exists without a state of this
    /// configuration, or a file cannot be written.
    pub fn open(config: DataConfig, out: &Path, rejected: Option<&Path>) -> Result<Self, DataError> {
        let mut outputs = Outputs::open(out, rejected, serde_json::json!(config))?;
        let fresh = !outputs.state.opened;
        let mut failed = None;
        let corpus = Corpus::open(&config, &mut |skipped: &Skipped| {
            if fresh && failed.is_none() {
                failed = outputs.reject(skipped.row, None, skipped.reason.name(), &skipped.message).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        outputs.state.opened = true;
        outputs.save()?;
        Ok(Self { corpus, config, outputs })
    }

    /// Well-formed rows of the corpus.
    pub fn total(&self) -> u64 {
        self.corpus.len()
    }

    /// Filters the remaining rows, `chunk` at a time; the state is saved after each chunk. `render`
    /// takes the row numbers and the sources of a chunk, and returns for each source the error it
    /// failed with. `progress` takes the number of finished rows.
    ///
    /// # Errors
    /// Returns an error if a row cannot be read, an output cannot be written, or `render` returns
    /// one.
    pub fn run<E: From<DataError>>(
        mut self,
        chunk: u64,
        render: impl Fn(RangeInclusive<u64>, &[Source]) -> Result<Vec<Option<ExecError>>, E>,
        mut progress: impl FnMut(u64),
    ) -> Result<Filtered, E> {
        while self.outputs.state.done < self.total() {
            let first = self.outputs.state.done;
            progress(first);
            let rows = first..self.total().min(first + chunk.max(1));
            let records = self.corpus.records(&rows.clone().collect::<Vec<u64>>())?;
            let language = self.config.domain.default_language();
            let source = |r: &Record| Source::new(r.reference.as_deref().unwrap_or(""), language);
            let sources: Vec<Source> = records.iter().map(source).collect();
            let numbers = self.corpus.number(rows.start)..=self.corpus.number(rows.end - 1);
            let failures = render(numbers, &sources)?;
            self.write(rows, &records, failures)?;
            self.outputs.save()?;
        }
        let state = self.outputs.finish()?;
        Ok(Filtered { kept: state.kept, rejected: state.reasons })
    }

    /// Writes each row of a chunk to the output that it belongs to, in the order of the corpus.
    fn write(
        &mut self,
        rows: Range<u64>,
        records: &[Record],
        failures: Vec<Option<ExecError>>,
    ) -> Result<(), DataError> {
        for ((i, record), failure) in rows.zip(records).zip(failures) {
            let number = self.corpus.number(i);
            let reason = if record.reference.is_none() {
                Some(("no-code", "the row has no answer".to_owned()))
            } else if let Some(error) = failure {
                Some((error.kind.name(), error.message))
            } else {
                self.bad_picture(record).map(|problem| ("bad-image", problem))
            };
            match reason {
                Some((kind, message)) => self.outputs.reject(number, Some(&record.id), kind, &message)?,
                None => self.outputs.keep(&self.corpus, number, record)?,
            }
            self.outputs.state.done = i + 1;
        }
        Ok(())
    }

    /// The error of the first picture that cannot be decoded.
    fn bad_picture(&self, record: &Record) -> Option<String> {
        record.pictures.iter().find_map(|picture| match self.corpus.picture(picture) {
            Ok(bytes) => decode_picture(&bytes).err(),
            Err(error) => Some(error.to_string()),
        })
    }
}
