//! The rules, one file each; a rule's manual page stands beside it and is its module documentation too.
//!
//! Every file has one function from the scene to a judgement. Adding a rule is adding a file and a line
//! in the table below.

mod element_outside_canvas;
mod empty_axes;
mod legend_covers_data;
mod low_contrast;
mod misaligned_panels;
mod missing_content;
mod overlapping_axes;
mod text_clipped;
mod text_overlap;
mod tick_crowding;
mod tiny_text;
mod unreadable_colors;

use crate::scene::Scene;
use vsdpo_artifact::{Axis, ChartAxis, Defect, Domain, Element, Verdict};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, `<domain>/<name>`.
    pub id: &'static str,
    /// The axis that it decides; each axis has one rule. The other rules find defects that rubric and reward
    /// do not speak of.
    pub axis: Option<Axis>,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// The manual page, Markdown, with the headings What it does / Why is this bad / Example / Better.
    pub page: &'static str,
    check: fn(&Scene) -> Judgement,
}

impl Rule {
    /// Applies the rule.
    pub(crate) fn judge(&self, scene: &Scene) -> Judgement {
        if scene.elements.is_empty() {
            return Judgement::not_judged("no elements");
        }
        let mut judgement = (self.check)(scene);
        judgement.defects.iter_mut().for_each(|defect| defect.rule = self.id);
        judgement
    }
}

/// The rules of a domain, in the order of its axes, then those without; empty for a domain without rules yet.
pub fn rules(domain: Domain) -> &'static [Rule] {
    match domain {
        Domain::Chart => &CHART,
        Domain::Web | Domain::Slide => &[],
    }
}

/// The table entry of the rule in module `$module`, with the axis that it decides.
macro_rules! rule {
    ($module:ident, $name:literal) => {
        rule!(@ $module, $name, None)
    };
    ($module:ident, $name:literal, $axis:ident) => {
        rule!(@ $module, $name, Some(Axis::Chart(ChartAxis::$axis)))
    };
    (@ $module:ident, $name:literal, $axis:expr) => {
        Rule {
            id: concat!("chart/", $name),
            axis: $axis,
            summary: $module::SUMMARY,
            page: include_str!(concat!("rules/", stringify!($module), ".md")),
            check: $module::check,
        }
    };
}

static CHART: [Rule; 12] = [
    rule!(missing_content, "missing-content", Content),
    rule!(text_overlap, "text-overlap", Overlap),
    rule!(legend_covers_data, "legend-covers-data", Legend),
    rule!(text_clipped, "text-clipped", Clipping),
    rule!(tick_crowding, "tick-crowding", Ticks),
    rule!(low_contrast, "low-contrast", Contrast),
    rule!(element_outside_canvas, "element-outside-canvas"),
    rule!(overlapping_axes, "overlapping-axes"),
    rule!(tiny_text, "tiny-text"),
    rule!(misaligned_panels, "misaligned-panels"),
    rule!(empty_axes, "empty-axes"),
    rule!(unreadable_colors, "unreadable-colors"),
];

/// What a rule says about a scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) defects: Vec<Defect>,
    /// Short, because a small model reads it as a part of its prompt.
    pub(crate) observed: String,
    /// `None` when it could not judge.
    pub(crate) score: Option<f32>,
}

impl Judgement {
    /// A judgement by the number of findings of severity 1.
    pub(crate) fn counted(defects: Vec<Defect>, observed: String) -> Self {
        let n = defects.iter().filter(|d| d.severity > 0.0).count();
        Judgement { defects, observed, score: Some(1.0 / (1 + n) as f32) }
    }

    /// There is nothing that this rule could judge.
    pub(crate) fn not_judged(why: &str) -> Self {
        Judgement { defects: vec![], observed: why.into(), score: None }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let satisfied = self.score.map(|_| self.defects.iter().all(|d| d.severity <= 0.0));
        Verdict { satisfied, score: self.score, observed: self.observed.clone() }
    }
}

/// A finding of severity 1 whose regions are the elements' own boxes; the rule's id is filled in later.
pub(crate) fn defect(elements: &[&Element], message: String) -> Defect {
    Defect {
        rule: "",
        severity: 1.0,
        elements: elements.iter().map(|e| e.id).collect(),
        regions: elements.iter().map(|e| e.region).collect(),
        properties: &[],
        message,
    }
}
