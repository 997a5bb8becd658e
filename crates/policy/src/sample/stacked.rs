//! Products of a few rows with weights as they lie in the model, f32 or bf16, row by row.
//!
//! Large models are not packed into strips: that would need their memory a second time, and reading
//! them from memory takes longer than the arithmetic anyway. Every output is a scalar product with
//! 16 partial sums, added in an order that depends neither on the CPU nor on the other rows. bf16
//! weights are widened in tiles that stay in the innermost cache.

use super::tile::LANES;
use crate::PolicyError;
use crate::ops::simd::total;
use crate::ops::{Scatter, Weight, half, with_values};
use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Partial sums of a scalar product.
const SUMS: usize = 16;
/// Weight rows of one tile.
const COLS: usize = 3;
/// Input values of one tile: a tile of eight input rows and of weights fits the innermost cache.
const INNER: usize = 512;
/// Weight rows of one task.
const TASK: usize = 2 * LANES;

/// Weights `[outputs, cin]` of layers with one input, whose outputs lie side by side.
pub(super) struct Stacked {
    parts: Vec<(Weight, usize)>,
    cin: usize,
    cout: usize,
}

impl Stacked {
    /// Takes matrices with equal numbers of columns.
    pub fn new(weights: Vec<Weight>) -> Result<Self, PolicyError> {
        let sized = |w: Weight| w.dims().map(|d| (w, d));
        let sized = weights.into_iter().map(sized).collect::<Result<Vec<_>, _>>()?;
        let cin = sized.first().map_or(0, |(_, d)| d[1]);
        let cout = sized.iter().map(|(_, d)| d[0]).sum();
        Ok(Self { parts: sized.into_iter().map(|(w, d)| (w, d[0])).collect(), cin, cout })
    }

    /// Writes `x W^T` for `x` `[n, cin]` into `out` `[n, cout]`. `wide` distributes the weights
    /// over all threads.
    pub fn product(&self, x: &[f32], out: &mut Vec<f32>, wide: bool) -> Result<(), PolicyError> {
        let n = x.len() / self.cin.max(1);
        out.resize(n * self.cout, 0.0);
        let target = Target { out: Scatter::new(out), n, cout: self.cout };
        let mut at = 0;
        for (weight, outputs) in &self.parts {
            match weight {
                Weight::Full(tensor) => with_values(tensor, |w| {
                    part(x, Words::Full(w), self.cin, (target, at), wide);
                    Ok(())
                })?,
                Weight::Half(half) => part(x, Words::Half(half.words()), self.cin, (target, at), wide),
            }
            at += outputs;
        }
        Ok(())
    }
}

/// Where the outputs of all layers go, `[n, cout]`.
#[derive(Clone, Copy)]
struct Target {
    out: Scatter,
    n: usize,
    cout: usize,
}

/// The values of some weight rows.
#[derive(Clone, Copy)]
enum Words<'a> {
    Full(&'a [f32]),
    Half(&'a [u16]),
}

impl<'a> Words<'a> {
    fn len(self) -> usize {
        match self {
            Words::Full(w) => w.len(),
            Words::Half(w) => w.len(),
        }
    }

    fn range(self, from: usize, count: usize) -> Self {
        match self {
            Words::Full(w) => Words::Full(&w[from..from + count]),
            Words::Half(w) => Words::Half(&w[from..from + count]),
        }
    }
}

/// The product with one layer's weights; its first output is at column `at`.
fn part(x: &[f32], w: Words, cin: usize, (target, at): (Target, usize), wide: bool) {
    let rows = w.len() / cin;
    let task = |t: usize| {
        let (from, count) = (t * TASK, TASK.min(rows - t * TASK));
        let mut sums = vec![0.0; count * target.n];
        let w = w.range(from * cin, count * cin);
        Arch::new().dispatch(Products { x, n: target.n, cin, w, out: &mut sums });
        for r in 0..target.n {
            // SAFETY: tasks write different columns of the rows, and `out` outlives them.
            let row = unsafe { target.out.part(r * target.cout + at + from, count) };
            row.iter_mut().enumerate().for_each(|(c, o)| *o = sums[c * target.n + r]);
        }
    };
    let tasks = 0..rows.div_ceil(TASK);
    if wide { tasks.into_par_iter().for_each(task) } else { tasks.for_each(task) }
}

/// `out[c][r] = x[r] . w[c]` for some weight rows.
struct Products<'a> {
    x: &'a [f32],
    n: usize,
    cin: usize,
    w: Words<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The sums of a tile stay in registers on every CPU.
        match S::F32_LANES {
            16 => self.run::<S, 1, 8>(simd),
            8 => self.run::<S, 2, 2>(simd),
            4 => self.run::<S, 4, 2>(simd),
            _ => self.run::<S, 16, 1>(simd),
        }
    }
}

impl Products<'_> {
    /// With vectors of `16 / V` values, and tiles of at most `R` input rows.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let Products { x, n, cin, w, out } = self;
        let mut sums = vec![0f32; COLS * n * SUMS];
        let mut tile = [0f32; COLS * INNER];
        for (t, out) in out.chunks_mut(COLS * n).enumerate() {
            let cols = out.len() / n;
            sums.fill(0.0);
            for k in (0..cin).step_by(INNER) {
                let len = INNER.min(cin - k);
                let mut rows: [&[f32]; COLS] = [&[]; COLS];
                let at = |c: usize| (t * COLS + c.min(cols - 1)) * cin + k;
                match w {
                    Words::Full(w) => rows.iter_mut().enumerate().for_each(|(c, r)| *r = &w[at(c)..][..len]),
                    Words::Half(w) => {
                        for (c, tile) in tile.chunks_exact_mut(INNER).enumerate().take(cols) {
                            for (o, word) in tile[..len].iter_mut().zip(&w[at(c)..][..len]) {
                                *o = half::value(*word);
                            }
                        }
                        let tile = &tile;
                        rows = std::array::from_fn(|c| &tile[c.min(cols - 1) * INNER..][..len]);
                    }
                }
                let mut r = 0;
                while r + R <= n {
                    block::<S, V, R>(simd, (&x[r * cin + k..], cin), rows, &mut sums[r * COLS * SUMS..]);
                    r += R;
                }
                while r < n {
                    block::<S, V, 1>(simd, (&x[r * cin + k..], cin), rows, &mut sums[r * COLS * SUMS..]);
                    r += 1;
                }
            }
            for c in 0..cols {
                for r in 0..n {
                    out[c * n + r] = total::<SUMS>(std::array::from_fn(|i| sums[(r * COLS + c) * SUMS + i]));
                }
            }
        }
    }
}

/// Adds the products of `R` input rows, `stride` apart, with `COLS` weight rows to their partial
/// sums `[R][COLS][SUMS]`.
#[inline(always)]
fn block<S: Simd, const V: usize, const R: usize>(
    simd: S,
    (x, stride): (&[f32], usize),
    w: [&[f32]; COLS],
    sums: &mut [f32],
) {
    let len = w[0].len();
    let whole = len / SUMS;
    let rows: [&[[S::f32s; V]]; R] =
        std::array::from_fn(|r| &vectors::<S, V>(&x[r * stride..][..len])[..whole]);
    let cols: [&[[S::f32s; V]]; COLS] = std::array::from_fn(|c| &vectors::<S, V>(&w[c][..len])[..whole]);
    let stored = &mut sums[..R * COLS * SUMS];
    let mut acc: [[[S::f32s; V]; COLS]; R] = std::array::from_fn(|r| {
        std::array::from_fn(|c| vectors::<S, V>(&stored[(r * COLS + c) * SUMS..][..SUMS])[0])
    });
    for k in 0..whole {
        let w: [[S::f32s; V]; COLS] = std::array::from_fn(|c| cols[c][k]);
        for r in 0..R {
            let x = rows[r][k];
            for c in 0..COLS {
                for v in 0..V {
                    acc[r][c][v] = simd.mul_add_f32s(x[v], w[c][v], acc[r][c][v]);
                }
            }
        }
    }
    for (r, acc) in acc.iter().enumerate() {
        for (c, acc) in acc.iter().enumerate() {
            let to = &mut stored[(r * COLS + c) * SUMS..][..SUMS];
            to.copy_from_slice(bytemuck::cast_slice(acc));
            for (l, k) in (whole * SUMS..len).enumerate() {
                to[l] = x[r * stride + k].mul_add(w[c][k], to[l]);
            }
        }
    }
}

/// A slice as vectors; a rest that fills none is left out.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(x: &[f32]) -> &[[S::f32s; V]] {
    let whole = x.len() / SUMS * SUMS;
    bytemuck::cast_slice::<f32, S::f32s>(&x[..whole]).as_chunks::<V>().0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Half;
    use candle_core::{Device, Tensor};

    #[test]
    fn products_are_exact_for_whole_numbers_and_equal_for_both_formats() {
        // Small whole numbers are exact in bf16, and their sums in f32.
        let number = |i: usize| ((i * 37 + 11) % 23) as f32 - 11.0;
        for (n, cin) in [(1, 16), (3, 7), (11, INNER + 37), (8, 2 * INNER)] {
            let x: Vec<f32> = (0..n * cin).map(number).collect();
            let w: Vec<f32> = (0..(TASK + 5) * cin).map(|i| number(i + 3)).collect();
            let more: Vec<f32> = (0..4 * cin).map(|i| number(i + 9)).collect();
            let full =
                |w: &[f32]| Weight::Full(Tensor::from_slice(w, (w.len() / cin, cin), &Device::Cpu).unwrap());
            let half = |w: &[f32]| Weight::Half(Half::rounded(w, cin));
            let all: Vec<&[f32]> = w.chunks(cin).chain(more.chunks(cin)).collect();
            let dot = |x: &[f32], w: &[f32]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
            let mut want = Vec::new();
            for x in x.chunks(cin) {
                want.extend(all.iter().map(|w| dot(x, w)));
            }
            for stacked in
                [vec![full(&w), full(&more)], vec![half(&w), full(&more)], vec![half(&w), half(&more)]]
            {
                let stacked = Stacked::new(stacked).unwrap();
                for wide in [false, true] {
                    let mut out = Vec::new();
                    stacked.product(&x, &mut out, wide).unwrap();
                    assert_eq!(out, want, "{n} rows of {cin}");
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let (n, cin) = (13, 700);
        let x: Vec<f32> = (0..n * cin).map(|i| (i as f32 * 0.37).sin()).collect();
        let w: Vec<f32> = (0..50 * cin).map(|i| (i as f32 * 0.11).cos()).collect();
        let stacked = Stacked::new(vec![Weight::Half(Half::rounded(&w, cin))]).unwrap();
        let (mut all, mut one) = (Vec::new(), Vec::new());
        stacked.product(&x, &mut all, true).unwrap();
        for r in 0..n {
            stacked.product(&x[r * cin..][..cin], &mut one, false).unwrap();
            assert_eq!(one, all[r * 50..][..50], "row {r}");
        }
    }
}
