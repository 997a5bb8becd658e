//! Results of several training seeds on the same tasks: intervals over both, and Student's paired
//! t-test over seeds.

use crate::{Estimate, RESAMPLES};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The mean of `rows` (one per seed, all over the same tasks) with a percentile bootstrap interval
/// that resamples seeds and tasks, each with replacement. The tasks are the same for every seed, so
/// one draw of tasks serves all drawn seeds. Returns zeros without values; tasks beyond the
/// shortest row are left out.
pub fn bootstrap_seeds(rows: &[&[f64]], seed: u64) -> Estimate {
    let tasks = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    if tasks == 0 {
        return Estimate { mean: 0.0, low: 0.0, high: 0.0 };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || {
        let mut times = vec![0.0; tasks];
        (0..tasks).for_each(|_| times[rng.random_range(0..tasks)] += 1.0);
        let drawn = (0..rows.len()).map(|_| rows[rng.random_range(0..rows.len())]);
        let sum = |row: &[f64]| row.iter().zip(&times).map(|(v, n)| v * n).sum::<f64>();
        drawn.map(sum).sum::<f64>() / (rows.len() * tasks) as f64
    };
    let means = (0..RESAMPLES).map(|_| draw()).collect();
    let total: f64 = rows.iter().map(|row| row[..tasks].iter().sum::<f64>()).sum();
    Estimate::of(total / (rows.len() * tasks) as f64, means)
}

/// Mean and sample standard deviation; the deviation of fewer than two values is `None`.
pub fn mean_and_deviation(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (values.len() >= 2).then(|| (squares / (n - 1.0)).sqrt()))
}

/// Student's t-test of the hypothesis that differences between pairs have mean 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// Mean difference, with the 95 % interval of the t-distribution.
    pub difference: Estimate,
    /// Sample standard deviation of the differences.
    pub deviation: f64,
    /// The statistic; `None` if all differences are equal.
    pub t: Option<f64>,
    /// Degrees of freedom: pairs - 1.
    pub freedom: usize,
    /// Two-sided p; if all differences are equal, 1 where they are 0 and else 0.
    pub p: f64,
}

/// The paired t-test. Returns `None` for fewer than two differences.
pub fn t_test(differences: &[f64]) -> Option<TTest> {
    let (mean, deviation) = mean_and_deviation(differences);
    let (deviation, freedom) = (deviation?, differences.len() - 1);
    let error = deviation / (differences.len() as f64).sqrt();
    let t = (error > 0.0).then(|| mean / error);
    let p = match t {
        Some(t) => two_sided_p(t, freedom),
        None => f64::from(u8::from(mean == 0.0)),
    };
    let half = critical(freedom) * error;
    let difference = Estimate { mean, low: mean - half, high: mean + half };
    Some(TTest { difference, deviation, t, freedom, p })
}

/// P(|T| > |t|) of Student's t-distribution with `freedom` degrees of freedom, at least 1: the
/// finite series in Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
pub fn two_sided_p(t: f64, freedom: usize) -> f64 {
    let theta = (t.abs() / (freedom as f64).sqrt()).atan();
    let (sin, cos) = theta.sin_cos();
    // The terms 1, 1/2 c^2, 1/2 3/4 c^4, ... for even degrees; c, 2/3 c^3, ... for odd ones.
    let odd = freedom % 2 == 1;
    let mut term = if odd { cos } else { 1.0 };
    let mut series = if freedom == 1 { 0.0 } else { term };
    for k in (2 + usize::from(odd)..freedom).step_by(2) {
        term *= cos * cos * (k - 1) as f64 / k as f64;
        series += term;
    }
    let inside = match odd {
        true => std::f64::consts::FRAC_2_PI * (theta + sin * series),
        false => sin * series,
    };
    (1.0 - inside).clamp(0.0, 1.0)
}

/// The t that |T| exceeds with probability 0.05, by bisection.
fn critical(freedom: usize) -> f64 {
    let (mut low, mut high) = (1.0, 13.0);
    while high - low > 1e-12 {
        let middle = (low + high) / 2.0;
        if two_sided_p(middle, freedom) > 0.05 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual table of the t-distribution.
    #[test]
    fn critical_values_are_those_of_the_table() {
        for (freedom, t) in [
            (1, 12.706205),
            (2, 4.302653),
            (3, 3.182446),
            (4, 2.776445),
            (5, 2.570582),
            (9, 2.262157),
            (10, 2.228139),
            (30, 2.042272),
            (99, 1.984217),
        ] {
            assert!((critical(freedom) - t).abs() < 1e-6, "{freedom}: {}", critical(freedom));
            assert!((two_sided_p(-t, freedom) - 0.05).abs() < 1e-7);
        }
        // Closed forms: 1 - 2/pi atan(t), and 1 - t / sqrt(2 + t^2).
        assert!((two_sided_p(1.0, 1) - 0.5).abs() < 1e-15);
        assert!((two_sided_p(2.0, 2) - (1.0 - 2.0 / 6f64.sqrt())).abs() < 1e-15);
        // P(|T| > 4.604095) = 0.01 and P(|T| > 8.610302) = 0.001 with 4 degrees of freedom.
        assert!((two_sided_p(4.604095, 4) - 0.01).abs() < 1e-7);
        assert!((two_sided_p(8.610302, 4) - 0.001).abs() < 1e-8);
        assert_eq!(two_sided_p(0.0, 7), 1.0);
    }

    /// By hand: mean 3, deviation sqrt(10 / 4), t = 3 / (sqrt(2.5) / sqrt(5)) = 4.2426.
    #[test]
    fn five_pairs_by_hand() {
        let found = t_test(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((found.difference.mean, found.freedom), (3.0, 4));
        assert!((found.deviation - 2.5f64.sqrt()).abs() < 1e-15);
        assert!((found.t.unwrap() - 18f64.sqrt()).abs() < 1e-12);
        // 1 - sin (1 + cos^2 / 2) with tan = t / 2.
        let cos2 = 1.0 / (1.0 + 18.0 / 4.0);
        let p = 1.0 - (1.0f64 - cos2).sqrt() * (1.0 + cos2 / 2.0);
        assert!((found.p - p).abs() < 1e-12 && (found.p - 0.0132).abs() < 1e-4, "{found:?}");
        assert!((found.difference.high - (3.0 + 2.776445 * 0.5f64.sqrt())).abs() < 1e-6);
        assert!(t_test(&[1.0]).is_none() && t_test(&[]).is_none());
        let same = t_test(&[0.25; 3]).unwrap();
        assert_eq!((same.t, same.p, same.difference.low), (None, 0.0, 0.25));
        assert_eq!(t_test(&[0.0; 3]).unwrap().p, 1.0);
    }

    /// Values a_s + b_t: the bootstrap's variance is var(a) / S + var(b) / T, variances with
    /// denominators S and T.
    #[test]
    fn the_interval_holds_the_spread_of_seeds_and_of_tasks() {
        let (seeds, tasks) = (10usize, 60usize);
        let rows: Vec<Vec<f64>> =
            (0..seeds).map(|s| (0..tasks).map(|t| s as f64 + 0.2 * t as f64).collect()).collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let uniform = |n: usize, step: f64| step * step * ((n * n - 1) as f64) / 12.0;
        let half = 1.96 * (uniform(seeds, 1.0) / seeds as f64 + uniform(tasks, 0.2) / tasks as f64).sqrt();
        let found = bootstrap_seeds(&rows, 1);
        assert!((found.mean - (4.5 + 0.2 * 29.5)).abs() < 1e-12, "{found:?}");
        assert!((found.high - found.low - 2.0 * half).abs() < 0.3, "{found:?}, {half}");
        assert_eq!(bootstrap_seeds(&rows, 1), found, "the same seed gives the same interval");
        // Equal seeds leave the spread over tasks, equal tasks that over seeds.
        let tasks_only = bootstrap_seeds(&[rows[0]; 10], 1);
        assert!((tasks_only.high - tasks_only.low - 3.92 * (uniform(60, 0.2) / 60.0).sqrt()).abs() < 0.2);
        let flat = [[0.0; 9], [1.0; 9]];
        let seeds_only = bootstrap_seeds(&[&flat[0], &flat[1]], 1);
        assert_eq!((seeds_only.low, seeds_only.mean, seeds_only.high), (0.0, 0.5, 1.0));
        assert_eq!(bootstrap_seeds(&[], 1), Estimate { mean: 0.0, low: 0.0, high: 0.0 });
    }
}
