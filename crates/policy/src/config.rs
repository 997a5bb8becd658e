//! The configuration of a model: the `config.json` of `Qwen3VLForConditionalGeneration`, or of a
//! language model without eyes, `Qwen3ForCausalLM` or `LlamaForCausalLM`, whose network is that of
//! Qwen3-VL's language model; Llama's lacks the norms of queries and keys.
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
    /// The vision tower; `None` for a language model alone.
    pub vision: Option<VisionConfig>,
    /// Whether the output head is the embedding matrix.
    pub tie_word_embeddings: bool,
}

/// The tokens around and in place of pictures; the names are those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageTokens {
    /// `image_token_id`: the placeholder of one merged image patch.
    pub image: u32,
    /// `video_token_id`: only kept for saving; videos are not supported.
    pub video: u32,
    /// `vision_start_token_id`.
    pub vision_start: u32,
    /// `vision_end_token_id`.
    pub vision_end: u32,
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
    /// Number of frequencies that rotate with time, height and width; sums to `head_dim / 2`. All
    /// rotate with time in a language model alone.
    pub mrope_section: [usize; 3],
    /// Whether queries and keys are normed (Qwen3) or not (Llama).
    pub qk_norm: bool,
}

/// `vision_config`, and the token ids that stand beside it; the names are those of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// The tokens around and in place of pictures.
    pub tokens: ImageTokens,
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
        Self::from_json(
            &read_json(path, "give the folder of a Hugging Face model (Qwen3-VL, Qwen3 or Llama)")?,
            path,
        )
    }

    /// Reads the parsed file; `path` is only used in errors.
    ///
    /// # Errors
    /// A missing or unsupported key; the message names it.
    pub fn from_json(value: &Value, path: &Path) -> Result<Self, PolicyError> {
        let root = Node::root(value, path);
        let kind = value.get("model_type").and_then(Value::as_str);
        let has_eyes = value.get("text_config").is_some() || !matches!(kind, Some("qwen3" | "llama"));
        let config = if has_eyes {
            root.only("model_type", &json!("qwen3_vl"))?;
            let (text_node, vision_node) = (root.child("text_config")?, root.child("vision_config")?);
            let own = root.value.get("tie_word_embeddings").is_some();
            Self {
                text: text(&text_node)?,
                vision: Some(vision(&vision_node, &root)?),
                tie_word_embeddings: if own { &root } else { &text_node }.flag("tie_word_embeddings")?,
            }
        } else {
            let tied = root.flag("tie_word_embeddings")?;
            Self { text: text_alone(&root, kind == Some("qwen3"))?, vision: None, tie_word_embeddings: tied }
        };
        config.check(path)?;
        Ok(config)
    }

    /// The placeholder of one merged image patch; `None` for a language model alone.
    pub(crate) fn image_token(&self) -> Option<u32> {
        self.vision.as_ref().map(|vision| vision.tokens.image)
    }

    /// Returns an error if values are inconsistent with each other.
    pub(crate) fn check(&self, path: &Path) -> Result<(), PolicyError> {
        let t = &self.text;
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
        let Some(v) = &self.vision else { return Ok(()) };
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
        let text = text_json(&self.text, self.tie_word_embeddings);
        let Some(vision) = &self.vision else { return self.alone_json(text) };
        json!({
            "architectures": ["Qwen3VLForConditionalGeneration"],
            "model_type": "qwen3_vl",
            "image_token_id": vision.tokens.image,
            "video_token_id": vision.tokens.video,
            "vision_start_token_id": vision.tokens.vision_start,
            "vision_end_token_id": vision.tokens.vision_end,
            "tie_word_embeddings": self.tie_word_embeddings,
            "dtype": "float32",
            "text_config": text,
            "vision_config": vision_json(vision),
        })
    }

    /// The file of a language model alone: the text's keys without those of pictures.
    fn alone_json(&self, mut text: Value) -> Value {
        let (class, kind) =
            if self.text.qk_norm { ("Qwen3ForCausalLM", "qwen3") } else { ("LlamaForCausalLM", "llama") };
        text["architectures"] = json!([class]);
        text["model_type"] = kind.into();
        text["rope_scaling"] = Value::Null;
        text
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

/// The language model of a Qwen3-VL.
fn text(node: &Node) -> Result<TextConfig, PolicyError> {
    // transformers 5 has all rotary settings in one object; 4 has theta beside `rope_scaling`.
    let rope = node.optional("rope_parameters").or_else(|| node.optional("rope_scaling"));
    let rope = rope.ok_or_else(|| node.wrong("rope_scaling", "is missing"))?;
    rope.only("rope_type", &json!("default"))?;
    rope.only("mrope_interleaved", &json!(true))?;
    let theta = if rope.value.get("rope_theta").is_some() { &rope } else { node };
    let section = rope.usizes("mrope_section")?;
    let section = section.try_into();
    let section = section.map_err(|_| rope.wrong("mrope_section", "does not hold three numbers"))?;
    Ok(TextConfig {
        head_dim: node.usize("head_dim")?,
        rope_theta: theta.f64("rope_theta")? as f32,
        mrope_section: section,
        ..sizes(node, true)?
    })
}

/// A language model alone, with the defaults of transformers' classes.
fn text_alone(node: &Node, qk_norm: bool) -> Result<TextConfig, PolicyError> {
    node.only("mlp_bias", &json!(false))?;
    node.only("use_sliding_window", &json!(false))?;
    for name in ["rope_parameters", "rope_scaling"] {
        let rope = node.optional(name);
        rope.map_or(Ok(()), |rope| rope.only("rope_type", &json!("default")))?;
    }
    let sizes = sizes(node, qk_norm)?;
    let stated = |node: &Node, key: &str| node.value.get(key).is_some_and(|value| !value.is_null());
    let rope = node.optional("rope_parameters").filter(|rope| stated(rope, "rope_theta"));
    let theta = match (rope, stated(node, "rope_theta")) {
        (Some(rope), _) => rope.f64("rope_theta")?,
        (None, true) => node.f64("rope_theta")?,
        (None, false) => 10_000.0,
    };
    let head_dim = match stated(node, "head_dim") {
        true => node.usize("head_dim")?,
        false => sizes.hidden_size / sizes.num_attention_heads.max(1),
    };
    Ok(TextConfig { head_dim, rope_theta: theta as f32, mrope_section: [head_dim / 2, 0, 0], ..sizes })
}

/// The sizes that every language model states; without heads' width and rotary settings.
fn sizes(node: &Node, qk_norm: bool) -> Result<TextConfig, PolicyError> {
    node.only("hidden_act", &json!("silu"))?;
    node.only("attention_bias", &json!(false))?;
    Ok(TextConfig {
        vocab_size: node.usize("vocab_size")?,
        hidden_size: node.usize("hidden_size")?,
        intermediate_size: node.usize("intermediate_size")?,
        num_hidden_layers: node.usize("num_hidden_layers")?,
        num_attention_heads: node.usize("num_attention_heads")?,
        num_key_value_heads: node.usize("num_key_value_heads")?,
        head_dim: 0,
        rms_norm_eps: node.f64("rms_norm_eps")?,
        rope_theta: 0.0,
        mrope_section: [0; 3],
        qk_norm,
    })
}

fn vision(node: &Node, root: &Node) -> Result<VisionConfig, PolicyError> {
    node.only("hidden_act", &json!("gelu_pytorch_tanh"))?;
    if let Some(rope) = node.optional("rope_parameters") {
        rope.only("rope_type", &json!("axial"))?;
        rope.only("rope_theta", &json!(10000.0))?;
    }
    Ok(VisionConfig {
        tokens: ImageTokens {
            image: root.id("image_token_id")?,
            video: root.id("video_token_id")?,
            vision_start: root.id("vision_start_token_id")?,
            vision_end: root.id("vision_end_token_id")?,
        },
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
        for qk_norm in [false, true] {
            let mut alone = Config { vision: None, ..config.clone() };
            (alone.text.qk_norm, alone.text.mrope_section) = (qk_norm, [4, 0, 0]);
            let value = alone.to_json();
            assert_eq!(value["model_type"], if qk_norm { "qwen3" } else { "llama" });
            assert_eq!(Config::from_json(&value, Path::new("config.json")).unwrap(), alone);
        }
    }

    #[test]
    fn what_a_llama_does_not_state_is_as_in_transformers() {
        let mut value = Config { vision: None, ..small_config() }.to_json();
        value["model_type"] = "llama".into();
        let table = value.as_object_mut().unwrap();
        ["rope_theta", "head_dim", "tie_word_embeddings"].iter().for_each(|key| drop(table.remove(*key)));
        let config = Config::from_json(&value, Path::new("c")).unwrap();
        assert_eq!((config.text.rope_theta, config.text.head_dim), (10_000.0, 8));
        assert_eq!((config.text.mrope_section, config.tie_word_embeddings), ([4, 0, 0], false));
        value["rope_scaling"] = json!({"rope_type": "llama3"});
        let error = Config::from_json(&value, Path::new("c")).unwrap_err().to_string();
        assert_eq!(error, "c: key `rope_scaling.rope_type` is \"llama3\"; only \"default\" is supported");
        value["model_type"] = "gemma3".into();
        let error = Config::from_json(&value, Path::new("c")).unwrap_err().to_string();
        assert!(error.contains("`model_type` is \"gemma3\"; only"), "{error}");
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
