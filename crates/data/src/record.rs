//! A row before its pictures are decoded.

use crate::error::{DataError, Fault, Reason};
use crate::order;
use crate::picture::Picture;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::path::Path;
use vsdpo_artifact::{Domain, Requirements, Span, extract_code};

/// The good rows of a data set, whatever its form.
pub(crate) trait Rows: Debug + Send + Sync {
    fn len(&self) -> u64;

    /// The file of the rows, or their folder.
    fn path(&self) -> &Path;

    /// The file of one row, where there are several.
    fn file(&self, _i: u64) -> &Path {
        self.path()
    }

    /// The number of a row in its file, from 1.
    fn number(&self, i: u64) -> u64 {
        i + 1
    }

    fn record(&self, i: u64) -> Result<Record, DataError>;

    /// The same for rows of which several may be read at once.
    fn records(&self, rows: &[u64]) -> Result<Vec<Record>, DataError> {
        rows.iter().map(|&i| self.record(i)).collect()
    }

    /// The file of a picture.
    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError>;

    /// The row at a position of the endless stream.
    fn at(&self, seed: u64, position: u64) -> u64 {
        order::row_at(seed, position, self.len())
    }
}

/// A task whose pictures are still files, mostly where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Stable name within its data set.
    pub id: String,
    /// The instruction.
    pub prompt: String,
    /// Pictures that belong to the instruction, before its text.
    pub pictures: Vec<Picture>,
    /// Code of a good answer.
    pub reference: Option<String>,
    /// Checkable demands, where the data set has any.
    pub requirements: Option<Requirements>,
}

/// A row's text as JSON of its form.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let value: Value = serde_json::from_str(text).map_err(|e| (Reason::NotJson, e.to_string()))?;
    serde_json::from_value(value).map_err(|e| (Reason::Form, e.to_string()))
}

/// The name that a row gives itself, or one by its number.
pub(crate) fn id_of(id: &Value, number: u64) -> String {
    match id {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => format!("row-{number}"),
    }
}

/// The code of an answer: its first fenced block (or, if `bare`, the whole text where there is
/// none). `None` if there is no fence or nothing in it.
pub(crate) fn code_of(answer: &str, domain: Domain, bare: bool) -> Option<&str> {
    let span: Span = extract_code(answer, domain.default_language());
    let fenced = span != Span::new(0, answer.len());
    span.text(answer).filter(|code| (fenced || bare) && !code.trim().is_empty())
}
