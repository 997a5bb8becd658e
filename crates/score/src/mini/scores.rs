//! The scores of one evaluation task by task, for intervals and for paired tests.

use super::{Attempt, Grading};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vsdpo_data::mini::Good;
use vsdpo_diagnose::{axes, reference_axes};

/// One value per task in every list, all in the order of the tasks; shares are 0 or 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskScores {
    /// Whether the attempt runs and draws something.
    pub exec: Vec<f64>,
    /// Whether it ends, runs and satisfies every evaluated axis.
    pub defect_free: Vec<f64>,
    /// Equation 8.
    pub reward: Vec<f64>,
    /// Whether it is the task's code with a good layout, by the generator's geometry; `None` for
    /// tasks of a corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<Vec<f64>>,
    /// Whether its held-back choice is good; `None` for tasks of a corpus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<Vec<f64>>,
    /// Whether it satisfies each axis; an attempt that fails satisfies none.
    pub axes: BTreeMap<String, Vec<f64>>,
}

impl TaskScores {
    /// The scores of one attempt per task.
    pub fn of(attempts: &[Attempt], by: &Grading) -> Self {
        let flags = |ok: &dyn Fn(&Attempt) -> bool| attempts.iter().map(|a| flag(ok(a))).collect();
        let by_geometry: Option<Vec<Option<Good>>> = (!by.own).then(|| {
            let good = |(i, a): (usize, &Attempt)| by.world.good(by.split, by.seed, i as u64, a.source());
            attempts.iter().enumerate().map(good).collect()
        });
        let good = |ok: fn(Good) -> bool| {
            let all = by_geometry.as_ref()?;
            Some(all.iter().map(|good| flag(good.is_some_and(ok))).collect())
        };
        let domain = by.world.domain();
        let compared = if by.compared { reference_axes(domain) } else { &[] };
        let satisfied =
            |axis| flags(&|a| a.diagnosis.rubric.get(axis).and_then(|v| v.satisfied) == Some(true));
        Self {
            exec: flags(&|a| a.diagnosis.executed),
            defect_free: flags(&Attempt::defect_free),
            reward: attempts.iter().map(|a| f64::from(a.reward)).collect(),
            good: good(|g| g.layout && g.exact),
            held_back: good(|g| g.held_back),
            axes: axes(domain).iter().chain(compared).map(|&x| (x.name.to_owned(), satisfied(x))).collect(),
        }
    }
}

fn flag(ok: bool) -> f64 {
    f64::from(u8::from(ok))
}
