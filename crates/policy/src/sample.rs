//! Sampling of completions, many at once.
//!
//! Each prompt runs through the network once, packed with others; all completions of a group share
//! its keys and values. Then every step feeds all unfinished rows their last token and samples the
//! next one. Finished rows are dropped at once. Small models distribute the rows over the threads,
//! so that a step has one synchronisation point; models whose weights do not fit the caches
//! distribute every matrix product instead.

mod adapted;
mod cache;
mod decoder;
mod pick;
mod tile;

use crate::model::{Batch, Network};
use crate::text::KeyValue;
use crate::weights::Mode;
use crate::{Config, PolicyError, Prompt, SampleConfig};
use cache::HeadCache;
use candle_core::Tensor;
use decoder::{Decoder, Input, Scratch};
use pick::Picked;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A model with the settings of one sampling call.
pub(crate) struct Sampler<'a> {
    pub network: Network<'a>,
    pub config: &'a SampleConfig,
    /// Ids of the tokens that end a completion.
    pub end_ids: &'a [u32],
}

/// A sampled completion, not yet decoded to text.
pub(crate) struct Row {
    pub tokens: Vec<u32>,
    pub logprobs: Vec<f32>,
    pub finished: bool,
}

/// Prompt tokens that run together: enough to use all threads, few enough to bound memory.
const PREFILL: usize = 4096;
/// Largest weights in bytes that every thread may read on its own at each step, about the size of
/// the caches.
const SHARED_BYTES: usize = 64 << 20;

/// A row that is being sampled.
struct Active<'a> {
    index: usize,
    row: Row,
    next_position: u32,
    prefix: &'a [HeadCache],
    own: Vec<HeadCache>,
    rng: ChaCha8Rng,
    open: bool,
}

/// A prompt after prefill: its keys and values `[layers * kv_heads]`, and the logits of the first
/// completion token.
struct Prefilled {
    cache: Vec<HeadCache>,
    logits: Vec<f32>,
}

impl Sampler<'_> {
    /// Samples `per_prompt` completions of every prompt, ordered by prompt. Completion `i` of the
    /// result has its own random stream, made from `seed` and `i`.
    ///
    /// # Errors
    /// Settings out of range, or a prompt that does not fit the model.
    pub fn sample(&self, prompts: &[Prompt], per_prompt: usize, seed: u64) -> Result<Vec<Row>, PolicyError> {
        check(self.config)?;
        let decoder = Decoder::new(self.network.config, self.network.weights)?;
        let prefixes = prefill(&self.network, &decoder, prompts)?;
        let mut active: Vec<Active> = Vec::with_capacity(prompts.len() * per_prompt);
        for (prompt, prefix) in prompts.iter().zip(&prefixes) {
            for _ in 0..per_prompt {
                active.push(self.first(active.len(), prompt, prefix, seed));
            }
        }
        let mut done: Vec<(usize, Row)> = Vec::with_capacity(active.len());
        let threads = rayon::current_num_threads();
        let mut scratch: Vec<Scratch> = (0..threads).map(|_| Scratch::default()).collect();
        loop {
            let (open, closed): (Vec<_>, Vec<_>) = active.into_iter().partition(|a| a.open);
            done.extend(closed.into_iter().map(|a| (a.index, a.row)));
            active = open;
            if active.is_empty() {
                break;
            }
            let wide = decoder.bytes() > SHARED_BYTES || active.len() < threads;
            let share = if wide { active.len() } else { active.len().div_ceil(threads) };
            active.par_chunks_mut(share).zip(&mut scratch).for_each(|(rows, scratch)| {
                self.step(&decoder, rows, scratch, wide);
            });
        }
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, row)| row).collect())
    }

    /// Completion `index` of the result with its first token.
    fn first<'p>(&self, index: usize, prompt: &Prompt, prefix: &'p Prefilled, seed: u64) -> Active<'p> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        let mut row = Active {
            index,
            row: Row { tokens: Vec::new(), logprobs: Vec::new(), finished: false },
            next_position: prompt.next_position,
            prefix: &prefix.cache,
            own: empty_cache(self.network.config, self.config.max_completion_tokens),
            rng,
            open: true,
        };
        self.push_token(&mut row, &mut prefix.logits.clone());
        row
    }

    /// Feeds each row its last token and samples the next one.
    fn step(&self, decoder: &Decoder, rows: &mut [Active], scratch: &mut Scratch, wide: bool) {
        let mut inputs: Vec<Input> = rows
            .iter_mut()
            .map(|a| Input {
                token: a.row.tokens.last().copied().unwrap_or_default(),
                position: a.next_position,
                prefix: a.prefix,
                own: &mut a.own,
            })
            .collect();
        let mut logits = decoder.step(&mut inputs, scratch, wide);
        let vocab = logits.len() / rows.len();
        for (row, logits) in rows.iter_mut().zip(logits.chunks_exact_mut(vocab)) {
            row.next_position += 1;
            self.push_token(row, logits);
        }
    }

    /// Samples the row's next token, and closes the row if it ends there.
    fn push_token(&self, row: &mut Active, logits: &mut [f32]) {
        let Picked { token, logprob } = pick::pick(logits, self.config, &mut row.rng);
        row.row.tokens.push(token);
        row.row.logprobs.push(logprob);
        row.row.finished = self.end_ids.contains(&token);
        row.open = !row.row.finished && row.row.tokens.len() < self.config.max_completion_tokens;
    }
}

fn check(config: &SampleConfig) -> Result<(), PolicyError> {
    let wrong = |message: String| Err(PolicyError::input("sampling", message));
    if config.max_completion_tokens == 0 {
        return wrong("max_completion_tokens is 0; help: set it to at least 1".into());
    }
    if !(config.temperature >= 0.0 && config.temperature.is_finite()) {
        let temperature = config.temperature;
        return wrong(format!("temperature is {temperature}; help: set it to 0 (greedy) or above"));
    }
    if !(config.top_p > 0.0 && config.top_p <= 1.0) {
        return wrong(format!("top_p is {}; help: set it above 0 and to at most 1", config.top_p));
    }
    Ok(())
}

/// Caches for all layers and heads with room for `tokens`.
fn empty_cache(config: &Config, tokens: usize) -> Vec<HeadCache> {
    let heads = config.text.num_hidden_layers * config.text.num_key_value_heads;
    (0..heads).map(|_| HeadCache::with_room(tokens, config.text.head_dim)).collect()
}

/// Runs the prompts through the network, in batches of about [`PREFILL`] tokens.
fn prefill(network: &Network, decoder: &Decoder, prompts: &[Prompt]) -> Result<Vec<Prefilled>, PolicyError> {
    let mut prefixes = Vec::with_capacity(prompts.len());
    let mut rest = prompts;
    while !rest.is_empty() {
        let mut tokens = 0;
        let fits = |p: &&Prompt| {
            tokens += p.ids.len();
            tokens <= PREFILL
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let pack: Vec<&Prompt> = rest[..count].iter().collect();
        rest = &rest[count..];
        let batch = Batch::of_prompts(network.config, &pack)?;
        let mut cache: Vec<KeyValue> = Vec::new();
        let last = network.hidden(&batch, Mode::Infer, Some(&mut cache))?;
        let logits = decoder.logits(&flat(&last)?, true);
        let layers = cache.iter().map(LayerCache::new).collect::<Result<Vec<_>, PolicyError>>()?;
        let text = &network.config.text;
        for (segment, logits) in batch.segments().iter().zip(logits.chunks_exact(text.vocab_size)) {
            let mut heads = empty_cache(network.config, segment.rows.len());
            fill(&mut heads, &layers, segment.rows.clone(), text.head_dim);
            prefixes.push(Prefilled { cache: heads, logits: logits.to_vec() });
        }
    }
    Ok(prefixes)
}

/// The keys and values of one layer as slices, `[n, kv_heads, head_dim]` each.
struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl LayerCache {
    fn new(cache: &KeyValue) -> Result<Self, PolicyError> {
        Ok(Self { keys: flat(&cache.keys)?, values: flat(&cache.values)? })
    }
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>, PolicyError> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
}

/// Copies the rows `tokens` of every layer's keys and values into the heads' caches.
fn fill(heads: &mut [HeadCache], layers: &[LayerCache], tokens: std::ops::Range<usize>, d: usize) {
    let kv_heads = heads.len() / layers.len();
    for (i, head) in heads.iter_mut().enumerate() {
        let layer = &layers[i / kv_heads];
        for token in tokens.clone() {
            let at = (token * kv_heads + i % kv_heads) * d;
            head.push(&layer.keys[at..][..d], &layer.values[at..][..d]);
        }
    }
}
