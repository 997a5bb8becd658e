//! Checks what a recorded script wrote. As in `result`, the records are a claim of untrusted code:
//! they have caps, and become [`ChartRecords`](vsdpo_artifact::ChartRecords) only within them.

use crate::python::buffer::{Refused, open};
use crate::python::job::Trial;
use crate::text::clean_line;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use vsdpo_artifact::{ColorToken, GridCell};

const MAX_TEXTS: usize = 100_000;
const MAX_CELLS: usize = 10_000;
const MAX_TYPES: usize = 256;
const MAX_COLORS: usize = 50_000;
/// Characters of a label or of the name of a colour map.
const MAX_NAME: usize = 256;
const MAX_REMARK: usize = 400;

/// The records of one process; those that it could not take are `None`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Part {
    pub text: Option<Vec<String>>,
    pub layout: Option<Vec<GridCell>>,
    pub types: Option<BTreeMap<String, u64>>,
    pub colors: Option<BTreeSet<ColorToken>>,
    pub exec: Option<bool>,
    /// The records cannot be taken together; none is given.
    pub apart: bool,
    /// What ended the script.
    pub error: Option<String>,
    /// What the benchmark's wrapper around the script swallowed.
    pub caught: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    text: Option<Vec<String>>,
    layout: Option<Vec<[u32; 6]>>,
    #[serde(rename = "type")]
    types: Option<BTreeMap<String, u64>>,
    color: Option<Vec<String>>,
    exec: Option<bool>,
    #[serde(default)]
    apart: bool,
    error: Option<String>,
    caught: Option<String>,
}

/// A run under the recorder that shows whether the sandbox is closed.
pub(crate) fn trial() -> Trial {
    let options = serde_json::json!({"want": ["exec"], "target": "", "seed": 0});
    Trial { options, error: |buffer, _| Ok(read(buffer)?.error) }
}

/// Reads and checks the buffer of a dead process.
pub(crate) fn read(buffer: &File) -> Result<Part, Refused> {
    let (head, json) = open(buffer)?;
    head.of_records()?;
    if head.failed {
        return Err(Refused::Broken(failure(&json)));
    }
    check(serde_json::from_slice(&json).map_err(|e| Refused::Broken(format!("malformed records: {e}")))?)
        .map_err(|why| Refused::Broken(why.into()))
}

/// The Python side's reason: the memory limit, or too many records.
fn failure(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Failure {
        message: String,
    }
    let message = serde_json::from_slice::<Failure>(json).map(|f| clean_line(&f.message, MAX_REMARK));
    message.unwrap_or_else(|e| format!("malformed records: {e}"))
}

/// Refuses claims that the recorder cannot have made.
fn check(claim: Claim) -> Result<Part, &'static str> {
    if claim.text.as_ref().is_some_and(|t| t.len() > MAX_TEXTS) {
        return Err("too many texts");
    }
    if claim.layout.as_ref().is_some_and(|l| l.len() > MAX_CELLS) {
        return Err("too many axes");
    }
    let named = |(label, count): (&String, &u64)| is_name(label) && *count <= u64::from(u32::MAX);
    if claim.types.as_ref().is_some_and(|t| t.len() > MAX_TYPES || !t.iter().all(named)) {
        return Err("impossible chart types");
    }
    if claim.color.as_ref().is_some_and(|c| c.len() > MAX_COLORS) {
        return Err("too many colours");
    }
    let tokens = |c: Vec<String>| c.iter().map(|t| token(t)).collect::<Option<BTreeSet<_>>>();
    let colors = claim.color.map(|c| tokens(c).ok_or("a colour that is none")).transpose()?;
    let line = |text: Option<String>| text.map(|t| clean_line(&t, MAX_REMARK));
    Ok(Part {
        text: claim.text,
        layout: claim.layout.map(|cells| cells.into_iter().map(cell).collect()),
        types: claim.types,
        colors,
        exec: claim.exec,
        apart: claim.apart,
        error: line(claim.error),
        caught: line(claim.caught),
    })
}

fn cell([nrows, ncols, row_start, row_end, col_start, col_end]: [u32; 6]) -> GridCell {
    GridCell { nrows, ncols, row_start, row_end, col_start, col_end }
}

fn is_name(text: &str) -> bool {
    text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control)
}

/// `class--token`; a token that begins with `#` is a colour in capital digits.
fn token(text: &str) -> Option<ColorToken> {
    let (class, token) = text.split_once("--")?;
    let digits = |hex: &str| hex.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    let valid = match token.strip_prefix('#') {
        Some(hex) => matches!(hex.len(), 6 | 8) && digits(hex),
        None => is_name(token),
    };
    (valid && is_name(class)).then(|| ColorToken { class: class.into(), token: token.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::buffer::{RECORDS, RECORDS_AT, RECORDS_MAX};
    use std::os::unix::fs::FileExt;

    fn buffer(magic: &[u8], status: u32, length: u64, json: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        let mut head = [0; RECORDS_AT as usize];
        head[..magic.len()].copy_from_slice(magic);
        head[8..12].copy_from_slice(&1u32.to_le_bytes());
        head[12..16].copy_from_slice(&status.to_le_bytes());
        head[24..32].copy_from_slice(&length.to_le_bytes());
        file.write_all_at(&head, 0).unwrap();
        file.write_all_at(json, RECORDS_AT).unwrap();
        file
    }

    fn claim(json: &str) -> Result<Part, Refused> {
        read(&buffer(RECORDS, 0, json.len() as u64, json.as_bytes()))
    }

    #[test]
    fn honest_claims_are_read() {
        let part = claim(
            r##"{"text":["a",""],"layout":[[1,2,0,0,1,1]],"type":{"x-bar":2},"color":["x/bar--#00FF00","x/imshow--viridis"],"error":null,"caught":"E: \u001b[1mx"}"##,
        )
        .unwrap();
        assert_eq!(part.text.unwrap(), ["a", ""]);
        assert_eq!(part.layout.unwrap()[0].col_end, 1);
        assert_eq!(part.types.unwrap()["x-bar"], 2);
        assert_eq!(part.colors.unwrap().len(), 2);
        assert_eq!((part.exec, part.error), (None, None));
        assert_eq!(part.caught.as_deref(), Some("E: [1mx"));
    }

    #[test]
    fn impossible_claims_are_refused() {
        for json in [
            "",
            "{",
            "[]",
            r#"{"text":[1]}"#,
            r#"{"text":["a"],"more":1}"#,
            r#"{"layout":[[1,2,3]]}"#,
            r#"{"layout":[[1,2,0,0,-1,1]]}"#,
            r#"{"type":{"a":-1}}"#,
            r#"{"type":{"a":99999999999}}"#,
            r#"{"color":["no separator"]}"#,
            r##"{"color":["a--#12345"]}"##,
            r##"{"color":["a--#GGGGGG"]}"##,
            r##"{"color":["a--#ff0000"]}"##,
        ] {
            assert!(matches!(claim(json), Err(Refused::Broken(_))), "{json}");
        }
        let long = "y".repeat(MAX_NAME + 1);
        assert!(claim(&format!(r#"{{"color":["a--{long}"]}}"#)).is_err());
        let many = vec!["[1,1,0,0,0,0]"; MAX_CELLS + 1].join(",");
        assert!(claim(&format!(r#"{{"layout":[{many}]}}"#)).is_err());
    }

    #[test]
    fn torn_and_foreign_buffers_are_refused() {
        assert_eq!(read(&buffer(&[0; 8], 0, 2, b"{}")), Err(Refused::Absent));
        assert!(read(&buffer(b"VSDPOFRM", 0, 2, b"{}")).is_err(), "a frame is no record");
        assert!(read(&buffer(RECORDS, 2, 2, b"{}")).is_err());
        assert!(read(&buffer(RECORDS, 0, RECORDS_MAX + 1, b"{}")).is_err());
        assert!(read(&buffer(RECORDS, 0, 1 << 40, b"{}")).is_err());
        assert!(read(&buffer(RECORDS, 0, 3, b"{}")).is_err(), "shorter than it says");
        let failure = read(&buffer(b"VSDPOFRM", 1, 19, br#"{"message":"large"}"#));
        assert_eq!(failure, Err(Refused::Broken("large".into())));
        assert!(read(&tempfile::tempfile().unwrap()).is_err());
    }
}
