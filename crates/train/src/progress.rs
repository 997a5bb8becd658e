//! How far a run is, and whether it should go on: the state that neither weights nor recipe hold.

use crate::eval::EvalReport;
use crate::metrics::Metrics;
use crate::recipe::StopSection;
use crate::stop::StopRules;
use serde::{Deserialize, Serialize};

/// Saved with every checkpoint. Tasks and random streams are functions of seed and step, so the
/// step is the cursor of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Finished steps.
    pub step: usize,
    /// Rollouts sampled so far.
    pub rollouts: u64,
    /// Completion tokens sampled so far.
    pub generated_tokens: u64,
    /// Prompt and completion tokens trained on so far.
    pub num_tokens: u64,
    /// Seconds of training so far, evaluations left out.
    pub seconds: f64,
    /// The step with the best evaluation, if there was any.
    pub best: Option<Best>,
    /// What the stop rules remember.
    #[serde(default)]
    pub stop: StopRules,
    /// Why a stop rule ended the run, if one did.
    #[serde(default)]
    pub fell: Option<String>,
}

/// The best evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// After so many steps.
    pub step: usize,
    /// Defect-free share.
    pub defect_free: f64,
    /// Lower end of its interval.
    #[serde(default)]
    pub low: f64,
    /// Mean reward; decides between equal shares.
    pub reward: f64,
}

impl Progress {
    /// Takes in an evaluation; the answer is whether these are the best weights so far. The loss
    /// has no say: in a run that dies, loss and KL go to 0.
    pub fn evaluated(&mut self, report: &EvalReport, limits: &StopSection) -> bool {
        let student = report.student();
        let now = Best {
            step: self.step,
            defect_free: student.defect_free.mean,
            low: student.defect_free.low,
            reward: student.reward.mean,
        };
        let worse = |b: &Best| (b.defect_free, b.reward) >= (now.defect_free, now.reward);
        let best = self.best.filter(worse).unwrap_or(now);
        let is_best = self.best != Some(best);
        self.best = Some(best);
        let why = self.stop.evaluated(student.exec.mean, now.defect_free, best, limits);
        self.note(why, limits);
        is_best
    }

    /// Takes in the metrics of a finished step.
    pub fn stepped(&mut self, metrics: &Metrics, limits: &StopSection) {
        let why = self.stop.step(metrics, limits);
        self.note(why, limits);
    }

    /// Keeps the first reason to end the run.
    fn note(&mut self, why: Option<String>, limits: &StopSection) {
        if limits.enabled && self.fell.is_none() {
            self.fell = why;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Arm, Estimate};
    use vsdpo_data::mini::Split;

    fn report(exec: f64, clean: f64) -> EvalReport {
        let estimate = |mean| Estimate { mean, low: mean - 0.05, high: mean + 0.05 };
        let arm = Arm {
            arm: "student".into(),
            tasks: 1,
            exec: estimate(exec),
            defect_free: estimate(clean),
            reward: estimate(exec),
            good: None,
            held_back: None,
            axes: Default::default(),
            choice_entropy: Default::default(),
            cost: None,
            scores: Default::default(),
        };
        let benchmark = "mini-chart".into();
        EvalReport {
            benchmark,
            split: Split::Dev,
            seed: 0,
            temperature: 1.0,
            arms: vec![arm],
            provenance: None,
            shown: vec![],
            rows: vec![],
        }
    }

    #[test]
    fn the_first_reason_is_kept_unless_the_rules_are_off() {
        let limits = StopSection::default();
        let mut progress = Progress::default();
        for (exec, fell) in [(0.9, false), (0.5, true), (0.9, true)] {
            progress.evaluated(&report(exec, 0.1), &limits);
            assert_eq!(progress.fell.is_some(), fell, "{exec}");
        }
        assert!(progress.fell.as_ref().is_some_and(|why| why.contains("50 %")), "{progress:?}");
        let mut off = Progress::default();
        for exec in [0.9, 0.5] {
            off.evaluated(&report(exec, 0.1), &StopSection { enabled: false, ..limits.clone() });
        }
        assert_eq!(off.fell, None);
    }

    #[test]
    fn the_best_is_the_cleanest_and_then_the_best_rewarded() {
        let mut progress = Progress::default();
        let best = |p: &mut Progress, step, exec, clean| {
            p.step = step;
            p.evaluated(&report(exec, clean), &StopSection::default())
        };
        assert!(best(&mut progress, 0, 0.8, 0.1));
        assert!(!best(&mut progress, 20, 0.9, 0.05));
        assert!(best(&mut progress, 40, 0.9, 0.1), "equal share, better reward");
        assert!(!best(&mut progress, 60, 0.9, 0.1), "a tie keeps the earlier one");
        assert_eq!(progress.best.map(|b| b.step), Some(40));
    }
}
