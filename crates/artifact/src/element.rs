//! What a renderer reports about one thing it drew.

use crate::{Region, ShapeFacts, Span};
use serde::{Deserialize, Serialize};

/// What an element is, in the words of its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementKind {
    /// The figure's background.
    Figure,
    /// The background of one axes.
    Axes,
    /// An axes title or the figure's title.
    Title,
    /// The label of an axis.
    AxisLabel,
    /// The label of one tick.
    TickLabel,
    /// A tick mark.
    Tick,
    /// A grid line.
    Grid,
    /// A spine (the frame of an axes).
    Spine,
    /// A line of data.
    Line,
    /// A bar or another rectangle of data.
    Bar,
    /// Another filled shape of data (wedge, polygon, area).
    Patch,
    /// A set of points (scatter) or of other repeated shapes.
    Collection,
    /// A picture: a raster image of data in a chart; `img`, `svg`, `canvas`, `video` on a page.
    Image,
    /// Free text, annotations included.
    Text,
    /// A legend as a whole: frame and contents.
    Legend,
    /// A text inside a legend.
    LegendText,
    /// A handle or the frame inside a legend.
    LegendPart,
    /// A text inside a table.
    TableText,
    /// The root of a page; its `layout` has the width that the page was asked to fit.
    Page,
    /// A box of a page that is none of the others.
    Block,
    /// Something of a page to press or to fill in: button, field, selection.
    Control,
    /// Anything else.
    Other,
}

impl ElementKind {
    /// Whether the element carries text that a reader is meant to read.
    pub fn is_text(self) -> bool {
        use ElementKind::*;
        matches!(self, Title | AxisLabel | TickLabel | Text | LegendText | TableText)
    }

    /// Whether the element shows data.
    pub fn is_data(self) -> bool {
        use ElementKind::*;
        matches!(self, Line | Bar | Patch | Collection | Image)
    }
}

/// How the statement of an element was found; from the strongest evidence to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribution {
    /// The statement that created the element.
    Creator,
    /// The statement that set its text.
    Text,
    /// The last statement that changed it.
    Modifier,
    /// The last statement that changed its axis (ticks, grid).
    Axis,
    /// The statement that made the axes it lives in.
    Container,
}

/// Letters that none of a text's fonts has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingGlyphs {
    /// The letters, each once; at most 32.
    pub missing: String,
    /// The name of an installed font that has all of them.
    #[serde(default)]
    pub font: Option<String>,
}

/// Horizontal alignment of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// The text begins at its place.
    Left,
    /// The middle of the text lies at its place.
    Center,
    /// The text ends at its place.
    Right,
}

impl Align {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        ["left", "center", "right"][self as usize]
    }
}

/// One drawn thing. A claim of an untrusted process that `render` has validated: boxes are finite
/// and inside the image (`layout` and `points` within four image sizes of it), spans inside the
/// source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Element {
    /// Position in [`crate::Rendered::elements`].
    pub id: u32,
    /// The page that it is on: a position in [`crate::Rendered::pages`].
    #[serde(default)]
    pub page: u32,
    /// What it is.
    pub kind: ElementKind,
    /// How `stack` was found.
    pub class: Attribution,
    /// The user's call stack that answers for the element, innermost call first; byte spans of call
    /// expressions in the source. Empty when nothing in the source answers for it.
    pub stack: Vec<Span>,
    /// Box of the pixels that it inked.
    pub region: Region,
    /// Box that it asked for, clipping ignored (texts, legends, axes, bars that their axes cut,
    /// everything on a page): reaches outside the image where it is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Region>,
    /// Position in the drawing order; a later element covers an earlier one.
    pub order: u32,
    /// The legend or table that it is a part of; on a page, the nearest element around it (an
    /// element id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The axes that it lives in (the id of an element of kind `axes`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<u32>,
    /// For tick labels, ticks, grid lines and axis labels: `x`, `y` or `z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<char>,
    /// The text as drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Foreground (text, line) or fill (bar, patch, background) colour, RGBA. On a page the colour
    /// of text, its alpha with the opacity of everything around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<[u8; 4]>,
    /// What surrounds it in another colour, RGBA: the outline of letters, the edge and the hatch of
    /// a bar, the edge of points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<[u8; 4]>,
    /// Of axes, the number of the grid that places them: those of one grid should line up. Absent
    /// for axes that were placed by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<u32>,
    /// Width of a line of data in pixels of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pen: Option<f32>,
    /// Letters of the text that were drawn as empty boxes; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glyphs: Option<Box<MissingGlyphs>>,
    /// Font size in pixels of the image, with the scale of everything around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font_px: Option<f32>,
    /// Rotation of a text in degrees, counter-clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<f32>,
    /// Which part of a free text lies at the place that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align: Option<Align>,
    /// What else than colour a reader knows a series by: dash and marker of a line, hatch of a bar,
    /// form of the points. Comparable by equality only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Name of a data series as given by `label=`, if not private (`_...`); `<colorbar>` for the
    /// axes of a colour bar, `<widget>` for those of a slider or a button, and `<circle>` for the
    /// round frame of polar axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Data shown: the y values of a line, the length of a bar; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// Vertices of a line or centres of a collection in image pixels; at most 512. A line with more
    /// vertices is thinned evenly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<[f32; 2]>,
    /// What a browser says; of a shape of a .pptx file what it would say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<HtmlFacts>,
    /// What only shapes of .pptx files have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Box<ShapeFacts>>,
}

/// What a browser says of an element beside its boxes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HtmlFacts {
    /// Lower-case name of the HTML element.
    pub tag: String,
    /// Boxes of its own lines of text (of its descendants' texts none), clipping ignored; at most
    /// 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Region>,
    /// What the `overflow: hidden` of itself and of the elements around it lets through of its
    /// text; absent where nothing cuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Region>,
    /// What the boxes around it that can be scrolled let through of its text for now; absent where
    /// there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scroll: Option<Region>,
    /// Its own background colour, alpha with opacity; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<[u8; 4]>,
    /// Whether a reader sees where its box ends: a background, a border or a shadow of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub framed: bool,
    /// Whether it has a background picture or gradient of its own, so that `ground` does not tell
    /// its colour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub painted: bool,
    /// Its CSS `position`, where that is not `static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// Its CSS `display`.
    pub display: String,
    /// Whether its letters are bold (CSS `font-weight` of 700 or more).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// Whether it is switched off on purpose: `disabled` or `aria-disabled`, its own or of an
    /// element around it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Whether it is meant to lie over others: a dialogue, a menu or a tip by its tag, role or
    /// class, or lifted by a shadow or a `z-index`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raised: bool,
    /// Colour of the shadow or outline of its letters, alpha with opacity; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<[u8; 4]>,
    /// Pixels that are added between its letters (CSS `letter-spacing`), with the scale of
    /// everything around it; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing: Option<f32>,
    /// Whether its background fills its letters (`background-clip: text`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inked: bool,
    /// Whether a filter or a blend mode, its own or of an element around it, changes its colours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filtered: bool,
    /// The address of a picture that it asked for and did not get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet: Option<String>,
}

impl Element {
    /// An element of which nothing else is known: drawn in the order of the ids, no source, no
    /// colour.
    pub fn new(id: u32, kind: ElementKind, region: Region) -> Self {
        Self {
            id,
            page: 0,
            kind,
            class: Attribution::Creator,
            stack: Vec::new(),
            region,
            layout: None,
            order: id,
            parent: None,
            axes: None,
            axis: None,
            text: None,
            color: None,
            edge: None,
            grid: None,
            pen: None,
            glyphs: None,
            font_px: None,
            rotation: None,
            align: None,
            pattern: None,
            label: None,
            values: Vec::new(),
            points: Vec::new(),
            html: None,
            shape: None,
        }
    }
}
