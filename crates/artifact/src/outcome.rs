//! R(y): what became of a piece of code.

use crate::{Element, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An RGBA picture, 8 bits a channel, rows from the top, not premultiplied.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 4` bytes.
    pub rgba: Arc<[u8]>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}x{})", self.width, self.height)
    }
}

impl Image {
    /// The pixel at column `x`, row `y`; both must lie inside.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let i = (y as usize * self.width as usize + x as usize) * 4;
        [self.rgba[i], self.rgba[i + 1], self.rgba[i + 2], self.rgba[i + 3]]
    }
}

/// Paper section 2.1, R(y): the result of running a piece of code. Code that fails is a *value*,
/// because it is training signal (reward 0, the error text as privileged context); an `Err`
/// elsewhere means that we failed, not the code.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The code ran and drew something.
    Rendered(Rendered),
    /// The code ran into an error, a limit, or drew nothing.
    Failed {
        /// Why.
        error: ExecError,
    },
}

impl Outcome {
    /// The render, if there is one.
    pub fn rendered(&self) -> Option<&Rendered> {
        match self {
            Outcome::Rendered(r) => Some(r),
            Outcome::Failed { .. } => None,
        }
    }

    /// Why there is no render, if there is none.
    pub fn error(&self) -> Option<&ExecError> {
        match self {
            Outcome::Rendered(_) => None,
            Outcome::Failed { error } => Some(error),
        }
    }
}

/// A picture with the table of everything in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The pixels.
    pub image: Image,
    /// The elements that left ink, by id.
    pub elements: Vec<Element>,
    /// Remarks that a person should see (more than one figure, records cut at a cap, addresses
    /// without answer).
    pub notes: Vec<String>,
    /// The rules of a page's own style sheets; empty for charts.
    pub styles: Vec<StyleRule>,
}

/// A CSS rule in a `style` element, with what it decides after the cascade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleRule {
    /// Bytes of the source: from the selector to the closing brace.
    pub span: Span,
    /// For each property (longhand names as well as the shorthand that was written) the elements,
    /// by id, whose value is this rule's; inherited values count for the elements that inherit.
    pub decides: Vec<(String, Vec<u32>)>,
}

/// Classes of failure, as counted in `exec/error/<class>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The source does not parse.
    Syntax,
    /// An exception reached the top.
    Exception,
    /// The time limit.
    Timeout,
    /// The memory limit.
    Memory,
    /// The process died or ended itself without a result.
    Crash,
    /// It ran, but left no figure.
    NoFigure,
    /// The result broke a limit (image size, malformed records).
    Limit,
}

/// Why a piece of code has no render.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecError {
    /// The class of failure.
    pub kind: FailureKind,
    /// One line: exception name and message, or the limit that was met.
    pub message: String,
    /// The user's own frames in Python's form; no frame of the renderer and no path of the machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub traceback: String,
    /// The place in the source, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}
