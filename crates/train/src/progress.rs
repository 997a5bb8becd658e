//! How far a run is, and whether it should go on: the state that neither weights nor recipe hold.

use crate::eval::EvalReport;
use serde::{Deserialize, Serialize};

/// A fall of the execution rate below its best that ends a run.
const EXEC_FALL: f64 = 0.1;
/// Evaluations in a row with a falling defect-free share that end a run, if by then it is below the
/// interval of the best one: with a hundred tasks the share goes up and down by some points on its
/// own.
const CLEAN_FALLS: usize = 2;

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
    /// Highest execution rate of any evaluation.
    pub best_exec: f64,
    /// Defect-free share of the last evaluation.
    pub last_clean: Option<f64>,
    /// Evaluations in a row, up to now, whose defect-free share fell.
    pub falls: usize,
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

/// What an evaluation means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// These are the best weights so far.
    pub best: bool,
    /// The run is falling and should end.
    pub fell: bool,
}

impl Progress {
    /// Takes in an evaluation. The loss has no say: in a run that dies, loss and KL go to 0.
    pub fn evaluated(&mut self, report: &EvalReport) -> Standing {
        let student = report.student();
        let (exec, clean) = (student.exec.mean, student.defect_free.mean);
        self.best_exec = self.best_exec.max(exec);
        self.falls = if self.last_clean.is_some_and(|last| clean < last) { self.falls + 1 } else { 0 };
        self.last_clean = Some(clean);
        let now = Best {
            step: self.step,
            defect_free: clean,
            low: student.defect_free.low,
            reward: student.reward.mean,
        };
        let better = |b: Best| (now.defect_free, now.reward) > (b.defect_free, b.reward);
        let best = self.best.is_none_or(better);
        if best {
            self.best = Some(now);
        }
        // The tolerance keeps 0.9 - 0.8 from counting as less than a tenth.
        let breaks = self.best_exec - exec >= EXEC_FALL - 1e-9;
        let fell = self.falls >= CLEAN_FALLS && self.best.is_some_and(|best| clean < best.low);
        Standing { best, fell: breaks || fell }
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
            axes: Default::default(),
            choice_entropy: Default::default(),
        };
        let benchmark = "mini-chart".into();
        EvalReport { benchmark, split: Split::Dev, seed: 0, temperature: 1.0, arms: vec![arm], shown: vec![] }
    }

    #[test]
    fn a_run_ends_on_execution_or_on_two_falls_in_a_row() {
        let check = |evals: &[(f64, f64)], want: &[bool]| {
            let mut progress = Progress::default();
            let got: Vec<bool> = evals.iter().map(|&(e, c)| progress.evaluated(&report(e, c)).fell).collect();
            assert_eq!(got, want, "{evals:?}");
        };
        check(&[(0.9, 0.1), (0.95, 0.2), (0.86, 0.3), (0.85, 0.4)], &[false, false, false, true]);
        check(
            &[(0.9, 0.3), (0.9, 0.2), (0.9, 0.25), (0.9, 0.2), (0.9, 0.1)],
            &[false, false, false, false, true],
        );
        check(&[(0.9, 0.3), (0.9, 0.2), (0.9, 0.2), (0.9, 0.1)], &[false, false, false, false]);
        // Two falls that may be chance, and a third one that is not.
        check(&[(0.9, 0.3), (0.9, 0.28), (0.9, 0.26), (0.9, 0.24)], &[false, false, false, true]);
    }

    #[test]
    fn the_best_is_the_cleanest_and_then_the_best_rewarded() {
        let mut progress = Progress::default();
        let best = |p: &mut Progress, step, exec, clean| {
            p.step = step;
            p.evaluated(&report(exec, clean)).best
        };
        assert!(best(&mut progress, 0, 0.8, 0.1));
        assert!(!best(&mut progress, 20, 0.9, 0.05));
        assert!(best(&mut progress, 40, 0.9, 0.1), "equal share, better reward");
        assert!(!best(&mut progress, 60, 0.9, 0.1), "a tie keeps the earlier one");
        assert_eq!(progress.best.map(|b| b.step), Some(40));
    }
}
