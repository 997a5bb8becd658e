//! The divergence between student and teacher, and its weighting over a rollout.
//!
//! Symbols: p is the student's next-token distribution, q the teacher's (a constant), D their
//! divergence, delta = log p - log q. Sums over the vocabulary use forms whose terms are not
//! negative, because the plain sum of p log(p/q) cancels away the small values that occur late in
//! training.
//!
//! # Reading of the paper
//! The paper writes KL(student || teacher) and does not say how it is computed over the vocabulary;
//! here it is exact over the full vocabulary. Its "importance-weighted variant" has no formula; see
//! [`Importance`]. [`Divergence`] and [`Support`] change these choices.

use serde::{Deserialize, Serialize};
use vsdpo_policy::ops::simd;

/// Divergences between student S and teacher T, per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// KL(S || T), the paper's.
    #[default]
    ReverseKl,
    /// KL(T || S).
    ForwardKl,
    /// (1 - alpha) KL(S || M) + alpha KL(T || M) with M = (1 - alpha) S + alpha T. It vanishes
    /// towards both ends: divided by alpha it tends to KL(T || S) at 0, by 1 - alpha to KL(S || T)
    /// at 1.
    Jsd {
        /// Share of the teacher in the mixture, above 0 and below 1.
        alpha: f32,
    },
}

/// Support of the divergence: the whole vocabulary, or the top k and one bucket for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// All of them.
    #[default]
    Full,
    /// The student's k likeliest, and one bucket for all others. Never above the full divergence.
    TopK(usize),
}

/// The ratio behind the importance weight rho of a token's divergence; always a constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// pi_student(y) / pi_sampler(y): corrects for tokens sampled by older weights. With one update
    /// per batch (`optim.updates_per_batch` and `optim.mini_batches` of 1) the tokens are fresh and
    /// rho is 1 up to the rounding between sampler and trainer: this setting then changes nothing.
    #[default]
    Behaviour,
    /// pi_teacher(y) / pi_student(y), the literal reading of "mismatch between contexts". It
    /// shrinks the weight exactly where the teacher disagrees, hence it is not the default.
    Context,
    /// No weight.
    None,
}

/// Log-probabilities below this are raised to it, so that an excluded token costs much but not
/// infinity.
pub(super) const FLOOR: f32 = -100.0;

/// A distribution over the vocabulary as logits and their log-sum-exp.
#[derive(Clone, Copy, Debug)]
pub struct LogProbs<'a> {
    /// Logits, after the temperature.
    pub logits: &'a [f32],
    /// log Σ exp(logits).
    pub lse: f32,
}

impl LogProbs<'_> {
    /// log-probability of entry v, at least [`FLOOR`]; NaN stays NaN, so that a broken row is
    /// noticed.
    #[inline(always)]
    pub(super) fn at(&self, v: usize) -> f32 {
        let x = self.logits[v] - self.lse;
        if x < FLOOR { FLOOR } else { x }
    }
}

/// Eq. (3): KL_t = Σ_v p_v log(p_v / q_v), student p against teacher q.
///
/// Summed as p (delta + e^-delta - 1), which is the same since both distributions sum to 1. `p`
/// holds the student's probabilities.
#[inline(always)]
pub fn token_kl(p: &[f32], student: LogProbs<'_>, teacher: LogProbs<'_>) -> f32 {
    let n = p.len().min(student.logits.len()).min(teacher.logits.len());
    simd::sum_by(n, |v| p[v] * kl_term(student.at(v) - teacher.at(v)))
}

/// Eq. (6): the multipliers w_t / (N_d Σ_t w_t) of one rollout's token divergences, so that their
/// weighted sum over all rollouts is L_VSDPO = (1 / N_d) Σ_i Σ_t w_t KL_t / Σ_t w_t.
///
/// `weights` are the statement weights w_t of one rollout (0 for masked tokens),
/// `rollouts_with_signal` is N_d, counted over the whole step. A rollout without any weight gets
/// zeros.
///
/// # Reading of the paper
/// The paper gives the sum within a rollout; the plain mean over the rollouts that have feedback is
/// ours.
pub fn weighted_kl(weights: &[f32], rollouts_with_signal: usize) -> Vec<f32> {
    let total: f64 = weights.iter().map(|&w| w as f64).sum();
    let scale = if total > 0.0 { 1.0 / (total * rollouts_with_signal.max(1) as f64) } else { 0.0 };
    weights.iter().map(|&w| (w as f64 * scale) as f32).collect()
}

/// delta + e^-delta - 1, which is not negative and keeps its digits near 0.
#[inline(always)]
pub(super) fn kl_term(delta: f32) -> f32 {
    let t = -delta;
    let mut series = 1.0 / 40_320.0;
    for c in [1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        series = series * t + c;
    }
    let near = series * t * t;
    let far = simd::exp(t) - 1.0 - t;
    if t.abs() < 0.4 { near } else { far }
}

/// log(p / m) for the mixture m = (1 - alpha) p + alpha q.
#[inline(always)]
fn log_over_mixture(delta: f32, alpha: f32) -> f32 {
    -(alpha * (-delta).exp_m1()).ln_1p()
}

/// The value D of the divergence, and the constant that its gradient subtracts.
///
/// `p` holds the student's probabilities.
#[inline(always)]
pub(super) fn value(
    divergence: Divergence,
    p: &[f32],
    student: LogProbs<'_>,
    teacher: LogProbs<'_>,
) -> (f32, f32) {
    match divergence {
        Divergence::ReverseKl => {
            let d = token_kl(p, student, teacher);
            (d, d)
        }
        Divergence::ForwardKl => {
            let term = |v| {
                let lq = teacher.at(v);
                simd::exp(lq) * kl_term(lq - student.at(v))
            };
            (simd::sum_by(p.len(), term), 0.0)
        }
        Divergence::Jsd { alpha } => {
            // Both parts in the non-negative form, with delta measured against the mixture.
            let over = |v| log_over_mixture(student.at(v) - teacher.at(v), alpha);
            let k = simd::sum_by(p.len(), |v| p[v] * kl_term(over(v)));
            let t = simd::sum_by(p.len(), |v| {
                let (lp, lq) = (student.at(v), teacher.at(v));
                simd::exp(lq) * kl_term(lq - lp + over(v))
            });
            ((1.0 - alpha) * k + alpha * t, k)
        }
    }
}

/// The factor f in dD/dz_v = p_v f, at delta = log p_v - log q_v (before the temperature's 1/tau).
///
/// Reverse: delta - D. Forward: 1 - q/p. JSD: (1 - alpha) (log(p/m) - KL(S || M)).
#[inline(always)]
pub(super) fn slope(divergence: Divergence, delta: f32, centre: f32) -> f32 {
    match divergence {
        Divergence::ReverseKl => delta - centre,
        Divergence::ForwardKl => 1.0 - simd::exp(-delta),
        Divergence::Jsd { alpha } => (1.0 - alpha) * (log_over_mixture(delta, alpha) - centre),
    }
}

/// The importance weight of one token.
pub(super) fn importance(kind: Importance, cap: f32, logp: f32, behaviour: f32, teacher: f32) -> f32 {
    match kind {
        Importance::Behaviour => (logp - behaviour).clamp(-20.0, 20.0).exp().min(cap),
        Importance::Context => (teacher - logp).clamp(-20.0, 20.0).exp().clamp(1.0 / cap, cap),
        Importance::None => 1.0,
    }
}

/// Student and teacher reduced to the student's k likeliest entries and a bucket for the rest.
pub(super) struct Buckets {
    /// The entries with a bucket of their own, in no particular order.
    pub ids: Vec<u32>,
    /// Probabilities of the student: the entries, then the rest.
    pub p: Vec<f32>,
    /// Their logarithms.
    pub lp: Vec<f32>,
    /// Logarithms of the teacher's.
    pub lq: Vec<f32>,
}

impl Buckets {
    pub(super) fn new(k: usize, student: LogProbs<'_>, teacher: LogProbs<'_>) -> Self {
        let n = student.logits.len();
        let k = k.clamp(1, n);
        let mut ids: Vec<u32> = (0..n as u32).collect();
        if k < n {
            let logits = student.logits;
            ids.select_nth_unstable_by(k, |&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
        }
        let rest = ids.split_off(k);
        let collect = |d: LogProbs<'_>| {
            let mut logs: Vec<f32> = ids.iter().map(|&v| d.at(v as usize)).collect();
            // Summed directly: 1 minus the other masses would lose all digits of a small rest.
            let mass: f32 = rest.iter().map(|&v| simd::exp(d.at(v as usize))).sum();
            logs.push(mass.max(1e-12).ln());
            logs
        };
        let (lp, lq) = (collect(student), collect(teacher));
        let p = lp.iter().map(|&x| simd::exp(x)).collect();
        Self { ids, p, lp, lq }
    }

    pub(super) fn value(&self, divergence: Divergence) -> (f32, f32) {
        let [student, teacher] = [&self.lp, &self.lq].map(|logits| LogProbs { logits, lse: 0.0 });
        value(divergence, &self.p, student, teacher)
    }

    /// The gradient factor of bucket b.
    pub(super) fn slope(&self, divergence: Divergence, b: usize, centre: f32) -> f32 {
        slope(divergence, self.lp[b] - self.lq[b], centre)
    }
}
