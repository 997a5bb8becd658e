//! The student's score on each task, for comparisons of two policies task by task.

use super::{Attempt, EvalConfig, reported_axes, satisfied};
use serde::Serialize;
use std::collections::BTreeMap;
use vsdpo_artifact::Domain;

/// One task with the student's answer. Averaged over tasks, the fields are those of
/// [`super::Arm`].
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The task's name; two evaluations of one split and seed have the same tasks.
    pub id: String,
    /// Whether the code runs and draws something.
    pub exec: bool,
    /// Whether it runs and satisfies every evaluated axis.
    pub defect_free: bool,
    /// Whether it is the task's code with a good layout, by the generator's geometry; `None` for
    /// tasks of a corpus.
    pub good: Option<bool>,
    /// Whether the held-back choice is good; `None` for tasks of a corpus.
    pub held_back: Option<bool>,
    /// Equation 8.
    pub reward: f32,
    /// Whether it satisfies each axis.
    pub axes: BTreeMap<&'static str, bool>,
    /// The domain, which decides how the code is rendered.
    pub domain: Domain,
    /// The instruction.
    pub prompt: String,
    /// The student's code.
    pub code: String,
}

/// The rows of the student's attempts, which are in the order of the tasks.
pub(super) fn of(attempts: &[Attempt], cfg: &EvalConfig) -> Vec<Row> {
    let row = |(i, a): (usize, &Attempt)| {
        let of_world = cfg.own.is_none();
        let good = of_world.then(|| cfg.world.good(cfg.split, cfg.seed, i as u64, &a.code)).flatten();
        Row {
            id: a.task.id.clone(),
            exec: a.diagnosis.executed,
            defect_free: a.defect_free(),
            good: of_world.then(|| good.is_some_and(|g| g.layout && g.exact)),
            held_back: of_world.then(|| good.is_some_and(|g| g.held_back)),
            reward: a.reward,
            axes: reported_axes(cfg).map(|x| (x.name, satisfied(a, x))).collect(),
            domain: a.task.domain,
            prompt: a.task.prompt.clone(),
            code: a.code.clone(),
        }
    };
    attempts.iter().enumerate().map(row).collect()
}
