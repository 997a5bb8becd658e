//! r: one number for one rollout (section 2.4 of the paper).

use crate::rules::{axis_of, tables};
use std::collections::BTreeMap;
use vsdpo_artifact::{Axis, Defect, Diagnosis, Domain, Outcome};

/// The weight of each axis of a domain in the reward: not negative, and together 1.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisWeights {
    domain: Domain,
    of: Vec<(Axis, f32)>,
}

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WeightError {
    /// There is no such axis.
    #[error("`{name}` is not an axis of the domain {domain}; the axes are {known}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The domain.
        domain: &'static str,
        /// Its axes.
        known: String,
    },
    /// A weight is negative or not a number.
    #[error("`{name}` has the weight {weight}; write 0 or more")]
    Negative {
        /// The axis.
        name: String,
        /// Its weight.
        weight: f32,
    },
    /// They do not sum to 1.
    #[error("the weights sum to {sum}; write weights that sum to 1")]
    Sum {
        /// Their sum.
        sum: f32,
    },
}

impl AxisWeights {
    /// The same weight for every axis of a domain, those that compare with a reference included.
    pub fn equal(domain: Domain) -> Self {
        let axes: Vec<Axis> = all_axes(domain).collect();
        let weight = 1.0 / axes.len().max(1) as f32;
        Self { domain, of: axes.into_iter().map(|axis| (axis, weight)).collect() }
    }

    /// Weights by the names of axes; an axis that is not named has weight 0: it is evaluated, but
    /// in neither reward nor rubric.
    ///
    /// # Errors
    /// Returns an error for an unknown axis, a negative weight, or a sum that is not 1 (within
    /// 0.001).
    pub fn named(domain: Domain, weights: &BTreeMap<String, f32>) -> Result<Self, WeightError> {
        for (name, &weight) in weights {
            if !all_axes(domain).any(|axis| axis.name == name) {
                let known = all_axes(domain).map(|axis| axis.name).collect::<Vec<_>>().join(", ");
                return Err(WeightError::Unknown { name: name.clone(), domain: domain.name(), known });
            }
            if !weight.is_finite() || weight < 0.0 {
                return Err(WeightError::Negative { name: name.clone(), weight });
            }
        }
        let sum: f32 = weights.values().sum();
        if (sum - 1.0).abs() > 1e-3 {
            return Err(WeightError::Sum { sum });
        }
        let weight = |axis: &Axis| weights.get(axis.name).copied().unwrap_or(0.0);
        Ok(Self { domain, of: all_axes(domain).map(|axis| (axis, weight(&axis))).collect() })
    }

    /// The weight of an axis; 0 for an axis of another domain.
    pub fn of(&self, axis: Axis) -> f32 {
        self.of.iter().find(|(other, _)| *other == axis).map_or(0.0, |(_, weight)| *weight)
    }

    /// The defects of rules whose axis has weight in the reward.
    pub fn rewarded(&self, defects: &[Defect]) -> Vec<Defect> {
        let counts = |d: &&Defect| axis_of(d.rule).is_some_and(|axis| self.of(axis) > 0.0);
        defects.iter().filter(counts).cloned().collect()
    }

    /// The axes with a weight above 0, in the order of rubrics.
    fn positive(&self) -> impl Iterator<Item = (Axis, f32)> + '_ {
        self.of.iter().copied().filter(|(_, weight)| *weight > 0.0)
    }
}

fn all_axes(domain: Domain) -> impl Iterator<Item = Axis> {
    let tables = tables(domain);
    tables.axes.iter().chain(tables.reference_axes).copied()
}

/// Eq. (8): `r = r_exec * r_vis`, in `[0, 1]`, for the rollouts of one task. `r_exec` is 1 if the
/// code ran and drew something, else 0. `r_vis` is the weighted share of satisfied axes, times the
/// share of the task's requirements that the render meets.
///
/// # Reading of the paper
/// The paper has binary axes with non-negative weights that sum to one; it does not say what
/// happens to an axis that cannot be evaluated. Here all rollouts of a task have the same
/// denominator: the weights of the axes that were evaluated for at least one of them. A rollout for
/// which such an axis was not evaluated gets the mean of the others on it, which neither raises nor
/// lowers it within its group. The factor for the requirements is ours: without it a chart that
/// leaves out what is hard to place is worth as much as one with a single defect. If no axis was
/// evaluated, `r_vis` is 0.
pub fn rewards(group: &[&Diagnosis], weights: &AxisWeights) -> Vec<f32> {
    let mut total = 0.0;
    let mut sums = vec![0.0; group.len()];
    for (axis, weight) in weights.positive() {
        let Some(scores) = scores(group, axis) else { continue };
        total += weight;
        sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += weight * score);
    }
    let r_vis = |sum: f32, d: &Diagnosis| if total > 0.0 { d.content * sum / total } else { 0.0 };
    group.iter().zip(sums).map(|(d, sum)| r_exec(d) * r_vis(sum, d)).collect()
}

/// One rollout as the reward takes it.
#[derive(Clone, Copy, Debug)]
pub struct Graded<'a> {
    /// The result of running its code, after a second attempt where the first one failed for a
    /// reason that a busy machine can cause.
    pub outcome: &'a Outcome,
    /// What is known about that outcome.
    pub diagnosis: &'a Diagnosis,
    /// Whether the policy ended it before the token limit.
    pub finished: bool,
}

impl Graded<'_> {
    /// Whether equation 8 grades it: it ended, and it can be scored.
    pub fn counts(&self) -> bool {
        self.finished && self.scorable()
    }

    /// Whether it can be scored. A time-out, a lack of memory or a crash that happened twice may
    /// still come from the machine, so it cannot.
    fn scorable(&self) -> bool {
        !self.outcome.depends_on_load()
    }
}

/// r of the rollouts of one task, in order: [`rewards`] of those that ended and can be scored, 0
/// for one that met the token limit, and `None` for one that cannot be scored.
pub fn task_rewards(rollouts: &[Graded], weights: &AxisWeights) -> Vec<Option<f32>> {
    let group: Vec<&Diagnosis> = rollouts.iter().filter(|y| y.counts()).map(|y| y.diagnosis).collect();
    let mut graded = rewards(&group, weights).into_iter();
    let reward = |y: &Graded| match y.counts() {
        true => graded.next(),
        false => y.scorable().then_some(0.0),
    };
    rollouts.iter().map(reward).collect()
}

fn r_exec(d: &Diagnosis) -> f32 {
    f32::from(u8::from(d.executed))
}

/// 1 or 0 for each rollout, and the mean of the others for one on which the axis was not evaluated;
/// `None` if it was evaluated on none.
fn scores(group: &[&Diagnosis], axis: Axis) -> Option<Vec<f32>> {
    let satisfied = |d: &Diagnosis| d.rubric.get(axis)?.satisfied.map(|ok| f32::from(u8::from(ok)));
    let scores: Vec<Option<f32>> = group.iter().map(|d| satisfied(d)).collect();
    let evaluated: Vec<f32> = scores.iter().copied().flatten().collect();
    let mean = evaluated.iter().sum::<f32>() / evaluated.len() as f32;
    (!evaluated.is_empty()).then(|| scores.into_iter().map(|score| score.unwrap_or(mean)).collect())
}

/// The weights of the components of [`components`].
pub fn component_weights(weights: &AxisWeights) -> Vec<f32> {
    weights.positive().map(|(_, weight)| weight).collect()
}

/// What [`rewards`] are weighted means of, for the rollouts of one task: for each rollout one
/// number in `[0, 1]` per axis with a weight above 0, in the order of rubrics. It is 1 or 0 by
/// whether the axis is satisfied, times the share of the task's requirements that are met, and 0
/// for code that failed. An axis that was evaluated on none of the rollouts is 0 on all of them.
pub fn components(group: &[&Diagnosis], weights: &AxisWeights) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new(); group.len()];
    for (axis, _) in weights.positive() {
        let scores = scores(group, axis).unwrap_or_else(|| vec![0.0; group.len()]);
        let parts = group.iter().zip(scores).map(|(d, score)| r_exec(d) * d.content * score);
        all.iter_mut().zip(parts).for_each(|(components, part)| components.push(part));
    }
    all
}

/// The reward of a rollout by itself: [`rewards`] of a group of one.
pub fn reward(diagnosis: &Diagnosis, weights: &AxisWeights) -> f32 {
    rewards(&[diagnosis], weights)[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes;
    use vsdpo_artifact::{AxisScore, Rubric};

    fn of(executed: bool, axes_ok: &[Option<bool>], content: f32) -> Diagnosis {
        let score = |satisfied| AxisScore { satisfied, score: None, observed: String::new(), remedy: None };
        let axes = axes(Domain::Chart).iter().zip(axes_ok).map(|(&a, &ok)| (a, score(ok))).collect();
        Diagnosis { executed, defects: vec![], rubric: Rubric { axes }, content, skipped: vec![] }
    }

    fn close(got: &[f32], want: &[f32]) {
        let equal = got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(equal && got.len() == want.len(), "{got:?}, want {want:?}");
    }

    #[test]
    fn axes_count_once_and_by_their_weight() {
        let equal = AxisWeights::equal(Domain::Chart);
        close(&[reward(&of(true, &[Some(true), Some(false)], 1.0), &equal)], &[0.5]);
        close(&[reward(&of(true, &[Some(true), Some(false)], 0.5), &equal)], &[0.25]);
        close(&[reward(&of(true, &[None, None], 1.0), &equal)], &[0.0]);
        close(&[reward(&of(false, &[Some(true)], 1.0), &equal)], &[0.0]);
        let named = [("content".to_string(), 0.75), ("overlap".to_string(), 0.25)].into();
        let weights = AxisWeights::named(Domain::Chart, &named).unwrap();
        close(&[reward(&of(true, &[Some(true), Some(false), Some(false)], 1.0), &weights)], &[0.75]);
        assert_eq!(weights.of(axes(Domain::Chart)[2]), 0.0);
    }

    #[test]
    fn an_axis_that_is_not_evaluated_neither_raises_nor_lowers_a_rollout() {
        let equal = AxisWeights::equal(Domain::Chart);
        let full = of(true, &[Some(true), Some(true)], 1.0);
        let poor = of(true, &[Some(true), Some(false)], 1.0);
        let blind = of(true, &[Some(true), None], 1.0);
        // The second axis: 1, 0, and their mean.
        close(&rewards(&[&full, &poor, &blind], &equal), &[1.0, 0.5, 0.75]);
        // Alone it is left out.
        close(&rewards(&[&blind], &equal), &[1.0]);
    }

    /// Four rollouts: one satisfies both axes but meets half of the requirements, one fails the
    /// second axis, one was not evaluated on it, one did not run. The third axis was evaluated on
    /// none.
    #[test]
    fn components_are_the_parts_of_the_reward() {
        let named = [("content", 0.5), ("overlap", 0.25), ("legend", 0.25)];
        let named = named.map(|(name, weight)| (name.to_string(), weight)).into();
        let weights = AxisWeights::named(Domain::Chart, &named).unwrap();
        let (half, poor) =
            (of(true, &[Some(true), Some(true)], 0.5), of(true, &[Some(true), Some(false)], 1.0));
        let (blind, failed) = (of(true, &[Some(true), None], 1.0), of(false, &[], 1.0));
        let group = [&half, &poor, &blind, &failed];
        let parts = components(&group, &weights);
        assert_eq!(parts, [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0; 3]]);
        assert_eq!(component_weights(&weights), [0.5, 0.25, 0.25]);
        // Their mean by the weights of the two axes that were evaluated.
        let mean = |part: &Vec<f32>| (0.5 * part[0] + 0.25 * part[1]) / 0.75;
        close(&rewards(&group, &weights), &parts.iter().map(mean).collect::<Vec<_>>());
        // An axis without weight has no component.
        let one = AxisWeights::named(Domain::Chart, &[("overlap".to_string(), 1.0)].into()).unwrap();
        assert_eq!(components(&group, &one), [[0.5], [0.0], [0.5], [0.0]]);
    }

    /// A cut rollout has 0 and a time-out nothing; neither enters the mean that a rollout gets on
    /// an axis which was not evaluated for it.
    #[test]
    fn rollouts_that_are_not_graded_do_not_change_those_that_are() {
        use vsdpo_artifact::{ExecError, FailureKind, Image, Rendered};
        let image = Image { width: 1, height: 1, rgba: [0; 4].into() };
        let drawn = Outcome::Rendered(Rendered::of_page(image, vec![]));
        let failed = |kind| {
            let (message, traceback) = (String::new(), String::new());
            Outcome::Failed { error: ExecError { kind, message, traceback, span: None, help: None } }
        };
        let (late, wrong) = (failed(FailureKind::Timeout), failed(FailureKind::Exception));
        let (full, blind) = (of(true, &[Some(true), Some(true)], 1.0), of(true, &[Some(true), None], 1.0));
        let (poor, none) = (of(true, &[Some(true), Some(false)], 1.0), of(false, &[], 1.0));
        let y = |outcome, diagnosis, finished| Graded { outcome, diagnosis, finished };
        let rollouts = [
            y(&drawn, &full, true),
            y(&drawn, &poor, false),
            y(&late, &none, true),
            y(&late, &none, false),
            y(&wrong, &none, true),
            y(&drawn, &blind, true),
        ];
        // The second axis was evaluated on the first rollout only: the blind one gets its 1.
        let equal = AxisWeights::equal(Domain::Chart);
        let want = [Some(1.0), Some(0.0), None, None, Some(0.0), Some(1.0)];
        assert_eq!(task_rewards(&rollouts, &equal), want);
    }

    #[test]
    fn weights_that_cannot_be_used_say_why() {
        let named = |list: &[(&str, f32)]| {
            let weights = list.iter().map(|(name, w)| (name.to_string(), *w)).collect();
            AxisWeights::named(Domain::Web, &weights).map_err(|e| e.to_string())
        };
        assert!(named(&[("overlap", 0.5), ("text", 0.5)]).is_ok());
        let unknown = named(&[("legend", 1.0)]).unwrap_err();
        assert!(unknown.contains("`legend` is not an axis of the domain web; the axes are content, overlap"));
        assert!(named(&[("overlap", -0.5), ("text", 1.5)]).unwrap_err().contains("write 0 or more"));
        assert!(named(&[("overlap", 0.5)]).unwrap_err().contains("sum to 0.5"));
    }

    #[test]
    fn defects_of_axes_without_weight_are_left_out_of_credit() {
        let defect = |rule: &'static str| Defect { rule, ..Defect::default() };
        let found =
            ["chart/legend-covers-data", "chart/unreadable-colors", "chart/tick-crowding"].map(defect);
        let kept = |weights: &AxisWeights| -> Vec<&str> {
            weights.rewarded(&found).iter().map(|d| d.rule).collect()
        };
        let all = AxisWeights::equal(Domain::Chart);
        assert_eq!(kept(&all), ["chart/legend-covers-data", "chart/tick-crowding"]);
        let of_legend = BTreeMap::from([("legend".to_owned(), 1.0)]);
        let of_legend = AxisWeights::named(Domain::Chart, &of_legend).unwrap();
        assert_eq!(kept(&of_legend), ["chart/legend-covers-data"]);
    }
}
