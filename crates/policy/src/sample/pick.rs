//! From logits to a token.

use crate::SampleConfig;
use crate::ops::simd;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Draws a token from `logits` (which it overwrites) and returns it with its log-probability under
/// the full softmax after temperature; temperature 1 when greedy. At equal logits the lowest id
/// wins.
pub(super) fn pick(logits: &mut [f32], config: &SampleConfig, rng: &mut ChaCha8Rng) -> (u32, f32) {
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
    // From here on `logits` holds e^(z - top), whose sum is `total`.
    let weights = &*logits;
    let token = if greedy || top.is_nan() {
        weights.iter().enumerate().fold(0, |best, (i, w)| if *w > weights[best] { i } else { best })
    } else if config.top_p < 1.0 {
        nucleus(weights, config.top_p * total, rng)
    } else {
        let aim = rng.random::<f32>() * total;
        first_beyond(weights.iter().copied().enumerate(), aim)
    };
    (token as u32, (weights[token] / total).ln())
}

/// Draws among the likeliest tokens that together reach `mass`; the one that reaches it is among
/// them.
fn nucleus(weights: &[f32], mass: f32, rng: &mut ChaCha8Rng) -> usize {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
    let mut sum = 0.0;
    let kept = order.iter().take_while(|i| {
        let wanted = sum < mass;
        sum += weights[**i];
        wanted
    });
    let kept: Vec<usize> = kept.copied().collect();
    let aim = rng.random::<f32>() * kept.iter().map(|i| weights[*i]).sum::<f32>();
    first_beyond(kept.iter().map(|i| (*i, weights[*i])), aim)
}

/// The first token at which the running sum passes `aim`, else the last that has any weight.
fn first_beyond(weights: impl Iterator<Item = (usize, f32)>, aim: f32) -> usize {
    let (mut sum, mut last) = (0.0, 0);
    for (i, w) in weights {
        sum += w;
        if w > f32::MIN_POSITIVE {
            last = i;
        }
        if sum > aim {
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
                let (token, logprob) = pick(&mut logits.clone(), &config(temperature, 1.0), &mut rng);
                count[token as usize] += 1.0 / 20_000.0;
                assert!((logprob.exp() - want[token as usize]).abs() < 1e-5);
            }
            for (count, want) in count.iter().zip(want) {
                assert!((count - want).abs() < 0.015, "{count} against {want}");
            }
        }
    }

    #[test]
    fn greedy_and_nucleus_leave_out_the_unlikely() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let logits = [0.0, 2f32.ln(), 4f32.ln()];
        let (token, logprob) = pick(&mut logits.clone(), &config(0.0, 1.0), &mut rng);
        assert_eq!(token, 2);
        assert!((logprob - (4f32 / 7.0).ln()).abs() < 1e-6);
        let drawn: Vec<u32> =
            (0..500).map(|_| pick(&mut logits.clone(), &config(1.0, 0.6), &mut rng).0).collect();
        assert!(drawn.contains(&1) && drawn.contains(&2) && !drawn.contains(&0));
    }
}
