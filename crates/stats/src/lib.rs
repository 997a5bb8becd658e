//! The statistics that evaluations share: means with bootstrap intervals, the agreement of two
//! raters, and precision and recall. The crate depends on no model, so that the build without
//! tensors reports the same intervals.

pub mod bradley_terry;
pub mod detection;
pub mod paired;
pub mod seeds;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples of the bootstrap.
const RESAMPLES: usize = 2000;

/// A mean over tasks, or another statistic, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value on all observations.
    pub mean: f64,
    /// 2.5 % quantile over the resamples.
    pub low: f64,
    /// 97.5 % quantile over the resamples.
    pub high: f64,
}

impl Estimate {
    /// A value with the percentile interval of its resampled values, of which there is at least
    /// one.
    fn of(mean: f64, mut resampled: Vec<f64>) -> Self {
        resampled.sort_by(f64::total_cmp);
        let quantile = |q: f64| resampled[((resampled.len() - 1) as f64 * q).round() as usize];
        Self { mean, low: quantile(0.025), high: quantile(0.975) }
    }
}

/// The mean of `values` with a percentile bootstrap interval over them. Returns zeros for an empty
/// slice.
pub fn bootstrap(values: &[f64], seed: u64) -> Estimate {
    let mean = |drawn: &[usize]| drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64;
    bootstrap_of(values.len(), seed, mean).unwrap_or(Estimate { mean: 0.0, low: 0.0, high: 0.0 })
}

/// Any statistic of `count` observations, with a percentile bootstrap interval over them.
/// `statistic` is given positions below `count`, and is not finite where it is undefined; `None` if
/// it is undefined on all observations. Resamples on which it is undefined are left out.
pub fn bootstrap_of(count: usize, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Option<Estimate> {
    let mut drawn: Vec<usize> = (0..count).collect();
    let mean = statistic(&drawn);
    if !mean.is_finite() {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.iter_mut().for_each(|i| *i = rng.random_range(0..count));
        values.push(statistic(&drawn));
    }
    values.retain(|v| v.is_finite());
    Some(match values.is_empty() {
        true => Estimate { mean, low: mean, high: mean },
        false => Estimate::of(mean, values),
    })
}

/// How far two raters of the same things agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Things that both rated.
    pub count: usize,
    /// Spearman's rank correlation, equal values sharing their mean rank; `None` where it is
    /// undefined (fewer than two things, or a rater who gave all the same).
    pub spearman: Option<f64>,
    /// Mean absolute difference; `None` of nothing.
    pub mean_abs_diff: Option<f64>,
}

/// The agreement over pairs of ratings.
pub fn agreement(pairs: &[(f64, f64)]) -> Agreement {
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let total: f64 = pairs.iter().map(|(a, b)| (a - b).abs()).sum();
    Agreement {
        count: pairs.len(),
        spearman: correlation(&ranks(&a), &ranks(&b)),
        mean_abs_diff: (!pairs.is_empty()).then(|| total / pairs.len() as f64),
    }
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let equal = order[first..].iter().take_while(|&&i| values[i] == values[order[first]]).count().max(1);
        for &i in &order[first..first + equal] {
            ranks[i] = first as f64 + (equal as f64 + 1.0) / 2.0;
        }
        first += equal;
    }
    ranks
}

/// Pearson's correlation; `None` where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    (spread > 0.0).then(|| sum(&|x, y| x * y) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_agrees_with_the_normal_one_for_many_values() {
        let values: Vec<f64> = (0..400).map(|i| (i % 4 == 0) as u8 as f64).collect();
        let e = bootstrap(&values, 1);
        let half = 1.96 * (0.25f64 * 0.75 / 400.0).sqrt();
        assert_eq!(e.mean, 0.25);
        assert!((e.low - (0.25 - half)).abs() < 0.006 && (e.high - (0.25 + half)).abs() < 0.006, "{e:?}");
        assert_eq!(bootstrap(&values, 1), e, "the same seed gives the same interval");
        assert_eq!(bootstrap(&[1.0; 9], 3), Estimate { mean: 1.0, low: 1.0, high: 1.0 });
        assert_eq!(bootstrap(&[], 3), Estimate { mean: 0.0, low: 0.0, high: 0.0 });
    }

    /// A ratio of sums over two observations, the second of which has no denominator.
    #[test]
    fn a_statistic_that_a_resample_leaves_undefined() {
        let (sums, counts) = ([3.0, 5.0], [2.0, 0.0]);
        let sum = |of: &[f64; 2], drawn: &[usize]| drawn.iter().map(|&i| of[i]).sum::<f64>();
        let e = bootstrap_of(2, 1, |drawn| sum(&sums, drawn) / sum(&counts, drawn)).unwrap();
        // Resamples: (1, 1) gives 6 / 4, (1, 2) and (2, 1) give 8 / 2, and (2, 2) is left out.
        assert_eq!(e, Estimate { mean: 4.0, low: 1.5, high: 4.0 });
        assert_eq!(bootstrap_of(2, 1, |_| f64::NAN), None);
        assert_eq!(bootstrap_of(0, 1, |drawn| 1.0 / drawn.len() as f64), None);
    }

    /// By hand: ranks (1, 2.5, 2.5, 4) and (1, 3, 2, 4); covariance 4.5, variances 4.5 and 5.
    #[test]
    fn raters_that_nearly_agree() {
        let a = agreement(&[(10.0, 20.0), (50.0, 70.0), (50.0, 60.0), (90.0, 80.0)]);
        assert!((a.spearman.unwrap() - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-15, "{a:?}");
        assert_eq!((a.count, a.mean_abs_diff), (4, Some(12.5)));
        assert_eq!(agreement(&[(1.0, 9.0), (2.0, 8.0)]).spearman, Some(-1.0));
        assert_eq!(agreement(&[(1.0, 3.0), (1.0, 4.0)]).spearman, None, "one rater does not vary");
        assert_eq!(agreement(&[]), Agreement { count: 0, spearman: None, mean_abs_diff: None });
    }
}
