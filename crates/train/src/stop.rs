//! When a run ends before its last step because it has collapsed.
//!
//! Collapses of self-distillation show in what is sampled long before an evaluation: rollouts stop
//! executing, become endless or shrink to a few lines, and the entropy goes to 0. The losses have
//! no say, because in a collapsed run loss and KL go to 0 as well. So the rules of a step compare
//! means over a window of steps with the first or the best window of the run, and the rules of an
//! evaluation compare it with the best one. The limits are [`StopSection`].

use crate::metrics::Metrics;
use crate::progress::Best;
use crate::recipe::StopSection;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Everything that the rules remember. Saved with the progress of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopRules {
    /// Share of the rollouts that execute.
    exec: Series,
    /// Mean tokens of a completion.
    length: Series,
    /// Mean entropy of the student's tokens, in nats.
    entropy: Series,
    /// Mean |log p of the trainer - log p of the sampler| of the sampled tokens, in nats.
    gap: Series,
    /// Highest execution rate of any evaluation.
    best_exec: f64,
    /// Defect-free share of the last evaluation.
    last_clean: Option<f64>,
    /// Evaluations in a row, up to now, whose defect-free share fell.
    falls: usize,
    /// Evaluations in a row, up to now, without any attempt that is free of defects.
    zeros: usize,
}

/// A value per step, and its moving mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Series {
    /// The last values, at most a window of them.
    recent: VecDeque<f64>,
    /// The mean of the first whole window.
    first: Option<f64>,
    /// The highest mean of any whole window.
    best: Option<f64>,
}

/// The means of a whole window.
#[derive(Clone, Copy)]
struct Means {
    now: f64,
    first: f64,
    best: f64,
}

impl Series {
    /// Takes in the value of a step. `None` without a value, or before the first whole window.
    fn push(&mut self, value: Option<f64>, window: usize) -> Option<Means> {
        self.recent.push_back(value?);
        while self.recent.len() > window {
            self.recent.pop_front();
        }
        if self.recent.len() < window {
            return None;
        }
        let now = self.recent.iter().sum::<f64>() / window as f64;
        let first = *self.first.get_or_insert(now);
        let best = self.best.map_or(now, |best| best.max(now));
        self.best = Some(best);
        Some(Means { now, first, best })
    }
}

/// A share as a percentage.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Keeps 0.9 - 0.8 from counting as less than a tenth.
const TOLERANCE: f64 = 1e-9;

impl StopRules {
    /// Takes in a step; the answer is why the run has to end, in one line. A step that sampled
    /// nothing (cross-entropy alone) is not counted.
    pub fn step(&mut self, metrics: &Metrics, limits: &StopSection) -> Option<String> {
        let exec = metrics.get("exec/success").copied()?;
        let value = |name: &str| metrics.get(name).copied();
        let n = limits.window;
        let exec = self.exec.push(Some(exec), n);
        let length = self.length.push(value("completions/mean_length"), n);
        let entropy = self.entropy.push(value("entropy"), n);
        let gap = self.gap.push(value("sampling/sampling_logp_difference/mean"), n);
        let found = [
            exec.and_then(|m| execution(m, limits)),
            length.and_then(|m| lengths(m, limits)),
            entropy.and_then(|m| entropies(m, limits)),
            gap.and_then(|m| gaps(m, limits)),
        ];
        let what = found.into_iter().flatten().next()?;
        Some(format!("over the last {n} steps, {what}"))
    }

    /// Takes in the execution rate and the defect-free share of an evaluation; `best` is the best
    /// evaluation so far, this one included.
    pub fn evaluated(&mut self, exec: f64, clean: f64, best: Best, limits: &StopSection) -> Option<String> {
        self.best_exec = self.best_exec.max(exec);
        let fell = self.last_clean.is_some_and(|last| clean < last);
        self.zeros = if clean == 0.0 { self.zeros + 1 } else { 0 };
        // From 0 the share cannot fall; staying there does not end a series of falls.
        let stays = clean == 0.0 && self.last_clean == Some(0.0);
        self.falls = match (fell, stays) {
            (true, _) => self.falls + 1,
            (false, true) => self.falls,
            (false, false) => 0,
        };
        self.last_clean = Some(clean);
        if self.best_exec - exec >= limits.eval_exec_fall - TOLERANCE {
            let (now, best) = (percent(exec), percent(self.best_exec));
            let limit = limits.eval_exec_fall;
            return Some(format!(
                "in the evaluation {now} of the attempts executed, {best} in the best one; the limit is a fall \
                 of {limit} (stop.eval_exec_fall)"
            ));
        }
        let limit = limits.eval_falls;
        // One clean answer of the model that the run began with may be chance, so its interval
        // counts; what the run reached itself counts at once.
        let had_some = best.defect_free > 0.0 && (best.step > 0 || best.low > 0.0);
        if self.zeros >= limit && had_some {
            let (zeros, best) = (self.zeros, percent(best.defect_free));
            return Some(format!(
                "in {zeros} evaluations in a row no attempt was free of defects, {best} in the best one; the \
                 limit is {limit} (stop.eval_falls)"
            ));
        }
        (self.falls >= limit && clean < best.low).then(|| {
            let (falls, now, low) = (self.falls, percent(clean), percent(best.low));
            format!(
                "the defect-free share fell in {falls} evaluations in a row, to {now}, which is below the \
                 interval of the best one (from {low}); the limit is {limit} (stop.eval_falls)"
            )
        })
    }
}

fn execution(m: Means, limits: &StopSection) -> Option<String> {
    let (now, best) = (percent(m.now), percent(m.best));
    if m.best - m.now >= limits.exec_fall - TOLERANCE {
        let limit = limits.exec_fall;
        return Some(format!(
            "{now} of the rollouts executed, {best} in the best window; the limit is a fall of {limit} \
             (stop.exec_fall)"
        ));
    }
    let limit = limits.exec_min;
    (m.now < limit && m.best >= limit).then(|| {
        format!(
            "{now} of the rollouts executed, {best} in the best window; the limit is {limit} (stop.exec_min)"
        )
    })
}

fn lengths(m: Means, limits: &StopSection) -> Option<String> {
    let said = |limit: f64, key: &str| {
        format!(
            "a completion had {:.0} tokens, {:.0} in the first window; the limit is a factor of {limit} (stop.{key})",
            m.now, m.first
        )
    };
    if m.now < limits.length_min * m.first {
        return Some(said(limits.length_min, "length_min"));
    }
    (m.now > limits.length_max * m.first).then(|| said(limits.length_max, "length_max"))
}

fn entropies(m: Means, limits: &StopSection) -> Option<String> {
    let limit = limits.entropy_min;
    (m.now < limit * m.first).then(|| {
        format!(
            "the entropy was {:.4} nats a token, {:.4} in the first window; the limit is a factor of {limit} \
             (stop.entropy_min)",
            m.now, m.first
        )
    })
}

fn gaps(m: Means, limits: &StopSection) -> Option<String> {
    let limit = limits.logp_gap;
    (m.now > limit).then(|| {
        format!(
            "the log-probabilities of trainer and sampler differed by {:.4} nats a token; the limit is {limit} \
             (stop.logp_gap)",
            m.now
        )
    })
}

#[cfg(test)]
mod tests;
