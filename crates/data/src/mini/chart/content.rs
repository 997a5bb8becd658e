//! What a task fixes.

use super::layout::Layout;
use super::words::{GROUNDS, LABELS, NOTES, PAIRS, SHORT_FAMILIES, TITLES};
use rand::Rng;
use serde::{Deserialize, Serialize};
use vsdpo_artifact::Requirements;

/// The three disjoint sets of contents.
///
/// The combination (kind, both shapes, marked point) decides between the three; held-out contents also combine plot colour
/// and tick labels as no other set does. The base policy has read feedback about `Feedback` contents, RL prompts come
/// from `Train`, evaluation uses `Heldout`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Contents of the base policy's feedback and reference pairs.
    Feedback,
    /// Contents of RL prompts.
    #[default]
    Train,
    /// Contents of evaluation.
    Heldout,
}

impl Split {
    /// The lower-case name, as in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Split::Feedback => "feedback",
            Split::Train => "train",
            Split::Heldout => "heldout",
        }
    }
}

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

impl Content {
    /// Draws a content of a split for which at least one good layout exists.
    pub fn draw(split: Split, rng: &mut impl Rng) -> Content {
        loop {
            let content = Self::draw_any(rng);
            if content.split() == Some(split) && content.feasible() {
                return content;
            }
        }
    }

    /// Draws a content of `Feedback` or `Train`.
    pub fn draw_seen(rng: &mut impl Rng) -> Content {
        let split = if rng.random_bool(0.5) { Split::Feedback } else { Split::Train };
        Self::draw(split, rng)
    }

    fn draw_any(rng: &mut impl Rng) -> Content {
        let shapes = [pick(&Shape::ALL, rng), pick(&Shape::ALL, rng)];
        let values = shapes.map(|s| s.levels().map(|v| (v + rng.random_range(-1..=1)).clamp(1, 9)));
        let labels = rng.random_range(0..LABELS.len());
        // Long labels need room below, dense y ticks need height: both together fit no picture of this size.
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

    /// The split of a content; `None` for the combinations that belong to none.
    pub fn split(&self) -> Option<Split> {
        let a = ((self.kind as usize * 6 + self.shapes[0] as usize) * 6 + self.shapes[1] as usize) * 4
            + self.mark as usize;
        let b = self.ground * LABELS.len() + self.labels;
        let held_b = scatter(b).is_multiple_of(4);
        match (scatter(a + 1000) % 5, held_b) {
            (0, true) => Some(Split::Heldout),
            (1 | 2, false) => Some(Split::Feedback),
            (3 | 4, false) => Some(Split::Train),
            _ => None,
        }
    }

    /// The instruction.
    pub fn prompt(&self) -> String {
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

    /// Distance of the y tick labels.
    pub fn y_step(&self) -> usize {
        if self.dense { 1 } else { 4 }
    }

    /// What the chart must show.
    pub fn requirements(&self) -> Requirements {
        let labels = LABELS[self.labels].1;
        let mut texts = vec![self.title.to_string(), self.note.to_string()];
        texts.extend(self.names.iter().map(|s| s.to_string()));
        texts.extend(labels.iter().map(|s| s.to_string()));
        texts.extend((0..=12).step_by(self.y_step()).map(|y| y.to_string()));
        let series = self.values.iter().map(|v| v.iter().map(|&x| x as f64).collect()).collect();
        Requirements { texts, series, background: Some(GROUNDS[self.ground].1) }
    }

    /// Whether the tick labels are long.
    pub fn long_labels(&self) -> bool {
        self.labels >= SHORT_FAMILIES
    }

    /// A good layout, drawn at random; neutral choices are random too.
    ///
    /// # Panics
    /// Never for a content from [`Content::draw`], which has a good layout.
    pub fn good_layout(&self, rng: &mut impl Rng) -> Layout {
        self.repair(&Layout::random(rng), rng).expect("drawn contents have a good layout")
    }
}

fn pick<T: Copy>(of: &[T], rng: &mut impl Rng) -> T {
    of[rng.random_range(0..of.len())]
}

/// A fixed scrambling of small numbers, so that held-out combinations lie spread over all of them.
fn scatter(x: usize) -> usize {
    let mut z = (x as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 31;
    z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 33) as usize
}
