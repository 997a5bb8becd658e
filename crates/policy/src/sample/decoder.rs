//! One decoding step on plain slices: the language model with its weights packed into strips.
//!
//! The same equations as `text.rs`, for one new token per row and without a tape. Rows are
//! independent of each other to the last bit, so a completion does not depend on which others are
//! sampled with it.

use super::adapted::{LayerDeltas, Low, add_all};
use super::cache::{Attend, HeadCache};
use super::tile::Strips;
use crate::ops::simd;
use crate::text::RotaryFrequencies;
use crate::weights::{Mode, View, Weights, embedding_name, head_name, text_prefix};
use crate::{Config, PolicyError, TextConfig};

/// The language model with its weights packed for decoding.
pub(super) struct Decoder {
    config: TextConfig,
    embedding: Vec<f32>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Strips,
    frequencies: RotaryFrequencies,
}

struct Layer {
    input_norm: Vec<f32>,
    qkv: Strips,
    /// The weights of the norms of queries and keys; `None` for Llama, which has none.
    qk_norm: Option<[Vec<f32>; 2]>,
    out: Strips,
    post_norm: Vec<f32>,
    gate_up: Strips,
    down: Strips,
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
    scores: Vec<f32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
    low: Low,
}

impl Decoder {
    /// Packs a copy of the current weights.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self, PolicyError> {
        let t = &config.text;
        let view = weights.view(text_prefix(config), Mode::Infer);
        let layer = |i: usize| -> Result<Layer, PolicyError> {
            let w = view.at("layers").at(i);
            let a = w.at("self_attn");
            let (q, k, v) =
                (flat(&a, "q_proj.weight")?, flat(&a, "k_proj.weight")?, flat(&a, "v_proj.weight")?);
            let (gate, up) = (flat(&w, "mlp.gate_proj.weight")?, flat(&w, "mlp.up_proj.weight")?);
            Ok(Layer {
                input_norm: flat(&w, "input_layernorm.weight")?,
                qkv: Strips::new(&[&q, &k, &v], t.hidden_size),
                qk_norm: match t.qk_norm {
                    true => Some([flat(&a, "q_norm.weight")?, flat(&a, "k_norm.weight")?]),
                    false => None,
                },
                out: Strips::new(&[&flat(&a, "o_proj.weight")?], t.num_attention_heads * t.head_dim),
                post_norm: flat(&w, "post_attention_layernorm.weight")?,
                gate_up: Strips::new(&[&gate, &up], t.hidden_size),
                down: Strips::new(&[&flat(&w, "mlp.down_proj.weight")?], t.intermediate_size),
                deltas: LayerDeltas::new(&w, t)?,
            })
        };
        let head = weights.effective(&head_name(config))?.flatten_all()?.to_vec1::<f32>()?;
        Ok(Self {
            config: t.clone(),
            embedding: weights.effective(&embedding_name(config))?.flatten_all()?.to_vec1::<f32>()?,
            layers: (0..t.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            norm: flat(&view, "norm.weight")?,
            head: Strips::new(&[&head], t.hidden_size),
            frequencies: RotaryFrequencies::new(t),
        })
    }

    /// Bytes of the weights that every step reads.
    pub fn bytes(&self) -> usize {
        let layer = |l: &Layer| l.qkv.bytes() + l.out.bytes() + l.gate_up.bytes() + l.down.bytes();
        self.layers.iter().map(layer).sum::<usize>() + self.head.bytes()
    }

    /// Logits `[n, vocab]` of final hidden states `[n, hidden]`.
    pub fn logits(&self, hidden: &[f32], wide: bool) -> Vec<f32> {
        let mut out = Vec::new();
        self.head.product(hidden, &mut out, wide);
        out
    }

    /// Feeds one token per sequence and returns the logits `[n, vocab]` of the next tokens. `wide`
    /// distributes each product over all threads.
    pub fn step(&self, inputs: &mut [Input], s: &mut Scratch, wide: bool) -> Vec<f32> {
        let (c, hidden) = (&self.config, self.config.hidden_size);
        [&mut s.x, &mut s.cos, &mut s.sin].into_iter().for_each(Vec::clear);
        for input in inputs.iter() {
            s.x.extend_from_slice(&self.embedding[input.token as usize * hidden..][..hidden]);
            self.frequencies.append([input.position; 3], &mut s.cos, &mut s.sin);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            normed(&s.x, &layer.input_norm, c.rms_norm_eps, &mut s.normed);
            layer.qkv.product(&s.normed, &mut s.qkv, wide);
            add_all(&layer.deltas.qkv, &s.normed, &mut s.qkv, &mut s.low, wide);
            self.attend(i, inputs, s);
            layer.out.product(&s.mixed, &mut s.delta, wide);
            add_all(&layer.deltas.out, &s.mixed, &mut s.delta, &mut s.low, wide);
            add(&mut s.x, &s.delta);
            normed(&s.x, &layer.post_norm, c.rms_norm_eps, &mut s.normed);
            layer.gate_up.product(&s.normed, &mut s.wide, wide);
            add_all(&layer.deltas.gate_up, &s.normed, &mut s.wide, &mut s.low, wide);
            swiglu(&s.wide, c.intermediate_size, &mut s.active);
            layer.down.product(&s.active, &mut s.delta, wide);
            add_all(&layer.deltas.down, &s.active, &mut s.delta, &mut s.low, wide);
            add(&mut s.x, &s.delta);
        }
        normed(&s.x, &self.norm, c.rms_norm_eps, &mut s.normed);
        self.logits(&s.normed, wide)
    }

    /// Applies norm and rotary embedding to queries and keys, caches keys and values, and writes
    /// the attention output to `s.mixed`.
    fn attend(&self, layer: usize, inputs: &mut [Input], s: &mut Scratch) {
        let (c, d) = (&self.config, self.config.head_dim);
        let (heads, kv_heads) = (c.num_attention_heads, c.num_key_value_heads);
        let group = heads / kv_heads;
        let weights = &self.layers[layer];
        let scale = 1.0 / (d as f32).sqrt();
        s.mixed.resize(inputs.len() * heads * d, 0.0);
        let width = (heads + 2 * kv_heads) * d;
        for (row, input) in inputs.iter_mut().enumerate() {
            let (cos, sin) = (&s.cos[row * d..][..d], &s.sin[row * d..][..d]);
            let angles = Angles { cos, sin };
            let qkv = &mut s.qkv[row * width..][..width];
            let (q, rest) = qkv.split_at_mut(heads * d);
            let (k, v) = rest.split_at_mut(kv_heads * d);
            let [q_norm, k_norm] = [0, 1].map(|i| weights.qk_norm.as_ref().map(|both| both[i].as_slice()));
            let rotate = |x: &mut [f32], norm: Option<&[f32]>, scale: f32| {
                let heads = x.chunks_exact_mut(d);
                heads.for_each(|x| norm_and_rotate(x, norm, c.rms_norm_eps, angles, scale));
            };
            rotate(q, q_norm, scale);
            rotate(k, k_norm, 1.0);
            let out = &mut s.mixed[row * heads * d..][..heads * d];
            for h in 0..kv_heads {
                let own = &mut input.own[layer * kv_heads + h];
                own.push(&k[h * d..][..d], &v[h * d..][..d]);
                let parts = [&input.prefix[layer * kv_heads + h], &*own];
                let (q, out) = (&q[h * group * d..][..group * d], &mut out[h * group * d..][..group * d]);
                // A tile has at most eight rows, one per query head.
                for (queries, out) in q.chunks(8 * d).zip(out.chunks_mut(8 * d)) {
                    Attend { queries, head_dim: d, parts, scores: &mut s.scores, out }.run();
                }
            }
        }
    }
}

fn flat(view: &View, name: &str) -> Result<Vec<f32>, PolicyError> {
    Ok(view.get(name)?.flatten_all()?.to_vec1::<f32>()?)
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
