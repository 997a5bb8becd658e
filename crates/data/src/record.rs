//! A row before its pictures are read.

use crate::picture::Picture;
use vsdpo_artifact::{Domain, Requirements, Span, extract_code};

/// A task whose pictures are still where they lie.
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

/// The code of an answer: its first fenced block (or, if `bare`, the whole text where there is none).
/// `None` if there is no fence or nothing in it.
pub(crate) fn code_of(answer: &str, bare: bool) -> Option<&str> {
    let span: Span = extract_code(answer, Domain::Chart);
    let fenced = span != Span::new(0, answer.len());
    span.text(answer).filter(|code| (fenced || bare) && !code.trim().is_empty())
}
