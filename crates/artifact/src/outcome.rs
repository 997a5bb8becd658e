//! R(y): what became of a piece of code.

use crate::{Element, SlideLayout, Span};
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

    /// The picture on a white ground, as models are shown it: `width * height * 3` bytes.
    /// Composites with the integer arithmetic of PIL's `alpha_composite`.
    pub fn on_white(&self) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(self.rgba.len() / 4 * 3);
        for &[r, g, b, a] in self.rgba.as_chunks::<4>().0 {
            match a {
                255 => rgb.extend([r, g, b]),
                0 => rgb.extend([255; 3]),
                _ => rgb.extend([r, g, b].map(|v| over_white(v, a))),
            }
        }
        rgb
    }
}

/// One channel of a partly transparent pixel. PIL keeps 7 extra bits, and divides by 255 with a
/// shift and an addition.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    let blend = ((value * alpha + 255 * (255 - alpha)) << 7) + (0x80 << 7);
    (((blend >> 8) + blend) >> 8 >> 7) as u8
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

    /// Whether a busy machine may be why there is no render, see [`FailureKind::depends_on_load`].
    pub fn depends_on_load(&self) -> bool {
        self.error().is_some_and(|error| error.kind.depends_on_load())
    }
}

/// One picture of a render: a figure of a chart script, an HTML page, a slide.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The pixels.
    pub image: Image,
    /// What slide metrics are computed from; of slides only.
    pub slide: Option<SlideLayout>,
}

impl From<Image> for Page {
    fn from(image: Image) -> Self {
        Self { image, slide: None }
    }
}

/// What a source drew: its pages, and the table of everything on them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// At least one page, in the order in which the source shows them. A chart script has one per
    /// figure that it saves, shows or leaves open.
    pub pages: Vec<Page>,
    /// The elements that left ink. `elements[i].id == i`, and [`Element::page`] never decreases.
    pub elements: Vec<Element>,
    /// Remarks for the user (figures left out, records cut at a limit, URLs without an answer).
    pub notes: Vec<String>,
    /// The rules of an HTML page's own style sheets and of those beside it; empty for every other
    /// source.
    pub styles: Vec<StyleRule>,
}

impl Rendered {
    /// A render of one page, without notes and style rules.
    pub fn of_page(image: Image, elements: Vec<Element>) -> Self {
        Self { pages: vec![image.into()], elements, notes: Vec::new(), styles: Vec::new() }
    }

    /// The elements of one page; empty if there is no such page.
    pub fn elements_on(&self, page: usize) -> &[Element] {
        let start = self.elements.partition_point(|e| (e.page as usize) < page);
        let end = self.elements.partition_point(|e| e.page as usize <= page);
        &self.elements[start..end]
    }
}

/// A CSS rule of a page, with what it decides after the cascade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleRule {
    /// Bytes of the source: from the selector to the closing brace. Empty for a rule of a linked
    /// sheet.
    pub span: Span,
    /// For a rule of a linked sheet its file and line, as in `css/site.css:12`; absent for one in a
    /// `style` element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
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

impl FailureKind {
    /// Whether a busy machine can cause it: such a failure counts only if it happens again when the
    /// source is rendered alone.
    pub fn depends_on_load(self) -> bool {
        match self {
            FailureKind::Timeout | FailureKind::Memory | FailureKind::Crash => true,
            FailureKind::Syntax | FailureKind::Exception | FailureKind::NoFigure | FailureKind::Limit => {
                false
            }
        }
    }

    /// The name in JSON and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Syntax => "syntax",
            FailureKind::Exception => "exception",
            FailureKind::Timeout => "timeout",
            FailureKind::Memory => "memory",
            FailureKind::Crash => "crash",
            FailureKind::NoFigure => "no-figure",
            FailureKind::Limit => "limit",
        }
    }
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
    /// What the author can do about it, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl ExecError {
    /// A failure without a place in the source.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), traceback: String::new(), span: None, help: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    #[test]
    fn names_of_failures_are_those_of_their_json() {
        use FailureKind::*;
        for kind in [Syntax, Exception, Timeout, Memory, Crash, NoFigure, Limit] {
            let name: StrDeserializer<Error> = kind.name().into_deserializer();
            assert_eq!(FailureKind::deserialize(name), Ok(kind));
        }
    }
}
