//! One row of the head: its losses, and the gradient with respect to its logits.

use super::distill::{self, Buckets, Divergence, LogProbs, Support};
use super::grpo::{self, Surrogate};
use super::{Components, HeadInput, HeadOutput, LossConfig, ce};
use vsdpo_policy::ops::simd;

/// Element t of a stream that may be absent.
pub(super) fn get(stream: &[f32], t: usize) -> Option<f32> {
    stream.get(t).copied()
}

/// Losses and statistics of one row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    logp: f32,
    entropy: f32,
    loss: Components,
    /// (D, log q(y), rho, scaled as an outlier, floored entries).
    distill: Option<(f32, f32, f32, bool, usize)>,
    rl: Option<Surrogate>,
    k3: Option<f32>,
}

/// Computes rows of one input.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub input: &'a HeadInput<'a>,
    pub cfg: &'a LossConfig,
}

impl Rows<'_> {
    /// Losses of row t; its logits `z` become the total's gradient. `p` is scratch.
    #[inline(always)]
    pub(super) fn row(&self, t: usize, z: &mut [f32], u: Option<&[f32]>, p: &mut [f32]) -> Row {
        let (s, cfg) = (&self.input.streams, self.cfg);
        let target = self.input.targets[t] as usize;
        let student = softmax(z, p);
        let logp = student.at(target);
        let mut row = Row {
            logp,
            entropy: entropy(p, student),
            loss: Components::default(),
            distill: None,
            rl: None,
            k3: None,
        };
        // dL/dlog p(y_t) of the components that act through the sampled token alone.
        let mut through_target = 0.0;
        if let Some(c) = get(s.ce, t).filter(|&c| c != 0.0) {
            let (loss, slope) = ce::token(logp);
            row.loss.ce = c as f64 * loss as f64;
            through_target += cfg.weights.ce as f32 * c * slope;
        }
        let old = get(s.logp_old, t).unwrap_or(logp);
        let engine = get(s.logp_engine, t).unwrap_or(old);
        if let Some(c) = get(s.rl, t).filter(|&c| c != 0.0) {
            let surrogate = grpo::surrogate(logp, old, engine, s.advantage[t], &cfg.clip);
            row.loss.grpo = -(c as f64 * surrogate.objective as f64);
            through_target -= cfg.weights.grpo as f32 * c * surrogate.slope;
            row.rl = Some(surrogate);
            if let Some(reference) = get(s.logp_ref, t).filter(|_| cfg.kl_ref != 0.0) {
                let (value, slope) = grpo::k3(logp, reference);
                row.loss.grpo += c as f64 * cfg.kl_ref as f64 * value as f64;
                through_target += cfg.weights.grpo as f32 * c * cfg.kl_ref * slope;
                row.k3 = Some(value);
            }
        }
        let lse = student.lse;
        let gradient = Gradient { target, through_target, inverse_temperature: 1.0 / cfg.temperature };
        match (u, get(s.ref_kl, t).filter(|&c| c != 0.0)) {
            (Some(u), Some(c)) => self.distilled(&mut row, (z, lse, p), u, (c, engine), gradient),
            _ => gradient.write(z, p, |_, _| 0.0),
        }
        row
    }

    /// The distillation part of a row, from the teacher's logits `u`.
    #[inline(always)]
    fn distilled(
        &self,
        row: &mut Row,
        (z, lse, p): (&mut [f32], f32, &[f32]),
        u: &[f32],
        (c, behaviour): (f32, f32),
        gradient: Gradient,
    ) {
        let cfg = self.cfg;
        let student = LogProbs { logits: z, lse };
        let teacher = LogProbs { logits: u, lse: log_sum_exp(u) };
        let logq = teacher.at(gradient.target);
        let buckets = match cfg.support {
            Support::Full => None,
            Support::TopK(k) => Some(Buckets::new(k, student, teacher)),
        };
        let (d, centre) = match &buckets {
            None => distill::value(cfg.divergence, p, student, teacher),
            Some(b) => b.value(cfg.divergence),
        };
        let rho = distill::importance(cfg.importance, cfg.is_clip, row.logp, behaviour, logq);
        let shrink = cfg.outlier.map_or(1.0, |limit| (limit / d.max(f32::MIN_POSITIVE)).min(1.0));
        let floored = simd::sum_by(u.len(), |v| if u[v] - teacher.lse < distill::FLOOR { 1.0 } else { 0.0 });
        let scale = c * rho * shrink;
        row.loss.distill = scale as f64 * d as f64;
        row.distill = Some((d, logq, rho, shrink < 1.0, floored as usize));
        let a = cfg.weights.distill as f32 * scale;
        match (buckets, cfg.divergence) {
            (Some(b), divergence) => b.write(z, (p, a), (divergence, centre), gradient),
            (None, Divergence::ReverseKl) => {
                gradient.write(
                    z,
                    p,
                    #[inline(always)]
                    |v, z| {
                        let lp = LogProbs { logits: &[z], lse }.at(0);
                        a * p[v] * (lp - teacher.at(v) - centre)
                    },
                );
            }
            (None, Divergence::ForwardKl) => {
                // Both through the same exp, so that equal rows cancel exactly.
                gradient.write(
                    z,
                    p,
                    #[inline(always)]
                    |v, z| {
                        let lp = LogProbs { logits: &[z], lse }.at(0);
                        a * (simd::exp(lp) - simd::exp(teacher.at(v)))
                    },
                );
            }
            (None, divergence) => gradient.write(
                z,
                p,
                #[inline(always)]
                |v, z| {
                    let lp = LogProbs { logits: &[z], lse }.at(0);
                    a * p[v] * distill::slope(divergence, lp - teacher.at(v), centre)
                },
            ),
        }
    }
}

/// The parts of the gradient that do not depend on the divergence.
#[derive(Clone, Copy)]
struct Gradient {
    target: usize,
    /// dL/dlog p(target).
    through_target: f32,
    inverse_temperature: f32,
}

impl Gradient {
    /// Overwrites logits with (through_target (1[v = target] - p_v) + extra(v, z_v)) / tau.
    #[inline(always)]
    fn write(&self, z: &mut [f32], p: &[f32], extra: impl Fn(usize, f32) -> f32) {
        let (s, scale) = (self.through_target, self.inverse_temperature);
        for v in 0..z.len().min(p.len()) {
            z[v] = (extra(v, z[v]) - s * p[v]) * scale;
        }
        z[self.target] += s * scale;
    }
}

impl Buckets {
    /// The gradient over the buckets; within the tail, the student's distribution is unconstrained.
    fn write(
        &self,
        z: &mut [f32],
        (p, a): (&[f32], f32),
        (divergence, centre): (Divergence, f32),
        gradient: Gradient,
    ) {
        let rest = a * self.slope(divergence, self.ids.len(), centre);
        gradient.write(z, p, |v, _| p[v] * rest);
        for (b, &v) in self.ids.iter().enumerate() {
            let own = a * self.slope(divergence, b, centre);
            z[v as usize] += p[v as usize] * (own - rest) * gradient.inverse_temperature;
        }
    }
}

impl Row {
    pub(super) fn record(&self, t: usize, out: &mut HeadOutput) {
        let stats = &mut out.tokens;
        stats.live[t] = true;
        stats.logp[t] = self.logp;
        stats.entropy[t] = self.entropy;
        if let Some((d, logq, rho, shrunk, floored)) = self.distill {
            (stats.kl[t], stats.logp_teacher[t], stats.rho[t]) = (d, logq, rho);
            stats.outlier_scaled += shrunk as usize;
            stats.floored += floored;
        }
        if let Some(k3) = self.k3 {
            stats.k3[t] = k3;
        }
        if let Some(s) = self.rl {
            (stats.ratio[t], stats.tis[t], stats.clipped[t]) = (s.ratio, s.tis, s.clipped);
        }
        out.loss += self.loss;
    }
}

/// Fills `p` with the probabilities of the logits `z`.
#[inline(always)]
pub(super) fn softmax<'a>(z: &'a [f32], p: &mut [f32]) -> LogProbs<'a> {
    let top = simd::max(z);
    for (p, &z) in p.iter_mut().zip(z) {
        *p = simd::exp(z - top);
    }
    let total = simd::sum(p);
    let inverse = 1.0 / total;
    for p in p.iter_mut() {
        *p *= inverse;
    }
    LogProbs { logits: z, lse: top + total.ln() }
}

#[inline(always)]
fn log_sum_exp(u: &[f32]) -> f32 {
    let top = simd::max(u);
    top + simd::sum_by(u.len(), |v| simd::exp(u[v] - top)).ln()
}

/// -Σ p log p.
#[inline(always)]
pub(super) fn entropy(p: &[f32], student: LogProbs<'_>) -> f32 {
    let n = p.len().min(student.logits.len());
    -simd::sum_by(n, |v| p[v] * student.at(v))
}
