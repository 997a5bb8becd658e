//! Where the parts of a mini slide are, in pixels, and what the rules of slides measure there.

use super::content::Facts;
use super::layout::{Layout, SIZES, TITLE_SIZES, WIDTHS};
use crate::mini::Side;
use crate::mini::font::width;
use vsdpo_artifact::Region;

const WIDTH: f32 = 1280.0;
pub const HEIGHT: f32 = 720.0;
/// Distance of title, tag, points and picture from the sides of the slide.
const EDGE: f32 = 48.0;
/// Distance of a text from the side of its box.
const INSET: f32 = 10.0;
/// Distance of one point from the next; the box of each text is 72 px high.
const ROW: f32 = 76.0;
/// Distance of the first point and of the picture from the top of the slide.
pub const BODY: f32 = 134.0;

/// The inner part of a slide, in which the rules look for empty areas and for contents: left, top,
/// right, bottom; and the side of the cells in which empty areas are counted.
const INNER: [f32; 4] = [128.0, 108.0, 1152.0, 648.0];
const CELL: f32 = 20.0;

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
        let x = aside(layout.side, w, EDGE);
        Region::new(x, BODY, x + w, BODY + h)
    }

    /// The boxes of the points' letters, one em high.
    fn point_boxes(&self, size: usize) -> impl Iterator<Item = Region> {
        let font = SIZES[size] as f32;
        self.points.iter().enumerate().map(move |(i, point)| {
            let w = width(point, font, false);
            let x = aside(self.points_side(), w, EDGE + INSET);
            let y = BODY + ROW * i as f32 + INSET / 2.0 + 0.075 * font;
            Region::new(x, y, x + w, y + font)
        })
    }

    /// Whether points and picture stand in one half of the slide. Only the left and the right
    /// margin matter: both begin above the lower one.
    #[cfg(test)]
    pub(super) fn stands_in_one_half(&self, layout: &Layout) -> bool {
        let boxes: Vec<Region> = self.point_boxes(layout.size).chain([self.picture_box(layout)]).collect();
        boxes.iter().all(|r| r.x1 <= WIDTH / 2.0) || boxes.iter().all(|r| r.x0 >= WIDTH / 2.0)
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
