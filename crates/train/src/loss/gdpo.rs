//! Advantages of several rewards, each normalised by itself (GDPO): docs/specs/aeslides.md, 7.

use std::collections::BTreeMap;

/// Added to standard deviations.
const EPS: f64 = 1e-4;

/// Advantages of samples with one reward per component: each component is normalised among the
/// samples of one prompt, the weighted sum over all samples.
///
/// `rewards` is `[samples, components]`; NaN and what is missing count as 0, infinities as the
/// largest number. `groups` names the prompt of each sample; a sample without one is alone.
/// `weights` are those of the components and multiply advantages, so a component that is constant
/// in a group adds nothing there. Standard deviations divide by n - 1. A sample that is alone has
/// advantage 0 before the last step, and a batch of one after it.
pub fn decoupled_advantages(
    rewards: &[impl AsRef<[f32]>],
    groups: &[Option<u64>],
    weights: &[f32],
) -> Vec<f32> {
    let mut members: BTreeMap<(Option<u64>, usize), Vec<usize>> = BTreeMap::new();
    for i in 0..rewards.len() {
        let group = groups.get(i).copied().flatten();
        let alone = if group.is_none() { i } else { 0 };
        members.entry((group, alone)).or_default().push(i);
    }
    let mut sums = vec![0.0; rewards.len()];
    for (component, weight) in weights.iter().enumerate() {
        let reward = |i: &usize| finite(rewards[*i].as_ref().get(component).copied().unwrap_or(0.0));
        for group in members.values() {
            let advantages = normalised(&group.iter().map(reward).collect::<Vec<_>>());
            for (i, advantage) in group.iter().zip(advantages) {
                let part = f64::from(*weight) * advantage;
                sums[*i] += if part.is_nan() { 0.0 } else { part };
            }
        }
    }
    normalised(&sums).into_iter().map(|advantage| advantage as f32).collect()
}

/// Distances from the mean in standard deviations; 0 for one value.
fn normalised(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() };
    values.iter().map(|value| (value - mean) / (deviation + EPS)).collect()
}

fn finite(reward: f32) -> f64 {
    f64::from(if reward.is_nan() { 0.0 } else { reward.clamp(f32::MIN, f32::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// JSON has no infinities and no NaN: they are strings.
    fn number(value: &Value) -> f32 {
        let parsed = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        parsed.unwrap_or_else(|| panic!("{value} is no number")) as f32
    }

    #[test]
    fn advantages_are_those_of_the_released_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/aeslides/reward_vectors.json");
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = vectors["gdpo"].as_array().unwrap();
        assert_eq!(cases.len(), 9);
        for case in cases {
            let list = |key: &str| case[key].as_array().unwrap();
            let row = |row: &Value| row.as_array().unwrap().iter().map(number).collect::<Vec<_>>();
            let rewards: Vec<Vec<f32>> = list("rewards").iter().map(row).collect();
            let groups: Vec<Option<u64>> = list("groups").iter().map(Value::as_u64).collect();
            let got = decoupled_advantages(&rewards, &groups, &[1.0; 4]);
            assert_eq!(got.len(), list("advantages").len());
            for (got, want) in got.iter().zip(list("advantages")) {
                assert!((got - number(want)).abs() < 1e-5, "{}: {got}, not {want}", case["name"]);
            }
        }
    }

    /// Two samples: each component gives +-d / (s + 1e-4) with s = d sqrt 2, where d is half of
    /// their distance.
    #[test]
    fn weights_multiply_advantages_and_not_rewards() {
        let part = |d: f64| d / (d * 2f64.sqrt() + 1e-4);
        let rewards = [vec![1.0, 0.0], vec![0.0, 100.0]];
        let got = decoupled_advantages(&rewards, &[Some(3), Some(3)], &[2.0, 1.0]);
        let sum = 2.0 * part(0.5) - part(50.0);
        assert!((f64::from(got[0]) - part(sum)).abs() < 1e-6 && got[1] == -got[0], "{got:?}");
        let off = decoupled_advantages(&rewards, &[Some(3), Some(3)], &[2.0, 0.0]);
        assert!(off[0] > 0.7 && off[1] < -0.7, "{off:?}");
        // A missing component is 0 for both.
        let short = decoupled_advantages(&[vec![1.0], vec![0.0]], &[Some(3), Some(3)], &[2.0, 9.0]);
        assert_eq!(short, off);
        assert!(decoupled_advantages(&rewards[..0], &[], &[1.0]).is_empty());
    }
}
