//! v: one verdict per axis, with what was seen.
//!
//! The score of an axis is `1 / (1 + n)` for n findings of severity 1: 1 when it is clean, and each
//! further finding costs less, so that mending one of many still pays. A rule may give a finer
//! score (content: the share of demands met). Both are our choice; the paper does not say how an
//! axis is scored.

use crate::rules::{Judgement, Rule};
use vsdpo_artifact::{Axis, Domain, Rubric, Verdict};

/// Verdicts in the order of [`Axis::of`], each from the rule of its axis.
pub(crate) fn rubric(domain: Domain, judged: &[(&Rule, Judgement)]) -> Rubric {
    let verdict = |axis: Axis| {
        let found = judged.iter().find(|(rule, _)| rule.axis == Some(axis)).map(|(_, judgement)| judgement);
        found.map_or_else(|| Judgement::not_judged("no rule").verdict(), Judgement::verdict)
    };
    Rubric { axes: Axis::of(domain).iter().map(|&axis| (axis, verdict(axis))).collect() }
}

/// The rubric as the teacher reads it: compact JSON, `{"content":{"ok":true,"observed":"all"},...}`
/// in the order of the axes. Axes that were not judged are left out.
pub fn rubric_json(rubric: &Rubric) -> String {
    let axis = |(axis, verdict): &(Axis, Verdict)| {
        let ok = verdict.satisfied?;
        let value = serde_json::json!({ "ok": ok, "observed": verdict.observed });
        Some((axis.name().to_string(), value))
    };
    serde_json::Value::Object(rubric.axes.iter().filter_map(axis).collect()).to_string()
}
