//! What is wrong with a render: defects (where), rubric (which axis), reward (how much).

use crate::{Domain, Region};
use serde::Serialize;

/// One finding of one rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Defect {
    /// Stable id, `<domain>/<name>`.
    pub rule: &'static str,
    /// The paper's severity, 0 or 1: 0 is reported but carries no credit.
    pub severity: f32,
    /// Elements at fault, by id.
    pub elements: Vec<u32>,
    /// One region per element at fault, in the same order: the element's own box.
    ///
    /// # Reading of the paper
    /// The paper does not say how large the region of a defect is. We take the box of each involved
    /// element, so that the statement that drew it overlaps the region fully (IoU 1).
    pub regions: Vec<Region>,
    /// The CSS properties that it can come from, on a page; a style rule that decides one of them
    /// at an element at fault answers for the defect too.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub properties: &'static [&'static str],
    /// One sentence for a person.
    pub message: String,
}

impl Defect {
    /// The box around all regions; empty if there is none.
    pub fn hull(&self) -> Region {
        self.regions.iter().copied().reduce(Region::hull).unwrap_or_default()
    }
}

/// The axes of charts. Rubric and reward share this one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChartAxis {
    /// The chart shows the texts and the data that the task asks for.
    Content,
    /// Texts do not run into each other.
    Overlap,
    /// The legend leaves the data free.
    Legend,
    /// Texts are not cut at an edge.
    Clipping,
    /// Tick labels have room.
    Ticks,
    /// Texts stand out from what is behind them.
    Contrast,
    /// The texts are the reference's.
    Text,
    /// The axes lie in the reference's grid.
    Layout,
    /// The calls that draw are of the reference's kinds.
    ChartType,
    /// The colours are the reference's.
    Color,
    /// The picture looks like the reference's.
    Visual,
}

/// The axes of pages. Rubric and reward share this one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebAxis {
    /// The page shows what the task asks for.
    Content,
    /// Texts and controls do not run into each other.
    Overlap,
    /// Texts are not cut and stay in their boxes.
    Clipping,
    /// The page is no wider than the window.
    Overflow,
    /// Texts stand out from what is behind them.
    Contrast,
    /// Neighbours of one kind stand in line.
    Alignment,
    /// The blocks of text are the reference's (Design2Code).
    BlockMatch,
    /// The texts of matched blocks are the reference's.
    Text,
    /// Matched blocks are where the reference has them.
    Position,
    /// Matched blocks have the reference's colours.
    Color,
    /// The picture looks like the reference's.
    Clip,
}

/// An axis of some domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// An axis of charts.
    Chart(ChartAxis),
    /// An axis of pages.
    Web(WebAxis),
}

impl Axis {
    /// Every axis of a domain that a render alone can be judged on, in the fixed order of rubrics.
    /// Empty for a domain without rules yet.
    pub fn of(domain: Domain) -> &'static [Axis] {
        use ChartAxis::*;
        match domain {
            Domain::Chart => &[
                Axis::Chart(Content),
                Axis::Chart(Overlap),
                Axis::Chart(Legend),
                Axis::Chart(Clipping),
                Axis::Chart(Ticks),
                Axis::Chart(Contrast),
            ],
            Domain::Web => &[
                Axis::Web(WebAxis::Content),
                Axis::Web(WebAxis::Overlap),
                Axis::Web(WebAxis::Clipping),
                Axis::Web(WebAxis::Overflow),
                Axis::Web(WebAxis::Contrast),
                Axis::Web(WebAxis::Alignment),
            ],
            Domain::Slide => &[],
        }
    }

    /// The further axes of a render that has a reference to be compared with, in the fixed order of
    /// rubrics.
    pub fn against_reference(domain: Domain) -> &'static [Axis] {
        use ChartAxis::*;
        match domain {
            Domain::Chart => &[
                Axis::Chart(Text),
                Axis::Chart(Layout),
                Axis::Chart(ChartType),
                Axis::Chart(Color),
                Axis::Chart(Visual),
            ],
            Domain::Web => &[
                Axis::Web(WebAxis::BlockMatch),
                Axis::Web(WebAxis::Text),
                Axis::Web(WebAxis::Position),
                Axis::Web(WebAxis::Color),
                Axis::Web(WebAxis::Clip),
            ],
            Domain::Slide => &[],
        }
    }

    /// The stable name, as in rubrics, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Chart(ChartAxis::Content) => "content",
            Axis::Chart(ChartAxis::Overlap) => "overlap",
            Axis::Chart(ChartAxis::Legend) => "legend",
            Axis::Chart(ChartAxis::Clipping) => "clipping",
            Axis::Chart(ChartAxis::Ticks) => "ticks",
            Axis::Chart(ChartAxis::Contrast) => "contrast",
            Axis::Chart(ChartAxis::Text) => "text",
            Axis::Chart(ChartAxis::Layout) => "layout",
            Axis::Chart(ChartAxis::ChartType) => "chart_type",
            Axis::Chart(ChartAxis::Color) => "color",
            Axis::Chart(ChartAxis::Visual) => "visual",
            Axis::Web(WebAxis::Content) => "content",
            Axis::Web(WebAxis::Overlap) => "overlap",
            Axis::Web(WebAxis::Clipping) => "clipping",
            Axis::Web(WebAxis::Overflow) => "overflow",
            Axis::Web(WebAxis::Contrast) => "contrast",
            Axis::Web(WebAxis::Alignment) => "alignment",
            Axis::Web(WebAxis::BlockMatch) => "block_match",
            Axis::Web(WebAxis::Text) => "text",
            Axis::Web(WebAxis::Position) => "position",
            Axis::Web(WebAxis::Color) => "color",
            Axis::Web(WebAxis::Clip) => "clip",
        }
    }
}

impl Serialize for Axis {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

/// The judgement of one axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether the axis is free of defects; `None` when it was not judged.
    pub satisfied: Option<bool>,
    /// Score in `[0, 1]`; `None` when it was not judged, never 0 instead.
    pub score: Option<f32>,
    /// What was seen, in a few words, whatever the verdict: a report without observed values tells
    /// a teacher nothing about *this* render.
    pub observed: String,
}

/// v: one verdict per axis, in the order of [`Axis::of`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rubric {
    /// The axes with their verdicts.
    pub axes: Vec<(Axis, Verdict)>,
}

impl Rubric {
    /// The verdict of one axis.
    pub fn get(&self, axis: Axis) -> Option<&Verdict> {
        self.axes.iter().find(|(a, _)| *a == axis).map(|(_, v)| v)
    }

    /// Whether every judged axis is satisfied (and at least one was judged).
    pub fn clean(&self) -> bool {
        let mut judged = self.axes.iter().filter_map(|(_, v)| v.satisfied).peekable();
        judged.peek().is_some() && judged.all(|ok| ok)
    }
}

impl Serialize for Rubric {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.axes.iter().map(|(a, v)| (a.name(), v)))
    }
}

/// Everything that is known about one outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Whether the code ran and drew something.
    pub executed: bool,
    /// D: the findings.
    pub defects: Vec<Defect>,
    /// v: the verdict per axis; empty after a failure.
    pub rubric: Rubric,
    /// r, Eq. (8), in `[0, 1]`.
    pub reward: f32,
}

impl Diagnosis {
    /// Whether the code ran and no judged axis has a defect.
    pub fn defect_free(&self) -> bool {
        self.executed && self.rubric.clean()
    }
}
