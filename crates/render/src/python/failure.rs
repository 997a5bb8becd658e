//! What a script's process reports of its failure: a claim, as everything that it reports.

use super::buffer::{Refused, broken};
use super::remedy::{Facts, remedy};
use crate::text::{clean, clean_line};
use serde::Deserialize;
use vsdpo_artifact::{ExecError, FailureKind, Span};

const MAX_TEXT: usize = 2_000;
const MAX_TRACEBACK: usize = 8_000;

/// The report of a failed script.
#[derive(Deserialize)]
struct Failure {
    kind: FailureKind,
    message: String,
    #[serde(default)]
    traceback: String,
    #[serde(default)]
    span: Option<Span>,
    /// Told of a person's script only.
    #[serde(default)]
    facts: Option<Facts>,
}

/// Reads and checks the report of a script that failed.
pub(crate) fn read(json: &[u8], source: &str) -> Result<ExecError, Refused> {
    use FailureKind::{Crash, Timeout};
    let f: Failure = serde_json::from_slice(json).or_else(|e| broken(format!("malformed records: {e}")))?;
    if matches!(f.kind, Crash | Timeout) {
        return broken("a failure that only the supervisor can report");
    }
    Ok(ExecError {
        kind: f.kind,
        message: clean_line(&f.message, MAX_TEXT),
        traceback: clean(&f.traceback, MAX_TRACEBACK),
        span: f.span.filter(|&s| inside(s, source)),
        help: f.facts.and_then(|facts| remedy(&facts)),
    })
}

/// Whether a span lies in the source, on whole characters.
pub(crate) fn inside(span: Span, source: &str) -> bool {
    span.text(source).is_some()
}
