//! Drawing completions, many at once.
//!
//! Prompts are run through the network once each, packed; their keys and values are shared by the
//! whole group. Then every row is fed its last token and draws the next, all rows together, until
//! it ends. A row that ends leaves at once. Small models split the rows over the threads, so that a
//! step has a single meeting point; large ones, whose weights do not fit the caches, split every
//! product instead.

mod cache;
mod decoder;
mod pick;
mod tile;

use crate::model::{Batch, FeatureCache, hidden};
use crate::text::KeyValue;
use crate::weights::{Mode, Weights};
use crate::{Config, PolicyError, Prompt, SampleConfig};
use cache::HeadCache;
use candle_core::Tensor;
use decoder::{Decoder, Place, Scratch};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// What sampling reads.
pub(crate) struct Network<'a> {
    pub config: &'a Config,
    pub weights: &'a Weights,
    pub features: &'a FeatureCache,
    pub end_ids: &'a [u32],
}

/// A drawn completion, not yet decoded.
pub(crate) struct Row {
    pub tokens: Vec<u32>,
    pub logprobs: Vec<f32>,
    pub finished: bool,
}

/// Prompt tokens that are run together: enough to fill the machine, few enough to bound memory.
const PREFILL: usize = 4096;
/// Weights that every thread may read for itself at each step: about what the caches hold.
const SHARED_BYTES: usize = 64 << 20;

/// A row being drawn.
struct Active<'a> {
    index: usize,
    row: Row,
    next_position: u32,
    prefix: &'a [HeadCache],
    own: Vec<HeadCache>,
    rng: ChaCha8Rng,
    open: bool,
}

/// A prompt after its run: keys and values `[layers * kv_heads]`, and the logits of the first
/// token.
struct Prefix {
    cache: Vec<HeadCache>,
    logits: Vec<f32>,
}

/// Draws `per_prompt` completions of every prompt, prompt by prompt.
pub(crate) fn sample(
    network: &Network,
    prompts: &[Prompt],
    per_prompt: usize,
    config: &SampleConfig,
    seed: u64,
) -> Result<Vec<Row>, PolicyError> {
    check(config)?;
    let decoder = Decoder::new(network.config, network.weights)?;
    let prefixes = prefill(network, &decoder, prompts)?;
    let mut active: Vec<Active> = Vec::with_capacity(prompts.len() * per_prompt);
    for (prompt, prefix) in prompts.iter().zip(&prefixes) {
        for _ in 0..per_prompt {
            let index = active.len();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(index as u64);
            let mut row = Active {
                index,
                row: Row { tokens: Vec::new(), logprobs: Vec::new(), finished: false },
                next_position: prompt.next_position,
                prefix: &prefix.cache,
                own: own_cache(network.config, config.max_completion_tokens),
                rng,
                open: true,
            };
            row.draw(&mut prefix.logits.clone(), config, network.end_ids);
            active.push(row);
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
            step(&decoder, rows, scratch, (config, network.end_ids, wide));
        });
    }
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, row)| row).collect())
}

fn check(config: &SampleConfig) -> Result<(), PolicyError> {
    let wrong = |message: &str| Err(PolicyError::input("sampling", message));
    if config.max_completion_tokens == 0 {
        return wrong("max_completion_tokens is 0; ask for at least one");
    }
    if !(config.temperature >= 0.0 && config.temperature.is_finite()) {
        return wrong("temperature is negative or no number; use 0 for greedy");
    }
    if !(config.top_p > 0.0 && config.top_p <= 1.0) {
        return wrong("top_p lies outside (0, 1]");
    }
    Ok(())
}

fn own_cache(config: &Config, tokens: usize) -> Vec<HeadCache> {
    let heads = config.text.num_hidden_layers * config.text.num_key_value_heads;
    (0..heads).map(|_| HeadCache::with_room(tokens, config.text.head_dim)).collect()
}

/// Feeds each row its last token and draws the next.
fn step(
    decoder: &Decoder,
    rows: &mut [Active],
    scratch: &mut Scratch,
    (config, end_ids, wide): (&SampleConfig, &[u32], bool),
) {
    let place = |a: &mut Active<'_>| (a.row.tokens.last().copied().unwrap_or_default(), a.next_position);
    let inputs: Vec<(u32, u32)> = rows.iter_mut().map(place).collect();
    let mut places: Vec<Place> = rows
        .iter_mut()
        .zip(inputs)
        .map(|(a, (token, position))| Place { token, position, prefix: a.prefix, own: &mut a.own })
        .collect();
    let mut logits = decoder.step(&mut places, scratch, wide);
    let vocab = logits.len() / rows.len();
    for (row, logits) in rows.iter_mut().zip(logits.chunks_exact_mut(vocab)) {
        row.next_position += 1;
        row.draw(logits, config, end_ids);
    }
}

impl Active<'_> {
    /// Draws the next token and closes the row if it ends here.
    fn draw(&mut self, logits: &mut [f32], config: &SampleConfig, end_ids: &[u32]) {
        let (token, logprob) = pick::pick(logits, config, &mut self.rng);
        self.row.tokens.push(token);
        self.row.logprobs.push(logprob);
        self.row.finished = end_ids.contains(&token);
        self.open = !self.row.finished && self.row.tokens.len() < config.max_completion_tokens;
    }
}

/// Runs the prompts through the network, in packs.
fn prefill(network: &Network, decoder: &Decoder, prompts: &[Prompt]) -> Result<Vec<Prefix>, PolicyError> {
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
        let state = (&batch, network.features);
        let last = hidden(network.config, network.weights, Mode::Infer, state, Some(&mut cache))?;
        let logits = decoder.logits(&last.flatten_all()?.to_vec1::<f32>()?, true);
        let cache =
            cache.iter().map(|(k, v)| Ok((flat(k)?, flat(v)?))).collect::<Result<Vec<_>, PolicyError>>()?;
        let text = &network.config.text;
        for (segment, logits) in batch.segments().iter().zip(logits.chunks_exact(text.vocab_size)) {
            let mut heads = own_cache(network.config, segment.rows.len());
            fill(&mut heads, &cache, segment.rows.clone(), text.head_dim);
            prefixes.push(Prefix { cache: heads, logits: logits.to_vec() });
        }
    }
    Ok(prefixes)
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>, PolicyError> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
}

/// Moves the rows `tokens` of every layer's keys and values into the heads' caches.
fn fill(heads: &mut [HeadCache], layers: &[(Vec<f32>, Vec<f32>)], tokens: std::ops::Range<usize>, d: usize) {
    let kv_heads = heads.len() / layers.len();
    for (i, head) in heads.iter_mut().enumerate() {
        let (keys, values) = &layers[i / kv_heads];
        for token in tokens.clone() {
            let at = (token * kv_heads + i % kv_heads) * d;
            head.push(&keys[at..][..d], &values[at..][..d]);
        }
    }
}
