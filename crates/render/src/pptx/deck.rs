//! What a .pptx file holds, as plain data. Lengths are EMU (914,400 an inch), angles degrees
//! clockwise, colours RGBA.

use super::fault::Fault;
use super::frame::Frame;
use std::collections::BTreeSet;
pub use vsdpo_artifact::{Anchor, Autofit, ShapeKind};

/// A deck: what could be read of it, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deck {
    /// Width of every slide in EMU.
    pub width: f64,
    /// Height of every slide in EMU.
    pub height: f64,
    /// The slides in the order of the presentation.
    pub slides: Vec<Slide>,
    /// What is broken; empty for a sound file.
    pub faults: Vec<Fault>,
    /// Whether it holds macros.
    pub macros: bool,
    /// What it refers to outside the file, except hyperlinks. Never fetched.
    pub external: Vec<ExternalLink>,
}

/// A reference to something outside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalLink {
    /// The part that refers to it.
    pub part: String,
    /// What it is for: the last word of the relationship's type (`image`, `oleObject`, `video`).
    pub kind: String,
    /// The address.
    pub target: String,
}

/// One slide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slide {
    /// Name of its part in the package: `ppt/slides/slide1.xml`.
    pub part: String,
    /// Names of the parts that it consists of: its own, and charts, pictures, notes.
    pub parts: BTreeSet<String>,
    /// Whether a show leaves it out.
    pub hidden: bool,
    /// The background: its own, the layout's or the master's.
    pub background: Paint,
    /// The shapes from the back to the front; a group comes before its members.
    pub shapes: Vec<Shape>,
}

/// One shape of a slide's own tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Its id in the file.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The description for those who do not see it.
    pub description: Option<String>,
    /// What it is.
    pub kind: ShapeKind,
    /// The group around it: a position in [`Slide::shapes`].
    pub parent: Option<usize>,
    /// Where it lies on the slide, groups applied. Absent where the file says it nowhere.
    pub frame: Option<Frame>,
    /// Whether it is switched off.
    pub hidden: bool,
    /// The placeholder that it fills.
    pub placeholder: Option<Placeholder>,
    /// Name of its preset form (`rect`, `ellipse`, ...), `custom`, or nothing.
    pub geometry: Option<String>,
    /// Its fill.
    pub fill: Paint,
    /// Its outline.
    pub outline: Option<Outline>,
    /// Its text, also where that is empty.
    pub text: Option<TextBody>,
    /// The picture in it.
    pub picture: Option<Picture>,
    /// Its cells, of a table.
    pub cells: Vec<Cell>,
}

impl Shape {
    /// Whether it is a placeholder that waits for contents: a show draws nothing of it.
    pub fn is_empty_placeholder(&self) -> bool {
        let blank = self.text.as_ref().is_none_or(|text| text.text().trim().is_empty());
        self.placeholder.is_some() && matches!(self.kind, ShapeKind::Text | ShapeKind::Shape) && blank
    }
}

/// The placeholder of a layout that a shape fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Its type as the file writes it; `obj` where the file is silent.
    pub kind: String,
    /// Its number on the layout.
    pub index: u32,
}

/// What an area is filled with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Paint {
    /// Nothing.
    #[default]
    None,
    /// One colour.
    Solid([u8; 4]),
    /// A gradient: the colours of its stops.
    Gradient(Vec<[u8; 4]>),
    /// A pattern of two colours.
    Pattern([u8; 4], [u8; 4]),
    /// A picture.
    Picture,
}

impl Paint {
    /// Its colour, of several the mean; nothing for a picture.
    pub fn color(&self) -> Option<[u8; 4]> {
        let mean = |colors: &[[u8; 4]]| {
            let sum = |i: usize| colors.iter().map(|c| u32::from(c[i])).sum::<u32>();
            let count = colors.len() as u32;
            (count > 0).then(|| [0, 1, 2, 3].map(|i| ((sum(i) + count / 2) / count) as u8))
        };
        match self {
            Paint::None | Paint::Picture => None,
            Paint::Solid(color) => Some(*color),
            Paint::Gradient(colors) => mean(colors),
            Paint::Pattern(front, back) => mean(&[*front, *back]),
        }
    }
}

/// A line around a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    /// Its colour.
    pub color: [u8; 4],
    /// Its width in EMU.
    pub width: f64,
}

/// The text of a shape or a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextBody {
    /// The paragraphs.
    pub paragraphs: Vec<Paragraph>,
    /// Distance of the text from the frame in EMU: left, top, right, bottom.
    pub insets: [f64; 4],
    /// Where it begins.
    pub anchor: Anchor,
    /// Whether lines break at the frame.
    pub wrap: bool,
    /// What becomes of text that does not fit, as the file stores it.
    pub autofit: Autofit,
    /// Whether lines run from top to bottom (`vert` and the like).
    pub vertical: bool,
}

impl TextBody {
    /// The text, paragraphs and line breaks as `\n`.
    pub fn text(&self) -> String {
        let line = |p: &Paragraph| p.runs.iter().map(|r| r.text.as_str()).collect::<String>();
        self.paragraphs.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The size in points that a size is shown with: a shrunk text is drawn in whole points.
    ///
    /// *Source*: measured on PowerPoint's own exports by others; halves go up.
    pub fn shown_points(&self, points: f64) -> f64 {
        match self.autofit {
            Autofit::Shrink { scale, .. } if scale < 1.0 => {
                // Two digits more than a file has, so that a scale of 0.7 makes 24.5 of 35.
                let exact = (points * f64::from(scale) * 1e4).round() / 1e4;
                (exact + 0.5).floor().max(1.0)
            }
            _ => points,
        }
    }
}

/// One paragraph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paragraph {
    /// Level of the list, from 0.
    pub level: u8,
    /// `l`, `ctr`, `r`, `just` and the like; `l` where no one says it.
    pub align: String,
    /// Whether it has a bullet or a number.
    pub bullet: bool,
    /// Distance of its lines.
    pub line_spacing: LineSpacing,
    /// Its pieces in one style each; a line break is a piece of its own, `\n`.
    pub runs: Vec<Run>,
}

/// Distance of lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LineSpacing {
    /// A multiple of the font's own.
    Share(f64),
    /// Points.
    Points(f64),
}

impl Default for LineSpacing {
    fn default() -> Self {
        LineSpacing::Share(1.0)
    }
}

/// A piece of text in one style.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The text.
    pub text: String,
    /// Font size in points as the file says it, before a text is shrunk.
    pub points: f64,
    /// Its colour; absent where it is not one colour, or where only a table style knows it.
    pub color: Option<[u8; 4]>,
    /// Whether it is bold.
    pub bold: bool,
    /// Whether it is italic.
    pub italic: bool,
    /// Name of the Latin font; empty where no one says it.
    pub font: String,
}

/// A picture inside a shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Name of its part; absent where it lies outside the file or is missing.
    pub part: Option<String>,
    /// Width and height in its own pixels; absent for vector pictures and damaged ones.
    pub natural: Option<[u32; 2]>,
    /// Shares that are cut away: left, top, right, bottom; negative where a margin is added.
    pub crop: [f64; 4],
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub column: usize,
    /// Its own fill; that of the table style is not known here.
    pub fill: Paint,
    /// Its text.
    pub text: TextBody,
}
