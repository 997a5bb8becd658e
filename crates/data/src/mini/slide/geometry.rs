//! Where the parts of a mini slide are, in pixels, and what the rules of slides measure there.

use super::content::{Facts, Side};
use super::layout::{Layout, SIZES, TITLE_SIZES, WIDTHS};
use crate::mini::font::width;
use vsdpo_artifact::Region;

const WIDTH: f32 = 1280.0;
pub const HEIGHT: f32 = 720.0;
/// Distance of title, tag, points and picture from the sides of the slide.
const EDGE: f32 = 48.0;
/// Distance of a text from the side of its box.
const INSET: f32 = 10.0;
/// Height of a box with a text: title, tag, or one point.
const ROW: f32 = 72.0;
/// Distance of title and tag from the top of the slide.
const TOP: f32 = 32.0;
/// The height in which points and picture are centred.
pub const MIDDLE: f32 = 452.0;
/// Width of the frame of a point in a script, and of title and footnote.
const POINT_FRAME: f32 = 880.0;
const FRAME: f32 = WIDTH - 2.0 * EDGE;
/// Distance of the footnote's frame from the top.
const NOTE_TOP: f32 = 684.0;

/// The inner part of a slide in which empty areas count: left, top, right, bottom; and the side of
/// the cells in which the rule counts them.
const INNER: [f32; 4] = [128.0, 108.0, 1152.0, 648.0];
const CELL: f32 = 20.0;

/// Distances from the middle that the rule about imbalance allows, across and down.
const TOLERANCE: [f32; 2] = [64.0, 108.0];

/// The boxes of a slide's texts, by which they weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boxes {
    /// Pages: each box is as wide as its text.
    Tight,
    /// Decks: each box is the frame of its text, and a box of the slide's size is around all
    /// (docs/specs/aeslides.md, 11).
    Frames,
}

impl Facts {
    /// Pixels between the title and the tag; negative if they overlap.
    pub(super) fn room_for_title(&self, size: usize) -> f32 {
        let tag = WIDTH - EDGE - self.tag_width() as f32;
        tag - (EDGE + INSET + width(self.title, TITLE_SIZES[size] as f32, false))
    }

    /// Pixels between the longest point and a picture on the other side; negative if they overlap.
    pub(super) fn room_beside_points(&self, layout: &Layout) -> f32 {
        WIDTH - 2.0 * EDGE - WIDTHS[layout.width] as f32 - INSET - self.points_width(layout.size)
    }

    fn points_width(&self, size: usize) -> f32 {
        self.points.iter().map(|p| width(p, SIZES[size] as f32, false)).fold(0.0, f32::max)
    }

    pub(super) fn picture_height(&self, width: usize) -> f32 {
        let (across, down) = self.body.shape.ratio();
        (WIDTHS[width] * down) as f32 / across as f32
    }

    pub(super) fn picture_box(&self, layout: &Layout) -> Region {
        let (w, h) = (WIDTHS[layout.width] as f32, self.picture_height(layout.width));
        let (x, y) = (aside(layout.side, w, EDGE), MIDDLE - h / 2.0);
        Region::new(x, y, x + w, y + h)
    }

    /// The top of the box of a point.
    fn point_top(&self, i: usize) -> f32 {
        MIDDLE + ROW * (i as f32 - self.points.len() as f32 / 2.0)
    }

    /// The boxes of the points' letters, one em high.
    fn point_boxes(&self, size: usize) -> impl Iterator<Item = Region> {
        let font = SIZES[size] as f32;
        self.points.iter().enumerate().map(move |(i, point)| {
            let w = width(point, font, false);
            let x = aside(self.points_side(), w, EDGE + INSET);
            let y = self.point_top(i) + INSET / 2.0 + 0.075 * font;
            Region::new(x, y, x + w, y + font)
        })
    }

    /// The share of the slide's inner part that is empty in one piece if points and picture are
    /// larger by `grow` pixels on every side. As the rule does, it counts whole cells.
    pub(super) fn empty_share(&self, layout: &Layout, grow: f32) -> f32 {
        let boxes = self.point_boxes(layout.size).chain([self.picture_box(layout)]);
        let marks: Vec<[usize; 4]> = boxes.filter_map(|r| cells(r.grow(grow))).collect();
        let [_, rows] = counts();
        let tops = marks.iter().map(|m| m[3]).chain([0]);
        let pairs = tops.flat_map(|top| marks.iter().map(|m| m[1]).chain([rows]).map(move |low| (top, low)));
        let areas = pairs.filter(|(top, low)| top < low).map(|(top, low)| {
            let [_, y0, _, y1] = pixels([0, top, 0, low]);
            widest(&marks, top, low) * (y1 - y0)
        });
        areas.fold(0.0, f32::max) / ((INNER[2] - INNER[0]) * (INNER[3] - INNER[1]))
    }

    /// How far the centre of visual weight is from the middle, in the rule's tolerances.
    pub(super) fn imbalance(&self, layout: &Layout, boxes: Boxes) -> f32 {
        let weights = match boxes {
            Boxes::Tight => self.tight_boxes(layout),
            Boxes::Frames => self.frames(),
        };
        let mut sum = [0.0; 3];
        for r in weights.into_iter().chain([self.picture_box(layout)]) {
            let area = r.width() * r.height();
            let center = [(r.x0 + r.x1 - WIDTH) / 2.0, (r.y0 + r.y1 - HEIGHT) / 2.0];
            sum = [sum[0] + area, sum[1] + area * center[0], sum[2] + area * center[1]];
        }
        let off = |at: usize| sum[at + 1] / sum[0] / TOLERANCE[at];
        off(0).hypot(off(1))
    }

    /// The boxes of a page's title, tag and points. Its footnote has hardly any weight.
    fn tight_boxes(&self, layout: &Layout) -> Vec<Region> {
        let title = width(self.title, TITLE_SIZES[layout.title_size] as f32, false) + 2.0 * INSET;
        let mut all = vec![row(EDGE, TOP, title), self.tag_box()];
        all.extend(self.points.iter().enumerate().map(|(i, point)| {
            let w = width(point, SIZES[layout.size] as f32, false) + 2.0 * INSET;
            row(aside(self.points_side(), w, EDGE), self.point_top(i), w)
        }));
        all
    }

    /// The boxes of a deck's texts: frames, and the text's part of a frame that has a colour.
    fn frames(&self) -> Vec<Region> {
        let tag = self.tag_box();
        let mut all = vec![Region::new(0.0, 0.0, WIDTH, HEIGHT), row(EDGE, TOP, FRAME), tag];
        if self.filled {
            all.push(Region::new(tag.x0 + INSET, tag.y0 + INSET / 2.0, tag.x1 - INSET, tag.y1 - INSET / 2.0));
        }
        let x = aside(self.points_side(), POINT_FRAME, EDGE);
        all.extend((0..self.points.len()).map(|i| row(x, self.point_top(i), POINT_FRAME)));
        all.push(Region::new(EDGE, NOTE_TOP, EDGE + FRAME, HEIGHT));
        all
    }

    fn tag_box(&self) -> Region {
        let tag = self.tag_width() as f32;
        row(WIDTH - EDGE - tag, TOP, tag)
    }
}

/// A box as high as those of texts.
fn row(x: f32, y: f32, w: f32) -> Region {
    Region::new(x, y, x + w, y + ROW)
}

/// The left end of a part of this width at a side of the slide.
fn aside(side: Side, w: f32, edge: f32) -> f32 {
    match side {
        Side::Left => edge,
        Side::Right => WIDTH - edge - w,
    }
}

/// Columns and rows of the inner part.
fn counts() -> [usize; 2] {
    [0, 1].map(|at| ((INNER[at + 2] - INNER[at]) / CELL).ceil() as usize)
}

/// The cells that a box touches: first column and row, and those after the last ones.
fn cells(r: Region) -> Option<[usize; 4]> {
    let [columns, rows] = counts();
    let first = |edge: f32, from: f32| ((edge - from) / CELL).floor().max(0.0) as usize;
    let last =
        |edge: f32, from: f32, most: usize| (((edge - from) / CELL).ceil().max(0.0) as usize).min(most);
    let found = [
        first(r.x0, INNER[0]),
        first(r.y0, INNER[1]),
        last(r.x1, INNER[0], columns),
        last(r.y1, INNER[1], rows),
    ];
    (found[0] < found[2] && found[1] < found[3]).then_some(found)
}

/// The edges of cells in pixels.
fn pixels(cells: [usize; 4]) -> [f32; 4] {
    let edge = |at: usize| (INNER[at % 2] + CELL * cells[at] as f32).min(INNER[at % 2 + 2]);
    [0, 1, 2, 3].map(edge)
}

/// The widest stretch in pixels without a mark between two rows.
fn widest(marks: &[[usize; 4]], top: usize, low: usize) -> f32 {
    let [columns, _] = counts();
    let mut taken: Vec<[usize; 2]> =
        marks.iter().filter(|m| m[1] < low && m[3] > top).map(|m| [m[0], m[2]]).collect();
    taken.push([columns, columns]);
    taken.sort_unstable();
    let (mut best, mut from) = (0.0, 0);
    for [start, end] in taken {
        if start > from {
            let [x0, _, x1, _] = pixels([from, 0, start, 0]);
            best = f32::max(best, x1 - x0);
        }
        from = from.max(end);
    }
    best
}
