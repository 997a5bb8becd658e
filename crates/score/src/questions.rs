//! The questions of a benchmark, and the model that answers them.

use anyhow::Result;
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;

/// One example of a benchmark as a question. Builds without models ask none.
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

/// All questions; pictures are read when they are asked for.
pub struct Questions<'a> {
    /// Number of questions.
    pub count: usize,
    /// The question with this number, from 0.
    pub get: &'a dyn Fn(usize) -> Result<Question>,
}

/// A model that answers the questions before they are scored. Its answers are written to a file in
/// the folder of results, as lines of `{"name", "response"}`.
pub struct Asked<'a> {
    /// The model's folder.
    pub model: &'a Path,
    /// Asks all questions, writes the answers into the folder, and returns their file.
    pub answer: &'a dyn Fn(&Questions<'_>, &Path) -> Result<PathBuf>,
}
