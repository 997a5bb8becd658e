//! The configuration of a Qwen3-VL: the `config.json` of `Qwen3VLForConditionalGeneration`.
//!
//! Keys that do not affect the result are ignored. Keys that would affect it in a way that this
//! crate does not implement (another activation, attention biases, a scaled RoPE) are errors,
//! because the model would silently compute something else.

use crate::PolicyError;
use crate::node::{Node, read_json};
use serde_json::{Value, json};
use std::path::Path;

/// The configuration of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The language model.
    pub text: TextConfig,
    /// The vision tower.
    pub vision: VisionConfig,
    /// `image_token_id`: the placeholder of one merged image patch.
    pub image_token_id: u32,
    /// `video_token_id`: only kept for saving; videos are not supported.
    pub video_token_id: u32,
    /// `vision_start_token_id`.
    pub vision_start_token_id: u32,
    /// `vision_end_token_id`.
    pub vision_end_token_id: u32,
    /// Whether the output head is the embedding matrix.
    pub tie_word_embeddings: bool,
}

/// `text_config`; the names are those of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TextConfig {
    /// Entries of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the SwiGLU.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Epsilon of every RMSNorm.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Number of frequencies that rotate with time, height and width; sums to `head_dim / 2`.
    pub mrope_section: [usize; 3],
}

/// `vision_config`; the names are those of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// Number of blocks.
    pub depth: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Attention heads; the width of each head must be a multiple of 4.
    pub num_heads: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Colour channels.
    pub in_channels: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Number of frames in a patch.
    pub temporal_patch_size: usize,
    /// Side, in patches, of the square that becomes one language token.
    pub spatial_merge_size: usize,
    /// Width of the merged features: the language model's `hidden_size`.
    pub out_hidden_size: usize,
    /// Entries of the learned square position table.
    pub num_position_embeddings: usize,
    /// Blocks whose merged outputs are added to the first language layers (DeepStack), in order.
    pub deepstack_visual_indexes: Vec<usize>,
}

impl VisionConfig {
    /// Number of values in one flattened patch.
    pub fn patch_len(&self) -> usize {
        self.in_channels * self.temporal_patch_size * self.patch_size * self.patch_size
    }

    /// Number of patches that become one language token.
    pub fn merge_unit(&self) -> usize {
        self.spatial_merge_size * self.spatial_merge_size
    }
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// A missing file, invalid JSON, or a missing or unsupported key; the message names it.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        Self::from_json(&read_json(path, "give the folder of a Hugging Face Qwen3-VL model")?, path)
    }

    /// Reads the parsed file; `path` is only used in errors.
    ///
    /// # Errors
    /// A missing or unsupported key; the message names it.
    pub fn from_json(value: &Value, path: &Path) -> Result<Self, PolicyError> {
        let root = Node::root(value, path);
        let (text_node, vision_node) = (root.child("text_config")?, root.child("vision_config")?);
        let tied = match root.value.get("tie_word_embeddings").or(text_node.value.get("tie_word_embeddings"))
        {
            None => false,
            Some(v) => {
                v.as_bool().ok_or_else(|| root.wrong("tie_word_embeddings", "is not true or false"))?
            }
        };
        let config = Self {
            text: text(&text_node)?,
            vision: vision(&vision_node)?,
            image_token_id: root.id("image_token_id")?,
            video_token_id: root.id("video_token_id")?,
            vision_start_token_id: root.id("vision_start_token_id")?,
            vision_end_token_id: root.id("vision_end_token_id")?,
            tie_word_embeddings: tied,
        };
        config.check(path)?;
        Ok(config)
    }

    /// Returns an error if values are inconsistent with each other.
    pub(crate) fn check(&self, path: &Path) -> Result<(), PolicyError> {
        let (t, v) = (&self.text, &self.vision);
        let wrong = |key: &str, message: &str| {
            let (key, message) = (key.to_string(), message.to_string());
            Err(PolicyError::Config { path: path.into(), key, message })
        };
        if t.num_key_value_heads == 0 || !t.num_attention_heads.is_multiple_of(t.num_key_value_heads) {
            return wrong("text_config.num_key_value_heads", "does not divide num_attention_heads");
        }
        if t.head_dim == 0 || !t.head_dim.is_multiple_of(2) {
            return wrong("text_config.head_dim", "is not a positive even number");
        }
        if t.mrope_section.iter().sum::<usize>() != t.head_dim / 2 {
            return wrong("text_config.rope_scaling.mrope_section", "does not sum to head_dim / 2");
        }
        if v.num_heads == 0 || !v.hidden_size.is_multiple_of(v.num_heads * 4) {
            return wrong(
                "vision_config.num_heads",
                "does not divide hidden_size into heads whose width is a multiple of 4",
            );
        }
        if v.out_hidden_size != t.hidden_size {
            return wrong("vision_config.out_hidden_size", "differs from text_config.hidden_size");
        }
        if v.num_position_embeddings.isqrt().pow(2) != v.num_position_embeddings {
            return wrong("vision_config.num_position_embeddings", "is not a square number");
        }
        if v.spatial_merge_size == 0 {
            return wrong("vision_config.spatial_merge_size", "is zero");
        }
        let deep = &v.deepstack_visual_indexes;
        if deep.len() > t.num_hidden_layers || deep.iter().any(|&i| i >= v.depth) {
            return wrong(
                "vision_config.deepstack_visual_indexes",
                "names a block that does not exist or has more entries than language layers",
            );
        }
        Ok(())
    }

    /// The `config.json` in transformers' format.
    pub fn to_json(&self) -> Value {
        json!({
            "architectures": ["Qwen3VLForConditionalGeneration"],
            "model_type": "qwen3_vl",
            "image_token_id": self.image_token_id,
            "video_token_id": self.video_token_id,
            "vision_start_token_id": self.vision_start_token_id,
            "vision_end_token_id": self.vision_end_token_id,
            "tie_word_embeddings": self.tie_word_embeddings,
            "dtype": "float32",
            "text_config": text_json(&self.text, self.tie_word_embeddings),
            "vision_config": vision_json(&self.vision),
        })
    }
}

fn text_json(t: &TextConfig, tied: bool) -> Value {
    json!({
        "model_type": "qwen3_vl_text",
        "vocab_size": t.vocab_size,
        "hidden_size": t.hidden_size,
        "intermediate_size": t.intermediate_size,
        "num_hidden_layers": t.num_hidden_layers,
        "num_attention_heads": t.num_attention_heads,
        "num_key_value_heads": t.num_key_value_heads,
        "head_dim": t.head_dim,
        "hidden_act": "silu",
        "attention_bias": false,
        "attention_dropout": 0.0,
        "max_position_embeddings": 262144,
        "rms_norm_eps": t.rms_norm_eps,
        "rope_theta": t.rope_theta,
        "rope_scaling": {
            "rope_type": "default",
            "mrope_interleaved": true,
            "mrope_section": t.mrope_section,
        },
        "tie_word_embeddings": tied,
        "dtype": "float32",
    })
}

fn vision_json(v: &VisionConfig) -> Value {
    json!({
        "model_type": "qwen3_vl_vision",
        "depth": v.depth,
        "hidden_size": v.hidden_size,
        "hidden_act": "gelu_pytorch_tanh",
        "num_heads": v.num_heads,
        "intermediate_size": v.intermediate_size,
        "in_channels": v.in_channels,
        "patch_size": v.patch_size,
        "temporal_patch_size": v.temporal_patch_size,
        "spatial_merge_size": v.spatial_merge_size,
        "out_hidden_size": v.out_hidden_size,
        "num_position_embeddings": v.num_position_embeddings,
        "deepstack_visual_indexes": v.deepstack_visual_indexes,
        "dtype": "float32",
    })
}

fn text(node: &Node) -> Result<TextConfig, PolicyError> {
    node.only("hidden_act", &json!("silu"))?;
    node.only("attention_bias", &json!(false))?;
    // transformers 5 has all rotary settings in one object; 4 has theta beside `rope_scaling`.
    let rope = node.optional("rope_parameters").or_else(|| node.optional("rope_scaling"));
    let rope = rope.ok_or_else(|| node.wrong("rope_scaling", "is missing"))?;
    rope.only("rope_type", &json!("default"))?;
    rope.only("mrope_interleaved", &json!(true))?;
    let theta = if rope.value.get("rope_theta").is_some() { &rope } else { node };
    let (heads, hidden) = (node.usize("num_attention_heads")?, node.usize("hidden_size")?);
    let section = rope.usizes("mrope_section")?;
    Ok(TextConfig {
        vocab_size: node.usize("vocab_size")?,
        hidden_size: hidden,
        intermediate_size: node.usize("intermediate_size")?,
        num_hidden_layers: node.usize("num_hidden_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: node.usize("num_key_value_heads")?,
        head_dim: node.usize("head_dim")?,
        rms_norm_eps: node.f64("rms_norm_eps")?,
        rope_theta: theta.f64("rope_theta")? as f32,
        mrope_section: section
            .try_into()
            .map_err(|_| rope.wrong("mrope_section", "does not hold three numbers"))?,
    })
}

fn vision(node: &Node) -> Result<VisionConfig, PolicyError> {
    node.only("hidden_act", &json!("gelu_pytorch_tanh"))?;
    if let Some(rope) = node.optional("rope_parameters") {
        rope.only("rope_type", &json!("axial"))?;
        rope.only("rope_theta", &json!(10000.0))?;
    }
    Ok(VisionConfig {
        depth: node.usize("depth")?,
        hidden_size: node.usize("hidden_size")?,
        num_heads: node.usize("num_heads")?,
        intermediate_size: node.usize("intermediate_size")?,
        in_channels: node.usize("in_channels")?,
        patch_size: node.usize("patch_size")?,
        temporal_patch_size: node.usize("temporal_patch_size")?,
        spatial_merge_size: node.usize("spatial_merge_size")?,
        out_hidden_size: node.usize("out_hidden_size")?,
        num_position_embeddings: node.usize("num_position_embeddings")?,
        deepstack_visual_indexes: node.usizes("deepstack_visual_indexes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_model::small_config;

    #[test]
    fn a_configuration_round_trips_through_json() {
        let config = small_config();
        assert_eq!(Config::from_json(&config.to_json(), Path::new("config.json")).unwrap(), config);
    }

    #[test]
    fn errors_name_the_key() {
        let check = |edit: fn(&mut Value), want: &str| {
            let mut value = small_config().to_json();
            edit(&mut value);
            let error = Config::from_json(&value, Path::new("config.json")).unwrap_err().to_string();
            assert_eq!(error, format!("config.json: key {want}"));
        };
        check(
            |v| drop(v["text_config"].as_object_mut().unwrap().remove("hidden_size")),
            "`text_config.hidden_size` is missing",
        );
        check(|v| drop(v.as_object_mut().unwrap().remove("vision_config")), "`vision_config` is missing");
        check(
            |v| v["text_config"]["hidden_act"] = json!("gelu"),
            "`text_config.hidden_act` is \"gelu\"; only \"silu\" is supported",
        );
        check(
            |v| v["text_config"]["rope_scaling"]["rope_type"] = json!("yarn"),
            "`text_config.rope_scaling.rope_type` is \"yarn\"; only \"default\" is supported",
        );
        check(
            |v| v["vision_config"]["depth"] = json!("three"),
            "`vision_config.depth` is not a whole number",
        );
        check(
            |v| v["text_config"]["rope_scaling"]["mrope_section"] = json!([1, 1, 1]),
            "`text_config.rope_scaling.mrope_section` does not sum to head_dim / 2",
        );
    }

    #[test]
    fn rotary_settings_of_transformers_5_are_read() {
        let mut value = small_config().to_json();
        let text = value["text_config"].as_object_mut().unwrap();
        let mut rope = text.remove("rope_scaling").unwrap();
        rope["rope_theta"] = json!(123.0);
        text.insert("rope_parameters".into(), rope);
        text.remove("rope_theta");
        assert_eq!(Config::from_json(&value, Path::new("c")).unwrap().text.rope_theta, 123.0);
    }
}
