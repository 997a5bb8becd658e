//! Sampling of one token from logits.

use crate::SampleConfig;
use crate::ops::simd;
use crate::policy::log_sum_exp;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// A sampled token.
pub(super) struct Picked {
    /// The token's id.
    pub token: u32,
    /// Its log-probability under the full softmax after temperature; temperature 1 if greedy.
    pub logprob: f32,
}

/// What one row's choice depends on besides its logits.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub config: &'a SampleConfig,
    /// Tokens that are not sampled.
    pub never: &'a [u32],
    /// The prompt's tokens and the completion's so far, for penalties.
    pub prompt: &'a [u32],
    pub completion: &'a [u32],
}

/// Samples a token from `logits`, which it overwrites. Greedy sampling takes the lowest id among
/// equal logits.
pub(super) fn pick(logits: &mut [f32], rules: Rules, rng: &mut ChaCha8Rng) -> Picked {
    let config = rules.config;
    let greedy = config.temperature <= 0.0;
    let scale = if greedy { 1.0 } else { 1.0 / config.temperature };
    // Penalised logits are those of another distribution; log-probabilities are the model's.
    let model: Option<Vec<f32>> = config.penalises().then(|| {
        let model = logits.iter().map(|z| z * scale).collect();
        penalise(logits, rules);
        model
    });
    let (top, total) = simd::vectorised(
        #[inline(always)]
        || {
            logits.iter_mut().for_each(|z| *z *= scale);
            let top = simd::max(logits);
            (top, simd::exp_shifted(logits, top))
        },
    );
    // Now `logits` holds e^(z - top), and `total` is its sum.
    let never = rules.never.iter().filter_map(|id| logits.get(*id as usize).map(|w| (*id as usize, *w)));
    let never: Vec<(usize, f32)> = never.collect();
    never.iter().for_each(|(id, _)| logits[*id] = 0.0);
    let open = (total - never.iter().map(|(_, w)| w).sum::<f32>()).max(0.0);
    let weights = &*logits;
    let token = if greedy || top.is_nan() {
        weights.iter().enumerate().fold(0, |best, (i, w)| if *w > weights[best] { i } else { best })
    } else if config.top_p < 1.0 || (1..weights.len()).contains(&config.top_k) {
        among_likely(weights, open, config, rng)
    } else {
        let threshold = rng.random::<f32>() * open;
        first_above(weights.iter().copied().enumerate(), threshold)
    };
    let logprob = match model {
        Some(model) => model[token] - log_sum_exp(&model),
        None => (weights[token] / total).ln(),
    };
    Picked { token: token as u32, logprob }
}

/// Applies the penalties of tokens that occurred.
fn penalise(logits: &mut [f32], Rules { config, prompt, completion, .. }: Rules) {
    let mut seen = HashSet::new();
    for id in completion.iter().filter(|id| seen.insert(**id)) {
        if let Some(z) = logits.get_mut(*id as usize) {
            *z = repeated(*z, config.repetition_penalty) - config.presence_penalty;
        }
    }
    for id in prompt.iter().filter(|id| seen.insert(**id)) {
        if let Some(z) = logits.get_mut(*id as usize) {
            *z = repeated(*z, config.repetition_penalty);
        }
    }
}

fn repeated(z: f32, penalty: f32) -> f32 {
    if z > 0.0 { z / penalty } else { z * penalty }
}

/// Samples among the `top_k` most likely tokens, and of these among the most likely whose weights
/// together reach the share `top_p` of theirs, including the token that reaches it.
fn among_likely(weights: &[f32], total: f32, config: &SampleConfig, rng: &mut ChaCha8Rng) -> usize {
    let likelier = |a: &usize, b: &usize| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b));
    let mut order: Vec<usize>;
    let mass;
    if (1..weights.len()).contains(&config.top_k) {
        order = (0..weights.len()).collect();
        order.select_nth_unstable_by(config.top_k - 1, likelier);
        order.truncate(config.top_k);
        mass = config.top_p * order.iter().map(|i| weights[*i]).sum::<f32>();
    } else {
        mass = config.top_p * total;
        // All tokens below this weight together weigh less than what is left out; sorting a whole
        // vocabulary would take longer than computing its logits.
        let least = (total - mass) / weights.len() as f32;
        order = (0..weights.len()).filter(|i| weights[*i] >= least).collect();
    }
    order.sort_unstable_by(likelier);
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
        SampleConfig { max_completion_tokens: 1, temperature, top_p, ..SampleConfig::default() }
    }

    fn rules(config: &SampleConfig) -> Rules<'_> {
        Rules { config, never: &[], prompt: &[], completion: &[] }
    }

    #[test]
    fn top_k_comes_before_top_p_and_log_probabilities_stay_the_models() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Probabilities 0.1, 0.2, 0.3, 0.4. Of the two most likely, 0.4 / 0.7 = 0.57.
        let logits = [0.1f32, 0.2, 0.3, 0.4].map(f32::ln);
        let mut count = [0usize; 4];
        let two = SampleConfig { top_k: 2, ..config(1.0, 1.0) };
        for _ in 0..4000 {
            let Picked { token, logprob } = pick(&mut logits.clone(), rules(&two), &mut rng);
            count[token as usize] += 1;
            assert!((logprob - logits[token as usize]).abs() < 1e-6);
        }
        assert_eq!(count[..2], [0, 0]);
        assert!((count[3] as f32 / 4000.0 - 4.0 / 7.0).abs() < 0.03, "{count:?}");
        // 0.57 of their weight reaches 0.5, so one token is left.
        let one = SampleConfig { top_k: 2, ..config(1.0, 0.5) };
        assert!((0..200).all(|_| pick(&mut logits.clone(), rules(&one), &mut rng).token == 3));
    }

    #[test]
    fn penalties_by_hand() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Repetition 2: token 0 (prompt) 3 -> 1.5; token 1 (completion) -1 -> -2, less 0.5.
        let greedy = SampleConfig { repetition_penalty: 2.0, presence_penalty: 0.5, ..config(0.0, 1.0) };
        let mut logits = [3.0, -1.0, 2.0];
        let rules = Rules { config: &greedy, never: &[], prompt: &[0, 0], completion: &[1, 1] };
        penalise(&mut logits, rules);
        assert_eq!(logits, [1.5, -2.5, 2.0]);
        let Picked { token, logprob } = pick(&mut [3.0, -1.0, 2.0], rules, &mut rng);
        assert_eq!(token, 2, "the highest after penalties");
        let sum = 3f32.exp() + (-1f32).exp() + 2f32.exp();
        assert!((logprob - (2.0 - sum.ln())).abs() < 1e-6, "of the logits before penalties");
    }

    #[test]
    fn forbidden_tokens_are_never_sampled_and_count_in_the_softmax() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let logits = [0.0, 2f32.ln(), 4f32.ln()];
        for (temperature, top_p, top_k) in [(0.0, 1.0, 0), (1.0, 1.0, 0), (1.0, 0.9, 0), (1.0, 1.0, 2)] {
            let config = SampleConfig { top_k, ..config(temperature, top_p) };
            let rules = Rules { never: &[2, 77], ..rules(&config) };
            for _ in 0..200 {
                let Picked { token, logprob } = pick(&mut logits.clone(), rules, &mut rng);
                assert!(token < 2);
                assert!((logprob - ((1 << token) as f32 / 7.0).ln()).abs() < 1e-6);
            }
        }
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
                    pick(&mut logits.clone(), rules(&config(temperature, 1.0)), &mut rng);
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
        let greedy = pick(&mut logits.clone(), rules(&config(0.0, 1.0)), &mut rng);
        assert_eq!(greedy.token, 2);
        assert!((greedy.logprob - (4f32 / 7.0).ln()).abs() < 1e-6);
        let drawn: Vec<u32> =
            (0..500).map(|_| pick(&mut logits.clone(), rules(&config(1.0, 0.6)), &mut rng).token).collect();
        assert!(drawn.contains(&1) && drawn.contains(&2) && !drawn.contains(&0));
    }
}
