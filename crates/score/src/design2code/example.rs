//! The stored result of an example.

use super::scorer::Both;
use crate::design2code::cache::Beside;
use crate::results::Named;
use serde::{Deserialize, Serialize};

/// The outcome of scoring an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Scored,
    /// There is no predicted page.
    Missing,
    /// The benchmark's programs raise on a page, or a page cannot be read.
    Raised,
    /// A screenshot failed twice. The next run tries again.
    Failed,
}

/// The five scores, from 0 to 1; `None` for an example without scores.
#[derive(Clone, Deserialize)]
pub struct Example {
    pub key: String,
    pub name: String,
    pub status: Status,
    /// Why there are no scores.
    pub error: Option<String>,
    pub block_match: Option<f64>,
    pub text: Option<f64>,
    pub position: Option<f64>,
    pub color: Option<f64>,
    /// Also `None` without weights of CLIP.
    pub clip: Option<f64>,
    pub overall: Option<f64>,
    pub overall_without_clip: Option<f64>,
    #[serde(default)]
    pub unmet: Both<Vec<String>>,
    #[serde(default)]
    pub beside: Both<Beside>,
    #[serde(default)]
    pub retried: usize,
}

impl Named for Example {
    fn name(&self) -> &str {
        &self.name
    }
}
