//! Scaled dot-product attention over packed sequences of different lengths.
//!
//! Sequences are not padded and keys are not repeated: one task handles one sequence and one
//! key/value head, and stacks the query heads that share it as extra rows of the same product.
//! Query rows are processed in tiles; a causal tile multiplies keys up to its own end only, which
//! halves the work. Forward saves one value per query row (the logarithm of its softmax
//! denominator), and backward recomputes the probabilities.
//!
//! Sequences with a common prefix may share its rows (a [`Segment`]'s prefix): these are computed
//! once, and their gradients are added in the order of the segments.
//!
//! Not implemented: splitting one sequence and head over several threads, and attention windows.

use super::Segment;
use super::host::{self, Scatter};
use super::matrix::{Mat, Threads, matmul, matmul_add};
use super::simd;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::OnceLock;

const NAME: &str = "attention";
/// Rows (query positions times heads of the group) of one tile.
const TILE_ROWS: usize = 96;

/// `softmax(q k^T / sqrt(d)) v` within each segment and its prefix; `q` `[n, H, d]`, `k` and `v`
/// `[n, Hkv, d]` with H a multiple of Hkv (query head h reads key head h / (H / Hkv)). The result
/// is `[n, H, d]`.
///
/// The segments' rows are consecutive and cover all n. With `causal`, row t attends to the rows up
/// to t of its own segment, else to all of them. Every row attends to the whole prefix.
///
/// # Errors
/// If shapes or segments do not match, or an operand is not contiguous f32 on the CPU.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, segments: &[Segment], causal: bool) -> Result<Tensor> {
    host::check(NAME, &[q, k, v])?;
    let lse = OnceLock::new();
    q.apply_op3(k, v, Attention { segments: segments.to_vec(), causal, lse })
}

struct Attention {
    segments: Vec<Segment>,
    causal: bool,
    /// Logarithm of the softmax denominator, `[n, H]`.
    lse: OnceLock<Vec<f32>>,
}

/// Head counts and sizes of one call.
#[derive(Clone, Copy)]
struct Heads {
    query: usize,
    kv: usize,
    d: usize,
    causal: bool,
}

impl Heads {
    /// Query heads per key head.
    fn group(&self) -> usize {
        self.query / self.kv
    }

    fn scale(&self) -> f32 {
        1.0 / (self.d as f32).sqrt()
    }

    /// Query positions of one tile.
    fn positions(&self) -> usize {
        (TILE_ROWS / self.group()).max(8)
    }
}

/// One segment (rows `from..to`) with its prefix, and one key/value head.
struct Task {
    from: usize,
    to: usize,
    prefix: Range<usize>,
    head: usize,
}

impl Attention {
    fn heads(&self, q: &Shape, k: &Shape, v: &Shape) -> Result<Heads> {
        let (&[n, query, d], &[nk, kv, dk]) = (q.dims(), k.dims()) else {
            bail!("{NAME}: queries {q:?} and keys {k:?} are not [n, heads, d]");
        };
        if n != nk || d != dk || k != v || d == 0 || kv == 0 || query % kv != 0 || query == 0 {
            bail!("{NAME}: queries {q:?}, keys {k:?} and values {v:?} do not match");
        }
        let mut end = 0;
        let follows = |s: &Segment| {
            let fits = s.rows.start == end
                && s.rows.end >= end
                && s.prefix.start <= s.prefix.end
                && s.prefix.end <= end;
            end = s.rows.end;
            fits
        };
        if !self.segments.iter().all(follows) || end != n {
            bail!("{NAME}: segments must cover rows 0..{n} in order, got {:?}", self.segments);
        }
        Ok(Heads { query, kv, d, causal: self.causal })
    }

    fn tasks(&self, heads: Heads) -> Vec<Task> {
        let live = self.segments.iter().filter(|s| !s.rows.is_empty());
        let task =
            |s: &Segment, head| Task { from: s.rows.start, to: s.rows.end, prefix: s.prefix.clone(), head };
        live.flat_map(|s| (0..heads.kv).map(move |head| task(s, head))).collect()
    }
}

impl Task {
    fn len(&self) -> usize {
        self.to - self.from
    }

    /// Number of keys of the last row: the prefix and the segment.
    fn keys(&self) -> usize {
        self.prefix.len() + self.len()
    }

    /// Copies this head's keys or values, those of the prefix first, `[keys, d]`.
    fn gather_kv(&self, data: &[f32], h: Heads) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.keys() * h.d);
        for row in self.prefix.clone().chain(self.from..self.to) {
            out.extend_from_slice(&data[(row * h.kv + self.head) * h.d..][..h.d]);
        }
        out
    }

    /// Offset of position `t` of the group's heads in an array `[n, H, width]`.
    fn at(&self, t: usize, h: Heads, width: usize) -> usize {
        ((self.from + t) * h.query + self.head * h.group()) * width
    }

    /// Copies the group's rows at the tile's positions from `[n, H, d]`, times `scale`.
    fn gather(&self, data: &[f32], h: Heads, tile: &Tile, scale: f32, out: &mut [f32]) {
        let width = h.group() * h.d;
        for (t, out) in (tile.from..tile.to).zip(out.chunks_exact_mut(width)) {
            let at = self.at(t, h, h.d);
            for (o, &x) in out.iter_mut().zip(&data[at..at + width]) {
                *o = x * scale;
            }
        }
    }

    /// Writes a tile to `[n, H, d]`, times `scale`.
    ///
    /// # Safety
    /// No other task may write to the same sequence and head group.
    unsafe fn scatter(&self, tile: &Tile, h: Heads, rows: &[f32], scale: f32, out: Scatter) {
        let width = h.group() * h.d;
        for (t, row) in (tile.from..tile.to).zip(rows.chunks_exact(width)) {
            // SAFETY: the caller guarantees that no other task writes there.
            let out = unsafe { out.part(self.at(t, h, h.d), width) };
            for (o, &x) in out.iter_mut().zip(row) {
                *o = x * scale;
            }
        }
    }
}

/// The query positions `from..to` of a task, and the number of keys that they attend to.
struct Tile {
    from: usize,
    to: usize,
    rows: usize,
    keys: usize,
    prefix: usize,
}

impl Tile {
    fn all(task: &Task, h: Heads) -> impl Iterator<Item = Tile> + use<> {
        let (len, prefix, step) = (task.len(), task.prefix.len(), h.positions());
        (0..len).step_by(step).map(move |from| {
            let to = (from + step).min(len);
            let keys = prefix + if h.causal { to } else { len };
            Tile { from, to, rows: (to - from) * h.group(), keys, prefix }
        })
    }

    /// Number of keys that row r of the tile attends to.
    #[inline(always)]
    fn visible(&self, r: usize, h: Heads) -> usize {
        if h.causal { self.prefix + self.from + r / h.group() + 1 } else { self.keys }
    }
}

/// Buffers of one task.
struct Scratch {
    q: Vec<f32>,
    o: Vec<f32>,
    s: Vec<f32>,
    ds: Vec<f32>,
}

impl Scratch {
    fn new(task: &Task, h: Heads, backward: bool) -> Self {
        let rows = h.positions().min(task.len()) * h.group();
        let scores = rows * task.keys();
        Self {
            q: vec![0.0; rows * h.d],
            o: vec![0.0; rows * h.d],
            s: vec![0.0; scores],
            ds: vec![0.0; if backward { scores } else { 0 }],
        }
    }
}

fn forward(task: Task, h: Heads, [q, k, v]: [&[f32]; 3], out: Scatter, lse: Scatter) {
    let mut b = Scratch::new(&task, h, false);
    let (k, v) = (task.gather_kv(k, h), task.gather_kv(v, h));
    for tile in Tile::all(&task, h) {
        let (rows, keys) = (tile.rows, tile.keys);
        task.gather(q, h, &tile, h.scale(), &mut b.q);
        let (kt, vt) = (Mat::new(&k, keys, h.d), Mat::new(&v, keys, h.d));
        matmul(&mut b.s, Mat::new(&b.q, rows, h.d), kt.t(), Threads::One);
        for t in tile.from..tile.to {
            // SAFETY: only this task writes to its sequence and heads.
            let lse = unsafe { lse.part(task.at(t, h, 1), h.group()) };
            let first = (t - tile.from) * h.group();
            for (g, lse) in lse.iter_mut().enumerate() {
                let visible = tile.visible(first + g, h);
                let row = &mut b.s[(first + g) * keys..(first + g + 1) * keys];
                *lse = simd::vectorised(
                    #[inline(always)]
                    || softmax(row, visible),
                );
            }
        }
        matmul(&mut b.o, Mat::new(&b.s, rows, keys), vt, Threads::One);
        // SAFETY: as above.
        unsafe { task.scatter(&tile, h, &b.o, 1.0, out) };
    }
}

/// Replaces the first `visible` scores by probabilities, the masked rest by 0, and returns the
/// log-sum-exp of the scores.
#[inline(always)]
fn softmax(row: &mut [f32], visible: usize) -> f32 {
    let (live, masked) = row.split_at_mut(visible);
    let top = simd::max(live);
    let total = simd::exp_shifted(live, top);
    let inverse = 1.0 / total;
    for p in live {
        *p *= inverse;
    }
    masked.fill(0.0);
    top + total.ln()
}

/// The inputs of the backward pass.
struct Saved<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: &'a [f32],
    grad: &'a [f32],
    lse: &'a [f32],
}

/// A task's part of the gradients of its prefix's keys and values, `[prefix, d]` each.
struct PrefixGradient {
    rows: Range<usize>,
    head: usize,
    dk: Vec<f32>,
    dv: Vec<f32>,
}

impl PrefixGradient {
    fn add_to(&self, h: Heads, dk: &mut [f32], dv: &mut [f32]) {
        for (all, part) in [(dk, &self.dk), (dv, &self.dv)] {
            for (row, part) in self.rows.clone().zip(part.chunks_exact(h.d)) {
                simd::axpy(1.0, part, &mut all[(row * h.kv + self.head) * h.d..][..h.d]);
            }
        }
    }
}

fn backward(task: Task, h: Heads, saved: &Saved<'_>, [dq, dk, dv]: [Scatter; 3]) -> Option<PrefixGradient> {
    let mut b = Scratch::new(&task, h, true);
    let (k, v) = (task.gather_kv(saved.k, h), task.gather_kv(saved.v, h));
    let (mut dk_local, mut dv_local) = (vec![0.0; k.len()], vec![0.0; v.len()]);
    for tile in Tile::all(&task, h) {
        let (rows, keys) = (tile.rows, tile.keys);
        task.gather(saved.q, h, &tile, h.scale(), &mut b.q);
        task.gather(saved.grad, h, &tile, 1.0, &mut b.o);
        let (kt, vt) = (Mat::new(&k, keys, h.d), Mat::new(&v, keys, h.d));
        matmul(&mut b.s, Mat::new(&b.q, rows, h.d), kt.t(), Threads::One);
        matmul(&mut b.ds, Mat::new(&b.o, rows, h.d), vt.t(), Threads::One);
        for r in 0..rows {
            let at = task.at(tile.from, h, h.d) + r / h.group() * h.query * h.d + r % h.group() * h.d;
            let (p, ds) = (&mut b.s[r * keys..(r + 1) * keys], &mut b.ds[r * keys..(r + 1) * keys]);
            let (out, grad) = (&saved.out[at..at + h.d], &saved.grad[at..at + h.d]);
            let visible = tile.visible(r, h);
            simd::vectorised(
                #[inline(always)]
                || softmax_bwd(p, ds, visible, saved.lse[at / h.d], simd::dot(out, grad)),
            );
        }
        let (p, ds) = (Mat::new(&b.s, rows, keys), Mat::new(&b.ds, rows, keys));
        matmul_add(&mut dv_local, h.d, p.t(), Mat::new(&b.o, rows, h.d), Threads::One);
        matmul_add(&mut dk_local, h.d, ds.t(), Mat::new(&b.q, rows, h.d), Threads::One);
        // The output gradient is no longer needed, so its buffer takes the result.
        matmul(&mut b.o, ds, kt, Threads::One);
        // SAFETY: only this task writes to its sequence and heads.
        unsafe { task.scatter(&tile, h, &b.o, h.scale(), dq) };
    }
    let shared = task.prefix.len() * h.d;
    for (local, out) in [(&dk_local, dk), (&dv_local, dv)] {
        for (t, row) in local[shared..].chunks_exact(h.d).enumerate() {
            // SAFETY: as above.
            unsafe { out.part(((task.from + t) * h.kv + task.head) * h.d, h.d) }.copy_from_slice(row);
        }
    }
    (shared > 0).then(|| {
        dk_local.truncate(shared);
        dv_local.truncate(shared);
        PrefixGradient { rows: task.prefix, head: task.head, dk: dk_local, dv: dv_local }
    })
}

/// Replaces the scores in `p` by the probabilities P, and dP in `ds` by dS = P (dP - Σ_j P_j dP_j);
/// the sum equals `o_do`, the dot product of the output and its gradient.
#[inline(always)]
fn softmax_bwd(p: &mut [f32], ds: &mut [f32], visible: usize, lse: f32, o_do: f32) {
    let (p_live, p_masked) = p.split_at_mut(visible);
    let (ds_live, ds_masked) = ds.split_at_mut(visible);
    for (p, ds) in p_live.iter_mut().zip(ds_live) {
        let prob = simd::exp(*p - lse);
        *p = prob;
        *ds = prob * (*ds - o_do);
    }
    p_masked.fill(0.0);
    ds_masked.fill(0.0);
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let h = self.heads(ql.shape(), kl.shape(), vl.shape())?;
        let qkv = [host::slice(NAME, q, ql)?, host::slice(NAME, k, kl)?, host::slice(NAME, v, vl)?];
        let mut lse = vec![0.0; qkv[0].len() / h.d];
        let scattered = Scatter::new(&mut lse);
        // SAFETY: the tasks cover every sequence and head, so every output element is written.
        let out = unsafe {
            host::written(qkv[0].len(), |out| {
                let out = Scatter::new(out);
                let tasks = self.tasks(h).into_par_iter().with_max_len(1);
                tasks.for_each(|task| forward(task, h, qkv, out, scattered));
            })
        };
        let _ = self.lse.set(lse);
        Ok(host::stored(out, ql.shape()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let h = self.heads(q.shape(), k.shape(), v.shape())?;
        let Some(lse) = self.lse.get() else { bail!("{NAME}: backward without a forward pass") };
        let (mut dk, mut dv) = (vec![0.0; k.elem_count()], vec![0.0; v.elem_count()]);
        let dkv = [Scatter::new(&mut dk), Scatter::new(&mut dv)];
        let mut prefixes = Vec::new();
        let dq = host::with_slices(NAME, [q, k, v, out, grad], |[q, k, v, out, grad]| {
            let saved = Saved { q, k, v, out, grad, lse };
            // SAFETY: the tasks cover every sequence and head.
            Ok(unsafe {
                host::written(q.len(), |dq| {
                    let dq = Scatter::new(dq);
                    let tasks = self.tasks(h).into_par_iter().with_max_len(1);
                    prefixes = tasks.map(|task| backward(task, h, &saved, [dq, dkv[0], dkv[1]])).collect();
                })
            })
        })?;
        // After all tasks have written their own rows, and in a fixed order.
        prefixes.iter().flatten().for_each(|p| p.add_to(h, &mut dk, &mut dv));
        let wanted = |t: &Tensor, g| t.track_op().then(|| host::tensor(g, t.shape())).transpose();
        Ok((wanted(q, dq)?, wanted(k, dk)?, wanted(v, dv)?))
    }
}
