//! The one inner loop of decoding: a few rows times a strip of [`LANES`] columns.
//!
//! Decoding multiplies very few rows by every weight of the model. A general matrix product would
//! first rearrange the weights, at the cost of reading them once more; here they are laid out in
//! strips when sampling starts. Scores against cached keys and sums of cached values are the same
//! loop.

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Columns of a strip: two AVX-512 registers.
pub(super) const LANES: usize = 32;
/// Rows of a tile; with two registers each, the sums of eight rows fit any machine's registers
/// well.
const ROWS: usize = 8;

/// A weight `[cout, cin]` in strips: `[cout / LANES][cin][LANES]`, filled up with zeros.
pub(super) struct Strips {
    data: Vec<f32>,
    cin: usize,
    cout: usize,
}

impl Strips {
    /// Lays out weights with equal `cin`, one below another.
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

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.data.len() * size_of::<f32>()
    }

    /// `x W^T` for `x` `[n, cin]`, into `out` `[n, cout]`. `wide` spreads the strips over all
    /// threads.
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
            tile_rows(simd, x.len() / cin, Left { x, n: cin, stride: cin }, (strip, LANES), out);
        }
    }
}

/// Rows of numbers: `n` each, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub x: &'a [f32],
    pub n: usize,
    pub stride: usize,
}

/// `out[r][..] += sum_k x[r][k] w[k][..]` for up to [`ROWS`] rows, `out` being `[rows, LANES]`; the
/// rows of `w` lie `w.1` apart.
#[inline(always)]
pub(super) fn tile_rows<S: Simd>(simd: S, rows: usize, x: Left, w: (&[f32], usize), out: &mut [f32]) {
    match rows {
        8 => tile::<S, 8>(simd, x, w, out),
        7 => tile::<S, 7>(simd, x, w, out),
        6 => tile::<S, 6>(simd, x, w, out),
        5 => tile::<S, 5>(simd, x, w, out),
        4 => tile::<S, 4>(simd, x, w, out),
        3 => tile::<S, 3>(simd, x, w, out),
        2 => tile::<S, 2>(simd, x, w, out),
        1 => tile::<S, 1>(simd, x, w, out),
        _ => {}
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize>(simd: S, x: Left, (w, stride): (&[f32], usize), out: &mut [f32]) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x.x[r * x.stride..][..x.n]);
    let pair = 2 * S::F32_LANES;
    for at in (0..LANES).step_by(pair) {
        let load = |r: usize| -> [S::f32s; 2] {
            let row: &[S::f32s] = bytemuck::cast_slice(&out[r * LANES + at..][..pair]);
            [row[0], row[1]]
        };
        let mut sums: [[S::f32s; 2]; R] = std::array::from_fn(load);
        for k in 0..x.n {
            let w: &[S::f32s] = bytemuck::cast_slice(&w[k * stride + at..][..pair]);
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
    fn strips_give_the_product_for_ragged_sizes() {
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
