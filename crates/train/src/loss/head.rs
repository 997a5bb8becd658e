//! The fused language-model head: logits, losses and gradients of a few rows at a time.
//!
//! For a chunk of rows it computes Z = h_S W^T and U = h_T W^T, every loss and statistic, writes
//! the total gradient G over Z, and adds up dh = G W and dW = G^T h_S. At Qwen3's vocabulary one
//! row of logits is 0.6 MB, so the full matrices never exist.

use super::distill::Divergence;
use super::grpo::Clipped;
use super::row::{Row, Rows, entropy, get, softmax};
use super::{Components, HeadInput, HeadOutput, LossConfig, LossError, Mix, Streams, TokenStats};
use rayon::prelude::*;
use vsdpo_policy::ops::matrix::{Mat, Threads, matmul, matmul_add};
use vsdpo_policy::ops::simd;

/// Logits of one chunk: small enough for the caches, enough rows for an efficient product.
const CHUNK_LOGITS: usize = 1 << 20;

pub(crate) fn chunk_rows(vocabulary: usize) -> usize {
    (CHUNK_LOGITS / vocabulary.max(1)).clamp(64, 512)
}

/// Losses of equation 7 over the given rows, and their gradients with respect to the student's
/// hidden states and, with `train_head`, the head.
///
/// Rows without weight in any stream are dropped before the matrix products.
///
/// # Errors
/// If the slices do not fit together, a target is not in the vocabulary, a divergence is weighted
/// without a teacher, or a setting is out of range.
pub fn fused_head(
    input: &HeadInput<'_>,
    cfg: &LossConfig,
    train_head: bool,
) -> Result<HeadOutput, LossError> {
    let mut dhead = train_head.then(|| vec![0.0; input.head.len()]);
    let out = fused_head_into(input, cfg, dhead.as_deref_mut())?;
    Ok(HeadOutput { dhead, ..out })
}

/// The same, with the gradient of the head added to `dhead` `[V, dim]` instead of returned.
///
/// # Errors
/// As [`fused_head`], and if `dhead` has another size than the head.
pub fn fused_head_into(
    input: &HeadInput<'_>,
    cfg: &LossConfig,
    mut dhead: Option<&mut [f32]>,
) -> Result<HeadOutput, LossError> {
    let vocabulary = input.check(cfg)?;
    let (rows, want) = (input.targets.len(), input.head.len());
    if let Some(got) = dhead.as_ref().map(|d| d.len()).filter(|&got| got != want) {
        return Err(LossError::Length { name: "dhead", got, want });
    }
    let (dh, tokens) = (vec![0.0; rows * input.dim], TokenStats::empty(rows));
    let mut out = HeadOutput { dh, dhead: None, loss: Components::default(), tokens };
    let live: Vec<usize> = (0..rows).filter(|&t| input.streams.is_live(t)).collect();
    for chunk in live.chunks(chunk_rows(vocabulary)) {
        Chunk { input, cfg, rows: chunk, vocabulary }.run(&mut out, dhead.as_deref_mut());
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
    let input =
        HeadInput { hidden_s: hidden, hidden_t: None, head, head_t: None, mix: None, dim, targets, streams };
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

impl Streams<'_> {
    fn is_live(&self, t: usize) -> bool {
        let on = |s: &[f32]| get(s, t).is_some_and(|w| w != 0.0);
        let penalised = !self.logp_ref.is_empty();
        on(self.ce) || on(self.ref_kl) || (on(self.rl) && (penalised || on(self.advantage)))
    }
}

impl HeadInput<'_> {
    /// The size of the vocabulary, if everything fits together.
    fn check(&self, cfg: &LossConfig) -> Result<usize, LossError> {
        let (rows, dim) = (self.targets.len(), self.dim.max(1));
        let vocabulary = self.head.len() / dim;
        let s = &self.streams;
        let second = self.mix.map_or(self.hidden_s, |mix| mix.hidden);
        let full = [
            ("hidden_s", self.hidden_s),
            ("hidden_t", self.hidden_t.unwrap_or(self.hidden_s)),
            ("mix.hidden", second),
        ];
        let optional = [("ce", s.ce), ("ref_kl", s.ref_kl), ("rl", s.rl), ("advantage", s.advantage)];
        let logps = [("logp_old", s.logp_old), ("logp_engine", s.logp_engine), ("logp_ref", s.logp_ref)];
        let lengths = full.map(|(n, x)| (n, x.len(), rows * self.dim)).into_iter();
        let streams = optional.into_iter().chain(logps).filter(|(_, x)| !x.is_empty());
        let head = ("head", self.head.len(), vocabulary * self.dim);
        let as_head =
            |name, head: Option<&[f32]>| (name, head.map_or(self.head.len(), <[f32]>::len), self.head.len());
        let heads =
            [head, as_head("head_t", self.head_t), as_head("mix.head", self.mix.and_then(|mix| mix.head))];
        let rl = ("advantage", s.advantage.len(), s.rl.len());
        let mut all = lengths.chain(streams.map(|(n, x)| (n, x.len(), rows))).chain(heads).chain([rl]);
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
        if let Some(value) = self.mix.map(|mix| mix.rate).filter(|rate| !(0.0..=1.0).contains(rate)) {
            return Err(LossError::Setting { name: "mix.rate", value, want: "0 to 1" });
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
            k3: nan(),
            outlier_scaled: 0,
            floored: 0,
        }
    }
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

    /// The teacher's logits over the temperature, `[rows, V]`, if a row of the chunk is distilled.
    fn teacher(&self) -> Option<Vec<f32>> {
        let taught = |t: &usize| get(self.input.streams.ref_kl, *t).is_some_and(|w| w != 0.0);
        let hidden = self.input.hidden_t.filter(|_| self.rows.iter().any(taught))?;
        let mut u = self.logits(&self.gather(hidden), self.input.head_t.unwrap_or(self.input.head));
        if let Some(Mix { hidden, head, rate }) = self.input.mix {
            let second = self.logits(&self.gather(hidden), head.unwrap_or(self.input.head));
            u.par_iter_mut().zip(&second).for_each(|(u, v)| *u = (1.0 - rate) * *u + rate * v);
        }
        Some(u)
    }

    fn run(&self, out: &mut HeadOutput, dhead: Option<&mut [f32]>) {
        let (n, dim, vocabulary) = (self.rows.len(), self.input.dim, self.vocabulary);
        let h = self.gather(self.input.hidden_s);
        let mut g = self.logits(&h, self.input.head);
        let teacher = self.teacher();
        let rows = g.par_chunks_mut(vocabulary).zip(self.rows).enumerate().map_init(
            || vec![0.0; vocabulary],
            |p, (i, (z, &t))| {
                let u = teacher.as_ref().map(|u| &u[i * vocabulary..(i + 1) * vocabulary]);
                simd::vectorised(
                    #[inline(always)]
                    || Rows { input: self.input, cfg: self.cfg }.row(t, z, u, p),
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
        if let Some(dhead) = dhead {
            matmul_add(dhead, dim, g.t(), Mat::new(&h, n, dim), Threads::All);
        }
    }
}
