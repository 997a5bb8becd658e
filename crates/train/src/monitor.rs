//! What is watched every few steps only, because it costs passes of its own: which component pulls
//! how hard and whether the two pull the same way, and how far the student has moved from where it
//! began.

use crate::error::TrainError;
use crate::loss::{Divergence, HeadInput, Importance, LossConfig, Streams, Weights, fused_head};
use std::collections::BTreeMap;

/// Steps between two checks.
pub(crate) const EVERY: usize = 10;

/// Sums over the micro-batches of one step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Monitor {
    /// Squared norms of the gradients of lambda L_VSDPO and beta L_GRPO with respect to the
    /// student's states.
    distill: f64,
    grpo: f64,
    /// Their inner product.
    product: f64,
    /// KL(student || base) over sampled tokens, and how many they are.
    drift: f64,
    tokens: usize,
}

impl Monitor {
    /// Runs the head once for each component alone.
    pub fn components(&mut self, input: &HeadInput, config: &LossConfig) -> Result<(), TrainError> {
        let alone = |distill: f64, grpo: f64| {
            let weights = Weights { ce: 0.0, distill, grpo };
            fused_head(input, &LossConfig { weights, ..*config }, false)
        };
        let distill = alone(config.weights.distill, 0.0)?.dh;
        let grpo = alone(0.0, config.weights.grpo)?.dh;
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        self.distill += dot(&distill, &distill);
        self.grpo += dot(&grpo, &grpo);
        self.product += dot(&distill, &grpo);
        Ok(())
    }

    /// Adds the divergence of the student from the base, both in the student's context: `hidden_t`
    /// and `head_t` of the input are the base's; its streams are not read. `sampled` marks
    /// rollouts' tokens.
    pub fn drift(
        &mut self,
        input: &HeadInput,
        sampled: &[f32],
        config: &LossConfig,
    ) -> Result<(), TrainError> {
        let streams = Streams { ref_kl: sampled, ..Streams::default() };
        let plain = LossConfig { divergence: Divergence::ReverseKl, importance: Importance::None, ..*config };
        let kl = fused_head(&HeadInput { streams, ..*input }, &plain, false)?.tokens.kl;
        let valid = kl.iter().filter(|kl| !kl.is_nan());
        self.tokens += valid.clone().count();
        self.drift += valid.map(|&kl| f64::from(kl)).sum::<f64>();
        Ok(())
    }

    /// Under the names of docs/specs/training.md, 4.1; values that were not measured are left out.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let (d, g) = (self.distill.sqrt(), self.grpo.sqrt());
        let cosine = (d > 0.0 && g > 0.0).then(|| self.product / (d * g));
        let drift = (self.tokens > 0).then(|| self.drift / self.tokens as f64);
        let named = [
            ("gradnorm/distill", Some(d)),
            ("gradnorm/grpo", Some(g)),
            ("gradnorm/cosine", cosine),
            ("drift/kl_base", drift),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDENT: [f32; 6] = [0.4, -0.2, 1.0, 0.3, -0.7, 0.6];
    const TEACHER: [f32; 6] = [0.1, 0.5, 0.9, -0.3, -0.2, 0.2];
    const HEAD: [f32; 8] = [1.0, 0.5, -0.4, 0.8, 0.2, -1.0, 0.6, 0.1];

    fn input(streams: Streams<'_>) -> HeadInput<'_> {
        let (hidden_s, hidden_t, targets) = (&STUDENT[..], Some(&TEACHER[..]), &[2, 0, 3][..]);
        HeadInput { hidden_s, hidden_t, head: &HEAD, head_t: None, mix: None, dim: 2, targets, streams }
    }

    /// The gradient of the sum is the sum of the gradients: |d + g|^2 = |d|^2 + |g|^2 + 2 d.g.
    #[test]
    fn the_components_add_up_to_the_total() {
        let streams = Streams {
            ref_kl: &[0.5, 1.5, 0.2],
            rl: &[0.3, 0.3, 0.3],
            advantage: &[0.4, -0.6, 0.9],
            ..Streams::default()
        };
        let config =
            LossConfig { weights: Weights { ce: 0.0, distill: 2.0, grpo: 0.7 }, ..LossConfig::default() };
        let mut monitor = Monitor::default();
        monitor.components(&input(streams), &config).unwrap();
        let total = fused_head(&input(streams), &config, false).unwrap().dh;
        let square: f64 = total.iter().map(|&x| f64::from(x).powi(2)).sum();
        let parts = monitor.distill + monitor.grpo + 2.0 * monitor.product;
        assert!((square - parts).abs() < 1e-6 * square, "{square} {parts}");
        let m = monitor.metrics();
        assert!((m["gradnorm/distill"].powi(2) - monitor.distill).abs() < 1e-12);
        let cosine = monitor.product / (monitor.distill * monitor.grpo).sqrt();
        assert!(
            (m["gradnorm/cosine"] - cosine).abs() < 1e-12
                && cosine.abs() < 1.0
                && !m.contains_key("drift/kl_base")
        );
    }

    /// sum_v p (log p - log q), student first, over the two sampled rows.
    #[test]
    fn drift_is_the_mean_divergence_of_sampled_tokens() {
        let softmax = |h: &[f32]| -> Vec<f64> {
            let z: Vec<f64> = HEAD.chunks(2).map(|w| f64::from(w[0] * h[0] + w[1] * h[1]).exp()).collect();
            z.iter().map(|x| x / z.iter().sum::<f64>()).collect()
        };
        let kl = |t: usize| -> f64 {
            let (p, q) = (softmax(&STUDENT[2 * t..2 * t + 2]), softmax(&TEACHER[2 * t..2 * t + 2]));
            p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()
        };
        let config = LossConfig { divergence: Divergence::ForwardKl, ..LossConfig::default() };
        let mut monitor = Monitor::default();
        monitor.drift(&input(Streams::default()), &[1.0, 0.0, 1.0], &config).unwrap();
        let (got, want) = (monitor.metrics()["drift/kl_base"], (kl(0) + kl(2)) / 2.0);
        assert!((got - want).abs() < 1e-6 && want > 0.05, "{got} {want}");
        monitor.drift(&input(Streams::default()), &[0.0, 1.0, 0.0], &config).unwrap();
        let (got, want) = (monitor.metrics()["drift/kl_base"], (kl(0) + kl(1) + kl(2)) / 3.0);
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
}
