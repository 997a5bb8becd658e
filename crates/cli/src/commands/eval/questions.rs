//! What a benchmark asks a model, and who is asked.

use anyhow::Result;
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;

/// One example of a benchmark as a question. Builds without models ask none.
#[cfg_attr(not(feature = "train"), allow(dead_code))]
pub struct Question {
    pub name: String,
    pub domain: Domain,
    pub prompt: String,
    /// PNG or JPEG files that are shown before the prompt.
    pub pictures: Vec<Vec<u8>>,
}

/// All questions; pictures are read when they are asked for.
#[cfg_attr(not(feature = "train"), allow(dead_code))]
pub struct Questions<'a> {
    pub count: usize,
    pub get: &'a dyn Fn(usize) -> Result<Question>,
}

/// A model that is asked first. The answers go into the folder of results, as the file that comes
/// back: lines of `{"name", "response"}`.
pub struct Asked<'a> {
    pub model: &'a Path,
    pub answer: &'a dyn Fn(&Questions<'_>, &Path) -> Result<PathBuf>,
}
