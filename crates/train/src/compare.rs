//! Renders beside their references: what is behind the reference axes of the rubric.

mod chart;
mod page;

use crate::error::TrainError;
use crate::renderer::{Eyes, Instruments};
use crate::stages::Experience;
use vsdpo_artifact::{Diagnosis, Rendered};

/// A render that has a reference.
#[derive(Clone, Debug)]
pub enum Compared {
    /// A chart.
    Chart(Box<chart::Chart>),
    /// A page.
    Page(page::Page),
}

impl Compared {
    /// The diagnosis of a render alone, with all that its reference shows.
    pub fn against(&self, alone: Diagnosis, rendered: &Rendered) -> Diagnosis {
        match self {
            Self::Chart(chart) => vsdpo_diagnose::against(alone, &chart.comparison()),
            Self::Page(page) => vsdpo_diagnose::against_page(alone, rendered, &page.comparison()),
        }
    }
}

/// How every render of the step compares with its task's reference; `None` where there is nothing
/// to compare, and everywhere if the recipe does not ask (`with.eyes` is absent).
///
/// # Errors
/// What draws, or what looks, does not work.
pub fn compare(with: Instruments, seen: &Experience) -> Result<Vec<Option<Compared>>, TrainError> {
    fn wrap<T>(all: Vec<Option<T>>, kind: fn(T) -> Compared) -> Vec<Option<Compared>> {
        all.into_iter().map(|one| one.map(kind)).collect()
    }
    Ok(match with.eyes {
        None => vec![None; seen.rollouts.len()],
        Some(Eyes::Charts(recorder)) => {
            wrap(chart::compare((with.renderer, recorder), with.clip, seen)?, |chart| {
                Compared::Chart(Box::new(chart))
            })
        }
        Some(Eyes::Pages(viewer)) => wrap(page::compare(viewer, with.clip, seen)?, Compared::Page),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::judge;
    use crate::testing::{StubRenderer, experience, recipe, write_policy};
    use vsdpo_artifact::Axis;
    use vsdpo_policy::Policy;

    /// The stub draws scripts whose bytes add up to an even number, and records every line as a
    /// text.
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
        let with = Instruments { renderer: &StubRenderer, eyes: None, clip: None };
        assert!(compare(with, &seen).unwrap().iter().all(Option::is_none), "nobody asked");
        let compared =
            compare(Instruments { eyes: Some(Eyes::Charts(&StubRenderer)), ..with }, &seen).unwrap();
        for (i, compared) in compared.iter().enumerate() {
            let both = i < 3 && seen.outcomes[i].rendered().is_some();
            assert_eq!(compared.is_some(), both, "rollout {i}");
        }
        let i = compared.iter().position(Option::is_some).expect("one of three drew");
        let diagnosis = &judge(&seen.tasks, &seen.outcomes, &compared)[i];
        let scores: Vec<(Axis, Option<f32>)> =
            diagnosis.rubric.axes.iter().map(|(a, v)| (*a, v.score)).collect();
        // Its text is not the reference's line; everything else that is recorded is empty on both
        // sides.
        let tail: Vec<Option<f32>> = scores[scores.len() - 5..].iter().map(|s| s.1).collect();
        assert_eq!(tail[..4], [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
        assert!(diagnosis.reward > seen.diagnoses[i].reward);
    }
}
