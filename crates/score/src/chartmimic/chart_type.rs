//! Chart types (docs/specs/chartmimic.md, 6): for every label the smaller number of calls counts as
//! agreed.

use super::{Rules, f1};
use std::collections::BTreeMap;
use vsdpo_artifact::F1;

pub(crate) fn score(pred: &BTreeMap<String, u64>, gt: &BTreeMap<String, u64>, rules: Rules) -> F1 {
    let both = |(label, calls): (&String, &u64)| gt.get(label).map_or(0, |other| *calls.min(other));
    let agreed: u64 = pred.iter().map(both).sum();
    let sum = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>() as f64;
    f1(agreed as f64, sum(pred), sum(gt), rules)
}
