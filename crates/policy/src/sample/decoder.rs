//! One decoding step on plain slices: the language model with its weights laid out in strips.
//!
//! The same equations as `text.rs`, for one new token per row and without a tape. Rows are
//! independent of each other, down to the last bit, so a completion does not change with the
//! company it is drawn in.

use super::cache::{Attend, HeadCache};
use super::tile::Strips;
use crate::model::head_name;
use crate::ops::simd;
use crate::text::Turns;
use crate::weights::{EMBEDDING, Mode, TEXT, View, Weights};
use crate::{Config, PolicyError, TextConfig};

/// The weights of the language model, as decoding reads them.
pub(super) struct Decoder {
    config: TextConfig,
    embedding: Vec<f32>,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Strips,
    turns: Turns,
}

struct Layer {
    input_norm: Vec<f32>,
    qkv: Strips,
    q_norm: Vec<f32>,
    k_norm: Vec<f32>,
    out: Strips,
    post_norm: Vec<f32>,
    gate_up: Strips,
    down: Strips,
}

/// What decoding must know of one sequence.
pub(super) struct Place<'a> {
    /// The token to feed.
    pub token: u32,
    /// Its position on all three axes.
    pub position: u32,
    /// The prompt's part, `[layers * kv_heads]`.
    pub prefix: &'a [HeadCache],
    /// The sequence's own part, likewise.
    pub own: &'a mut [HeadCache],
}

/// Buffers that live from step to step.
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
}

impl Decoder {
    /// Lays out the weights as they are now.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self, PolicyError> {
        let t = &config.text;
        let view = weights.view(TEXT, Mode::Infer);
        let layer = |i: usize| -> Result<Layer, PolicyError> {
            let w = view.at("layers").at(i);
            let a = w.at("self_attn");
            let (q, k, v) =
                (flat(&a, "q_proj.weight")?, flat(&a, "k_proj.weight")?, flat(&a, "v_proj.weight")?);
            let (gate, up) = (flat(&w, "mlp.gate_proj.weight")?, flat(&w, "mlp.up_proj.weight")?);
            Ok(Layer {
                input_norm: flat(&w, "input_layernorm.weight")?,
                qkv: Strips::new(&[&q, &k, &v], t.hidden_size),
                q_norm: flat(&a, "q_norm.weight")?,
                k_norm: flat(&a, "k_norm.weight")?,
                out: Strips::new(&[&flat(&a, "o_proj.weight")?], t.num_attention_heads * t.head_dim),
                post_norm: flat(&w, "post_attention_layernorm.weight")?,
                gate_up: Strips::new(&[&gate, &up], t.hidden_size),
                down: Strips::new(&[&flat(&w, "mlp.down_proj.weight")?], t.intermediate_size),
            })
        };
        let head = weights.var(head_name(config))?.flatten_all()?.to_vec1::<f32>()?;
        Ok(Self {
            config: t.clone(),
            embedding: weights.var(EMBEDDING)?.flatten_all()?.to_vec1::<f32>()?,
            layers: (0..t.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            norm: flat(&view, "norm.weight")?,
            head: Strips::new(&[&head], t.hidden_size),
            turns: Turns::new(t),
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

    /// Feeds one token per place and returns the logits `[n, vocab]` of what follows. `wide`
    /// spreads each product over all threads.
    pub fn step(&self, places: &mut [Place], s: &mut Scratch, wide: bool) -> Vec<f32> {
        let (c, hidden) = (&self.config, self.config.hidden_size);
        [&mut s.x, &mut s.cos, &mut s.sin].into_iter().for_each(Vec::clear);
        for place in places.iter() {
            s.x.extend_from_slice(&self.embedding[place.token as usize * hidden..][..hidden]);
            self.turns.append([place.position; 3], &mut s.cos, &mut s.sin);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            normed(&s.x, &layer.input_norm, c.rms_norm_eps, &mut s.normed);
            layer.qkv.product(&s.normed, &mut s.qkv, wide);
            self.attend(i, places, s);
            layer.out.product(&s.mixed, &mut s.delta, wide);
            add(&mut s.x, &s.delta);
            normed(&s.x, &layer.post_norm, c.rms_norm_eps, &mut s.normed);
            layer.gate_up.product(&s.normed, &mut s.wide, wide);
            swiglu(&s.wide, c.intermediate_size, &mut s.active);
            layer.down.product(&s.active, &mut s.delta, wide);
            add(&mut s.x, &s.delta);
        }
        normed(&s.x, &self.norm, c.rms_norm_eps, &mut s.normed);
        self.logits(&s.normed, wide)
    }

    /// Normalises and turns queries and keys, remembers keys and values, mixes into `s.mixed`.
    fn attend(&self, layer: usize, places: &mut [Place], s: &mut Scratch) {
        let (c, d) = (&self.config, self.config.head_dim);
        let (heads, kv_heads) = (c.num_attention_heads, c.num_key_value_heads);
        let group = heads / kv_heads;
        let weights = &self.layers[layer];
        let scale = 1.0 / (d as f32).sqrt();
        s.mixed.resize(places.len() * heads * d, 0.0);
        let width = (heads + 2 * kv_heads) * d;
        for (row, place) in places.iter_mut().enumerate() {
            let (cos, sin) = (&s.cos[row * d..][..d], &s.sin[row * d..][..d]);
            let qkv = &mut s.qkv[row * width..][..width];
            let (q, rest) = qkv.split_at_mut(heads * d);
            let (k, v) = rest.split_at_mut(kv_heads * d);
            let turn = |x: &mut [f32], norm: &[f32], scale: f32| {
                x.chunks_exact_mut(d).for_each(|x| turned(x, (norm, c.rms_norm_eps), (cos, sin), scale));
            };
            turn(q, &weights.q_norm, scale);
            turn(k, &weights.k_norm, 1.0);
            let out = &mut s.mixed[row * heads * d..][..heads * d];
            for h in 0..kv_heads {
                let own = &mut place.own[layer * kv_heads + h];
                own.push(&k[h * d..][..d], &v[h * d..][..d]);
                let parts = [&place.prefix[layer * kv_heads + h], &*own];
                let (q, out) = (&q[h * group * d..][..group * d], &mut out[h * group * d..][..group * d]);
                // A tile takes eight query heads at once.
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

/// RMSNorm of every row of `x`, as wide as the weight `w`.
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

/// RMSNorm of one head, rotation of its halves against each other, and a scale on top.
fn turned(x: &mut [f32], (w, eps): (&[f32], f64), (cos, sin): (&[f32], &[f32]), scale: f32) {
    let (d, half) = (x.len(), x.len() / 2);
    let norm = scale / (x.iter().map(|v| v * v).sum::<f32>() / d as f32 + eps as f32).sqrt();
    for i in 0..half {
        let (a, b) = (x[i] * norm * w[i], x[i + half] * norm * w[i + half]);
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i + half] + a * sin[i + half];
    }
}

/// silu(gate) * up for rows of `[gate, up]`, each `n` wide.
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
