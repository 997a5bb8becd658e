//! v: the score of each axis, with the observed values.
//!
//! The score of an axis is `1 / (1 + n)` for n findings of severity 1: 1 when it is satisfied, and
//! each further finding costs less, so that fixing one of many still raises the score. A rule may
//! give a finer score (content: the share of requirements met). Both are our choice; the paper does
//! not say how an axis is scored.

use crate::reward::AxisWeights;
use crate::rules::{Rule, RuleResult, axes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::str::FromStr;
use vsdpo_artifact::{Axis, AxisScore, Defect, Domain, Rubric};

/// The axes of one page in the order of [`axes`], each by its rules: it is satisfied when every
/// rule that could evaluate the page is.
pub(crate) fn page_axes(domain: Domain, results: &[(&Rule, RuleResult)]) -> Vec<(Axis, AxisScore)> {
    let score = |axis: Axis| {
        let found = results.iter().filter(|(rule, _)| rule.axis == Some(axis)).map(|(_, result)| result);
        // What a skipped rule would find is not known, so that the axis may not be taken for
        // satisfied.
        let skipped = found.clone().find(|result| result.skipped).map(RuleResult::axis_score);
        let scores = found.map(RuleResult::axis_score).reduce(both);
        let scores = match (scores, skipped) {
            (Some(score), Some(skipped)) if score.satisfied != Some(false) => Some(skipped),
            (scores, _) => scores,
        };
        scores.unwrap_or_else(|| RuleResult::not_evaluated("no rule").axis_score())
    };
    axes(domain).iter().map(|&axis| (axis, score(axis))).collect()
}

/// Two rules of one axis together. Findings add up: of scores 1 / (1 + n) and 1 / (1 + m) comes
/// 1 / (1 + n + m).
fn both(a: AxisScore, b: AxisScore) -> AxisScore {
    let (Some(first), Some(second)) = (a.score, b.score) else {
        return if a.score.is_some() { a } else { b };
    };
    let score = match first.min(second) {
        0.0 => 0.0,
        _ => 1.0 / (1.0 / first + 1.0 / second - 1.0),
    };
    let observed = match (a.satisfied, b.satisfied) {
        (Some(true), _) => b.observed,
        (_, Some(true)) => a.observed,
        _ => format!("{}; {}", a.observed, b.observed),
    };
    let satisfied = a.satisfied.zip(b.satisfied).map(|(a, b)| a && b);
    AxisScore { satisfied, score: Some(score), observed, remedy: a.remedy.or(b.remedy) }
}

/// The axes of a whole render: an axis is satisfied when it is satisfied on every page.
///
/// # Reading of the paper
/// The paper speaks of one picture per rollout. With several pages the worst one counts: the axis
/// takes its score and its observed values, with the page's number. Pages on which an axis could
/// not be evaluated are left out.
pub(crate) fn over_pages(pages: Vec<Vec<(Axis, AxisScore)>>) -> Rubric {
    let several = pages.len() > 1;
    let mut worst: Vec<(Axis, AxisScore, usize)> = Vec::new();
    for (page, axes) in pages.into_iter().enumerate() {
        for (i, (axis, found)) in axes.into_iter().enumerate() {
            match worst.get_mut(i) {
                Some(known) if rank(&found) < rank(&known.1) => *known = (axis, found, page),
                Some(_) => (),
                None => worst.push((axis, found, page)),
            }
        }
    }
    let named = |(axis, mut score, page): (Axis, AxisScore, usize)| {
        if several && score.satisfied == Some(false) {
            score.observed = format!("page {}: {}", page + 1, score.observed);
        }
        (axis, score)
    };
    Rubric { axes: worst.into_iter().map(named).collect() }
}

/// Orders the scores of one axis on two pages: not satisfied, satisfied, not evaluated; then by
/// score.
fn rank(score: &AxisScore) -> (u8, f32) {
    let class = match score.satisfied {
        Some(false) => 0,
        Some(true) => 1,
        None => 2,
    };
    (class, score.score.unwrap_or(0.0))
}

/// How much of a rubric the teacher is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RubricDetail {
    /// Which axes are satisfied, as in the paper: `{"overlap":true,"legend":false}`.
    #[default]
    Binary,
    /// Also the observed values: `{"legend":{"ok":false,"observed":"..."}}`.
    Observed,
    /// Also a choice that would satisfy the axis, where a rule knows one. This names the answer: a
    /// teacher that reads it need not look at the picture.
    Full,
}

impl FromStr for RubricDetail {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "binary" => Ok(RubricDetail::Binary),
            "observed" => Ok(RubricDetail::Observed),
            "full" => Ok(RubricDetail::Full),
            _ => Err("use binary, observed or full"),
        }
    }
}

/// A defect in the JSON of `lint` and of the Python module. Names are stable; `region` is the box
/// around all regions.
pub fn defect_json(d: &Defect) -> Value {
    json!({
        "rule": d.rule,
        "severity": d.severity,
        "page": d.page,
        "region": (!d.regions.is_empty()).then(|| d.hull()),
        "regions": d.regions,
        "elements": d.elements,
        "message": d.message,
        "level": d.level,
        "help": d.help,
        "count": d.count,
    })
}

/// The rubric as the teacher reads it: compact JSON in the order of the axes. Axes that were not
/// evaluated, and axes without weight, are left out.
pub fn rubric_json(rubric: &Rubric, detail: RubricDetail, weights: &AxisWeights) -> String {
    let axis = |(axis, score): &(Axis, AxisScore)| {
        let ok = score.satisfied.filter(|_| weights.of(*axis) > 0.0)?;
        let remedy = score.remedy.as_ref().map(|remedy| format!(", {remedy}")).unwrap_or_default();
        let value = match detail {
            RubricDetail::Binary => serde_json::json!(ok),
            RubricDetail::Observed => serde_json::json!({ "ok": ok, "observed": score.observed }),
            RubricDetail::Full => {
                serde_json::json!({ "ok": ok, "observed": format!("{}{remedy}", score.observed) })
            }
        };
        Some((axis.name.to_string(), value))
    };
    serde_json::Value::Object(rubric.axes.iter().filter_map(axis).collect()).to_string()
}
