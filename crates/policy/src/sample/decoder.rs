//! One decoding step on plain slices. Small f32 models are packed into strips; the weights of
//! others are read where they are.
//!
//! The same equations as `text.rs`, for one new token per row and without a tape. Rows are
//! independent of each other to the last bit, so a completion does not depend on which others are
//! sampled with it.

use super::adapted::{LayerDeltas, Low, add_all};
use super::cache::{Attend, AttendScratch, HeadCache};
use super::stacked::Stacked;
use super::tile::Strips;
use crate::ops::{self, Weight, simd};
use crate::text::RotaryFrequencies;
use crate::weights::{Mode, View, Weights, embedding_name, head_name, text_prefix};
use crate::{Config, PolicyError, TextConfig};
use rayon::prelude::*;

/// Largest f32 weights in bytes that are packed, and that every thread may read on its own at each
/// step: about the size of the caches.
pub(crate) const SHARED_BYTES: usize = 64 << 20;

/// The language model for decoding.
pub(super) struct Decoder {
    config: TextConfig,
    embedding: Weight,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Linear,
    frequencies: RotaryFrequencies,
    large: bool,
}

/// The weights of layers with one input.
enum Linear {
    Packed(Strips),
    InPlace(Stacked),
}

impl Linear {
    fn new(weights: Vec<Weight>, pack: bool) -> Result<Self, PolicyError> {
        if !pack {
            return Ok(Linear::InPlace(Stacked::new(weights)?));
        }
        let cin = weights.first().map_or(Ok(0), |w| w.dims().map(|d| d[1]))?;
        let values = weights.iter().map(Weight::values).collect::<Result<Vec<_>, _>>()?;
        let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        Ok(Linear::Packed(Strips::new(&values, cin)))
    }

    fn product(&self, x: &[f32], out: &mut Vec<f32>, wide: bool) -> Result<(), PolicyError> {
        match self {
            Linear::Packed(strips) => {
                strips.product(x, out, wide);
                Ok(())
            }
            Linear::InPlace(stacked) => stacked.product(x, out, wide),
        }
    }
}

struct Layer {
    input_norm: Vec<f32>,
    qkv: Linear,
    /// The weights of the norms of queries and keys; `None` for Llama, which has none.
    qk_norm: Option<[Vec<f32>; 2]>,
    out: Linear,
    post_norm: Vec<f32>,
    gate_up: Linear,
    down: Linear,
    deltas: LayerDeltas,
}

/// The input of a decoding step for one sequence.
pub(super) struct Input<'a> {
    /// The token to feed.
    pub token: u32,
    /// Its position on all three axes.
    pub position: u32,
    /// The prompt's part of the cache, `[layers * kv_heads]`.
    pub prefix: &'a [HeadCache],
    /// The completion's part of the cache, `[layers * kv_heads]`; the step appends to it.
    pub own: &'a mut [HeadCache],
}

/// Buffers that are reused from step to step.
#[derive(Default)]
pub(super) struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    active: Vec<f32>,
    delta: Vec<f32>,
    attend: AttendScratch,
    cos: Vec<f32>,
    sin: Vec<f32>,
    low: Low,
}

impl Decoder {
    /// The current weights.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self, PolicyError> {
        let t = &config.text;
        let view = weights.view(text_prefix(config), Mode::Infer);
        let head = weights.get(&head_name(config), Mode::Infer)?;
        let large = bytes(config) > SHARED_BYTES;
        let pack = !large && head.tensor().is_some();
        let layer = |i: usize| -> Result<Layer, PolicyError> {
            let w = view.at("layers").at(i);
            let all = |names: &[&str]| {
                let weights = names.iter().map(|name| w.weight(&format!("{name}.weight")));
                Linear::new(weights.collect::<Result<_, _>>()?, pack)
            };
            Ok(Layer {
                input_norm: flat(&w, "input_layernorm.weight")?,
                qkv: all(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"])?,
                qk_norm: match t.qk_norm {
                    true => {
                        Some([flat(&w, "self_attn.q_norm.weight")?, flat(&w, "self_attn.k_norm.weight")?])
                    }
                    false => None,
                },
                out: all(&["self_attn.o_proj"])?,
                post_norm: flat(&w, "post_attention_layernorm.weight")?,
                gate_up: all(&["mlp.gate_proj", "mlp.up_proj"])?,
                down: all(&["mlp.down_proj"])?,
                deltas: LayerDeltas::new(&w, t)?,
            })
        };
        Ok(Self {
            config: t.clone(),
            embedding: weights.get(&embedding_name(config), Mode::Infer)?,
            layers: (0..t.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            norm: flat(&view, "norm.weight")?,
            head: Linear::new(vec![head], pack)?,
            frequencies: RotaryFrequencies::new(t),
            large,
        })
    }

    /// Whether the weights do not fit the caches, so that all threads should share each reading of
    /// them.
    pub fn is_large(&self) -> bool {
        self.large
    }

    /// Logits `[n, vocab]` of final hidden states `[n, hidden]`.
    pub fn logits(&self, hidden: &[f32], wide: bool) -> Result<Vec<f32>, PolicyError> {
        let mut out = Vec::new();
        self.head.product(hidden, &mut out, wide)?;
        Ok(out)
    }

    /// Feeds one token per sequence and returns the logits `[n, vocab]` of the next tokens. `wide`
    /// distributes each product, and attention, over all threads.
    pub fn step(&self, inputs: &mut [Input], s: &mut Scratch, wide: bool) -> Result<Vec<f32>, PolicyError> {
        let c = &self.config;
        let tokens: Vec<u32> = inputs.iter().map(|input| input.token).collect();
        s.x = ops::embedding(&self.embedding, &tokens)?.flatten_all()?.to_vec1()?;
        [&mut s.cos, &mut s.sin].into_iter().for_each(Vec::clear);
        for input in inputs.iter() {
            self.frequencies.append([input.position; 3], &mut s.cos, &mut s.sin);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            normed(&s.x, &layer.input_norm, c.rms_norm_eps, &mut s.normed);
            layer.qkv.product(&s.normed, &mut s.qkv, wide)?;
            add_all(&layer.deltas.qkv, &s.normed, &mut s.qkv, &mut s.low, wide);
            self.attend(i, inputs, s, wide);
            layer.out.product(&s.mixed, &mut s.delta, wide)?;
            add_all(&layer.deltas.out, &s.mixed, &mut s.delta, &mut s.low, wide);
            add(&mut s.x, &s.delta);
            normed(&s.x, &layer.post_norm, c.rms_norm_eps, &mut s.normed);
            layer.gate_up.product(&s.normed, &mut s.wide, wide)?;
            add_all(&layer.deltas.gate_up, &s.normed, &mut s.wide, &mut s.low, wide);
            swiglu(&s.wide, c.intermediate_size, &mut s.active);
            layer.down.product(&s.active, &mut s.delta, wide)?;
            add_all(&layer.deltas.down, &s.active, &mut s.delta, &mut s.low, wide);
            add(&mut s.x, &s.delta);
        }
        normed(&s.x, &self.norm, c.rms_norm_eps, &mut s.normed);
        self.logits(&s.normed, wide)
    }

    /// Applies norm and rotary embedding to queries and keys, caches keys and values, and writes
    /// the attention output to `s.mixed`. `wide` distributes the key heads of all rows.
    fn attend(&self, layer: usize, inputs: &mut [Input], s: &mut Scratch, wide: bool) {
        let (c, d) = (&self.config, self.config.head_dim);
        let (heads, kv_heads) = (c.num_attention_heads, c.num_key_value_heads);
        let group = heads / kv_heads;
        s.mixed.resize(inputs.len() * heads * d, 0.0);
        let width = (heads + 2 * kv_heads) * d;
        let mut tasks = Vec::with_capacity(inputs.len() * kv_heads);
        let rows = s.qkv.chunks_exact_mut(width).zip(s.mixed.chunks_exact_mut(heads * d));
        for (row, (input, (qkv, mixed))) in inputs.iter_mut().zip(rows).enumerate() {
            let angles = Angles { cos: &s.cos[row * d..][..d], sin: &s.sin[row * d..][..d] };
            let (q, rest) = qkv.split_at_mut(heads * d);
            let (k, v) = rest.split_at_mut(kv_heads * d);
            let prefix = &input.prefix[layer * kv_heads..][..kv_heads];
            let own = &mut input.own[layer * kv_heads..][..kv_heads];
            let queries = q.chunks_exact_mut(group * d).zip(mixed.chunks_exact_mut(group * d));
            let cached = k.chunks_exact_mut(d).zip(v.chunks_exact(d)).zip(prefix.iter().zip(own));
            for ((queries, out), ((key, value), (prefix, own))) in queries.zip(cached) {
                tasks.push(KeyHead { queries, key, value, prefix, own, out, angles });
            }
        }
        let (norms, eps) = (&self.layers[layer], c.rms_norm_eps);
        if wide {
            tasks.into_par_iter().for_each_init(AttendScratch::default, |s, task| task.run(norms, eps, s));
        } else {
            tasks.into_iter().for_each(|task| task.run(norms, eps, &mut s.attend));
        }
    }
}

/// One key head of one row in a step.
struct KeyHead<'a> {
    /// Of the query heads that share it.
    queries: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a [f32],
    prefix: &'a HeadCache,
    own: &'a mut HeadCache,
    out: &'a mut [f32],
    angles: Angles<'a>,
}

impl KeyHead<'_> {
    fn run(self, norms: &Layer, eps: f64, scratch: &mut AttendScratch) {
        let Self { queries, key, value, prefix, own, out, angles } = self;
        let d = key.len();
        let scale = 1.0 / (d as f32).sqrt();
        let [q_norm, k_norm] = [0, 1].map(|i| norms.qk_norm.as_ref().map(|both| both[i].as_slice()));
        for query in queries.chunks_exact_mut(d) {
            norm_and_rotate(query, q_norm, eps, angles, scale);
        }
        norm_and_rotate(key, k_norm, eps, angles, 1.0);
        own.push(key, value);
        let parts = [prefix, &*own];
        // A tile has at most eight rows, one per query head.
        for (queries, out) in queries.chunks(8 * d).zip(out.chunks_mut(8 * d)) {
            Attend { queries, head_dim: d, parts, scratch, out }.run();
        }
    }
}

/// Bytes of the language model's matrices in f32.
fn bytes(config: &Config) -> usize {
    let t = &config.text;
    let (q, kv) = (t.num_attention_heads * t.head_dim, t.num_key_value_heads * t.head_dim);
    let layer = t.hidden_size * (2 * q + 2 * kv + 3 * t.intermediate_size);
    (t.num_hidden_layers * layer + t.vocab_size * t.hidden_size) * size_of::<f32>()
}

fn flat(view: &View, name: &str) -> Result<Vec<f32>, PolicyError> {
    Ok(view.weight(name)?.values()?)
}

/// RMSNorm of every row of `x` `[n, w.len()]` with the weight `w`.
fn normed(x: &[f32], w: &[f32], eps: f64, out: &mut Vec<f32>) {
    out.resize(x.len(), 0.0);
    simd::vectorised(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(w.len()).zip(out.chunks_exact_mut(w.len())) {
                let scale = 1.0 / (simd::dot(x, x) / w.len() as f32 + eps as f32).sqrt();
                for ((o, x), w) in out.iter_mut().zip(x).zip(w) {
                    *o = x * scale * w;
                }
            }
        },
    );
}

/// Cosines and sines `[head_dim]` of one position.
#[derive(Clone, Copy)]
struct Angles<'a> {
    cos: &'a [f32],
    sin: &'a [f32],
}

/// RMSNorm of one head with the weight `w`, if any, then rotary embedding, then multiplication by
/// `scale`.
fn norm_and_rotate(x: &mut [f32], w: Option<&[f32]>, eps: f64, Angles { cos, sin }: Angles, scale: f32) {
    let (d, half) = (x.len(), x.len() / 2);
    let norm = |x: &[f32]| scale / (x.iter().map(|v| v * v).sum::<f32>() / d as f32 + eps as f32).sqrt();
    match w {
        Some(w) => {
            let norm = norm(x);
            x.iter_mut().zip(w).for_each(|(x, w)| *x = *x * norm * w);
        }
        None => x.iter_mut().for_each(|x| *x *= scale),
    }
    for i in 0..half {
        let (a, b) = (x[i], x[i + half]);
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i + half] + a * sin[i + half];
    }
}

/// `silu(gate) * up` for rows that hold `gate` and `up`, `n` values each.
fn swiglu(rows: &[f32], n: usize, out: &mut Vec<f32>) {
    out.resize(rows.len() / 2, 0.0);
    simd::vectorised(
        #[inline(always)]
        || {
            for (row, out) in rows.chunks_exact(2 * n).zip(out.chunks_exact_mut(n)) {
                let (gate, up) = row.split_at(n);
                for ((o, g), u) in out.iter_mut().zip(gate).zip(up) {
                    *o = g * simd::sigmoid(*g) * u;
                }
            }
        },
    );
}

fn add(x: &mut [f32], delta: &[f32]) {
    x.iter_mut().zip(delta).for_each(|(x, d)| *x += d);
}
