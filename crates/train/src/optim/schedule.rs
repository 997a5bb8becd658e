//! How the learning rate changes over a run.

/// The learning rate over the steps, as a share of the configured one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// A linear rise over `warmup` steps, then constant.
    Constant {
        /// Steps of the rise; step k of them has the share k / warmup.
        warmup: usize,
    },
    /// A linear rise, then constant, then a linear fall over the last `decay` of `total` steps. The
    /// step after the last one would have the share 0.
    Trapezoid {
        /// Steps of the rise.
        warmup: usize,
        /// Steps of the fall.
        decay: usize,
        /// All steps.
        total: usize,
    },
    /// A linear rise, then half a cosine down to `floor` at step `total`.
    Cosine {
        /// Steps of the rise.
        warmup: usize,
        /// The step at which `floor` is reached.
        total: usize,
        /// Share of the learning rate at the end.
        floor: f64,
    },
}

impl Schedule {
    /// The share at step k, counted from 1.
    pub fn share(&self, k: usize) -> f64 {
        let (Schedule::Constant { warmup }
        | Schedule::Trapezoid { warmup, .. }
        | Schedule::Cosine { warmup, .. }) = *self;
        if k < warmup {
            return k as f64 / warmup as f64;
        }
        match *self {
            Schedule::Constant { .. } => 1.0,
            Schedule::Trapezoid { decay, total, .. } => {
                let left = (total + 1).saturating_sub(k);
                (left as f64 / (decay + 1) as f64).min(1.0)
            }
            Schedule::Cosine { total, floor, .. } => {
                let x = (k - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * x.min(1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        let constant = Schedule::Constant { warmup: 4 };
        assert_eq!([1, 2, 4, 5, 100].map(|k| constant.share(k)), [0.25, 0.5, 1.0, 1.0, 1.0]);
        let cosine = Schedule::Cosine { warmup: 2, total: 12, floor: 0.1 };
        assert_eq!([1, 2].map(|k| cosine.share(k)), [0.5, 1.0]);
        for (k, want) in [(7, 0.55), (12, 0.1), (50, 0.1)] {
            assert!((cosine.share(k) - want).abs() < 1e-12);
        }
        assert_eq!(Schedule::Constant { warmup: 0 }.share(1), 1.0);
        let trapezoid = Schedule::Trapezoid { warmup: 2, decay: 3, total: 8 };
        let shares: Vec<f64> = (1..=9).map(|k| trapezoid.share(k)).collect();
        assert_eq!(shares, [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]);
    }
}
