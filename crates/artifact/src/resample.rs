//! Resampling of 8-bit RGB with antialiasing, equal to torchvision's or to Pillow's (before 13) to
//! the last bit.
//!
//! Two passes, rows first. The weights are those of the filter over a support widened by the scale
//! when shrinking, rounded to integers, and each pass rounds to 8 bits.

use rayon::prelude::*;
use std::f64::consts::PI;

/// The filter, and whose integers its weights are rounded to; the two libraries differ in single
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// Catmull-Rom (a = -0.5) in 16-bit integers with as many fraction bits as the largest weight
    /// allows.
    TorchvisionBicubic,
    /// Catmull-Rom with 22 fraction bits.
    PillowBicubic,
    /// A sinc windowed by a sinc of three times its width, with 22 fraction bits.
    PillowLanczos,
}

/// Source positions and integer weights of one output position.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// All taps of one axis and the number of fraction bits of their weights.
struct Axis {
    taps: Vec<Taps>,
    bits: u32,
}

/// Resizes interleaved RGB rows from `(width, height)` to `(width, height)`.
pub fn resize_rgb(rgb: &[u8], from: (usize, usize), to: (usize, usize), how: Resampling) -> Vec<u8> {
    let axis = |from, to| Axis::new(from, to, how);
    let wide = if from.0 == to.0 { rgb.to_vec() } else { across(rgb, from.0, to.0, &axis(from.0, to.0)) };
    if from.1 == to.1 { wide } else { down(&wide, to.0, to.1, &axis(from.1, to.1)) }
}

fn across(rgb: &[u8], from: usize, to: usize, axis: &Axis) -> Vec<u8> {
    let mut out = vec![0; rgb.len() / from * to];
    out.par_chunks_mut(to * 3).zip(rgb.par_chunks(from * 3)).for_each(|(out, row)| {
        for (pixel, taps) in out.as_chunks_mut::<3>().0.iter_mut().zip(&axis.taps) {
            let mut sum = [axis.half(); 3];
            for (source, weight) in row.as_chunks::<3>().0[taps.first..].iter().zip(&taps.weights) {
                for (sum, &value) in sum.iter_mut().zip(source) {
                    *sum += i32::from(value) * weight;
                }
            }
            *pixel = sum.map(|s| axis.byte(s));
        }
    });
    out
}

fn down(rgb: &[u8], width: usize, to: usize, axis: &Axis) -> Vec<u8> {
    let mut out = vec![0; width * to * 3];
    out.par_chunks_mut(width * 3).zip(&axis.taps).for_each(|(out, taps)| {
        let mut sums = vec![axis.half(); width * 3];
        for (row, weight) in rgb.chunks_exact(width * 3).skip(taps.first).zip(&taps.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        for (byte, sum) in out.iter_mut().zip(sums) {
            *byte = axis.byte(sum);
        }
    });
    out
}

impl Axis {
    fn new(from: usize, to: usize, how: Resampling) -> Self {
        let real: Vec<(usize, Vec<f64>)> = (0..to).map(|i| how.weights(from, to, i)).collect();
        let largest = real.iter().flat_map(|(_, w)| w).copied().fold(0.0, f64::max);
        // As many fraction bits (22 at most) as keep the largest weight inside 15 bits.
        let fits = |bits: &u32| ((0.5 + largest * f64::from(1 << (bits + 1))) as i64) < 1 << 15;
        let bits = match how {
            Resampling::TorchvisionBicubic => (0..22).take_while(fits).count() as u32,
            Resampling::PillowBicubic | Resampling::PillowLanczos => 22,
        };
        let integer = |w: f64| (w * f64::from(1 << bits) + 0.5_f64.copysign(w)) as i32;
        let taps =
            real.into_iter().map(|(first, w)| Taps { first, weights: w.into_iter().map(integer).collect() });
        Self { taps: taps.collect(), bits }
    }

    fn half(&self) -> i32 {
        1 << (self.bits - 1)
    }

    fn byte(&self, sum: i32) -> u8 {
        (sum >> self.bits).clamp(0, 255) as u8
    }
}

impl Resampling {
    /// First source position and normalised weights of output position `i`.
    fn weights(self, from: usize, to: usize, i: usize) -> (usize, Vec<f64>) {
        let (filter, reach): (fn(f64) -> f64, f64) = match self {
            Self::TorchvisionBicubic | Self::PillowBicubic => (catmull_rom, 2.0),
            Self::PillowLanczos => (lanczos, 3.0),
        };
        let scale = from as f64 / to as f64;
        let wider = scale.max(1.0);
        let (centre, support) = (scale * (i as f64 + 0.5), reach * wider);
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let raw: Vec<f64> = (first..end).map(|j| filter((j as f64 - centre + 0.5) * (1.0 / wider))).collect();
        let total: f64 = raw.iter().sum();
        (first, raw.into_iter().map(|w| w / total).collect())
    }
}

fn catmull_rom(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 60 random pictures, by `resize` of Pillow 10.2.0. The pictures are Knuth's random
    /// numbers, the digest is that of Fowler, Noll and Vo (1a, 64 bits).
    #[test]
    fn pictures_are_those_of_pillow() {
        let mut state = 7u64;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let kinds = [Resampling::PillowLanczos, Resampling::PillowBicubic];
        let mut digests = [0xcbf2_9ce4_8422_2325u64; 2];
        for _ in 0..60 {
            let [w, h, u, v] = std::array::from_fn(|_| 1 + below(90));
            let rgb: Vec<u8> = (0..w * h * 3).map(|_| below(256) as u8).collect();
            for (digest, kind) in digests.iter_mut().zip(kinds) {
                for byte in resize_rgb(&rgb, (w, h), (u, v), kind) {
                    *digest = (*digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
                }
            }
        }
        assert_eq!(digests, [0xaabd_48cb_3be3_5f43, 0xa10f_9369_f22b_9b50]);
    }
}
