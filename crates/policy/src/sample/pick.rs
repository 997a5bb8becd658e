//! Sampling of one token from logits.

use crate::SampleConfig;
use crate::ops::simd;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A sampled token.
pub(super) struct Picked {
    /// The token's id.
    pub token: u32,
    /// Its log-probability under the full softmax after temperature; temperature 1 if greedy.
    pub logprob: f32,
}

/// Samples a token from `logits`, which it overwrites. Greedy sampling takes the lowest id among
/// equal logits.
pub(super) fn pick(logits: &mut [f32], config: &SampleConfig, rng: &mut ChaCha8Rng) -> Picked {
    let greedy = config.temperature <= 0.0;
    let scale = if greedy { 1.0 } else { 1.0 / config.temperature };
    let (top, total) = simd::vectorised(
        #[inline(always)]
        || {
            logits.iter_mut().for_each(|z| *z *= scale);
            let top = simd::max(logits);
            (top, simd::exp_shifted(logits, top))
        },
    );
    // Now `logits` holds e^(z - top), and `total` is its sum.
    let weights = &*logits;
    let token = if greedy || top.is_nan() {
        weights.iter().enumerate().fold(0, |best, (i, w)| if *w > weights[best] { i } else { best })
    } else if config.top_p < 1.0 {
        nucleus(weights, config.top_p * total, rng)
    } else {
        let threshold = rng.random::<f32>() * total;
        first_above(weights.iter().copied().enumerate(), threshold)
    };
    Picked { token: token as u32, logprob: (weights[token] / total).ln() }
}

/// Nucleus sampling: samples among the most likely tokens whose weights together reach `mass`,
/// including the token that reaches it.
fn nucleus(weights: &[f32], mass: f32, rng: &mut ChaCha8Rng) -> usize {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
    let mut sum = 0.0;
    let kept = order.iter().take_while(|i| {
        let keep = sum < mass;
        sum += weights[**i];
        keep
    });
    let kept: Vec<usize> = kept.copied().collect();
    let threshold = rng.random::<f32>() * kept.iter().map(|i| weights[*i]).sum::<f32>();
    first_above(kept.iter().map(|i| (*i, weights[*i])), threshold)
}

/// The first token at which the running sum of weights exceeds `threshold`, else the last token
/// with a positive weight.
fn first_above(weights: impl Iterator<Item = (usize, f32)>, threshold: f32) -> usize {
    let (mut sum, mut last) = (0.0, 0);
    for (i, w) in weights {
        sum += w;
        if w > f32::MIN_POSITIVE {
            last = i;
        }
        if sum > threshold {
            return i;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn config(temperature: f32, top_p: f32) -> SampleConfig {
        SampleConfig { max_completion_tokens: 1, temperature, top_p }
    }

    #[test]
    fn frequencies_follow_the_softmax_after_temperature() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Probabilities 1/7, 2/7, 4/7 at temperature 1; 1/21, 4/21, 16/21 at 0.5.
        let logits = [0.0, 2f32.ln(), 4f32.ln()];
        for (temperature, want) in
            [(1.0, [1.0 / 7.0, 2.0 / 7.0, 4.0 / 7.0]), (0.5, [1.0 / 21.0, 4.0 / 21.0, 16.0 / 21.0])]
        {
            let mut count = [0f32; 3];
            for _ in 0..20_000 {
                let Picked { token, logprob } =
                    pick(&mut logits.clone(), &config(temperature, 1.0), &mut rng);
                count[token as usize] += 1.0 / 20_000.0;
                assert!((logprob.exp() - want[token as usize]).abs() < 1e-5);
            }
            for (count, want) in count.iter().zip(want) {
                assert!((count - want).abs() < 0.015, "frequency {count}, expected {want}");
            }
        }
    }

    #[test]
    fn greedy_and_nucleus_sampling_exclude_unlikely_tokens() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let logits = [0.0, 2f32.ln(), 4f32.ln()];
        let greedy = pick(&mut logits.clone(), &config(0.0, 1.0), &mut rng);
        assert_eq!(greedy.token, 2);
        assert!((greedy.logprob - (4f32 / 7.0).ln()).abs() < 1e-6);
        let drawn: Vec<u32> =
            (0..500).map(|_| pick(&mut logits.clone(), &config(1.0, 0.6), &mut rng).token).collect();
        assert!(drawn.contains(&1) && drawn.contains(&2) && !drawn.contains(&0));
    }
}
