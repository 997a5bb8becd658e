//! The group-relative policy gradient: advantages and the clipped token objective.

/// Bounds of the token objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipBounds {
    /// The ratio counts down to `1 - low` for negative advantages.
    pub low: f32,
    /// The ratio counts up to `1 + high` for positive advantages.
    pub high: f32,
    /// Negative advantages stop counting above this ratio.
    pub dual: f32,
    /// Cap of the weight between trainer and sampler.
    pub tis_cap: f32,
}

impl Default for ClipBounds {
    fn default() -> Self {
        Self { low: 0.2, high: 0.28, dual: 3.0, tis_cap: 2.0 }
    }
}

/// Which bound, if any, removed a token's gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clipped {
    /// None: the token counts.
    #[default]
    No,
    /// A < 0 and the ratio fell below `1 - low`.
    Low,
    /// A > 0 and the ratio rose above `1 + high`.
    High,
    /// A < 0 and the ratio rose above `dual`.
    Dual,
}

/// What one token contributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surrogate {
    /// pi / pi_old.
    pub ratio: f32,
    /// min(pi_old / pi_engine, cap), a constant.
    pub tis: f32,
    /// The token's term of the maximised objective, including `tis`.
    pub objective: f32,
    /// Its slope with respect to log pi.
    pub slope: f32,
    /// Whether a bound was active.
    pub clipped: Clipped,
}

/// tis * min(r A, clip(r, 1 - low, 1 + high) A), bounded below by tis * dual * A for A < 0, with r
/// = pi / pi_old (docs/specs/training.md, 2.2). `logp` are log-probabilities of the same
/// token.
pub fn surrogate(logp: f32, old: f32, engine: f32, advantage: f32, clip: &ClipBounds) -> Surrogate {
    let ratio = (logp - old).clamp(-20.0, 20.0).exp();
    let tis = (old - engine).clamp(-20.0, 20.0).exp().min(clip.tis_cap);
    let a = advantage;
    let clipped = if a > 0.0 && ratio > 1.0 + clip.high {
        Clipped::High
    } else if a < 0.0 && ratio < 1.0 - clip.low {
        Clipped::Low
    } else if a < 0.0 && ratio > clip.dual {
        Clipped::Dual
    } else {
        Clipped::No
    };
    let bounded = match clipped {
        Clipped::No => ratio,
        Clipped::Low => 1.0 - clip.low,
        Clipped::High => 1.0 + clip.high,
        Clipped::Dual => clip.dual,
    };
    let slope = if clipped == Clipped::No { tis * a * ratio } else { 0.0 };
    Surrogate { ratio, tis, objective: tis * bounded * a, slope, clipped }
}

/// The penalty of one token towards the reference weights, k3 = e^d - d - 1 with d = log pi_ref -
/// log pi, and its slope with respect to log pi, 1 - e^d (docs/specs/training.md, 2.1).
///
/// On a token sampled by pi, k3 is an unbiased estimate of KL(pi || pi_ref) that is never negative.
/// Its gradient is not one of the KL's, and on tokens sampled by older weights the value is off as
/// well: nothing here corrects either.
pub fn k3(logp: f32, reference: f32) -> (f32, f32) {
    let d = (reference - logp).clamp(-20.0, 20.0);
    (d.exp_m1() - d, -d.exp_m1())
}

/// What a reward is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// r - mean of the group. Graded rewards keep their scale: a division would turn tiny
    /// differences between rubrics into unit advantages.
    Mean,
    /// The same divided by the group's standard deviation (+ 1e-4).
    GroupStd,
    /// The same divided by the standard deviation of all rewards of the step (+ 1e-4).
    BatchStd,
}

/// Added to standard deviations.
const EPS: f64 = 1e-4;

/// Advantages of rollouts in consecutive groups of `group_size`.
///
/// A rollout that could not be scored (`None`) gets 0 and stays out of the statistics; the caller
/// also gives its tokens no weight. A group with fewer than two scored rollouts has no baseline and
/// gets 0, as does, by itself, a group of equal rewards. Standard deviations divide by n - 1.
pub fn group_advantages(rewards: &[Option<f32>], group_size: usize, baseline: Baseline) -> Vec<f32> {
    let batch_std = deviation(rewards);
    let mut out = Vec::with_capacity(rewards.len());
    for group in rewards.chunks(group_size.max(1)) {
        let scored = group.iter().flatten().count();
        let mean = mean(group);
        let scale = match baseline {
            Baseline::Mean => 1.0,
            Baseline::GroupStd => deviation(group) + EPS,
            Baseline::BatchStd => batch_std + EPS,
        };
        out.extend(group.iter().map(|r| match r {
            Some(r) if scored > 1 => ((*r as f64 - mean) / scale) as f32,
            _ => 0.0,
        }));
    }
    out
}

fn mean(rewards: &[Option<f32>]) -> f64 {
    let n = rewards.iter().flatten().count().max(1);
    rewards.iter().flatten().map(|&r| r as f64).sum::<f64>() / n as f64
}

/// Sample standard deviation of the scored rewards; 0 for fewer than two.
fn deviation(rewards: &[Option<f32>]) -> f64 {
    let (mean, n) = (mean(rewards), rewards.iter().flatten().count());
    if n < 2 {
        return 0.0;
    }
    let squares: f64 = rewards.iter().flatten().map(|&r| (r as f64 - mean).powi(2)).sum();
    (squares / (n - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ratio: f32, advantage: f32) -> Surrogate {
        surrogate(ratio.ln() - 1.0, -1.0, -1.0, advantage, &ClipBounds::default())
    }

    #[test]
    fn clipping_by_hand() {
        for (ratio, a, objective, slope, clipped) in [
            (1.0, 0.5, 0.5, 0.5, Clipped::No),
            (1.2, 0.5, 0.6, 0.6, Clipped::No),
            (1.5, 0.5, 0.64, 0.0, Clipped::High),
            (0.5, 0.5, 0.25, 0.25, Clipped::No),
            (0.9, -1.0, -0.9, -0.9, Clipped::No),
            (0.5, -1.0, -0.8, 0.0, Clipped::Low),
            (2.0, -1.0, -2.0, -2.0, Clipped::No),
            (4.0, -1.0, -3.0, 0.0, Clipped::Dual),
            (4.0, 0.0, 0.0, 0.0, Clipped::No),
        ] {
            let s = at(ratio, a);
            assert!((s.objective - objective).abs() < 1e-5, "r {ratio} A {a}: {s:?}");
            assert!((s.slope - slope).abs() < 1e-5, "r {ratio} A {a}: {s:?}");
            assert_eq!(s.clipped, clipped);
        }
    }

    #[test]
    fn truncated_weight_between_sampler_and_trainer() {
        let tis = |old: f32, engine: f32| surrogate(old, old, engine, 1.0, &ClipBounds::default());
        assert!((tis(-1.0, -1.1).tis - 0.1f32.exp()).abs() < 1e-6);
        // e^1 is above the cap of 2; the objective and the slope carry the same factor.
        let capped = tis(-1.0, -2.0);
        assert_eq!((capped.tis, capped.objective, capped.slope), (2.0, 2.0, 2.0));
        assert_eq!(tis(-1.0, -1e9).tis, 2.0);
    }

    #[test]
    fn advantages_by_hand() {
        let rewards = [Some(1.0), Some(0.0), Some(0.5), None, Some(0.3), Some(0.3), Some(0.3), Some(0.3)];
        let mean = group_advantages(&rewards, 4, Baseline::Mean);
        assert_eq!(mean[..4], [0.5, -0.5, 0.0, 0.0]);
        assert!(mean[4..].iter().all(|a| a.abs() < 1e-7));
        // The first group's standard deviation is 0.5, the unscored rollout left out.
        let std = group_advantages(&rewards, 4, Baseline::GroupStd);
        assert!((std[0] - 0.5 / 0.5001).abs() < 1e-6 && (std[1] + 0.5 / 0.5001).abs() < 1e-6);
        assert!(std[4..].iter().all(|a| a.abs() < 1e-3));
        // All seven scores: mean 2.7 / 7, squares 1.25 + 0.36, so the variance is (1.61 - 7.29 / 7)
        // / 6.
        let batch = group_advantages(&rewards, 4, Baseline::BatchStd);
        let sd = ((1.61f64 - 7.29 / 7.0) / 6.0).sqrt();
        assert!((batch[0] as f64 - 0.5 / (sd + 1e-4)).abs() < 1e-6);
    }

    #[test]
    fn a_group_without_comparison_has_no_advantage() {
        for baseline in [Baseline::Mean, Baseline::GroupStd, Baseline::BatchStd] {
            assert_eq!(group_advantages(&[Some(0.7)], 1, baseline), [0.0]);
            assert_eq!(group_advantages(&[Some(0.7), None, None], 3, baseline), [0.0; 3]);
            assert_eq!(group_advantages(&[None, None], 2, baseline), [0.0; 2]);
        }
    }
}
