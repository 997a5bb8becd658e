//! The rules, one file each; a rule's manual page stands beside it and is its module documentation
//! too.
//!
//! Every file has one function from the scene to a judgement. Adding a rule is adding a file and a
//! line in the table of its domain.

mod chart;
mod web;

use crate::scene::{Scene, and_others};
use vsdpo_artifact::{Axis, Defect, Domain, Element, Verdict};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, `<domain>/<name>`.
    pub id: &'static str,
    /// The axis that it decides; each axis has one rule. The other rules find defects that rubric
    /// and reward do not speak of.
    pub axis: Option<Axis>,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// The manual page, Markdown, with the headings What it does / Why is this bad / Example /
    /// Better.
    pub page: &'static str,
    /// The CSS properties that its findings can come from; none for charts.
    pub properties: &'static [&'static str],
    check: fn(&Scene) -> Judgement,
}

impl Rule {
    /// Applies the rule.
    pub(crate) fn judge(&self, scene: &Scene) -> Judgement {
        if scene.elements.is_empty() {
            return Judgement::not_judged("no elements");
        }
        let mut judgement = (self.check)(scene);
        for defect in &mut judgement.defects {
            (defect.rule, defect.properties) = (self.id, self.properties);
        }
        judgement
    }
}

/// The rules of a domain, in the order of its axes, then those without; empty for a domain without
/// rules yet.
pub fn rules(domain: Domain) -> &'static [Rule] {
    match domain {
        Domain::Chart => &chart::RULES,
        Domain::Web => &web::RULES,
        Domain::Slide => &[],
    }
}

/// The rules of every domain that a render alone can be judged by.
pub fn all_rules() -> impl Iterator<Item = &'static Rule> {
    [Domain::Chart, Domain::Web, Domain::Slide].into_iter().flat_map(rules)
}

/// The rules of pages that need a reference: missing, extra, moved and recoloured blocks.
pub fn reference_rules() -> &'static [Rule; 4] {
    &web::AGAINST
}

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

/// A finding of severity 1 whose regions are the elements' own boxes; the rule's id and properties
/// are filled in later.
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

/// The judgement on a task's demands: how many there are, and in short and as a sentence what is
/// missing. What is missing has no place in the picture.
fn demanded(all: usize, missing: Vec<(String, String)>) -> Judgement {
    let observed =
        missing.first().map_or("all".into(), |(short, _)| and_others(short.clone(), missing.len()));
    let score = (all - missing.len().min(all)) as f32 / all.max(1) as f32;
    let defects = missing.into_iter().map(|(_, sentence)| defect(&[], sentence)).collect();
    Judgement { defects, observed, score: Some(score) }
}

/// A text with its line breaks as spaces.
fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace('\n', " ").trim().to_string()
}
