//! What a benchmark asks a model, and who is asked.

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
    /// How many.
    pub count: usize,
    /// The question with this number, from 0.
    pub get: &'a dyn Fn(usize) -> Result<Question>,
}

/// A model that is asked first. The answers go into the folder of results, as the file that comes
/// back: lines of `{"name", "response"}`.
pub struct Asked<'a> {
    /// The model's folder.
    pub model: &'a Path,
    /// Asks all questions; writes into the folder and returns the file.
    pub answer: &'a dyn Fn(&Questions<'_>, &Path) -> Result<PathBuf>,
}
