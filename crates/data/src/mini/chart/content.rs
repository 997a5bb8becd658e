//! The content of a mini chart: the part that a task fixes.

use super::words::SHORT_FAMILIES;
use crate::mini::colors::GROUNDS;

/// How the first series is drawn; the second one is always a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two lines.
    Lines,
    /// Bars and a line.
    Bars,
}

/// The shape of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From low to high.
    Rising,
    /// From high to low.
    Falling,
    /// High in the middle.
    Peak,
    /// Low in the middle.
    Valley,
    /// High everywhere.
    High,
    /// Low everywhere.
    Low,
}

impl Shape {
    pub(super) const ALL: [Shape; 6] =
        [Shape::Rising, Shape::Falling, Shape::Peak, Shape::Valley, Shape::High, Shape::Low];

    pub(super) fn word(self) -> &'static str {
        ["rising", "falling", "peak", "valley", "high", "low"][self as usize]
    }

    /// The values in twelfths of the y axis. High axes, which dense y ticks need, are used higher
    /// up: else a legend at the top would always be good.
    pub(super) fn levels(self, high_axes: bool) -> [i32; 5] {
        match (self, high_axes) {
            (Shape::Rising, false) => [1, 2, 4, 6, 8],
            (Shape::Rising, true) => [1, 3, 5, 8, 10],
            (Shape::Falling, false) => [8, 6, 4, 2, 1],
            (Shape::Falling, true) => [10, 8, 5, 3, 1],
            (Shape::Peak, false) => [2, 4, 8, 4, 2],
            (Shape::Peak, true) => [2, 6, 10, 6, 2],
            (Shape::Valley, false) => [8, 4, 2, 4, 8],
            (Shape::Valley, true) => [10, 6, 2, 6, 10],
            (Shape::High, false) => [7, 7, 8, 7, 7],
            (Shape::High, true) => [9, 9, 10, 9, 9],
            (Shape::Low, _) => [2, 2, 1, 2, 2],
        }
    }
}

/// The point that the note annotates. The middle point is excluded because every alignment fits
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Point 0.
    First,
    /// Point 1.
    Second,
    /// Point 3.
    Fourth,
    /// Point 4.
    Last,
}

impl Mark {
    /// The points that contents are drawn from, each with its weight: only at the ends does the
    /// alignment depend on the direction of the x axis.
    pub(super) const DRAWN: [(Mark, u32); 4] =
        [(Mark::First, 2), (Mark::Second, 1), (Mark::Fourth, 1), (Mark::Last, 2)];

    pub(super) fn word(self) -> &'static str {
        ["first", "second", "fourth", "last"][self as usize]
    }

    /// Position on the x axis.
    pub fn x(self) -> usize {
        [0, 1, 3, 4][self as usize]
    }
}

/// What determines the bottom margin and the rotation of the tick labels.
///
/// Long labels under every point must be rotated, which needs a wide margin. Dense y ticks need
/// height, so the margin must be narrow; then the x labels must be horizontal, which long labels
/// can be only under every second point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// Whether the x tick labels are long.
    pub long: bool,
    /// Every `every`-th point has an x tick label: 1 or 2.
    pub every: usize,
    /// The y axis ends at 12 times this, and all values are multiplied by it.
    pub scale: i32,
    /// Distance between y tick labels.
    pub step: usize,
}

impl Ticks {
    /// The combinations that contents are drawn from, each with its weight: no field decides alone.
    pub(super) const DRAWN: [(Ticks, u32); 6] = {
        const fn ticks(long: bool, every: usize, scale: i32, step: usize) -> Ticks {
            Ticks { long, every, scale, step }
        }
        [
            (ticks(true, 1, 1, 2), 3),
            (ticks(true, 1, 2, 3), 7),
            (ticks(true, 2, 2, 2), 5),
            (ticks(true, 2, 3, 3), 2),
            (ticks(false, 1, 2, 2), 5),
            (ticks(false, 1, 3, 3), 2),
        ]
    };

    /// The end of the y axis.
    pub fn top(self) -> i32 {
        12 * self.scale
    }

    /// Whether the y tick labels fit only beside high axes.
    pub fn dense(self) -> bool {
        self.scale as usize >= self.step
    }
}

/// The content of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// How the first series is drawn.
    pub kind: Kind,
    /// Shapes of the two series.
    pub shapes: [Shape; 2],
    /// Values of the two series.
    pub values: [[i32; 5]; 2],
    /// Names of the two series.
    pub names: [&'static str; 2],
    /// Whether the x axis runs from right to left.
    pub reversed: bool,
    /// Index into the families of tick labels.
    pub labels: usize,
    /// Ticks of both axes.
    pub ticks: Ticks,
    /// Index into the colours of the plot area.
    pub ground: usize,
    /// Index into the same colours, for the box of the note. Drawn also where the note has no box.
    pub patch: usize,
    /// Whether the note has a box.
    pub boxed: bool,
    /// The title.
    pub title: &'static str,
    /// The note.
    pub note: &'static str,
    /// The point that the note annotates.
    pub mark: Mark,
}

impl Content {
    /// Position of a point from left to right: 0 to 4.
    pub(super) fn place(&self, point: usize) -> usize {
        if self.reversed { 4 - point } else { point }
    }

    /// The colour behind the note.
    pub(super) fn note_ground(&self) -> usize {
        if self.boxed { self.patch } else { self.ground }
    }

    /// The colour of the note's box, with matplotlib's name.
    pub(super) fn patch_name(&self) -> &'static str {
        if self.boxed { GROUNDS[self.patch].0 } else { "none" }
    }

    /// The labels of the x axis that are drawn.
    pub(super) fn shown_labels(&self) -> impl Iterator<Item = &'static str> {
        super::words::LABELS[self.labels].1.into_iter().step_by(self.ticks.every)
    }

    /// The first family of labels of this length.
    pub(super) fn first_family(long: bool) -> usize {
        if long { SHORT_FAMILIES } else { 0 }
    }
}
