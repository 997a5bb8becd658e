//! What is asked of the policy.

use crate::{Image, Region};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// The three kinds of artifact. A domain decides rules and axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// All domains.
    pub const ALL: [Domain; 3] = [Domain::Chart, Domain::Web, Domain::Slide];

    /// The lower-case name, as in recipes and file names.
    pub fn name(self) -> &'static str {
        match self {
            Domain::Chart => "chart",
            Domain::Web => "web",
            Domain::Slide => "slide",
        }
    }

    /// The language of a domain's sources where nothing else says it.
    pub fn default_language(self) -> Language {
        match self {
            Domain::Chart => Language::Python,
            Domain::Web | Domain::Slide => Language::Html,
        }
    }
}

/// The languages of sources. A language decides how a source is read: code fences, statements,
/// comments, the entry of the renderer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python: matplotlib scripts, python-pptx scripts.
    Python,
    /// HTML with CSS and JavaScript: pages, slides.
    Html,
    /// A .pptx file as it is, which has no code: no statement answers for it.
    Pptx,
}

impl Language {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Html => "html",
            Language::Pptx => "pptx",
        }
    }

    /// Info strings of a fenced block that holds code in this language.
    pub fn fences(self) -> &'static [&'static str] {
        match self {
            Language::Python => &["python", "py"],
            Language::Html => &["html"],
            Language::Pptx => &[],
        }
    }
}

/// A piece of code, or a file, to render.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The code. Spans of elements, errors and statements are byte offsets into it. Empty where the
    /// language has no code.
    pub text: String,
    /// How it is read.
    pub language: Language,
    /// The folder whose files it may use by relative paths; `None`: it has no files.
    pub folder: Option<PathBuf>,
    /// Its name in that folder, where a script may ask for it.
    pub name: Option<String>,
    /// Where the cells of a notebook begin in the text, in bytes; empty for every other source.
    pub cells: Vec<usize>,
    /// The bytes, where they are no text.
    pub file: Option<Arc<[u8]>>,
}

impl Source {
    /// A source without files of its own.
    pub fn new(text: impl Into<String>, language: Language) -> Self {
        Self { text: text.into(), language, folder: None, name: None, cells: Vec::new(), file: None }
    }

    /// A .pptx file.
    pub fn pptx(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { file: Some(bytes.into()), ..Self::new("", Language::Pptx) }
    }
}

/// One task: the prompt x and what is known about a good answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Stable name within its data set.
    pub id: String,
    /// Decides rules and axes.
    pub domain: Domain,
    /// The language of the answer.
    pub language: Language,
    /// The instruction.
    pub prompt: String,
    /// Pictures that belong to the instruction, before its text.
    pub images: Vec<Image>,
    /// Code of a good answer, where the data set has one (SFT, OPSD).
    pub reference: Option<String>,
    /// What the artifact must show; without it the content axis is not judged.
    pub requirements: Option<Requirements>,
}

impl Task {
    /// A task of which only the kind of artifact is known: a file that somebody wrote.
    pub fn unspecified(domain: Domain, language: Language) -> Self {
        Self {
            id: String::new(),
            domain,
            language,
            prompt: String::new(),
            images: Vec::new(),
            reference: None,
            requirements: None,
        }
    }
}

/// Checkable requirements of an instruction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requirements {
    /// Texts that must be drawn, whole.
    pub texts: Vec<String>,
    /// Data series that must be shown, by their values in order.
    pub series: Vec<Vec<f64>>,
    /// The colour of the plot area (the axes), or of a page at large, RGB.
    pub background: Option<[u8; 3]>,
    /// Names that a legend must show. Charts only.
    pub legend: Vec<String>,
    /// Texts that must be tick labels. Charts only.
    pub ticks: Vec<String>,
    /// Texts that must stand on a ground of this colour, RGB.
    pub grounds: Vec<(String, [u8; 3])>,
    /// Texts, and the part of the window in which the middle of each must be, in fractions of the
    /// window's sides. Pages and slides only.
    pub places: Vec<(String, Region)>,
    /// Pictures that must be shown, each by its width over its height. Pages and slides only.
    pub pictures: Vec<f32>,
    /// Boxes that must stand beside each other. Pages and slides only.
    pub rows: Vec<BoxRow>,
    /// Texts that must be set in certain letters. Pages and slides only.
    pub letters: Vec<Letters>,
}

/// Boxes that stand beside each other in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxRow {
    /// One text of each box, from left to right. A text's box is the largest element around it that
    /// holds no other text of the row.
    pub texts: Vec<String>,
    /// Pixels between a box and the next one.
    pub gap: f32,
}

/// The letters of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letters {
    /// The text.
    pub text: String,
    /// Font size in pixels; any if absent.
    #[serde(default)]
    pub size: Option<f32>,
    /// Colour, RGB; any if absent.
    #[serde(default)]
    pub color: Option<[u8; 3]>,
    /// Pixels added between letters, 0 for none; any number if absent.
    #[serde(default)]
    pub spacing: Option<f32>,
}
