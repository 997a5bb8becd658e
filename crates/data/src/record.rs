//! Rows with their pictures not decoded yet.

use crate::error::{DataError, Reason, Rejection};
use crate::order;
use crate::picture::Picture;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::path::Path;
use vsdpo_artifact::{Domain, Requirements, Span, extract_code};

/// The valid rows of a data set, in any format.
pub(crate) trait Rows: Debug + Send + Sync {
    fn len(&self) -> u64;

    /// The file or folder that contains the rows.
    fn path(&self) -> &Path;

    /// The file that contains row `i`, if there are several files.
    fn file(&self, _i: u64) -> &Path {
        self.path()
    }

    /// The number of row `i` in its file, from 1.
    fn number(&self, i: u64) -> u64 {
        i + 1
    }

    fn record(&self, i: u64) -> Result<Record, DataError>;

    /// Several records, in the order given; an implementation may read rows together.
    fn records(&self, rows: &[u64]) -> Result<Vec<Record>, DataError> {
        rows.iter().map(|&i| self.record(i)).collect()
    }

    /// The encoded bytes of a picture.
    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError>;

    /// The row at a position of the endless stream of epochs over the first `n` rows.
    fn at(&self, seed: u64, position: u64, n: u64) -> u64 {
        order::row_at(seed, position, n)
    }
}

/// A task whose pictures are not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Stable identifier within the data set.
    pub id: String,
    /// The instruction.
    pub prompt: String,
    /// Pictures of the instruction; they come before its text.
    pub pictures: Vec<Picture>,
    /// Code of the reference answer.
    pub reference: Option<String>,
    /// Requirements that can be checked, if the data set has any.
    pub requirements: Option<Requirements>,
}

/// Parses the JSON text of a row.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Rejection> {
    let value: Value = serde_json::from_str(text).map_err(|e| (Reason::NotJson, e.to_string()))?;
    serde_json::from_value(value).map_err(|e| (Reason::Form, e.to_string()))
}

/// The row's own identifier, or one made from its number.
pub(crate) fn id_of(id: &Value, number: u64) -> String {
    match id {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => format!("row-{number}"),
    }
}

/// The code of an answer: its first fenced block, or the whole text if there is no fence and `bare`
/// is set. `None` if there is no code.
pub(crate) fn code_of(answer: &str, domain: Domain, bare: bool) -> Option<&str> {
    let span: Span = extract_code(answer, domain.default_language());
    let fenced = span != Span::new(0, answer.len());
    span.text(answer).filter(|code| (fenced || bare) && !code.trim().is_empty())
}
