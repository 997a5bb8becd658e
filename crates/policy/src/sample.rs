//! Sampling of completions, many at once.
//!
//! Each prompt runs through the network once, packed with others; all completions of a group share
//! its keys and values. Then every step feeds all unfinished rows their last token and samples the
//! next one. Finished rows are dropped at once, and waiting ones take their places. Small models
//! distribute the rows over the threads, so that a step has one synchronisation point; models whose
//! weights do not fit the caches distribute every matrix product instead.

mod adapted;
mod cache;
mod config;
mod decoder;
mod pick;
mod stacked;
mod tile;

use crate::model::{Batch, Network};
use crate::text::KeyValue;
use crate::weights::Mode;
use crate::{PolicyError, Prompt};
use cache::HeadCache;
use candle_core::Tensor;
use decoder::{Decoder, Input, Scratch};
use pick::{Picked, Rules};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

pub use config::{SampleConfig, recommended};
pub(crate) use decoder::SHARED_BYTES;
pub(crate) use tile::LANES;

/// A model with the settings of one sampling call.
pub(crate) struct Sampler<'a> {
    pub network: Network<'a>,
    pub config: &'a SampleConfig,
    /// Ids of the tokens that end a completion.
    pub end_ids: &'a [u32],
    /// Ids that are never sampled: the placeholder that stands for a picture.
    pub never: Vec<u32>,
}

/// A sampled completion, not yet decoded to text.
pub(crate) struct Row {
    pub tokens: Vec<u32>,
    pub logprobs: Vec<f32>,
    pub finished: bool,
}

/// Prompt tokens that run together: enough to use all threads, few enough to bound memory.
pub(crate) const PREFILL: usize = 4096;

/// A row that is being sampled.
struct Active<'a> {
    index: usize,
    row: Row,
    next_position: u32,
    prompt: &'a Prompt,
    prefix: Arc<Prefilled>,
    own: Vec<HeadCache>,
    rng: ChaCha8Rng,
    open: bool,
}

/// A prompt after prefill: its keys and values `[layers * kv_heads]`, and the logits of the first
/// completion token. Freed with the last of its completions.
struct Prefilled {
    cache: Vec<HeadCache>,
    logits: Vec<f32>,
}

/// The completions that have not begun.
struct Queue<'a> {
    prompts: &'a [Prompt],
    per_prompt: usize,
    seed: u64,
    /// The next completion.
    next: usize,
    /// Prompts after prefill, from the one of the next completion on.
    ready: VecDeque<Arc<Prefilled>>,
}

impl Sampler<'_> {
    /// Samples `per_prompt` completions of every prompt, ordered by prompt. Completion `i` of the
    /// result has its own random stream, made from `seed` and `i`.
    ///
    /// # Errors
    /// Settings out of range, or a prompt that does not fit the model.
    pub fn sample(&self, prompts: &[Prompt], per_prompt: usize, seed: u64) -> Result<Vec<Row>, PolicyError> {
        self.config.check()?;
        let decoder = Decoder::new(self.network.config, self.network.weights)?;
        let mut queue = Queue { prompts, per_prompt, seed, next: 0, ready: VecDeque::new() };
        let mut active: Vec<Active> = Vec::new();
        let mut done: Vec<(usize, Row)> = Vec::with_capacity(prompts.len() * per_prompt);
        let threads = rayon::current_num_threads();
        let mut scratch: Vec<Scratch> = (0..threads).map(|_| Scratch::default()).collect();
        loop {
            let (mut open, closed): (Vec<_>, Vec<_>) = active.into_iter().partition(|a| a.open);
            done.extend(closed.into_iter().map(|a| (a.index, a.row)));
            while let Some(row) = self.begin(&decoder, &mut queue, open.len())? {
                match row.open {
                    true => open.push(row),
                    false => done.push((row.index, row.row)),
                }
            }
            active = open;
            if active.is_empty() {
                break;
            }
            let wide = decoder.is_large() || active.len() < threads;
            let share = if wide { active.len() } else { active.len().div_ceil(threads) };
            active
                .par_chunks_mut(share)
                .zip(&mut scratch)
                .try_for_each(|(rows, scratch)| self.step(&decoder, rows, scratch, wide))?;
        }
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, row)| row).collect())
    }

    /// The next completion with its first token, if there is one and `live` leaves room for it.
    fn begin<'p>(
        &self,
        decoder: &Decoder,
        queue: &mut Queue<'p>,
        live: usize,
    ) -> Result<Option<Active<'p>>, PolicyError> {
        let index = queue.next;
        let room = self.config.max_rows.saturating_sub(live);
        if room == 0 || index >= queue.prompts.len() * queue.per_prompt {
            return Ok(None);
        }
        let prompt = index / queue.per_prompt;
        if index.is_multiple_of(queue.per_prompt) && index > 0 {
            queue.ready.pop_front();
        }
        if queue.ready.is_empty() {
            // No more prompts than have room: their keys and values would wait in memory.
            let count = room.div_ceil(queue.per_prompt).min(queue.prompts.len() - prompt);
            let pack = &queue.prompts[prompt..prompt + count];
            queue.ready.extend(self.prefill(decoder, pack)?.into_iter().map(Arc::new));
        }
        let Some(prefix) = queue.ready.front().cloned() else { return Ok(None) };
        queue.next += 1;
        Ok(Some(self.first(index, &queue.prompts[prompt], prefix, queue.seed)))
    }

    /// Completion `index` of the result with its first token.
    fn first<'p>(&self, index: usize, prompt: &'p Prompt, prefix: Arc<Prefilled>, seed: u64) -> Active<'p> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        let mut logits = prefix.logits.clone();
        let mut row = Active {
            index,
            row: Row { tokens: Vec::new(), logprobs: Vec::new(), finished: false },
            next_position: prompt.next_position,
            prompt,
            prefix,
            own: self.empty_cache(self.config.max_completion_tokens),
            rng,
            open: true,
        };
        self.push_token(&mut row, &mut logits);
        row
    }

    /// Feeds each row its last token and samples the next one.
    fn step(
        &self,
        decoder: &Decoder,
        rows: &mut [Active],
        scratch: &mut Scratch,
        wide: bool,
    ) -> Result<(), PolicyError> {
        let mut inputs: Vec<Input> = rows
            .iter_mut()
            .map(|a| Input {
                token: a.row.tokens.last().copied().unwrap_or_default(),
                position: a.next_position,
                prefix: &a.prefix.cache,
                own: &mut a.own,
            })
            .collect();
        let mut logits = decoder.step(&mut inputs, scratch, wide)?;
        let vocab = logits.len() / rows.len();
        let push = |(row, logits): (&mut Active, &mut [f32])| {
            row.next_position += 1;
            self.push_token(row, logits);
        };
        if wide {
            rows.par_iter_mut().zip(logits.par_chunks_exact_mut(vocab)).for_each(push);
        } else {
            rows.iter_mut().zip(logits.chunks_exact_mut(vocab)).for_each(push);
        }
        Ok(())
    }

    /// Samples the row's next token, and closes the row if it ends there.
    fn push_token(&self, row: &mut Active, logits: &mut [f32]) {
        let (prompt, completion) = (row.prompt.ids.as_slice(), row.row.tokens.as_slice());
        let rules = Rules { config: self.config, never: &self.never, prompt, completion };
        let Picked { token, logprob } = pick::pick(logits, rules, &mut row.rng);
        row.row.tokens.push(token);
        row.row.logprobs.push(logprob);
        row.row.finished = self.end_ids.contains(&token);
        row.open = !row.row.finished && row.row.tokens.len() < self.config.max_completion_tokens;
    }

    /// Caches for all layers and heads with room for `tokens`.
    fn empty_cache(&self, tokens: usize) -> Vec<HeadCache> {
        let text = &self.network.config.text;
        let heads = text.num_hidden_layers * text.num_key_value_heads;
        (0..heads).map(|_| HeadCache::with_room(tokens, text.head_dim, self.config.cache)).collect()
    }

    /// Runs as many of the prompts through the network as [`PREFILL`] tokens hold, at least one.
    fn prefill(&self, decoder: &Decoder, prompts: &[Prompt]) -> Result<Vec<Prefilled>, PolicyError> {
        let network = &self.network;
        let mut tokens = 0;
        let fits = |p: &&Prompt| {
            tokens += p.ids.len();
            tokens <= PREFILL
        };
        let count = prompts.iter().take_while(fits).count().max(1);
        let pack: Vec<&Prompt> = prompts[..count].iter().collect();
        let batch = Batch::of_prompts(network.config, &pack)?;
        let mut cache: Vec<KeyValue> = Vec::new();
        let last = network.hidden(&batch, Mode::Infer, Some(&mut cache))?;
        let text = &network.config.text;
        let logits = decoder.logits(&flat(&last)?, true)?;
        let one = |(segment, logits): (&crate::ops::Segment, &[f32])| {
            let heads = self.empty_cache(segment.rows.len());
            (segment.rows.clone(), Prefilled { cache: heads, logits: logits.to_vec() })
        };
        let mut prefixes: Vec<_> =
            batch.segments().iter().zip(logits.chunks_exact(text.vocab_size)).map(one).collect();
        // Layer by layer, so that what is copied is freed.
        for (i, layer) in cache.into_iter().enumerate() {
            let layer = LayerCache::new(&layer)?;
            for (rows, prefix) in &mut prefixes {
                let heads = &mut prefix.cache[i * text.num_key_value_heads..][..text.num_key_value_heads];
                fill(heads, &layer, rows.clone(), text.head_dim);
            }
        }
        Ok(prefixes.into_iter().map(|(_, prefix)| prefix).collect())
    }
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

/// Copies the rows `tokens` of a layer's keys and values into its heads' caches.
fn fill(heads: &mut [HeadCache], layer: &LayerCache, tokens: std::ops::Range<usize>, d: usize) {
    let kv_heads = heads.len();
    heads.par_iter_mut().enumerate().for_each(|(i, head)| {
        for token in tokens.clone() {
            let at = (token * kv_heads + i) * d;
            head.push(&layer.keys[at..][..d], &layer.values[at..][..d]);
        }
    });
}
