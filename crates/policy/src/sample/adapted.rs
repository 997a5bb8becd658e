//! Adapters in a decoding step: the packed weights stay as they are, and every adapted layer adds
//! `s B (A x)` to its outputs.

use super::tile::Strips;
use crate::PolicyError;
use crate::weights::View;

/// The adapter of one linear layer, packed.
pub(super) struct Delta {
    a: Strips,
    b: Strips,
    /// The layer's first column in the output.
    at: usize,
    outputs: usize,
}

/// Buffers of [`Delta::add`].
#[derive(Default)]
pub(super) struct Low {
    low: Vec<f32>,
    out: Vec<f32>,
}

impl Delta {
    /// The adapters of layers whose outputs, of these widths, lie side by side.
    pub fn of(view: &View, layers: &[(&str, usize)]) -> Result<Vec<Self>, PolicyError> {
        let (mut at, mut all) = (0, Vec::new());
        for (name, outputs) in layers {
            if let Some(adapted) = view.adapted(name) {
                let [(a, cin), (b, rank)] = adapted.factors()?;
                all.push(Self {
                    a: Strips::new(&[&a], cin),
                    b: Strips::new(&[&b], rank),
                    at,
                    outputs: *outputs,
                });
            }
            at += outputs;
        }
        Ok(all)
    }

    /// Adds the adapter's output for `x` `[n, cin]` to `out` `[n, ..]`.
    pub fn add(&self, x: &[f32], out: &mut [f32], buffers: &mut Low, wide: bool) {
        self.a.product(x, &mut buffers.low, wide);
        self.b.product(&buffers.low, &mut buffers.out, wide);
        let rows = buffers.out.chunks_exact(self.outputs);
        let width = out.len() / rows.len();
        for (row, more) in out.chunks_exact_mut(width).zip(rows) {
            row[self.at..][..self.outputs].iter_mut().zip(more).for_each(|(o, m)| *o += m);
        }
    }
}

/// Adds the outputs of all adapters of some layers.
pub(super) fn add_all(deltas: &[Delta], x: &[f32], out: &mut [f32], buffers: &mut Low, wide: bool) {
    deltas.iter().for_each(|delta| delta.add(x, out, buffers, wide));
}

/// The adapters of one decoder layer, by packed weight.
#[derive(Default)]
pub(super) struct LayerDeltas {
    pub qkv: Vec<Delta>,
    pub out: Vec<Delta>,
    pub gate_up: Vec<Delta>,
    pub down: Vec<Delta>,
}

impl LayerDeltas {
    /// Of the decoder layer of this view.
    pub fn new(w: &View, config: &crate::TextConfig) -> Result<Self, PolicyError> {
        let d = config.head_dim;
        let (q, kv) = (config.num_attention_heads * d, config.num_key_value_heads * d);
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (a, m) = (w.at("self_attn"), w.at("mlp"));
        Ok(Self {
            qkv: Delta::of(&a, &[("q_proj.weight", q), ("k_proj.weight", kv), ("v_proj.weight", kv)])?,
            out: Delta::of(&a, &[("o_proj.weight", hidden)])?,
            gate_up: Delta::of(&m, &[("gate_proj.weight", inner), ("up_proj.weight", inner)])?,
            down: Delta::of(&m, &[("down_proj.weight", hidden)])?,
        })
    }
}
