//! Inner loops: dispatch to the widest vector instructions, a branch-free `exp`, and reductions.
//!
//! The build targets plain x86-64, so that one binary runs on every such CPU. [`vectorised`]
//! compiles its closure once per instruction set and selects one at run time, which gives most of
//! the speed of the element-wise ops. The compiler cannot vectorise the standard library's `exp`,
//! hence the polynomial; a reduction with one accumulator is limited by the latency of an addition,
//! hence `LANES` partial sums.

use pulp::Arch;

/// Partial sums kept by every reduction. Sixteen `f32` fill one AVX-512 register.
const LANES: usize = 16;

/// Runs `body` compiled for the widest vector instructions of this CPU.
///
/// Functions that `body` calls must be `#[inline(always)]`; otherwise they use the baseline
/// instructions.
#[inline(always)]
pub fn vectorised<R>(body: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(body)
}

/// e^x with a relative error below 2e-7; arguments are clamped to [-87.33, 88.37], so the result is
/// always finite and never below 1.1e-38.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer, in the low mantissa bits, without a branch.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.33, 88.37);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that the reduced argument loses no precision.
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4_f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 0.166_666_65);
    p = p.mul_add(r, 0.5);
    p = p.mul_add(r * r, r + 1.0);
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, through one `exp`.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The error function, with an absolute error below 5e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / a.mul_add(0.327_591_1, 1.0);
    let mut p = 1.061_405_4_f32;
    p = p.mul_add(t, -1.453_152);
    p = p.mul_add(t, 1.421_413_7);
    p = p.mul_add(t, -0.284_496_74);
    p = p.mul_add(t, 0.254_829_6);
    (1.0 - p * t * exp(-a * a)).copysign(x)
}

/// Σ f(i) for i in 0..n, in `LANES` partial sums; the order does not depend on the CPU.
#[inline(always)]
pub fn sum_by(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = n - n % LANES;
    let mut i = 0;
    while i < whole {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + l);
        }
        i += LANES;
    }
    for (l, j) in (whole..n).enumerate() {
        lanes[l] += f(j);
    }
    total(lanes)
}

/// The sum of partial sums, whose number is a power of two: halves are added to each other.
#[inline(always)]
pub(crate) fn total<const N: usize>(mut lanes: [f32; N]) -> f32 {
    let mut width = N / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ x_i.
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    sum_by(x.len(), |i| x[i])
}

/// Σ x_i y_i over the shorter length.
#[inline(always)]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    sum_by(n, |i| x[i] * y[i])
}

/// The largest element, or negative infinity for an empty slice.
#[inline(always)]
pub fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(tail) {
        *lane = if v > *lane { v } else { *lane };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// y += a x over the shorter length.
#[inline(always)]
pub fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Replaces every element by e^(x - shift) and returns the sum of the results.
#[inline(always)]
pub fn exp_shifted(x: &mut [f32], shift: f32) -> f32 {
    for v in x.iter_mut() {
        *v = exp(*v - shift);
    }
    sum(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error of `f` on a grid, relative to the larger of |want| and `floor`.
    fn worst(range: (f32, f32), floor: f64, f: impl Fn(f32) -> f32, want: impl Fn(f64) -> f64) -> f64 {
        (0..=40_000)
            .map(|i| range.0 + (range.1 - range.0) * i as f32 / 40_000.0)
            .map(|x| {
                let w = want(x as f64);
                (vectorised(|| f(x)) as f64 - w).abs() / w.abs().max(floor)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn elementary_functions_agree_with_f64() {
        assert!(worst((-87.0, 88.0), 0.0, exp, f64::exp) < 2e-7);
        assert!(worst((-30.0, 30.0), 1.0, tanh, f64::tanh) < 3e-7);
        assert!(worst((-30.0, 30.0), 0.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4e-7);
        // The Taylor series of erf, which converges fast enough in this range.
        let erf64 = |x: f64| {
            let (mut term, mut total) = (x, x);
            for n in 1..80 {
                term *= -x * x / n as f64;
                total += term / (2 * n + 1) as f64;
            }
            total * 2.0 / std::f64::consts::PI.sqrt()
        };
        assert!(worst((-3.0, 3.0), 1.0, erf, erf64) < 5e-7);
    }

    #[test]
    fn exp_saturates_instead_of_overflowing() {
        assert!(exp(1e9).is_finite());
        let tiny = exp(f32::NEG_INFINITY);
        assert!(tiny > 0.0 && tiny < 1.3e-38);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn reductions_handle_lengths_that_are_no_multiple_of_the_lanes() {
        for n in [0usize, 1, 15, 16, 17, 50] {
            let x: Vec<f32> = (0..n).map(|i| i as f32 - 7.0).collect();
            let exact: f32 = x.iter().sum();
            assert_eq!(sum(&x), exact);
            assert_eq!(dot(&x, &x), x.iter().map(|v| v * v).sum::<f32>());
            assert_eq!(max(&x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
