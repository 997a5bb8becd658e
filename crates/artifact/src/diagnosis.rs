//! What is wrong with a render: defects (where), rubric (which axis), reward (how much).

use crate::{Domain, Region};
use serde::Serialize;

/// How strongly a person should act on a finding. Rubric, reward and credit do not read it: they
/// know severities only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; many good artifacts have it, because a library's defaults produce it.
    Note,
    /// A careful reader would change it.
    #[default]
    Warning,
    /// The artifact cannot be used as it is.
    Error,
}

impl Level {
    /// `note`, `warning` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One finding of one rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Defect {
    /// Stable id, `<domain>/<name>`.
    pub rule: &'static str,
    /// The paper's severity, 0 or 1: 0 is reported but carries no credit.
    pub severity: f32,
    /// The page that it is on: a position in [`crate::Rendered::pages`].
    pub page: u32,
    /// Elements at fault, by id; all on that page.
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
    /// How strongly a person should act on it.
    pub level: Level,
    /// A change of the source that removes the finding, computed from the render where the rule can
    /// compute one.
    pub help: Option<String>,
    /// How many findings of one rule and statement this one stands for.
    pub count: usize,
}

impl Default for Defect {
    fn default() -> Self {
        Defect {
            rule: "",
            severity: 1.0,
            page: 0,
            elements: Vec::new(),
            regions: Vec::new(),
            properties: &[],
            message: String::new(),
            level: Level::default(),
            help: None,
            count: 1,
        }
    }
}

impl Defect {
    /// The finding as a note.
    pub fn note(self) -> Self {
        Defect { level: Level::Note, ..self }
    }

    /// The finding with a change that removes it.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Defect { help: Some(help.into()), ..self }
    }

    /// The box around all regions; empty if there is none.
    pub fn hull(&self) -> Region {
        self.regions.iter().copied().reduce(Region::hull).unwrap_or_default()
    }
}

/// An `f32` as the shortest decimal that reads as the same number: 0.8, not 0.800000011920929. For
/// JSON, whose numbers have 64 bits.
pub fn shortest(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}

/// An axis of a rubric. The axes of a domain are listed beside its rules, in `diagnose`; rubric and
/// reward share that one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Axis {
    /// The domain that has it.
    pub domain: Domain,
    /// The stable name, as in rubrics, metrics and JSON; unique within its domain.
    pub name: &'static str,
}

impl Serialize for Axis {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name)
    }
}

/// What a rubric says of one axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisScore {
    /// Whether the axis is free of defects; `None` when it could not be evaluated.
    pub satisfied: Option<bool>,
    /// Score in `[0, 1]`; `None` when it could not be evaluated, never 0 instead.
    pub score: Option<f32>,
    /// The observed values in a few words, whether or not the axis is satisfied; the reason where
    /// it could not be evaluated.
    pub observed: String,
    /// A choice that would satisfy the axis, where the rule knows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// v: one score per axis, in the order of the domain's list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rubric {
    /// The axes with their scores.
    pub axes: Vec<(Axis, AxisScore)>,
}

impl Rubric {
    /// The score of one axis.
    pub fn get(&self, axis: Axis) -> Option<&AxisScore> {
        self.axes.iter().find(|(a, _)| *a == axis).map(|(_, v)| v)
    }

    /// Whether every evaluated axis is satisfied, and at least one was evaluated.
    pub fn clean(&self) -> bool {
        let mut evaluated = self.axes.iter().filter_map(|(_, v)| v.satisfied).peekable();
        evaluated.peek().is_some() && evaluated.all(|ok| ok)
    }
}

impl Serialize for Rubric {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.axes.iter().map(|(a, v)| (a.name, v)))
    }
}

/// Everything that is known about one outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Whether the code ran and drew something.
    pub executed: bool,
    /// D: the findings.
    pub defects: Vec<Defect>,
    /// v: the score of each axis; empty after a failure.
    pub rubric: Rubric,
    /// Share of the task's requirements that the render meets, in `[0, 1]`; 1 without requirements,
    /// 0 after a failure. Of several pages, the lowest.
    pub content: f32,
    /// Rules that need something which this render lacks, such as pictures of the slides: they have
    /// found nothing because they have not looked. In the order of the domain's rules.
    pub skipped: Vec<&'static str>,
}

impl Diagnosis {
    /// Whether the code ran and every evaluated axis is satisfied.
    pub fn defect_free(&self) -> bool {
        self.executed && self.rubric.clean()
    }
}
