//! The language model: embeddings in, hidden states after the final norm out.
//!
//! Sequences are packed one after another without padding. Every token carries its own three
//! positions, so nothing here knows where images are except the rows that DeepStack adds to.

use crate::weights::View;
use crate::{PolicyError, TextConfig, ops};
use candle_core::{Device, Tensor};

/// Packed sequences, `n` tokens in all.
pub(crate) struct Packed {
    /// M-RoPE positions, `n` of them.
    pub positions: Vec<[u32; 3]>,
    /// The rows of each sequence, or of what follows a shared beginning.
    pub segments: Vec<ops::Segment>,
    /// Rows that hold image features.
    pub image_rows: Vec<u32>,
    /// Rows whose hidden states are wanted.
    pub keep: Vec<u32>,
}

/// Keys and values of one layer, `[n, kv_heads, head_dim]` each, keys already turned.
pub(crate) type KeyValue = (Tensor, Tensor);

/// Runs all layers over the embeddings `x` `[n, hidden]` and returns the kept rows after the final
/// norm. `deep` holds one row per image row for each of the first layers; `cache` receives keys and
/// values.
pub(crate) fn forward(
    config: &TextConfig,
    w: &View,
    mut x: Tensor,
    (packed, deep): (&Packed, &[Tensor]),
    mut cache: Option<&mut Vec<KeyValue>>,
) -> Result<Tensor, PolicyError> {
    let (cos, sin) = rotary(config, &packed.positions)?;
    let image_rows = Tensor::new(packed.image_rows.as_slice(), &Device::Cpu)?;
    let last = config.num_hidden_layers - 1;
    for i in 0..config.num_hidden_layers {
        let w = w.at("layers").at(i);
        let normed = norm(config, &w, "input_layernorm.weight", &x)?;
        let (q, k, v) = heads(config, &w.at("self_attn"), &normed, (&cos, &sin))?;
        let mixed = ops::attention(&q, &k, &v, &packed.segments, true)?.flatten_from(1)?;
        if let Some(cache) = cache.as_deref_mut() {
            cache.push((k, v));
        }
        // After the last attention a row no longer looks at others, so only the wanted rows go on.
        let narrow = i == last && deep.len() <= last;
        let (rest, mixed) = if narrow {
            (ops::embedding(&x, &packed.keep)?, ops::embedding(&mixed, &packed.keep)?)
        } else {
            (x, mixed)
        };
        x = (rest + ops::linear(&mixed, &w.get("self_attn.o_proj.weight")?, None)?)?;
        x = (&x + mlp(&w.at("mlp"), &norm(config, &w, "post_attention_layernorm.weight", &x)?)?)?;
        if let Some(rows) = deep.get(i) {
            x = x.index_add(&image_rows, rows, 0)?;
        }
        if i == last && !narrow {
            x = ops::embedding(&x, &packed.keep)?;
        }
    }
    norm(config, w, "norm.weight", &x)
}

/// Queries, keys and values by heads, normalised and turned.
fn heads(
    config: &TextConfig,
    w: &View,
    x: &Tensor,
    (cos, sin): (&Tensor, &Tensor),
) -> Result<(Tensor, Tensor, Tensor), PolicyError> {
    let (n, d) = (x.dim(0)?, config.head_dim);
    let project = |name: &str, heads: usize| -> Result<Tensor, PolicyError> {
        Ok(ops::linear(x, &w.get(name)?, None)?.reshape((n, heads, d))?)
    };
    let q = project("q_proj.weight", config.num_attention_heads)?;
    let k = project("k_proj.weight", config.num_key_value_heads)?;
    let v = project("v_proj.weight", config.num_key_value_heads)?;
    let q = ops::rope(&norm(config, w, "q_norm.weight", &q)?, cos, sin)?;
    let k = ops::rope(&norm(config, w, "k_norm.weight", &k)?, cos, sin)?;
    Ok((q, k, v))
}

fn mlp(w: &View, x: &Tensor) -> Result<Tensor, PolicyError> {
    let inner = ops::gated_linear(x, &w.get("gate_proj.weight")?, &w.get("up_proj.weight")?)?;
    Ok(ops::linear(&inner, &w.get("down_proj.weight")?, None)?)
}

fn norm(config: &TextConfig, w: &View, name: &str, x: &Tensor) -> Result<Tensor, PolicyError> {
    Ok(ops::rms_norm(x, &w.get(name)?, config.rms_norm_eps)?)
}

/// cos and sin `[n, head_dim]` of interleaved M-RoPE.
fn rotary(config: &TextConfig, positions: &[[u32; 3]]) -> Result<(Tensor, Tensor), PolicyError> {
    let turns = Turns::new(config);
    let (mut cos, mut sin) = (Vec::new(), Vec::new());
    for position in positions {
        turns.append(*position, &mut cos, &mut sin);
    }
    let shape = (positions.len(), config.head_dim);
    Ok((Tensor::from_vec(cos, shape, &Device::Cpu)?, Tensor::from_vec(sin, shape, &Device::Cpu)?))
}

/// The rotary frequencies and the axis that each turns with.
pub(crate) struct Turns(Vec<(usize, f32)>);

impl Turns {
    /// Frequencies 1, 4, 7, .. turn with height and 2, 5, 8, .. with width, as many as the section
    /// says; all others turn with time.
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

    /// Appends `head_dim` cosines and sines of one position; the second half repeats the first.
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
    fn frequencies_interleave_the_axes() {
        let mut config = small_config().text;
        (config.head_dim, config.mrope_section) = (16, [4, 2, 2]);
        let axes: Vec<usize> = Turns::new(&config).0.iter().map(|(axis, _)| *axis).collect();
        assert_eq!(axes, [0, 1, 2, 0, 1, 2, 0, 0]);
    }
}
