//! What a task fixes.

use super::layout::Layout;
use super::script::{Slip, script};
use super::words::{LABELS, NOTES, PAIRS, SHORT_FAMILIES, TITLES};
use crate::mini;
use crate::mini::Split;
use crate::mini::colors::GROUNDS;
use crate::mini::split::pick;
use rand::Rng;
use vsdpo_artifact::{Domain, Requirements};

/// How the first series is drawn; the second one is always a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two lines.
    Lines,
    /// Bars and a line.
    Bars,
}

/// The course of a series.
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
    /// High all along.
    High,
    /// Low all along.
    Low,
}

impl Shape {
    const ALL: [Shape; 6] =
        [Shape::Rising, Shape::Falling, Shape::Peak, Shape::Valley, Shape::High, Shape::Low];

    fn word(self) -> &'static str {
        ["rising", "falling", "peak", "valley", "high", "low"][self as usize]
    }

    fn levels(self) -> [i32; 5] {
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

/// The point that the note belongs to. The middle one is left out: there any alignment fits.
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
    const ALL: [Mark; 4] = [Mark::First, Mark::Second, Mark::Fourth, Mark::Last];

    fn word(self) -> &'static str {
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
    /// Courses of the two series.
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
    /// The point that the note belongs to.
    pub mark: Mark,
}

impl mini::Content for Content {
    const DOMAIN: Domain = Domain::Chart;
    const SLIPS: f64 = 0.08;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Content {
        let shapes = [pick(&Shape::ALL, rng), pick(&Shape::ALL, rng)];
        let values = shapes.map(|s| s.levels().map(|v| (v + rng.random_range(-1..=1)).clamp(1, 9)));
        let labels = rng.random_range(0..LABELS.len());
        // Long labels need room below, dense y ticks need height: both together fit no picture of
        // this size.
        let dense = labels < SHORT_FAMILIES && rng.random_bool(0.6);
        Content {
            kind: pick(&[Kind::Lines, Kind::Bars], rng),
            shapes,
            values,
            names: pick(&PAIRS, rng),
            labels,
            dense,
            ground: rng.random_range(0..GROUNDS.len()),
            title: pick(&TITLES, rng),
            note: pick(&NOTES, rng),
            mark: pick(&Mark::ALL, rng),
        }
    }

    fn split(&self) -> Option<Split> {
        let first = ((self.kind as usize * 6 + self.shapes[0] as usize) * 6 + self.shapes[1] as usize) * 4
            + self.mark as usize;
        Split::of(first, self.ground * LABELS.len() + self.labels)
    }

    fn usable(&self) -> bool {
        self.feasible()
    }

    fn lend_words(&self, other: Self) -> Self {
        Content { title: self.title, names: self.names, note: self.note, ..other }
    }

    fn prompt(&self) -> String {
        let (noun, labels) = LABELS[self.labels];
        let [a, b] = self.names;
        let series = |i: usize| {
            let values: Vec<String> = self.values[i].iter().map(i32::to_string).collect();
            format!("{} ({}): {}", self.names[i], self.shapes[i].word(), values.join(","))
        };
        let how = match self.kind {
            Kind::Lines => format!("{a} and {b} as lines"),
            Kind::Bars => format!("{a} as bars and {b} as a line"),
        };
        format!(
            "Draw '{}' with matplotlib: {how}, on a {} plot area.\n{}; {}\n{noun}: {}\nLabel the y axis every {}. \
             Above the {} point write '{}'.",
            self.title,
            GROUNDS[self.ground].0,
            series(0),
            series(1),
            labels.join(","),
            self.y_step(),
            self.mark.word(),
            self.note,
        )
    }

    fn requirements(&self) -> Requirements {
        let labels = LABELS[self.labels].1;
        let mut texts = vec![self.title.to_string(), self.note.to_string()];
        texts.extend(self.names.iter().map(|s| s.to_string()));
        texts.extend(labels.iter().map(|s| s.to_string()));
        texts.extend((0..=12).step_by(self.y_step()).map(|y| y.to_string()));
        let series = self.values.iter().map(|v| v.iter().map(|&x| x as f64).collect()).collect();
        Requirements { texts, series, background: Some(GROUNDS[self.ground].1) }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.suits(layout)
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.repaired(layout, rng).unwrap_or_else(|| layout.clone())
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        script(self, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "combinations": ["kind x first shape x second shape x marked point", "plot colour x tick labels"],
            "heldout": "both combinations are held out: neither occurs in feedback pairs or in training prompts",
            "feedback_and_train": "differ in the first combination",
        })
    }
}

impl Content {
    /// Distance of the y tick labels.
    pub fn y_step(&self) -> usize {
        if self.dense { 1 } else { 4 }
    }

    /// Whether the tick labels are long.
    pub fn long_labels(&self) -> bool {
        self.labels >= SHORT_FAMILIES
    }
}
