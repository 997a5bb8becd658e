//! Errors of a data set as a whole ([`DataError`]) and of a single row ([`Skipped`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a data set cannot be read. The message is one line with the place and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No data set has this name.
    #[error("no data set is called {name:?}; help: use {known}")]
    UnknownDataSet {
        /// The name as given.
        name: String,
        /// The known names.
        known: String,
    },
    /// The data set does not have this domain.
    #[error("data.domain: {dataset:?} has no {domain} tasks; help: use {known}")]
    UnknownDomain {
        /// The data set.
        dataset: &'static str,
        /// The domain that was asked for.
        domain: &'static str,
        /// The domains of the data set.
        known: String,
    },
    /// A key of the configuration has an unusable value.
    #[error("data.{key}: {problem}; help: {help}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
        /// What to write instead.
        help: &'static str,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}; help: {help}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
        /// What to do.
        help: &'static str,
    },
    /// A file or folder has the wrong format or content.
    #[error("{path}: {problem}; help: {help}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        help: &'static str,
    },
    /// A row was valid when the data set was opened and no longer is, or its picture cannot be
    /// decoded.
    #[error("{path}: row {row}: {problem}; help: {help}", path = path.display())]
    Row {
        /// The file that contains the row.
        path: PathBuf,
        /// The number of the row, from 1.
        row: u64,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        help: &'static str,
    },
}

impl DataError {
    /// For `map_err` on file operations on `path`.
    pub(crate) fn io(path: &Path, help: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| DataError::Io { path: path.to_owned(), source, help }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>, help: &'static str) -> Self {
        DataError::File { path: path.to_owned(), problem: problem.into(), help }
    }
}

/// Why a row was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its bytes are not UTF-8.
    NotUtf8,
    /// It is not JSON.
    NotJson,
    /// It is larger than any row should be (4 MiB).
    TooLarge,
    /// It is JSON with another structure.
    Form,
    /// A name in it is not one that the data set has.
    Name,
    /// The answer contains no code.
    NoCode,
    /// A picture that it names does not exist.
    MissingImage,
    /// A picture that it names cannot be decoded. This is found when a row is drawn, not at
    /// opening.
    BadImage,
    /// It does not pass a filter of the configuration.
    Filtered,
}

impl Reason {
    /// The name in JSONL output and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotUtf8 => "not-utf8",
            Reason::NotJson => "not-json",
            Reason::TooLarge => "too-large",
            Reason::Form => "form",
            Reason::Name => "name",
            Reason::NoCode => "no-code",
            Reason::MissingImage => "missing-image",
            Reason::BadImage => "bad-image",
            Reason::Filtered => "filtered",
        }
    }
}

/// A row that was skipped at opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its number in the file, from 1.
    pub row: u64,
    /// Why it was skipped.
    pub reason: Reason,
    /// Details, in one line.
    pub message: String,
}

/// Why a row is skipped, before its number is known.
pub(crate) type Rejection = (Reason, String);

/// Counts the skipped rows and passes each to a listener, so that memory use does not grow with
/// them.
pub(crate) struct Skips<'a> {
    pub counts: BTreeMap<Reason, u64>,
    pub listener: &'a mut dyn FnMut(&Skipped),
}

impl Skips<'_> {
    pub fn add(&mut self, row: u64, (reason, message): Rejection) {
        *self.counts.entry(reason).or_default() += 1;
        (self.listener)(&Skipped { row, reason, message });
    }
}

/// `2 form, 1 not-json`; `none` if nothing was counted.
pub(crate) fn tally(counts: &BTreeMap<Reason, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(reason, n)| format!("{n} {}", reason.name())).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

/// `"a", "b" or "c"`.
pub(crate) fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    match (names.pop(), names.is_empty()) {
        (Some(last), false) => format!("{} or {last}", names.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}
