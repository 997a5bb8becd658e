//! What a merge brings (specs/design2code.md, 10).

use std::collections::HashMap;
use std::iter::repeat_n;

/// A merge must bring more than this.
pub(super) const GAIN: f64 = 0.05;
/// Gains that are further than this below [`GAIN`] are so in any order of summing.
pub(super) const ROUNDING: f64 = 1e-9;

/// By how much the mean cost falls among the costs that are not in both lists; 0 where the least cost does not
/// fall as well.
pub(super) fn gain(before: &[f64], after: &[f64]) -> f64 {
    let (lost, won) = (surplus(before, after), surplus(after, before));
    let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len().max(1) as f64;
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
    let gain = mean(&lost) - mean(&won);
    if gain > 0.0 && least(&lost) <= least(&won) { 0.0 } else { gain }
}

/// What a list has more of than the other: equal values side by side, in the order in which they first stand.
fn surplus(list: &[f64], other: &[f64]) -> Vec<f64> {
    let counts = |list: &[f64]| {
        let mut counts: HashMap<u64, usize> = HashMap::new();
        list.iter().for_each(|value| *counts.entry(value.to_bits()).or_default() += 1);
        counts
    };
    let (mut own, others) = (counts(list), counts(other));
    let mut more = |value: &f64| {
        let own = own.remove(&value.to_bits()).unwrap_or(0);
        own.saturating_sub(others.get(&value.to_bits()).copied().unwrap_or(0))
    };
    list.iter().flat_map(|value| repeat_n(*value, more(value))).collect()
}
