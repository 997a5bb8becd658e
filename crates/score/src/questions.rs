//! The questions of a benchmark, and the model that answers them.

use crate::provenance::Asking;
use anyhow::Result;
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;

/// One example of a benchmark as a question.
pub struct Question {
    /// The example's name.
    pub name: String,
    /// The domain of the answer.
    pub domain: Domain,
    /// The instruction.
    pub prompt: String,
    /// PNG or JPEG files that are shown before the prompt.
    pub pictures: Vec<Vec<u8>>,
}

/// The question with a number, from 0; several threads may ask.
pub type Get<'a> = dyn Fn(usize) -> Result<Question> + Sync + 'a;

/// All questions; pictures are read when they are asked for.
pub struct Questions<'a> {
    /// The prompt's variant, as provenance names it.
    pub variant: &'static str,
    /// Number of questions.
    pub count: usize,
    /// The question with this number.
    pub get: &'a Get<'a>,
}

/// The answers to all questions.
#[derive(Debug)]
pub struct Answered {
    /// Lines of `{"name", "response"}`.
    pub file: PathBuf,
    /// How the model was asked.
    pub asking: Asking,
}

/// A model that answers the questions before they are scored. Its answers are written to a file in
/// the folder of results.
pub struct Asked<'a> {
    /// The model's folder, or the name that it is served under.
    pub model: String,
    /// The folder of results if none is given.
    pub out: PathBuf,
    /// Asks all questions and writes the answers into the folder.
    pub answer: &'a dyn Fn(&Questions<'_>, &Path) -> Result<Answered>,
}
