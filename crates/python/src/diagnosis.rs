//! `Diagnosis`: D and v of an outcome; and the reward.

use crate::convert::{argument, choice, instance, items, json};
use crate::errors::{bug, guarded, value};
use crate::outcome::Outcome;
use crate::task::Task;
use pyo3::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use vsdpo_artifact::{Domain, shortest};
use vsdpo_diagnose::{AxisWeights, Graded, defect_json, reference_axes, task_rewards};

/// What is wrong with a render: defects (where), rubric (which axis). Immutable; made by diagnose.
#[pyclass(frozen, module = "visual_sdpo")]
pub struct Diagnosis {
    diagnosis: Arc<vsdpo_artifact::Diagnosis>,
}

#[pymethods]
impl Diagnosis {
    /// Whether the code ran and drew something.
    #[getter]
    fn executed(&self) -> bool {
        self.diagnosis.executed
    }

    /// The findings, as dicts: rule, severity, page, region (the box around all, [x0, y0, x1, y1]
    /// in pixels of that page), regions (one per element at fault), elements (ids), message,
    /// level (note, warning or error), help (a change that removes it, or None), count
    /// (how many it stands for).
    #[getter]
    fn defects<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        guarded(|| self.diagnosis.defects.iter().map(|d| json(py, &defect_json(d))).collect())
    }

    /// The axes by name, in the order of rubrics, as dicts: satisfied (None where the axis could
    /// not be evaluated), score (0 to 1 or None), observed (a few words), remedy (a choice that
    /// would do, or None). Empty after a failure.
    #[getter]
    fn rubric<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        guarded(|| {
            let mut axes = serde_json::to_value(&self.diagnosis.rubric).map_err(|e| bug(&e.to_string()))?;
            for axis in axes.as_object_mut().into_iter().flat_map(|axes| axes.values_mut()) {
                if axis.get("remedy").is_none() {
                    axis["remedy"] = Value::Null;
                }
            }
            json(py, &axes)
        })
    }

    /// Share of the task's requirements that the render meets, 0 to 1; 1 without requirements, 0
    /// after a failure.
    #[getter]
    fn content(&self) -> f64 {
        shortest(self.diagnosis.content)
    }

    /// Rules that have not looked, because the render lacks something that they need.
    #[getter]
    fn skipped(&self) -> Vec<&'static str> {
        self.diagnosis.skipped.clone()
    }

    /// Whether the code ran and every axis that could be evaluated is satisfied.
    #[getter]
    fn clean(&self) -> bool {
        self.diagnosis.defect_free()
    }

    fn __repr__(&self) -> String {
        let (executed, defects) = (self.executed(), self.diagnosis.defects.len());
        format!("Diagnosis(executed={executed}, defects={defects}, clean={})", self.clean())
    }
}

/// What is wrong with an outcome, for a task. The result is kept in the outcome, so that reward,
/// teacher_messages and statement_weights do not judge the same task again.
///
/// Raises ValueError if the task asks for another domain or language.
#[pyfunction]
pub fn diagnose(py: Python<'_>, task: &Bound<'_, PyAny>, outcome: &Bound<'_, PyAny>) -> PyResult<Diagnosis> {
    guarded(|| {
        let (task, outcome) = (task_of(task)?, outcome_of(outcome, "outcome")?);
        Ok(Diagnosis { diagnosis: outcome.get().diagnosis(py, task.get())? })
    })
}

/// The reward of every rollout of one task (equation 8): 1 if the code ran, times the weighted
/// share of satisfied axes, times the share of the requirements that are met.
///
/// Pass all rollouts of the task together: an axis that could be evaluated for some of them only
/// counts for the others with the mean.
///
/// Parameters
/// ----------
/// task : Task
/// outcomes : sequence of Outcome
/// finished : sequence of bool, optional
///     Whether each completion ended before the token limit; one that did not has reward 0. By
///     default all did.
/// weights : dict of str to float, optional
///     Weight of each axis (see axes), summing to 1; one that is not named has 0. By default all
///     axes weigh the same.
///
/// Returns
/// -------
/// list of float or None
///     In the order of the outcomes, 0 to 1. None for one that cannot be scored (Outcome.scorable):
///     leave it out of means and gradients.
#[pyfunction]
#[pyo3(signature = (task, outcomes, *, finished=None, weights=None))]
pub fn reward(
    py: Python<'_>,
    task: &Bound<'_, PyAny>,
    outcomes: &Bound<'_, PyAny>,
    finished: Option<&Bound<'_, PyAny>>,
    weights: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Option<f64>>> {
    guarded(|| {
        let task = task_of(task)?.get();
        let outcomes = items(outcomes, "outcomes", "a list of Outcome")?;
        let cast = |(i, outcome)| outcome_of(outcome, &format!("outcomes[{i}]"));
        let outcomes: Vec<_> = outcomes.iter().enumerate().map(cast).collect::<PyResult<_>>()?;
        let finished = match finished {
            None => vec![true; outcomes.len()],
            Some(list) => flags(list, outcomes.len())?,
        };
        let weights = axis_weights(task.task.domain, weights)?;
        let diagnoses = outcomes.iter().map(|outcome| outcome.get().diagnosis(py, task));
        let diagnoses: Vec<_> = diagnoses.collect::<PyResult<_>>()?;
        let rollouts: Vec<Graded> = outcomes
            .iter()
            .zip(&diagnoses)
            .zip(finished)
            .map(|((outcome, diagnosis), finished)| Graded {
                outcome: &outcome.get().outcome,
                diagnosis,
                finished,
            })
            .collect();
        Ok(task_rewards(&rollouts, &weights).into_iter().map(|r| r.map(shortest)).collect())
    })
}

/// The names of a domain's axes, in the order of rubrics; those at the end compare with a reference
/// and are evaluated by `visual-sdpo train` only.
#[pyfunction]
pub fn axes(domain: &Bound<'_, PyAny>) -> PyResult<Vec<&'static str>> {
    guarded(|| {
        let domain = choice(domain, "domain", &Domain::ALL.map(|domain| (domain.name(), domain)))?;
        let all = vsdpo_diagnose::axes(domain).iter().chain(reference_axes(domain));
        Ok(all.map(|axis| axis.name).collect())
    })
}

/// The names of a domain's rules, as findings have them: `chart/legend-covers-data`.
#[pyfunction]
pub fn rules(domain: &Bound<'_, PyAny>) -> PyResult<Vec<&'static str>> {
    guarded(|| {
        let domain = choice(domain, "domain", &Domain::ALL.map(|domain| (domain.name(), domain)))?;
        Ok(vsdpo_diagnose::rules(domain).iter().map(|rule| rule.id).collect())
    })
}

fn flags(list: &Bound<'_, PyAny>, outcomes: usize) -> PyResult<Vec<bool>> {
    let list = items(list, "finished", "a list of bool")?;
    if list.len() != outcomes {
        let what = format!("`finished` has {} items for {outcomes} outcomes", list.len());
        return Err(value(&what, "pass one bool per outcome"));
    }
    list.iter().enumerate().map(|(i, flag)| argument(flag, &format!("finished[{i}]"), "a bool")).collect()
}

/// The weights of the axes: equal if none are given.
pub fn axis_weights(domain: Domain, weights: Option<&Bound<'_, PyAny>>) -> PyResult<AxisWeights> {
    let Some(weights) = weights else { return Ok(AxisWeights::equal(domain)) };
    let named: BTreeMap<String, f32> = argument(weights, "weights", "a dict of axes to numbers")?;
    AxisWeights::named(domain, &named)
        .map_err(|e| value(&format!("`weights`: {e}"), "axes(domain) lists the names"))
}

pub fn task_of<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, Task>> {
    instance(object, "task", "a Task")
}

pub fn outcome_of<'a, 'py>(object: &'a Bound<'py, PyAny>, name: &str) -> PyResult<&'a Bound<'py, Outcome>> {
    instance(object, name, "an Outcome")
}
