//! The student's score on each task, for comparisons of two policies task by task.

use super::{Attempt, TaskScores};
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
    pub axes: BTreeMap<String, bool>,
    /// The domain, which decides how the code is rendered.
    pub domain: Domain,
    /// The instruction.
    pub prompt: String,
    /// The student's code.
    pub code: String,
}

/// The rows of the student's attempts.
pub fn rows(attempts: &[Attempt], scores: &TaskScores) -> Vec<Row> {
    let yes = |values: &[f64], i: usize| values[i] > 0.0;
    let row = |(i, a): (usize, &Attempt)| Row {
        id: a.task.id.clone(),
        exec: yes(&scores.exec, i),
        defect_free: yes(&scores.defect_free, i),
        good: scores.good.as_ref().map(|values| yes(values, i)),
        held_back: scores.held_back.as_ref().map(|values| yes(values, i)),
        reward: a.reward,
        axes: scores.axes.iter().map(|(name, values)| (name.clone(), yes(values, i))).collect(),
        domain: a.task.domain,
        prompt: a.task.prompt.clone(),
        code: a.source().to_owned(),
    };
    attempts.iter().enumerate().map(row).collect()
}
