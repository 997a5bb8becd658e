//! Products with bf16 matrices: tiles of the matrix are widened to f32, then multiplied as such.

use super::matrix::{Mat, Threads, matmul_add, matmul_rows};
use super::simd;
use rayon::prelude::*;

/// Elements of a widened tile, 8 MB: small enough for a shared cache, large enough that packing the
/// other operand once per tile costs little.
const TILE: usize = 2 << 20;
/// Elements that one task widens.
const TASK: usize = 1 << 15;

/// The nearest bf16, ties to even.
#[inline(always)]
pub fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        // Rounding could carry the mantissa into the exponent and lose the NaN.
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The value of a bf16.
#[inline(always)]
pub fn value(word: u16) -> f32 {
    f32::from_bits(u32::from(word) << 16)
}

/// Widens `words` into `out`.
pub fn widen(words: &[u16], out: &mut [f32]) {
    simd::vectorised(
        #[inline(always)]
        || {
            for (o, w) in out.iter_mut().zip(words) {
                *o = value(*w);
            }
        },
    );
}

/// Widens a tile on all threads.
fn widen_all(words: &[u16], out: &mut [f32]) {
    out.par_chunks_mut(TASK).zip(words.par_chunks(TASK)).for_each(|(out, words)| widen(words, out));
}

/// Rows of a tile of a matrix with `cols` columns.
fn tile_rows(cols: usize) -> usize {
    (TILE / cols.max(1)).max(16)
}

/// `x w^T` for `x` `[n, cin]` and `w` `[cout, cin]` as words, `[n, cout]`.
pub fn product(x: Mat<'_>, w: &[u16], cout: usize) -> Vec<f32> {
    let (n, cin) = (x.rows, x.cols);
    let mut out = vec![0.0; n * cout];
    let rows = tile_rows(cin).min(cout);
    let mut tile = vec![0.0; rows * cin];
    for from in (0..cout).step_by(rows.max(1)) {
        let count = rows.min(cout - from);
        widen_all(&w[from * cin..][..count * cin], &mut tile[..count * cin]);
        let part = Mat::new(&tile[..count * cin], count, cin).t();
        matmul_rows(&mut out[from..], cout, x, part, Threads::All);
    }
    out
}

/// `g w` for `g` `[n, cout]` and `w` `[cout, cin]` as words, `[n, cin]`.
pub fn product_back(g: Mat<'_>, w: &[u16], cin: usize) -> Vec<f32> {
    let (n, cout) = (g.rows, g.cols);
    let mut out = vec![0.0; n * cin];
    let rows = tile_rows(cin).min(cout);
    let mut tile = vec![0.0; rows * cin];
    for from in (0..cout).step_by(rows.max(1)) {
        let count = rows.min(cout - from);
        widen_all(&w[from * cin..][..count * cin], &mut tile[..count * cin]);
        matmul_add(
            &mut out,
            cin,
            g.columns(from, count),
            Mat::new(&tile[..count * cin], count, cin),
            Threads::All,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::matrix::product as full_product;
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_with_ties_to_even() {
        // 1 + 2^-8 lies between 1 and 1 + 2^-7, and 1 has the even mantissa.
        for (x, want) in [(1.0, 1.0), (1.0 + 1.0 / 256.0, 1.0), (1.003_906_4, 1.007_812_5), (-3.0, -3.0)] {
            assert_eq!(value(round(x)), want, "{x}");
        }
        // Halfway between 1 + 2^-7 and 1 + 2^-6, whose mantissa is even.
        assert_eq!(value(round(1.011_718_8)), 1.015_625);
        assert!(value(round(f32::NAN)).is_nan() && value(round(f32::from_bits(0x7f80_0001))).is_nan());
        assert_eq!(value(round(f32::INFINITY)), f32::INFINITY);
        assert_eq!(value(round(f32::MAX)), f32::INFINITY);
    }

    #[test]
    fn products_equal_those_of_the_widened_matrix() {
        // Two tiles of columns, the second partial.
        let (n, cin, cout) = (3, 3 * TILE / 4 / 16, 30);
        let number = |i: usize| (i as f32 * 0.37).sin();
        let x: Vec<f32> = (0..n * cin).map(number).collect();
        let w: Vec<u16> = (0..cout * cin).map(|i| round(number(i * 7 + 3))).collect();
        let mut wide = vec![0.0; w.len()];
        widen(&w, &mut wide);
        assert!(tile_rows(cin) < cout);
        let close =
            |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0));
        let y = product(Mat::new(&x, n, cin), &w, cout);
        let want = full_product(Mat::new(&x, n, cin), Mat::new(&wide, cout, cin).t());
        assert!(close(&y, &want));
        let back = product_back(Mat::new(&y, n, cout), &w, cin);
        let want = full_product(Mat::new(&y, n, cout), Mat::new(&wide, cout, cin));
        let scale = want.iter().map(|v| v.abs()).fold(0.0, f32::max);
        assert!(back.iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-6 * scale));
    }
}
