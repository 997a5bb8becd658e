//! A: what the policy gradient of a rollout is multiplied by (docs/specs/training.md, 2.1).

use crate::loss::gdpo::decoupled_advantages;
use crate::loss::grpo::{Baseline, group_advantages};
use crate::recipe::{Advantage, Components, Recipe};
use crate::stages::{Experience, graded};
use vsdpo_artifact::{Outcome, Page};
use vsdpo_diagnose::slide::{SlideMetrics, measure};
use vsdpo_diagnose::{component_weights, components};
use vsdpo_score::aeslides::axes;

/// Rounding leaves advantages below this where a group is level; they become 0, so that the group
/// costs no update.
const LEVEL: f32 = 1e-6;

/// A of every rollout, as `grpo.advantage` says; 0 for one without a reward.
pub(crate) fn advantages(experience: &Experience, recipe: &Recipe) -> Vec<f32> {
    let of_rewards = |baseline| group_advantages(&experience.rewards, recipe.rollout.group_size, baseline);
    match recipe.grpo.advantage {
        Advantage::Mean => of_rewards(Baseline::Mean),
        Advantage::GroupStd => of_rewards(Baseline::GroupStd),
        Advantage::BatchStd => of_rewards(Baseline::BatchStd),
        Advantage::Decoupled => decoupled(experience, recipe),
    }
}

/// Reward-decoupled normalisation (docs/specs/aeslides.md, 7) over the rollouts that have a reward;
/// a group is what is left of the rollouts of one task.
///
/// # Reading of the paper
/// The paper does not say how its policy gradient normalises rewards; the default is `mean`.
/// Equation 8 is a product of whether the code runs, of the requirements that are met (our factor)
/// and of a weighted share of axes. Here both factors multiply every axis, so that the weighted
/// mean of the components is the reward, and code that fails has 0 in all of them.
/// `reward.components` changes them.
fn decoupled(experience: &Experience, recipe: &Recipe) -> Vec<f32> {
    let rated = match recipe.reward.components {
        Components::Axes => by_axis(experience, recipe),
        Components::AeSlides => by_slide_reward(experience),
    };
    let weights = match recipe.reward.components {
        Components::Axes => component_weights(&recipe.axis_weights()),
        Components::AeSlides => vec![1.0; 4],
    };
    let scored: Vec<usize> = (0..rated.len()).filter(|&i| experience.rewards[i].is_some()).collect();
    let rows: Vec<&[f32]> = scored.iter().map(|&i| rated[i].as_slice()).collect();
    let groups: Vec<Option<u64>> = scored.iter().map(|&i| Some(experience.rollouts[i].task as u64)).collect();
    let mut out = vec![0.0; rated.len()];
    for (&i, advantage) in scored.iter().zip(decoupled_advantages(&rows, &groups, &weights)) {
        out[i] = if advantage.abs() < LEVEL { 0.0 } else { advantage };
    }
    out
}

/// The axes of equation 8 for every rollout. One that met the token limit has none, which counts as
/// 0 everywhere.
fn by_axis(experience: &Experience, recipe: &Recipe) -> Vec<Vec<f32>> {
    let weights = recipe.axis_weights();
    let mut rated = vec![Vec::new(); experience.rollouts.len()];
    for group in graded(experience) {
        let diagnoses: Vec<_> = group.iter().map(|&i| &experience.diagnoses[i]).collect();
        for (i, parts) in group.into_iter().zip(components(&diagnoses, &weights)) {
            rated[i] = parts;
        }
    }
    rated
}

/// The rewards of AeSlides for every rollout in the order of the released program, each the mean
/// over its slides. A rollout that met the token limit or drew nothing, and a deck of which a slide
/// was not drawn, counts 0 everywhere.
fn by_slide_reward(experience: &Experience) -> Vec<Vec<f32>> {
    let all = experience.rollouts.iter().zip(&experience.outcomes);
    all.map(|(y, outcome)| if y.finished { slide_rewards(outcome) } else { Vec::new() }).collect()
}

fn slide_rewards(outcome: &Outcome) -> Vec<f32> {
    let pages = outcome.rendered().map_or(&[][..], |rendered| &rendered.pages);
    let measured = |page: &Page| {
        let layout = page.slide.as_ref().filter(|layout| layout.is_drawn())?;
        Some(measure(&page.image, layout))
    };
    let slides: Option<Vec<SlideMetrics>> = pages.iter().map(measured).collect();
    let (_, r) = axes(&slides.unwrap_or_default());
    [r.aspect, r.whitespace, r.collision, r.imbalance].map(|reward| reward as f32).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, experience, recipe, write_policy};
    use std::sync::Arc;
    use vsdpo_artifact::{
        AxisScore, Diagnosis, Domain, ExecError, FailureKind, Image, LayoutKind, Rendered, Rubric,
        SlideLayout,
    };
    use vsdpo_policy::Policy;

    /// Two prompts with two rollouts each; the overlap of a chart weighs 0.75 and its legend 0.25.
    const SETTINGS: [&str; 6] = [
        "grpo.advantage=decoupled",
        "distill.weight=0",
        "rollout.prompts_per_step=2",
        "rollout.group_size=2",
        "reward.weights.overlap=0.75",
        "reward.weights.legend=0.25",
    ];

    fn world(settings: &[&str]) -> (tempfile::TempDir, Policy, Recipe, Experience) {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        std::fs::create_dir(&model).unwrap();
        write_policy(&model);
        let policy = Policy::load(&model).unwrap();
        let recipe = recipe(folder.path(), settings);
        let mut experience = experience(&policy, &recipe);
        experience.rollouts.iter_mut().for_each(|y| y.finished = true);
        (folder, policy, recipe, experience)
    }

    /// A chart that runs, with the overlap and the legend satisfied or not.
    fn chart(overlap: bool, legend: bool) -> Diagnosis {
        let score =
            |ok| AxisScore { satisfied: Some(ok), score: None, observed: String::new(), remedy: None };
        let all = vsdpo_diagnose::axes(Domain::Chart).iter();
        let axes = all.filter_map(|&axis| match axis.name {
            "overlap" => Some((axis, score(overlap))),
            "legend" => Some((axis, score(legend))),
            _ => None,
        });
        Diagnosis {
            executed: true,
            defects: vec![],
            rubric: Rubric { axes: axes.collect() },
            content: 1.0,
            skipped: vec![],
        }
    }

    fn failed() -> Diagnosis {
        Diagnosis {
            executed: false,
            defects: vec![],
            rubric: Rubric { axes: vec![] },
            content: 1.0,
            skipped: vec![],
        }
    }

    fn failure(kind: FailureKind) -> Outcome {
        let error = ExecError::new(kind, "no");
        Outcome::Failed { error }
    }

    fn close(got: &[f32], want: &[f64]) {
        let equal = got.iter().zip(want).all(|(got, want)| (f64::from(*got) - want).abs() < 1e-6);
        assert!(equal && got.len() == want.len(), "{got:?}, want {want:?}");
    }

    /// Of two values that differ by 2 d: the standard deviation is d sqrt 2.
    fn half(d: f64) -> f64 {
        d / (d * 2f64.sqrt() + 1e-4)
    }

    /// Two rollouts that each satisfy another axis, and two that differ in the overlap alone: with
    /// p for the normalised distance the sums are (0.75 - 0.25) p and 0.75 p, each with its
    /// opposite, and their variance is 2 (0.25 + 0.5625) p^2 / 3.
    #[test]
    fn axes_are_normalised_one_by_one_and_then_weighted() {
        let (_folder, policy, recipe, mut experience) = world(&SETTINGS);
        experience.diagnoses =
            vec![chart(true, false), chart(false, true), chart(true, true), chart(false, true)];
        experience.outcomes.fill(failure(FailureKind::Exception));
        experience.rewards = crate::stages::reward(&experience, &recipe.axis_weights());
        assert_eq!(experience.rewards, [0.75, 0.25, 1.0, 0.25].map(Some));
        let p = half(0.5);
        let deviation = p * (2.0f64 * (0.25 + 0.5625) / 3.0).sqrt() + 1e-4;
        let want = [0.5, -0.5, 0.75, -0.75].map(|sum| sum * p / deviation);
        close(&batch(&policy, &experience, &recipe).advantages, &want);
        // Requirements that are not met halve every component: the distance and its deviation.
        experience.diagnoses.iter_mut().for_each(|d| d.content = 0.5);
        let q = half(0.25);
        let deviation = q * (2.0f64 * (0.25 + 0.5625) / 3.0).sqrt() + 1e-4;
        close(&advantages(&experience, &recipe), &[0.5, -0.5, 0.75, -0.75].map(|sum| sum * q / deviation));
    }

    /// Of the first group one fails and one is lost: the failed one has 0 everywhere, the lost one
    /// no part. The second group is level, one of the third cut, and two of them lost. The six sums
    /// are p, -p and four zeros: variance 2 p^2 / 5.
    #[test]
    fn failed_rollouts_are_0_and_lost_ones_are_left_out() {
        let more = ["rollout.prompts_per_step=3", "rollout.group_size=3"];
        let (_folder, policy, recipe, mut experience) = world(&[&SETTINGS[..], &more].concat());
        let lost = || failure(FailureKind::Timeout);
        experience.outcomes = (0..9)
            .map(|i| if matches!(i, 2 | 7 | 8) { lost() } else { failure(FailureKind::Exception) })
            .collect();
        experience.diagnoses = (0..9).map(|_| chart(true, true)).collect();
        experience.diagnoses[1] = failed();
        experience.rollouts[6].finished = false;
        experience.rewards = crate::stages::reward(&experience, &recipe.axis_weights());
        assert_eq!(experience.rewards.iter().filter(|r| r.is_none()).count(), 3);
        let p = half(0.5);
        let a = p / (p * 0.4f64.sqrt() + 1e-4);
        let batch = batch(&policy, &experience, &recipe);
        close(&batch.advantages, &[a, -a, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(batch.items.iter().map(|item| item.rollout).collect::<Vec<_>>(), [Some(0), Some(1)]);
    }

    /// Slides that show nothing have the reward of their aspect ratio alone: 1 for 720 px, and of a
    /// page 948 px high R = exp(-16 e^2 - 64 (-e - 0.04)^2) with e = ln(720 / 948).
    #[test]
    fn the_rewards_of_slides_are_components_of_their_own() {
        let (_folder, policy, mut recipe, mut experience) = world(&SETTINGS);
        (recipe.domain, recipe.reward.components) = (Domain::Slide, Components::AeSlides);
        let page = |height: f64| Page {
            image: Image { width: 128, height: 72, rgba: Arc::from(vec![255; 128 * 72 * 4]) },
            slide: Some(SlideLayout { width: 1280.0, height, full_height: height, ..SlideLayout::default() }),
        };
        let deck = |heights: &[f64]| {
            let pages = heights.iter().map(|&height| page(height)).collect();
            Outcome::Rendered(Rendered { pages, elements: vec![], notes: vec![], styles: vec![] })
        };
        experience.outcomes =
            vec![deck(&[720.0]), failure(FailureKind::Exception), deck(&[720.0, 948.0]), deck(&[720.0])];
        experience.rewards = vec![Some(0.0); 4];
        let e = (720.0f64 / 948.0).ln();
        let tall = (-16.0 * e * e - 64.0 * (-e - 0.04).powi(2)).exp();
        let (p, q) = (half(0.5), half((1.0 - tall) / 4.0));
        let deviation = (2.0 * (p * p + q * q) / 3.0).sqrt() + 1e-4;
        let want = [p, -p, -q, q].map(|sum| sum / deviation);
        close(&batch(&policy, &experience, &recipe).advantages, &want);
        // A deck with a slide that was not drawn counts as a failure.
        let Outcome::Rendered(ref mut rendered) = experience.outcomes[3] else { panic!("a deck") };
        rendered.pages.push(Page {
            slide: Some(SlideLayout { kind: LayoutKind::UndrawnDeck, ..SlideLayout::default() }),
            ..page(720.0)
        });
        let undrawn = advantages(&experience, &recipe);
        experience.rollouts[3].finished = false;
        assert_eq!(advantages(&experience, &recipe), undrawn);
        let q = half((1.0 + tall) / 4.0);
        let deviation = (2.0 * (p * p + q * q) / 3.0).sqrt() + 1e-4;
        close(&advantages(&experience, &recipe), &[p, -p, q, -q].map(|sum| sum / deviation));
    }
}
