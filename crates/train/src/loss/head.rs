//! The fused language-model head: logits, losses and gradients of a few rows at a time.
//!
//! For a chunk of rows it computes Z = h_S W^T and U = h_T W^T, every loss and statistic, writes the total
//! gradient G over Z, and adds up dh = G W and dW = G^T h_S. At Qwen3's vocabulary one row of logits is
//! 0.6 MB, so the full matrices never exist.

use super::distill::{self, Buckets, Divergence, LogProbs, Support};
use super::grpo::{self, Clipped};
use super::{Components, HeadInput, HeadOutput, LossConfig, LossError, Streams, TokenStats, ce};
use rayon::prelude::*;
use vsdpo_policy::ops::matrix::{Mat, Threads, matmul, matmul_add};
use vsdpo_policy::ops::simd;

/// Logits of one chunk: small enough for the caches, enough rows for an efficient product.
const CHUNK_LOGITS: usize = 1 << 20;

fn chunk_rows(vocabulary: usize) -> usize {
    (CHUNK_LOGITS / vocabulary.max(1)).clamp(64, 512)
}

/// Losses of equation 7 over the given rows, and their gradients with respect to the student's hidden
/// states and, with `train_head`, the head.
///
/// Rows without weight in any stream are dropped before the matrix products.
///
/// # Errors
/// If the slices do not fit together, a target is not in the vocabulary, a divergence is weighted without
/// a teacher, or a setting is out of range.
pub fn fused_head(
    input: &HeadInput<'_>,
    cfg: &LossConfig,
    train_head: bool,
) -> Result<HeadOutput, LossError> {
    let vocabulary = input.check(cfg)?;
    let rows = input.targets.len();
    let mut out = HeadOutput {
        dh: vec![0.0; rows * input.dim],
        dhead: train_head.then(|| vec![0.0; input.head.len()]),
        loss: Components::default(),
        tokens: TokenStats::empty(rows),
    };
    let live: Vec<usize> = (0..rows).filter(|&t| input.streams.is_live(t)).collect();
    for chunk in live.chunks(chunk_rows(vocabulary)) {
        Chunk { input, cfg, rows: chunk, vocabulary }.run(&mut out);
    }
    Ok(out)
}

/// log p(y_t) and the entropy of every row, without any gradient; both of length T.
///
/// # Errors
/// If the slices do not fit together or a target is not in the vocabulary.
pub fn token_logprobs(
    hidden: &[f32],
    head: &[f32],
    dim: usize,
    targets: &[u32],
    temperature: f32,
) -> Result<(Vec<f32>, Vec<f32>), LossError> {
    let cfg = LossConfig { temperature, ..LossConfig::default() };
    let streams = Streams::default();
    let input = HeadInput { hidden_s: hidden, hidden_t: None, head, head_t: None, dim, targets, streams };
    let vocabulary = input.check(&cfg)?;
    let all: Vec<usize> = (0..targets.len()).collect();
    let (mut logps, mut entropies) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for rows in all.chunks(chunk_rows(vocabulary)) {
        let chunk = Chunk { input: &input, cfg: &cfg, rows, vocabulary };
        let z = chunk.logits(&chunk.gather(hidden), head);
        let stats = z.par_chunks(vocabulary).zip(rows).map_init(
            || vec![0.0; vocabulary],
            |p, (z, &t)| {
                simd::vectorised(
                    #[inline(always)]
                    || {
                        let student = softmax(z, p);
                        (student.at(targets[t] as usize), entropy(p, student))
                    },
                )
            },
        );
        let stats: Vec<(f32, f32)> = stats.collect();
        logps.extend(stats.iter().map(|s| s.0));
        entropies.extend(stats.iter().map(|s| s.1));
    }
    Ok((logps, entropies))
}

/// Element t of a stream that may be absent.
fn get(stream: &[f32], t: usize) -> Option<f32> {
    stream.get(t).copied()
}

impl Streams<'_> {
    fn is_live(&self, t: usize) -> bool {
        let on = |s: &[f32]| get(s, t).is_some_and(|w| w != 0.0);
        on(self.ce) || on(self.ref_kl) || (on(self.rl) && on(self.advantage))
    }
}

impl HeadInput<'_> {
    /// The size of the vocabulary, if everything fits together.
    fn check(&self, cfg: &LossConfig) -> Result<usize, LossError> {
        let (rows, dim) = (self.targets.len(), self.dim.max(1));
        let vocabulary = self.head.len() / dim;
        let s = &self.streams;
        let full = [("hidden_s", self.hidden_s), ("hidden_t", self.hidden_t.unwrap_or(self.hidden_s))];
        let optional = [("ce", s.ce), ("ref_kl", s.ref_kl), ("rl", s.rl), ("advantage", s.advantage)];
        let logps = [("logp_old", s.logp_old), ("logp_engine", s.logp_engine)];
        let lengths = full.map(|(n, x)| (n, x.len(), rows * self.dim)).into_iter();
        let streams = optional.into_iter().chain(logps).filter(|(_, x)| !x.is_empty());
        let head = ("head", self.head.len(), vocabulary * self.dim);
        let head_t = ("head_t", self.head_t.map_or(self.head.len(), <[f32]>::len), self.head.len());
        let rl = ("advantage", s.advantage.len(), s.rl.len());
        let mut all = lengths.chain(streams.map(|(n, x)| (n, x.len(), rows))).chain([head, head_t, rl]);
        if let Some((name, got, want)) = all.find(|(_, got, want)| got != want) {
            return Err(LossError::Length { name, got, want });
        }
        if let Some((position, &id)) =
            self.targets.iter().enumerate().find(|&(_, &y)| y as usize >= vocabulary)
        {
            return Err(LossError::Target { id, position, vocabulary });
        }
        if self.hidden_t.is_none() && s.ref_kl.iter().any(|&w| w != 0.0) {
            return Err(LossError::NoTeacher);
        }
        cfg.check()?;
        Ok(vocabulary)
    }
}

impl LossConfig {
    fn check(&self) -> Result<(), LossError> {
        let bad = |name, value, want| Err(LossError::Setting { name, value, want });
        match self.divergence {
            Divergence::Jsd { alpha } if !(alpha > 0.0 && alpha < 1.0) => {
                return bad("jsd_alpha", alpha, "above 0 and below 1");
            }
            _ => {}
        }
        if self.temperature.is_nan() || self.temperature <= 0.0 {
            return bad("temperature", self.temperature, "above 0");
        }
        if self.is_clip.is_nan() || self.is_clip < 1.0 {
            return bad("is_clip", self.is_clip, "1 or more");
        }
        Ok(())
    }
}

impl TokenStats {
    fn empty(rows: usize) -> Self {
        let nan = || vec![f32::NAN; rows];
        Self {
            live: vec![false; rows],
            logp: nan(),
            logp_teacher: nan(),
            kl: nan(),
            entropy: nan(),
            rho: nan(),
            ratio: nan(),
            tis: nan(),
            clipped: vec![Clipped::No; rows],
            outlier_scaled: 0,
            floored: 0,
        }
    }
}

/// What one row yields besides its gradient.
#[derive(Clone, Copy)]
struct Row {
    logp: f32,
    entropy: f32,
    loss: Components,
    /// (D, log q(y), rho, scaled as an outlier, floored entries).
    distill: Option<(f32, f32, f32, bool, usize)>,
    rl: Option<grpo::Surrogate>,
}

/// Some live rows of an input.
struct Chunk<'a> {
    input: &'a HeadInput<'a>,
    cfg: &'a LossConfig,
    rows: &'a [usize],
    vocabulary: usize,
}

impl Chunk<'_> {
    fn gather(&self, hidden: &[f32]) -> Vec<f32> {
        let dim = self.input.dim;
        self.rows.iter().flat_map(|&t| &hidden[t * dim..(t + 1) * dim]).copied().collect()
    }

    /// Logits over the temperature, `[rows, V]`.
    fn logits(&self, hidden: &[f32], head: &[f32]) -> Vec<f32> {
        let (n, dim) = (self.rows.len(), self.input.dim);
        let mut z = vec![0.0; n * self.vocabulary];
        let head = Mat::new(head, self.vocabulary, dim);
        matmul(&mut z, Mat::new(hidden, n, dim), head.t(), Threads::All);
        if self.cfg.temperature != 1.0 {
            let inverse = 1.0 / self.cfg.temperature;
            z.par_chunks_mut(self.vocabulary).for_each(|row| row.iter_mut().for_each(|x| *x *= inverse));
        }
        z
    }

    fn run(&self, out: &mut HeadOutput) {
        let (n, dim, vocabulary) = (self.rows.len(), self.input.dim, self.vocabulary);
        let h = self.gather(self.input.hidden_s);
        let mut g = self.logits(&h, self.input.head);
        let taught = self.rows.iter().any(|&t| get(self.input.streams.ref_kl, t).is_some_and(|w| w != 0.0));
        let head_t = self.input.head_t.unwrap_or(self.input.head);
        let teacher =
            self.input.hidden_t.filter(|_| taught).map(|hidden| self.logits(&self.gather(hidden), head_t));
        let rows = g.par_chunks_mut(vocabulary).zip(self.rows).enumerate().map_init(
            || vec![0.0; vocabulary],
            |p, (i, (z, &t))| {
                let u = teacher.as_ref().map(|u| &u[i * vocabulary..(i + 1) * vocabulary]);
                simd::vectorised(
                    #[inline(always)]
                    || self.row(t, z, u, p),
                )
            },
        );
        let rows: Vec<Row> = rows.collect();
        rows.iter().zip(self.rows).for_each(|(row, &t)| row.record(t, out));
        let g = Mat::new(&g, n, vocabulary);
        let mut dh = vec![0.0; n * dim];
        matmul(&mut dh, g, Mat::new(self.input.head, vocabulary, dim), Threads::All);
        for (&t, row) in self.rows.iter().zip(dh.chunks_exact(dim)) {
            out.dh[t * dim..(t + 1) * dim].copy_from_slice(row);
        }
        if let Some(dhead) = &mut out.dhead {
            matmul_add(dhead, dim, g.t(), Mat::new(&h, n, dim), Threads::All);
        }
    }

    /// Losses of row t; its logits `z` become the total's gradient. `p` is scratch.
    #[inline(always)]
    fn row(&self, t: usize, z: &mut [f32], u: Option<&[f32]>, p: &mut [f32]) -> Row {
        let (s, cfg) = (&self.input.streams, self.cfg);
        let target = self.input.targets[t] as usize;
        let student = softmax(z, p);
        let logp = student.at(target);
        let mut row =
            Row { logp, entropy: entropy(p, student), loss: Components::default(), distill: None, rl: None };
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
        }
        let lse = student.lse;
        let gradient = Gradient { target, through_target, inverse_temperature: 1.0 / cfg.temperature };
        match (u, get(s.ref_kl, t).filter(|&c| c != 0.0)) {
            (Some(u), Some(c)) => self.distilled(&mut row, (z, lse, p), u, (c, engine), gradient),
            _ => gradient.write(z, p, |_, _| 0.0),
        }
        row
    }

    /// The part of a row that looks at the teacher's logits `u`.
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

/// What all divergences' gradients share.
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
    /// The gradient over the buckets: inside the rest, the student's shape is left alone.
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
    fn record(&self, t: usize, out: &mut HeadOutput) {
        let stats = &mut out.tokens;
        stats.live[t] = true;
        stats.logp[t] = self.logp;
        stats.entropy[t] = self.entropy;
        if let Some((d, logq, rho, shrunk, floored)) = self.distill {
            (stats.kl[t], stats.logp_teacher[t], stats.rho[t]) = (d, logq, rho);
            stats.outlier_scaled += shrunk as usize;
            stats.floored += floored;
        }
        if let Some(s) = self.rl {
            (stats.ratio[t], stats.tis[t], stats.clipped[t]) = (s.ratio, s.tis, s.clipped);
        }
        out.loss += self.loss;
    }
}

/// Fills `p` with the probabilities of the logits `z`.
#[inline(always)]
fn softmax<'a>(z: &'a [f32], p: &mut [f32]) -> LogProbs<'a> {
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
fn entropy(p: &[f32], student: LogProbs<'_>) -> f32 {
    let n = p.len().min(student.logits.len());
    -simd::sum_by(n, |v| p[v] * student.at(v))
}
