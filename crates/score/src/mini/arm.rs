//! The scores of one arm of an evaluation.

use super::{Attempt, Cost, Grading, TaskScores};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vsdpo_stats::{Estimate, bootstrap};

/// The scores of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Which arm.
    pub arm: String,
    /// Tasks, one attempt each.
    pub tasks: usize,
    /// Share of attempts that run and draw something.
    pub exec: Estimate,
    /// Share of attempts that run and satisfy every evaluated axis.
    pub defect_free: Estimate,
    /// Mean reward, equation 8.
    pub reward: Estimate,
    /// Share of attempts that are the task's code with a good layout, by the generator's geometry;
    /// `None` for tasks of a corpus.
    #[serde(default)]
    pub good: Option<Estimate>,
    /// Share of attempts whose held-back choice is good, which neither reward nor rubric covers;
    /// `None` for tasks of a corpus.
    #[serde(default)]
    pub held_back: Option<Estimate>,
    /// Share of attempts that satisfy each axis; an attempt that fails satisfies none.
    pub axes: BTreeMap<String, Estimate>,
    /// Entropy in nats of each layout choice over the attempts that can be read: 0 means one layout
    /// for everything.
    pub choice_entropy: BTreeMap<String, f64>,
    /// Mean cost of a task; only in an evaluation with reflection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MeanCost>,
    /// The same task by task: the tasks of all arms are the same.
    #[serde(skip)]
    pub scores: TaskScores,
}

/// What an arm costs per task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanCost {
    /// Tokens read and written.
    pub tokens: f64,
    /// Renders that the arm itself needs; those of the scores are not counted.
    pub renders: f64,
    /// Seconds on this machine. Tasks are sampled and rendered together.
    pub seconds: f64,
}

impl MeanCost {
    /// The mean of costs, one per task.
    pub fn of(costs: &[Cost]) -> Self {
        let mean = |value: fn(&Cost) -> f64| costs.iter().map(value).sum::<f64>() / costs.len().max(1) as f64;
        let (tokens, renders) = (mean(|c| c.tokens() as f64), mean(|c| c.renders as f64));
        Self { tokens, renders, seconds: mean(Cost::seconds) }
    }
}

impl Arm {
    /// The scores of attempts, one per task.
    pub fn of(arm: &str, attempts: &[Attempt], by: &Grading) -> Self {
        let scores = TaskScores::of(attempts, by);
        let estimate = |values: &Vec<f64>| bootstrap(values, by.seed);
        let of_world = attempts.iter().filter(|_| !by.own);
        let choices: Vec<_> = of_world.filter_map(|a| by.world.choices(a.source())).collect();
        Self {
            arm: arm.into(),
            tasks: attempts.len(),
            exec: estimate(&scores.exec),
            defect_free: estimate(&scores.defect_free),
            reward: estimate(&scores.reward),
            good: scores.good.as_ref().map(estimate),
            held_back: scores.held_back.as_ref().map(estimate),
            axes: scores.axes.iter().map(|(name, values)| (name.clone(), estimate(values))).collect(),
            choice_entropy: choice_entropy(&choices),
            cost: None,
            scores,
        }
    }
}

/// The entropy of each choice over attempts that all make the same choices.
fn choice_entropy(attempts: &[Vec<(&'static str, usize)>]) -> BTreeMap<String, f64> {
    let names = attempts.first().into_iter().flatten().enumerate();
    names.map(|(k, (name, _))| (name.to_string(), entropy(attempts.iter().map(move |a| a[k].1)))).collect()
}

fn entropy(values: impl Iterator<Item = usize>) -> f64 {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    let mut n = 0.0;
    for v in values {
        *counts.entry(v).or_default() += 1.0;
        n += 1.0;
    }
    counts.values().map(|c| -(c / n) * (c / n).ln()).sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_even_choices_is_the_logarithm_of_their_number() {
        assert!((entropy([0, 1, 2, 3].into_iter()) - 4f64.ln()).abs() < 1e-12);
        assert_eq!(entropy([5, 5, 5].into_iter()), 0.0);
        assert_eq!(entropy(std::iter::empty()), 0.0);
        let of = choice_entropy(&[vec![("ink", 0), ("corner", 2)], vec![("ink", 1), ("corner", 2)]]);
        assert_eq!(of, BTreeMap::from([("ink".to_string(), 2f64.ln()), ("corner".to_string(), 0.0)]));
        assert!(choice_entropy(&[]).is_empty());
    }
}
