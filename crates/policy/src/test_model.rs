//! A small model configuration for unit tests.

use crate::{Config, ImageTokens, TextConfig, VisionConfig};

/// Three decoder layers, a vision tower of two blocks, one DeepStack level.
pub(crate) fn small_config() -> Config {
    Config {
        text: TextConfig {
            vocab_size: 300,
            hidden_size: 32,
            intermediate_size: 48,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 8,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            mrope_section: [2, 1, 1],
            qk_norm: true,
        },
        vision: Some(VisionConfig {
            tokens: ImageTokens { image: 290, video: 291, vision_start: 292, vision_end: 293 },
            depth: 2,
            hidden_size: 16,
            num_heads: 2,
            intermediate_size: 24,
            in_channels: 3,
            patch_size: 4,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: 32,
            num_position_embeddings: 16,
            deepstack_visual_indexes: vec![0],
        }),
        tie_word_embeddings: true,
    }
}
