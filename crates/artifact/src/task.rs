//! What is asked of the policy.

use crate::Image;
use serde::{Deserialize, Serialize};

/// The three kinds of artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// matplotlib scripts.
    Chart,
    /// HTML pages.
    Web,
    /// Slides.
    Slide,
}

impl Domain {
    /// The lower-case name, as in recipes and file names.
    pub fn name(self) -> &'static str {
        match self {
            Domain::Chart => "chart",
            Domain::Web => "web",
            Domain::Slide => "slide",
        }
    }

    /// Languages of a fenced block that holds this domain's code.
    pub fn fences(self) -> &'static [&'static str] {
        match self {
            Domain::Chart => &["python", "py"],
            Domain::Web => &["html"],
            Domain::Slide => &["python", "py", "html"],
        }
    }
}

/// One task: the prompt x and what is known about a good answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Stable name within its data set.
    pub id: String,
    /// Decides renderer, rules and axes.
    pub domain: Domain,
    /// The instruction.
    pub prompt: String,
    /// Pictures that belong to the instruction, before its text.
    pub images: Vec<Image>,
    /// Code of a good answer, where the data set has one (SFT, OPSD).
    pub reference: Option<String>,
    /// What the artifact must show; without it the content axis is not judged.
    pub requirements: Option<Requirements>,
}

/// Checkable demands of an instruction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Requirements {
    /// Texts that must be drawn, whole.
    pub texts: Vec<String>,
    /// Data series that must be shown, by their values in order.
    pub series: Vec<Vec<f64>>,
    /// The colour of the plot area (the axes), or of a page at large, RGB.
    pub background: Option<[u8; 3]>,
}
