//! Spans of source bytes and regions of pixels.

use serde::{Deserialize, Serialize};

/// A half-open range of byte offsets into one exact source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Number of bytes; 0 for a reversed range.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span holds no byte.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `other` lies fully inside this span.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The text of the span, if it lies inside `source` on character boundaries.
    pub fn text(self, source: &str) -> Option<&str> {
        source.get(self.start..self.end)
    }
}

/// An axis-aligned box `[x0, y0, x1, y1]` in pixels of the image; the origin is the top left
/// corner.
///
/// Written in JSON as an array of four numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 4]", into = "[f32; 4]")]
pub struct Region {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

impl From<[f32; 4]> for Region {
    fn from([x0, y0, x1, y1]: [f32; 4]) -> Self {
        Self { x0, y0, x1, y1 }
    }
}

impl From<Region> for [f32; 4] {
    fn from(r: Region) -> Self {
        [r.x0, r.y0, r.x1, r.y1]
    }
}

impl Region {
    /// The box with these edges.
    pub fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// Width in pixels, never negative.
    pub fn width(self) -> f32 {
        (self.x1 - self.x0).max(0.0)
    }

    /// Height in pixels, never negative.
    pub fn height(self) -> f32 {
        (self.y1 - self.y0).max(0.0)
    }

    /// Area in square pixels.
    pub fn area(self) -> f32 {
        self.width() * self.height()
    }

    /// Whether the box covers nothing.
    pub fn is_empty(self) -> bool {
        self.area() <= 0.0
    }

    /// The centre point.
    pub fn center(self) -> (f32, f32) {
        ((self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0)
    }

    /// The common part; empty (with zero area) where the boxes do not meet.
    pub fn intersect(self, o: Region) -> Region {
        Region::new(self.x0.max(o.x0), self.y0.max(o.y0), self.x1.min(o.x1), self.y1.min(o.y1))
    }

    /// The smallest box around both.
    pub fn hull(self, o: Region) -> Region {
        Region::new(self.x0.min(o.x0), self.y0.min(o.y0), self.x1.max(o.x1), self.y1.max(o.y1))
    }

    /// The box moved outwards by `by` pixels on every side (inwards if negative).
    pub fn grow(self, by: f32) -> Region {
        Region::new(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)
    }

    /// Whether the point lies inside, edges included.
    pub fn contains_point(self, x: f32, y: f32) -> bool {
        self.x0 <= x && x <= self.x1 && self.y0 <= y && y <= self.y1
    }

    /// Whether `o` lies fully inside, edges included.
    pub fn contains(self, o: Region) -> bool {
        self.x0 <= o.x0 && self.y0 <= o.y0 && o.x1 <= self.x1 && o.y1 <= self.y1
    }

    /// Intersection over union, in `[0, 1]`; 0 when either box is empty.
    pub fn iou(self, o: Region) -> f32 {
        let inter = self.intersect(o).area();
        if inter <= 0.0 { 0.0 } else { inter / (self.area() + o.area() - inter) }
    }

    /// Share of *this* box that lies inside `o`, in `[0, 1]`; 0 when this box is empty.
    pub fn ioa(self, o: Region) -> f32 {
        if self.is_empty() { 0.0 } else { self.intersect(o).area() / self.area() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_measures_match_hand_computed_values() {
        let a = Region::new(0.0, 0.0, 4.0, 4.0);
        let inside = Region::new(1.0, 1.0, 3.0, 3.0);
        assert_eq!(a.iou(a), 1.0);
        assert_eq!(inside.iou(a), 4.0 / 16.0);
        assert_eq!(inside.ioa(a), 1.0);
        assert_eq!(a.ioa(inside), 4.0 / 16.0);
        let apart = Region::new(5.0, 0.0, 6.0, 1.0);
        assert_eq!((a.iou(apart), a.ioa(apart)), (0.0, 0.0));
        let touching = Region::new(4.0, 0.0, 8.0, 4.0);
        assert_eq!(a.iou(touching), 0.0);
        assert_eq!(Region::default().iou(a), 0.0);
    }

    #[test]
    fn a_region_is_four_numbers_in_json_terms() {
        let r: Region = [1.0, 2.0, 3.0, 5.0].into();
        assert_eq!((r.width(), r.height(), r.area()), (2.0, 3.0, 6.0));
        assert_eq!(<[f32; 4]>::from(r), [1.0, 2.0, 3.0, 5.0]);
    }
}
