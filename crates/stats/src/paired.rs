//! Two systems on the same items: the paired difference with its bootstrap interval, a permutation
//! test of it, and Holm's correction for several tests.

use crate::{Estimate, bootstrap};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Random sign flips of a test that is not exact; a test is exact if all flips are not more.
const FLIPS: usize = 10_000;

/// Two systems, a and b, on the same items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Items that both have a value for.
    pub pairs: usize,
    /// Mean of a.
    pub mean_a: f64,
    /// Mean of b.
    pub mean_b: f64,
    /// Mean of b - a, with a percentile bootstrap interval over items.
    pub difference: Estimate,
    /// Items on which b has the higher value.
    pub wins: usize,
    /// Items on which both have the same value.
    pub ties: usize,
    /// Items on which b has the lower value.
    pub losses: usize,
    /// Two-sided p of [`sign_flip`].
    pub p: f64,
}

/// Compares the values (a, b) of each item. Returns `None` without items.
pub fn paired(values: &[(f64, f64)], seed: u64) -> Option<Paired> {
    let mean = |of: fn(&(f64, f64)) -> f64| values.iter().map(of).sum::<f64>() / values.len() as f64;
    let differences: Vec<f64> = values.iter().map(|(a, b)| b - a).collect();
    let count = |test: fn(f64) -> bool| differences.iter().filter(|d| test(**d)).count();
    (!values.is_empty()).then(|| Paired {
        pairs: values.len(),
        mean_a: mean(|v| v.0),
        mean_b: mean(|v| v.1),
        difference: bootstrap(&differences, seed),
        wins: count(|d| d > 0.0),
        ties: count(|d| d == 0.0),
        losses: count(|d| d < 0.0),
        p: sign_flip(&differences, seed),
    })
}

/// Two-sided p of the hypothesis that each difference is as likely as its negative: the share of
/// sign flips whose sum is at least as far from 0 as the observed one. Items without a difference
/// do not matter. With at most 13 others all flips are counted; otherwise p is (1 + k) / 10 001 for
/// k of 10 000 random flips, so it is never below 0.0001. Returns 1 without differences.
pub fn sign_flip(differences: &[f64], seed: u64) -> f64 {
    let moved: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let total: f64 = moved.iter().map(|d| d.abs()).sum();
    // Sums that are equal except for rounding count as equal.
    let observed = moved.iter().sum::<f64>().abs() - 1e-9 * total;
    let all = u32::try_from(moved.len()).ok().and_then(|n| 1usize.checked_shl(n)).unwrap_or(usize::MAX);
    if all <= FLIPS {
        let extreme = (0..all as u64).filter(|bits| flipped(&moved, || *bits) >= observed).count();
        return extreme as f64 / all as f64;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let extreme = (0..FLIPS).filter(|_| flipped(&moved, || rng.random()) >= observed).count();
    (1 + extreme) as f64 / (1 + FLIPS) as f64
}

/// The absolute sum of the values after their signs are flipped by bits; each 64 values take the
/// next word of bits.
fn flipped(values: &[f64], mut bits: impl FnMut() -> u64) -> f64 {
    let signed = |chunk: &[f64]| -> f64 {
        let word = bits();
        chunk.iter().enumerate().map(|(i, v)| if word >> i & 1 == 1 { -v } else { *v }).sum()
    };
    values.chunks(64).map(signed).sum::<f64>().abs()
}

/// p values corrected for the number of tests by Holm's step-down method (Holm, 1979): the chance
/// of any false positive stays below the level, whatever the tests have in common.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut corrected = vec![0.0; p.len()];
    let mut largest = 0f64;
    for (rank, i) in order.into_iter().enumerate() {
        largest = largest.max(p[i] * (p.len() - rank) as f64).min(1.0);
        corrected[i] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of the 8 flips of (1, 2, 3), only +++ and --- reach a sum of 6; of those of (1, 2,
    /// -3), all do.
    #[test]
    fn few_items_are_tested_exactly() {
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0], 1), 2.0 / 8.0);
        assert_eq!(sign_flip(&[1.0, 0.0, 2.0, 0.0, -3.0], 1), 1.0);
        assert_eq!(sign_flip(&[0.1, 0.2, 0.3, -0.1], 1), 6.0 / 16.0, "rounding does not break ties");
        assert_eq!(sign_flip(&[0.0; 5], 1), 1.0);
        assert_eq!(sign_flip(&[], 1), 1.0);
        assert_eq!(sign_flip(&[1.0; 13], 1), 2.0 / 8192.0);
    }

    /// Differences of +1 and -1 make it the binomial sign test: with 14 of 20, two-sided p is
    /// 0.115318 (the tail sums 60460 / 2^20, twice).
    #[test]
    fn many_items_are_tested_by_random_flips() {
        let differences: Vec<f64> = (0..20).map(|i| if i < 14 { 1.0 } else { -1.0 }).collect();
        let p = sign_flip(&differences, 1);
        let exact = 2.0 * 60460.0 / f64::from(1 << 20);
        // Four standard errors of a share of 10 000.
        assert!((p - exact).abs() < 4.0 * (exact * (1.0 - exact) / 1e4).sqrt(), "{p}");
        assert_eq!(sign_flip(&differences, 1), p, "the same seed gives the same p");
        assert_eq!(sign_flip(&[1.0; 200], 1), 1.0 / 10_001.0);
        let even: Vec<f64> = (0..130).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert_eq!(sign_flip(&even, 1), 1.0);
    }

    #[test]
    fn the_difference_is_paired() {
        let values = [(1.0, 2.0), (5.0, 6.5), (9.0, 9.0), (20.0, 19.5)];
        let found = paired(&values, 1).unwrap();
        assert_eq!((found.pairs, found.wins, found.ties, found.losses), (4, 2, 1, 1));
        assert_eq!((found.mean_a, found.mean_b, found.difference.mean), (8.75, 9.25, 0.5));
        let Estimate { low, high, .. } = found.difference;
        assert!((-0.5..0.5).contains(&low) && high > 0.5 && high <= 1.5, "{found:?}");
        // Of the 8 flips of (1, 1.5, -0.5), those with |sum| of at least 2: 2, 3, -2, -3.
        assert_eq!(found.p, 0.5);
        let shifted: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i), f64::from(i) + 0.25)).collect();
        let found = paired(&shifted, 1).unwrap().difference;
        assert_eq!((found.low, found.high), (0.25, 0.25), "the spread between items does not count");
        assert_eq!(paired(&[], 1), None);
    }

    /// By hand: 0.01 x 4, 0.02 x 3, 0.03 x 2 after its predecessor's 0.06, 0.5.
    #[test]
    fn holm_steps_down_from_the_smallest() {
        let close = |got: Vec<f64>, want: &[f64]| {
            assert_eq!(got.len(), want.len());
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?}");
        };
        close(holm(&[0.02, 0.5, 0.01, 0.03]), &[0.06, 0.5, 0.04, 0.06]);
        close(holm(&[0.6, 0.7]), &[1.0, 1.0]);
        close(holm(&[]), &[]);
    }
}
