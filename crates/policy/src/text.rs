//! The language model: embeddings in, hidden states after the final norm out.
//!
//! Sequences are packed one after another without padding. Every token carries its own three
//! positions, so only DeepStack, which adds to image rows, needs to know where images are.

use crate::weights::View;
use crate::{PolicyError, TextConfig, ops};
use candle_core::{Device, Tensor};

/// The layout of packed sequences with `n` tokens in total.
pub(crate) struct Packed {
    /// M-RoPE positions `[t, h, w]` of the `n` tokens.
    pub positions: Vec<[u32; 3]>,
    /// The rows of each sequence, or of its part after a shared prefix.
    pub segments: Vec<ops::Segment>,
    /// Rows that hold image features.
    pub image_rows: Vec<u32>,
    /// Rows whose hidden states are returned.
    pub keep: Vec<u32>,
}

/// The input of [`forward`].
pub(crate) struct TextInput<'a> {
    /// Embeddings of tokens and images `[n, hidden]`.
    pub embeds: Tensor,
    /// The sequences in `embeds`.
    pub packed: &'a Packed,
    /// DeepStack features for the first layers, `[image rows, hidden]` each.
    pub deep: &'a [Tensor],
}

/// The keys and values of one layer.
pub(crate) struct KeyValue {
    /// `[n, kv_heads, head_dim]`, after rotary embedding.
    pub keys: Tensor,
    /// `[n, kv_heads, head_dim]`.
    pub values: Tensor,
}

/// What all layers of one forward pass share.
pub(crate) struct Blocks<'a> {
    config: &'a TextConfig,
    packed: &'a Packed,
    cos: Tensor,
    sin: Tensor,
    image_rows: Tensor,
    /// How many of the first layers DeepStack adds to.
    deep: usize,
}

impl<'a> Blocks<'a> {
    /// Of these sequences, with `deep` levels of DeepStack.
    pub fn new(config: &'a TextConfig, packed: &'a Packed, deep: usize) -> Result<Self, PolicyError> {
        let (cos, sin) = rotary(config, &packed.positions)?;
        let image_rows = Tensor::new(packed.image_rows.as_slice(), &Device::Cpu)?;
        Ok(Self { config, packed, cos, sin, image_rows, deep })
    }

    /// Layer `i` of the view `w` of the language model, for states `x` `[n, hidden]`; `deep` are
    /// its DeepStack features. The last layer returns the kept rows only. If given, `cache`
    /// receives the keys and values.
    pub fn run(
        &self,
        w: &View,
        i: usize,
        x: Tensor,
        deep: Option<&Tensor>,
        cache: Option<&mut Vec<KeyValue>>,
    ) -> Result<Tensor, PolicyError> {
        let (config, packed) = (self.config, self.packed);
        let w = w.at("layers").at(i);
        let normed = norm(config, &w, "input_layernorm.weight", &x)?;
        let (q, k, v) = heads(config, &w.at("self_attn"), &normed, (&self.cos, &self.sin))?;
        let mixed = ops::attention(&q, &k, &v, &packed.segments, true)?.flatten_from(1)?;
        if let Some(cache) = cache {
            cache.push(KeyValue { keys: k, values: v });
        }
        // After the last attention rows are independent, so the others can be dropped here, unless
        // DeepStack still adds to this layer.
        let last = config.num_hidden_layers - 1;
        let narrow = i == last && self.deep <= last;
        let (rest, mixed) = if narrow {
            (ops::embedding(&x, &packed.keep)?, ops::embedding(&mixed, &packed.keep)?)
        } else {
            (x, mixed)
        };
        let mut x = (rest + w.project("self_attn.o_proj.weight", &mixed)?)?;
        x = (&x + mlp(&w.at("mlp"), &norm(config, &w, "post_attention_layernorm.weight", &x)?)?)?;
        if let Some(rows) = deep {
            x = x.index_add(&self.image_rows, rows, 0)?;
        }
        if i == last && !narrow {
            x = ops::embedding(&x, &packed.keep)?;
        }
        Ok(x)
    }

    /// The final norm.
    pub fn finish(&self, w: &View, x: &Tensor) -> Result<Tensor, PolicyError> {
        norm(self.config, w, "norm.weight", x)
    }
}

/// Runs all layers and returns the kept rows after the final norm, `[kept, hidden]`. If given,
/// `cache` receives the keys and values of every layer.
pub(crate) fn forward(
    config: &TextConfig,
    w: &View,
    input: TextInput,
    mut cache: Option<&mut Vec<KeyValue>>,
) -> Result<Tensor, PolicyError> {
    let TextInput { embeds: mut x, packed, deep } = input;
    let blocks = Blocks::new(config, packed, deep.len())?;
    for i in 0..config.num_hidden_layers {
        x = blocks.run(w, i, x, deep.get(i), cache.as_deref_mut())?;
    }
    blocks.finish(w, &x)
}

/// Queries, keys and values by head; queries and keys after norm and rotary embedding.
fn heads(
    config: &TextConfig,
    w: &View,
    x: &Tensor,
    (cos, sin): (&Tensor, &Tensor),
) -> Result<(Tensor, Tensor, Tensor), PolicyError> {
    let (n, d) = (x.dim(0)?, config.head_dim);
    let project = |name: &str, heads: usize| -> Result<Tensor, PolicyError> {
        Ok(w.project(name, x)?.reshape((n, heads, d))?)
    };
    let q = project("q_proj.weight", config.num_attention_heads)?;
    let k = project("k_proj.weight", config.num_key_value_heads)?;
    let v = project("v_proj.weight", config.num_key_value_heads)?;
    let normed = |name: &str, x: Tensor| if config.qk_norm { norm(config, w, name, &x) } else { Ok(x) };
    let q = ops::rope(&normed("q_norm.weight", q)?, cos, sin)?;
    let k = ops::rope(&normed("k_norm.weight", k)?, cos, sin)?;
    Ok((q, k, v))
}

fn mlp(w: &View, x: &Tensor) -> Result<Tensor, PolicyError> {
    let names = ["gate_proj.weight", "up_proj.weight"];
    let inner = match names.iter().any(|name| w.adapted(name).is_some()) {
        true => ops::gated(&w.project(names[0], x)?, &w.project(names[1], x)?)?,
        false => ops::gated_linear(x, &w.weight(names[0])?, &w.weight(names[1])?)?,
    };
    w.project("down_proj.weight", &inner)
}

fn norm(config: &TextConfig, w: &View, name: &str, x: &Tensor) -> Result<Tensor, PolicyError> {
    Ok(ops::rms_norm(x, &w.get(name)?, config.rms_norm_eps)?)
}

/// The cosine and sine tables `[n, head_dim]` of interleaved M-RoPE.
fn rotary(config: &TextConfig, positions: &[[u32; 3]]) -> Result<(Tensor, Tensor), PolicyError> {
    let frequencies = RotaryFrequencies::new(config);
    let (mut cos, mut sin) = (Vec::new(), Vec::new());
    for position in positions {
        frequencies.append(*position, &mut cos, &mut sin);
    }
    let shape = (positions.len(), config.head_dim);
    Ok((Tensor::from_vec(cos, shape, &Device::Cpu)?, Tensor::from_vec(sin, shape, &Device::Cpu)?))
}

/// The rotary frequencies of M-RoPE, each with the index of its axis (time, height, width).
pub(crate) struct RotaryFrequencies(Vec<(usize, f32)>);

impl RotaryFrequencies {
    /// Frequencies 1, 4, 7, .. rotate with height and 2, 5, 8, .. with width, as many of each as
    /// `mrope_section` says; all others rotate with time.
    pub fn new(config: &TextConfig) -> Self {
        let [_, height, width] = config.mrope_section;
        let axis = |i: usize| match i % 3 {
            1 if i < 3 * height => 1,
            2 if i < 3 * width => 2,
            _ => 0,
        };
        let freq = |i: usize| 1.0 / config.rope_theta.powf((2 * i) as f32 / config.head_dim as f32);
        Self((0..config.head_dim / 2).map(|i| (axis(i), freq(i))).collect())
    }

    /// Appends the `head_dim` cosines and sines of one position; the second half repeats the first.
    pub fn append(&self, position: [u32; 3], cos: &mut Vec<f32>, sin: &mut Vec<f32>) {
        let start = cos.len();
        for &(axis, freq) in &self.0 {
            let (s, c) = (position[axis] as f32 * freq).sin_cos();
            cos.push(c);
            sin.push(s);
        }
        cos.extend_from_within(start..);
        sin.extend_from_within(start..);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_model::small_config;

    #[test]
    fn rotary_frequencies_interleave_the_axes() {
        let mut config = small_config().text;
        (config.head_dim, config.mrope_section) = (16, [4, 2, 2]);
        let axes: Vec<usize> = RotaryFrequencies::new(&config).0.iter().map(|(axis, _)| *axis).collect();
        assert_eq!(axes, [0, 1, 2, 0, 1, 2, 0, 0]);
    }
}
