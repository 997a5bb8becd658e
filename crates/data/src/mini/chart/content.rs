//! The content of a mini chart: the part that a task fixes.

use super::words::SHORT_FAMILIES;

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

    pub(super) fn levels(self) -> [i32; 5] {
        match self {
            Shape::Rising => [1, 3, 5, 7, 9],
            Shape::Falling => [9, 7, 5, 3, 1],
            Shape::Peak => [2, 5, 9, 5, 2],
            Shape::Valley => [9, 5, 2, 5, 9],
            Shape::High => [8, 8, 9, 8, 8],
            Shape::Low => [2, 2, 1, 2, 2],
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
    pub(super) const ALL: [Mark; 4] = [Mark::First, Mark::Second, Mark::Fourth, Mark::Last];

    pub(super) fn word(self) -> &'static str {
        ["first", "second", "fourth", "last"][self as usize]
    }

    /// Position on the x axis.
    pub fn x(self) -> usize {
        [0, 1, 3, 4][self as usize]
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
    /// Index into the families of tick labels.
    pub labels: usize,
    /// Whether every unit of the y axis has a label.
    pub dense: bool,
    /// Index into the colours of the plot area.
    pub ground: usize,
    /// The title.
    pub title: &'static str,
    /// The note.
    pub note: &'static str,
    /// The point that the note annotates.
    pub mark: Mark,
}

impl Content {
    /// Distance between y tick labels, in units of the y axis.
    pub fn y_step(&self) -> usize {
        if self.dense { 1 } else { 4 }
    }

    /// Whether the tick labels are long.
    pub fn long_labels(&self) -> bool {
        self.labels >= SHORT_FAMILIES
    }
}
