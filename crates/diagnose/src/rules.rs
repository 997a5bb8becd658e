//! The rules, one file each. A rule's manual page lies beside it and is also its module
//! documentation.
//!
//! Every file has one function from the scene to a result. Adding a rule is adding a file and a
//! line in the table of its domain, which also lists the domain's axes.

pub(crate) mod chart;
pub(crate) mod slide;
pub(crate) mod web;

use crate::requirements::{Coverage, Requirement};
use crate::scene::Scene;
use vsdpo_artifact::{Axis, AxisScore, Defect, Domain, Element};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, `<domain>/<name>`.
    pub id: &'static str,
    /// The axis that it scores. Rules without an axis find defects that enter neither rubric nor
    /// reward.
    pub axis: Option<Axis>,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// The manual page, Markdown, with the headings What it does / Why is this bad / Example /
    /// Better.
    pub page: &'static str,
    /// The CSS properties that its findings can come from; none for charts.
    pub properties: &'static [&'static str],
    check: fn(&Scene) -> RuleResult,
}

impl Rule {
    /// Applies the rule.
    pub(crate) fn apply(&self, scene: &Scene) -> RuleResult {
        // Where something is required, an empty page lacks it; see `requirements`.
        if scene.elements.is_empty() && scene.requirements.is_none() {
            return RuleResult::not_evaluated("no elements");
        }
        let mut result = (self.check)(scene);
        for defect in &mut result.defects {
            (defect.rule, defect.properties) = (self.id, self.properties);
            defect.page = scene.page;
        }
        result
    }
}

/// The rules and axes of one domain.
pub(crate) struct Tables {
    /// In the order of `axes`, then the rules without an axis.
    pub rules: &'static [Rule],
    /// Rules that need a reference, which a scene does not hold.
    pub reference_rules: &'static [Rule],
    /// In the order of rubrics.
    pub axes: &'static [Axis],
    /// The further axes of a render that is compared with a reference, in the order of rubrics.
    pub reference_axes: &'static [Axis],
    /// The requirements that each axis is about: without them it fails.
    pub needs: &'static [(Axis, &'static [Requirement])],
}

/// The one place that maps a domain to its rules.
pub(crate) fn tables(domain: Domain) -> &'static Tables {
    match domain {
        Domain::Chart => &chart::TABLES,
        Domain::Web => &web::TABLES,
        Domain::Slide => &slide::TABLES,
    }
}

/// The rules of a domain, in the order of its axes, then those without an axis.
pub fn rules(domain: Domain) -> &'static [Rule] {
    tables(domain).rules
}

/// The rules of every domain that need no reference.
pub fn all_rules() -> impl Iterator<Item = &'static Rule> {
    Domain::ALL.into_iter().flat_map(rules)
}

/// The rules of a domain that need a reference.
pub fn reference_rules(domain: Domain) -> &'static [Rule] {
    tables(domain).reference_rules
}

/// The axis of a rule by the rule's id; `None` for a rule without an axis and for an unknown id.
pub fn axis_of(rule: &str) -> Option<Axis> {
    let all = Domain::ALL.into_iter().flat_map(|d| rules(d).iter().chain(reference_rules(d)));
    all.into_iter().find(|r| r.id == rule)?.axis
}

/// The axes of a domain that need no reference, in the order of rubrics.
pub fn axes(domain: Domain) -> &'static [Axis] {
    tables(domain).axes
}

/// The further axes of a render that is compared with a reference, in the order of rubrics.
pub fn reference_axes(domain: Domain) -> &'static [Axis] {
    tables(domain).reference_axes
}

/// What a rule finds in a scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleResult {
    pub(crate) defects: Vec<Defect>,
    /// Short, because a small model reads it as a part of its prompt.
    pub(crate) observed: String,
    /// A choice that would satisfy the axis.
    pub(crate) remedy: Option<String>,
    /// The task's requirements; of the rule about content, if there are any.
    pub(crate) coverage: Option<Coverage>,
    /// `None` when the rule could not evaluate the scene.
    pub(crate) score: Option<f32>,
    /// Whether it needs something that this render lacks, so that nobody takes it for satisfied.
    pub(crate) skipped: bool,
}

impl RuleResult {
    /// A result scored by the number of findings of severity 1.
    pub(crate) fn counted(defects: Vec<Defect>, observed: String) -> Self {
        let n = defects.iter().filter(|d| d.severity > 0.0).count();
        let score = Some(1.0 / (1 + n) as f32);
        RuleResult { defects, observed, remedy: None, score, coverage: None, skipped: false }
    }

    /// The scene has nothing that this rule could evaluate.
    pub(crate) fn not_evaluated(why: &str) -> Self {
        let observed = why.into();
        RuleResult { defects: vec![], observed, remedy: None, score: None, coverage: None, skipped: false }
    }

    /// The rule needs something that this render lacks.
    pub(crate) fn skipped(why: &str) -> Self {
        RuleResult { skipped: true, ..RuleResult::not_evaluated(why) }
    }

    pub(crate) fn axis_score(&self) -> AxisScore {
        let satisfied = self.score.map(|_| self.defects.iter().all(|d| d.severity <= 0.0));
        AxisScore {
            satisfied,
            score: self.score,
            observed: self.observed.clone(),
            remedy: self.remedy.clone(),
        }
    }
}

/// A finding of severity 1 whose regions are the elements' own boxes; the rule's id and properties
/// are filled in later.
pub(crate) fn defect(elements: &[&Element], message: String) -> Defect {
    Defect {
        elements: elements.iter().map(|e| e.id).collect(),
        regions: elements.iter().map(|e| e.region).collect(),
        message,
        ..Defect::default()
    }
}

/// A text with its line breaks as spaces.
fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace('\n', " ").trim().to_string()
}
