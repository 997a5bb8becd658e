//! The layout of a slide in the numbers that slide metrics are defined on.
//!
//! The table of [`crate::Element`]s serves rules and credit; the metrics of
//! docs/specs/aeslides.md, 4 to 6, need boxes that are not cut, in double precision, of everything
//! in the document, also of what shows nothing. A deck's shapes are brought into the same form.

use crate::Region;
use serde::{Deserialize, Serialize};

/// A box in pixels: left, top, width, height. Written in JSON as an array of four numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl From<[f64; 4]> for Rect {
    fn from([x, y, w, h]: [f64; 4]) -> Self {
        Self { x, y, w, h }
    }
}

/// The width and height of a box whose ends are swapped are 0.
impl From<Region> for Rect {
    fn from(r: Region) -> Self {
        let [x0, y0, x1, y1] = <[f32; 4]>::from(r).map(f64::from);
        Self { x: x0, y: y0, w: (x1 - x0).max(0.0), h: (y1 - y0).max(0.0) }
    }
}

impl From<Rect> for [f64; 4] {
    fn from(r: Rect) -> Self {
        [r.x, r.y, r.w, r.h]
    }
}

impl Rect {
    /// The box of these left, top, width and height.
    pub fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// Width times height.
    pub fn area(self) -> f64 {
        self.w * self.h
    }

    /// The smallest box around both.
    pub fn hull(self, o: Rect) -> Rect {
        let (x, y) = (self.x.min(o.x), self.y.min(o.y));
        Rect::new(x, y, (self.x + self.w).max(o.x + o.w) - x, (self.y + self.h).max(o.y + o.h) - y)
    }

    /// The common part; `None` unless it has an area.
    pub fn meet(self, o: Rect) -> Option<Rect> {
        let (x0, y0) = (self.x.max(o.x), self.y.max(o.y));
        let (x1, y1) = ((self.x + self.w).min(o.x + o.w), (self.y + self.h).min(o.y + o.h));
        (x1 > x0 && y1 > y0).then(|| Rect::new(x0, y0, x1 - x0, y1 - y0))
    }
}

/// The CSS `visibility`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Drawn.
    #[default]
    Visible,
    /// Not drawn.
    Hidden,
    /// Not drawn; where it is a row of a table, without a place.
    Collapse,
}

/// What a browser says of one element of a slide. Numbers are finite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlideElement {
    /// Lower-case name.
    pub tag: String,
    /// The element around it: a position in [`SlideLayout::elements`] before this one.
    pub parent: Option<u32>,
    /// Its bounding box, as asked for: neither cut by what is around it nor by the slide.
    pub rect: Rect,
    /// Its own opacity, from 0 to 1; what is around it multiplies.
    pub opacity: f64,
    /// Its computed visibility.
    pub visibility: Visibility,
    /// Alpha of its background colour; 1 where the colour is not in the notation of rgb or rgba.
    pub background: f64,
    /// Whether it has a background image; gradients are images.
    pub background_image: bool,
    /// Whether a side of its border is drawn: with a style, at least 1 px wide, alpha at least .05.
    pub border: bool,
    /// Whether it cuts its content across and down (`overflow` other than `visible`).
    pub clips: [bool; 2],
    /// Whether its `position` is `absolute` or `fixed`.
    pub placed: bool,
    /// Font size in pixels.
    pub font_px: f64,
    /// Its classes, separated by spaces; at most 512 characters.
    pub classes: String,
    /// Whether its font family names Material Icons.
    pub icon_font: bool,
    /// Length of its text (`innerText`, white space collapsed, trimmed) in UTF-16 units, that of
    /// its descendants included; at most 240.
    pub text_len: u32,
    /// Boxes of the lines of its own text nodes that are not blank, not cut, in order; those
    /// without an area are left out.
    pub text_rects: Vec<Rect>,
    /// Its element in [`crate::Rendered::elements`], if it is one of them.
    pub element: Option<u32>,
}

/// What a layout was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    /// An HTML slide as a browser laid it out: the tree is that of the document.
    #[default]
    Html,
    /// The shapes of a .pptx file, and the lines of its drawn text: the tree says what stands on
    /// which shape (docs/specs/aeslides.md, 11). A root, a body, and a box around all shapes.
    Deck,
    /// As `Deck`, but nothing has drawn the text, so that its boxes are those of its frames.
    UndrawnDeck,
}

/// The layout of one slide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlideLayout {
    /// What it was read from.
    #[serde(default)]
    pub kind: LayoutKind,
    /// Width of the view in pixels.
    pub width: f64,
    /// Height of the view in pixels: that of the picture.
    pub height: f64,
    /// Height of the document in whole pixels, which the view may cut.
    pub full_height: f64,
    /// Every element of the document that is not `display: none`, the root first, a parent before
    /// its children, in the order of the source.
    pub elements: Vec<SlideElement>,
}

impl SlideLayout {
    /// Whether it was read from a .pptx file.
    pub fn is_deck(&self) -> bool {
        match self.kind {
            LayoutKind::Html => false,
            LayoutKind::Deck | LayoutKind::UndrawnDeck => true,
        }
    }

    /// Whether its texts were drawn, so that their boxes and the pixels of the page are known.
    pub fn is_drawn(&self) -> bool {
        match self.kind {
            LayoutKind::Html | LayoutKind::Deck => true,
            LayoutKind::UndrawnDeck => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rect;

    #[test]
    fn boxes_meet_in_their_common_part_only() {
        let a = Rect::new(0.0, 0.0, 4.0, 2.0);
        assert_eq!(a.meet(Rect::new(3.0, 1.0, 5.0, 5.0)), Some(Rect::new(3.0, 1.0, 1.0, 1.0)));
        assert_eq!(a.meet(Rect::new(4.0, 0.0, 1.0, 2.0)), None);
        assert_eq!(a.meet(Rect::new(1.0, 1.0, -3.0, 1.0)), None);
        assert_eq!((a.area(), <[f64; 4]>::from(a)), (8.0, [0.0, 0.0, 4.0, 2.0]));
    }
}
