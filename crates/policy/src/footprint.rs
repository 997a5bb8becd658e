//! How much memory the passes of a model take, by arithmetic: the ops' buffers are listed here, so
//! whoever adds a buffer to `text.rs`, `vision.rs` or `sample.rs` adds it here as well.

use crate::Config;
use crate::model::MAX_FEATURE_BYTES;
use crate::sample::{LANES, PREFILL, SHARED_BYTES};
use crate::weights::{specs, text_prefix};

/// Bytes of one f32.
const F32: usize = 4;

/// The sizes of a model's buffers in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Footprint<'a> {
    config: &'a Config,
}

impl<'a> Footprint<'a> {
    /// Of a model of this configuration.
    pub fn new(config: &'a Config) -> Self {
        Self { config }
    }

    /// Widths of one token: states, queries, keys, the inner states of the SwiGLU.
    fn widths(&self) -> [usize; 4] {
        let t = &self.config.text;
        let d = t.head_dim;
        [t.hidden_size, t.num_attention_heads * d, t.num_key_value_heads * d, t.intermediate_size]
    }

    fn layers(&self) -> usize {
        self.config.text.num_hidden_layers
    }

    /// Numbers of all parameters under a prefix.
    fn numbers(&self, prefix: &str) -> usize {
        let of = specs(self.config).into_iter().filter(|(name, _)| name.starts_with(prefix));
        of.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// What one decoder layer keeps on the tape for `rows` tokens: its norms and residuals; queries
    /// and keys as projected, normed and rotated; values and mixed values; gate, input and product
    /// of the SwiGLU.
    pub fn layer_tape(&self, rows: usize) -> usize {
        let [h, q, kv, inner] = self.widths();
        rows * (6 * h + 4 * q + 4 * kv + 3 * inner) * F32
    }

    /// What a backward pass of one layer holds at its peak besides the tape: the gradients of the
    /// three inner states and of two states.
    pub fn layer_backward(&self, rows: usize) -> usize {
        let [h, _, _, inner] = self.widths();
        rows * (2 * h + 3 * inner) * F32
    }

    /// The states of `rows` tokens.
    pub fn states(&self, rows: usize) -> usize {
        rows * self.widths()[0] * F32
    }

    /// What a forward pass without a tape holds at its peak for `rows` tokens: the SwiGLU's inner
    /// states beside the residual, with the rotary tables.
    pub fn forward(&self, rows: usize) -> usize {
        let [h, q, kv, inner] = self.widths();
        let attention = 3 * q + 4 * kv + 3 * h;
        rows * (attention.max(3 * inner + 3 * h) + 2 * self.config.text.head_dim) * F32
    }

    /// The vision tower's pass without a tape over images of `tokens` language tokens.
    pub fn tower(&self, tokens: usize) -> usize {
        let Some(v) = &self.config.vision else { return 0 };
        let wide = (2 * v.intermediate_size + 3 * v.hidden_size).max(7 * v.hidden_size);
        tokens * v.merge_unit() * (2 * v.patch_len() + wide) * F32
    }

    /// The features of images of `tokens` language tokens, as far as they are kept.
    pub fn features(&self, tokens: usize) -> usize {
        let levels = self.config.vision.as_ref().map_or(0, |v| v.deepstack_visual_indexes.len());
        (tokens * self.widths()[0] * (1 + levels) * F32).min(MAX_FEATURE_BYTES)
    }

    /// The sampler's copy of a small language model: packed matrices and the head. Larger ones are
    /// read in place.
    pub fn decoder(&self) -> usize {
        let t = &self.config.text;
        let layers = self.numbers(&format!("{}.layers.", text_prefix(self.config)));
        let packed = (layers + t.vocab_size * t.hidden_size) * F32;
        if packed > SHARED_BYTES { 0 } else { packed }
    }

    /// The keys and values of `tokens` tokens in the sampler.
    pub fn cache(&self, tokens: usize) -> usize {
        let t = &self.config.text;
        let heads = self.layers() * t.num_key_value_heads;
        tokens * heads * (t.head_dim + t.head_dim.next_multiple_of(LANES)) * F32
    }

    /// What prefilling prompts of `tokens` tokens in total, of which the longest has `longest`,
    /// holds besides their cache: one pack's forward pass, and its keys and values.
    pub fn prefill(&self, tokens: usize, longest: usize) -> usize {
        let rows = tokens.min(PREFILL.max(longest));
        let [_, _, kv, _] = self.widths();
        self.forward(rows) + rows * self.layers() * 2 * kv * F32
    }

    /// The logits of `rows` completions in one decoding step, and as sums of strips.
    pub fn step(&self, rows: usize) -> usize {
        2 * rows * self.config.text.vocab_size * F32
    }

    /// Decoder layers.
    pub fn depth(&self) -> usize {
        self.layers()
    }
}
