//! Renders beside their references: the metrics and the visual score behind the reference axes of the rubric.

use crate::error::TrainError;
use crate::renderer::Charts;
use crate::stages::Experience;
use std::collections::HashMap;
use vsdpo_artifact::{ChartRecords, Outcome};
use vsdpo_diagnose::Comparison;
use vsdpo_diagnose::axes::chart::{ChartScores, Rules, score, visual};

/// A render that has a reference.
#[derive(Clone, Debug)]
pub struct Compared {
    scores: ChartScores,
    pred: ChartRecords,
    gt: ChartRecords,
    visual: Option<f64>,
}

impl Compared {
    /// As the rubric wants it.
    pub fn comparison(&self) -> Comparison<'_> {
        let Self { scores, pred, gt, visual } = self;
        Comparison { scores: *scores, pred, gt, visual: *visual }
    }
}

/// How every render of the step compares with its task's reference; `None` where there is no reference, where
/// one of the two did not draw, and everywhere if the recipe does not ask (`charts.recorder` is absent).
///
/// # Errors
/// The renderer or the recorder does not work.
pub fn compare(charts: Charts, seen: &Experience) -> Result<Vec<Option<Compared>>, TrainError> {
    let Some(recorder) = charts.recorder else { return Ok(vec![None; seen.rollouts.len()]) };
    let references: Vec<&str> = seen.tasks.iter().filter_map(|t| t.reference.as_deref()).collect();
    let drawn = charts.renderer.render_all(&references)?;
    let drawn: HashMap<&str, &Outcome> = references.iter().copied().zip(&drawn).collect();
    // The rollouts that have both pictures, with their references.
    let pairs: Vec<(usize, &str)> = (0..seen.rollouts.len())
        .filter(|&i| seen.outcomes[i].rendered().is_some())
        .filter_map(|i| Some((i, seen.tasks[seen.task_of(i)].reference.as_deref()?)))
        .filter(|(_, reference)| drawn[reference].rendered().is_some())
        .collect();
    let mut scripts: Vec<&str> = pairs.iter().flat_map(|&(i, gt)| [seen.rollouts[i].source(), gt]).collect();
    scripts.sort_unstable();
    scripts.dedup();
    let records = recorder.record_all(&scripts)?;
    let records: HashMap<&str, &ChartRecords> = scripts.iter().copied().zip(&records).collect();
    let mut compared = vec![None; seen.rollouts.len()];
    for (i, reference) in pairs {
        let (pred, gt) = (records[seen.rollouts[i].source()].clone(), records[reference].clone());
        let pictures = seen.outcomes[i].rendered().zip(drawn[reference].rendered());
        compared[i] = Some(Compared {
            // The benchmark's special cases go by the chart's name; a task has none.
            scores: score(&pred, &gt, "", Rules::Fixed),
            visual: pictures.map(|(a, b)| visual::similarity(&a.image, &b.image)),
            pred,
            gt,
        });
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::judge;
    use crate::testing::{StubRenderer, experience, recipe, write_policy};
    use vsdpo_artifact::Axis;
    use vsdpo_policy::Policy;

    /// The stub draws scripts whose bytes add up to an even number, and records every line as a text.
    #[test]
    fn what_drew_is_compared_with_a_reference_that_drew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("model")).unwrap();
        write_policy(&folder.path().join("model"));
        let policy = Policy::load(&folder.path().join("model")).unwrap();
        let mut seen = experience(&policy, &recipe(folder.path(), &[]));
        for (task, reference) in seen.tasks.iter_mut().zip([Some("aa"), Some("ab"), None]) {
            task.reference = reference.map(str::to_owned);
        }
        let charts = Charts { renderer: &StubRenderer, recorder: None };
        assert!(compare(charts, &seen).unwrap().iter().all(Option::is_none), "nobody asked");
        let compared = compare(Charts { recorder: Some(&StubRenderer), ..charts }, &seen).unwrap();
        for (i, compared) in compared.iter().enumerate() {
            let both = i < 3 && seen.outcomes[i].rendered().is_some();
            assert_eq!(compared.is_some(), both, "rollout {i}");
        }
        let i = compared.iter().position(Option::is_some).expect("one of three drew");
        let diagnosis = &judge(&seen.tasks, &seen.outcomes, &compared)[i];
        let scores: Vec<(Axis, Option<f32>)> =
            diagnosis.rubric.axes.iter().map(|(a, v)| (*a, v.score)).collect();
        // Its text is not the reference's line; everything else that is recorded is empty on both sides.
        let tail: Vec<Option<f32>> = scores[scores.len() - 5..].iter().map(|s| s.1).collect();
        assert_eq!(tail[..4], [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
        assert!(diagnosis.reward > seen.diagnoses[i].reward);
    }
}
