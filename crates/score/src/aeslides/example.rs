//! The stored result of an item.

use crate::results::Named;
use serde::{Deserialize, Serialize};
use vsdpo_diagnose::slide::{SlideAxes, SlideMetrics};

/// What became of an item. All but `Scored` count 0 on every axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was drawn.
    Scored,
    /// There is no response.
    Missing,
    /// It is no slide and no deck, or it cannot be drawn.
    Failed,
    /// It met a limit twice, which a busy machine can cause. The next run tries again.
    Lost,
}

/// A line of `examples.jsonl`. The line also has the means of the scores and of the rewards, which
/// are computed from the slides.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    pub key: String,
    pub name: String,
    pub status: Status,
    /// Why it has no scores.
    pub error: Option<String>,
    /// The slides in their order; none if the item is not scored.
    pub slides: Vec<SlideMetrics>,
}

impl Named for Example {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Example {
    /// The means of the scores over the slides; 0 without slides.
    pub fn scores(&self) -> SlideAxes {
        super::axes(&self.slides).0
    }

    /// The means of the rewards over the slides; 0 without slides.
    pub fn rewards(&self) -> SlideAxes {
        super::axes(&self.slides).1
    }
}
