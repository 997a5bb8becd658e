//! The inner loop of decoding: a few rows times a strip of [`LANES`] columns.
//!
//! Decoding multiplies very few rows by every weight of the model. A general matrix product would
//! first repack the weights in every step, at the cost of reading them once more; here they are
//! packed into strips once, when sampling starts. Attention scores and sums of cached values use
//! the same loop.

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Columns of a strip; they fill two AVX-512 registers.
pub(crate) const LANES: usize = 32;
/// Most rows of a tile; the sums of eight rows, two registers each, stay in registers on every CPU.
const ROWS: usize = 8;

/// A weight `[cout, cin]` packed into strips `[cout / LANES][cin][LANES]`, zero-padded.
pub(super) struct Strips {
    data: Vec<f32>,
    cin: usize,
    cout: usize,
}

impl Strips {
    /// Packs weights with equal `cin`, stacked along `cout`.
    pub fn new(parts: &[&[f32]], cin: usize) -> Self {
        let cout = parts.iter().map(|p| p.len()).sum::<usize>() / cin;
        let mut data = vec![0.0; cout.next_multiple_of(LANES) * cin];
        let rows = parts.iter().flat_map(|p| p.chunks_exact(cin));
        for (i, row) in rows.enumerate() {
            let strip = &mut data[i / LANES * LANES * cin..][..LANES * cin];
            strip.iter_mut().skip(i % LANES).step_by(LANES).zip(row).for_each(|(to, from)| *to = *from);
        }
        Self { data, cin, cout }
    }

    /// Writes `x W^T` for `x` `[n, cin]` into `out` `[n, cout]`. `wide` distributes the strips over
    /// all threads.
    pub fn product(&self, x: &[f32], out: &mut Vec<f32>, wide: bool) {
        let n = x.len() / self.cin;
        out.resize(n * self.cout, 0.0);
        let strip = |s: usize, to: &mut [f32]| {
            let weights = &self.data[s * LANES * self.cin..][..LANES * self.cin];
            Arch::new().dispatch(Rows { x, cin: self.cin, strip: weights, out: to });
        };
        let count = self.cout.div_ceil(LANES);
        let mut sums = vec![0.0; count * LANES * n];
        if wide {
            sums.par_chunks_mut(LANES * n).enumerate().for_each(|(s, to)| strip(s, to));
        } else {
            sums.chunks_mut(LANES * n).enumerate().for_each(|(s, to)| strip(s, to));
        }
        for (s, sums) in sums.chunks_exact(LANES * n).enumerate() {
            let width = LANES.min(self.cout - s * LANES);
            for (row, sums) in sums.chunks_exact(LANES).enumerate() {
                out[row * self.cout + s * LANES..][..width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// All rows of `x` times one strip, into `out` `[n, LANES]`.
struct Rows<'a> {
    x: &'a [f32],
    cin: usize,
    strip: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Rows { x, cin, strip, out } = self;
        for (x, out) in x.chunks(ROWS * cin).zip(out.chunks_mut(ROWS * LANES)) {
            let (lhs, rhs) = (Operand { x, stride: cin }, Operand { x: strip, stride: LANES });
            tile_rows(simd, Tile { rows: x.len() / cin, inner: cin }, lhs, rhs, out);
        }
    }
}

/// A matrix whose rows begin `stride` elements apart.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a> {
    pub x: &'a [f32],
    pub stride: usize,
}

/// The size of a tile's product.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Rows of the left operand, at most [`ROWS`].
    pub rows: usize,
    /// Columns of the left operand and rows of the right one.
    pub inner: usize,
}

/// `out[r][..] += sum_k x[r][k] w[k][..]` with `out` `[rows, LANES]`.
#[inline(always)]
pub(super) fn tile_rows<S: Simd>(simd: S, tile: Tile, x: Operand, w: Operand, out: &mut [f32]) {
    match tile.rows {
        8 => product::<S, 8>(simd, tile, x, w, out),
        7 => product::<S, 7>(simd, tile, x, w, out),
        6 => product::<S, 6>(simd, tile, x, w, out),
        5 => product::<S, 5>(simd, tile, x, w, out),
        4 => product::<S, 4>(simd, tile, x, w, out),
        3 => product::<S, 3>(simd, tile, x, w, out),
        2 => product::<S, 2>(simd, tile, x, w, out),
        1 => product::<S, 1>(simd, tile, x, w, out),
        _ => {}
    }
}

#[inline(always)]
fn product<S: Simd, const R: usize>(simd: S, tile: Tile, x: Operand, w: Operand, out: &mut [f32]) {
    let Operand { x: weights, stride } = w;
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x.x[r * x.stride..][..tile.inner]);
    let pair = 2 * S::F32_LANES;
    for at in (0..LANES).step_by(pair) {
        let load = |r: usize| -> [S::f32s; 2] {
            let row: &[S::f32s] = bytemuck::cast_slice(&out[r * LANES + at..][..pair]);
            [row[0], row[1]]
        };
        let mut sums: [[S::f32s; 2]; R] = std::array::from_fn(load);
        for k in 0..tile.inner {
            let w: &[S::f32s] = bytemuck::cast_slice(&weights[k * stride + at..][..pair]);
            let (w0, w1) = (w[0], w[1]);
            for r in 0..R {
                let a = simd.splat_f32s(rows[r][k]);
                sums[r][0] = simd.mul_add_f32s(a, w0, sums[r][0]);
                sums[r][1] = simd.mul_add_f32s(a, w1, sums[r][1]);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            out[r * LANES + at..][..pair].copy_from_slice(bytemuck::cast_slice(sums));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_multiply_sizes_that_are_no_multiple_of_a_tile() {
        let (n, cin) = (11, 7);
        let number = |i: usize| ((i * 37 + 11) % 23) as f32 - 11.0;
        let x: Vec<f32> = (0..n * cin).map(number).collect();
        let (a, b): (Vec<f32>, Vec<f32>) =
            ((0..40 * cin).map(number).collect(), (0..5 * cin).map(|i| number(i + 3)).collect());
        let strips = Strips::new(&[&a, &b], cin);
        for wide in [false, true] {
            let mut out = Vec::new();
            strips.product(&x, &mut out, wide);
            for r in 0..n {
                for (o, row) in a.chunks(cin).chain(b.chunks(cin)).enumerate() {
                    let want: f32 = row.iter().zip(&x[r * cin..]).map(|(w, x)| w * x).sum();
                    assert_eq!(out[r * 45 + o], want, "row {r}, output {o}");
                }
            }
        }
    }
}
