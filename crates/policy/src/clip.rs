//! CLIP's image encoder, which scores the similarity of two images.
//!
//! The vision tower of a Hugging Face `CLIPModel` or `CLIPVisionModelWithProjection` (Radford et
//! al., 2021), for inference only. Design2Code uses `openai/clip-vit-base-patch32`
//! (docs/specs/design2code.md, 13). The whole image is resized to the encoder's square without
//! cropping, as in Design2Code.

use crate::checkpoint::load_tensors;
use crate::node::{Node, read_json};
use crate::weights::{View, Weights};
use crate::{Mode, PolicyError, ops};
use candle_core::{Device, Tensor};
use std::path::Path;
use vsdpo_artifact::{Image, Resampling, resize_rgb};

/// Mean and standard deviation of each channel in the training data of all published CLIP models.
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Prefix of the vision tower's weights.
const TOWER: &str = "vision_model";
/// Images encoded at once; bounds the memory of a call.
const BATCH: usize = 8;

/// CLIP's image encoder.
pub struct ClipModel {
    config: ClipConfig,
    weights: Weights,
}

/// The values of `config.json`.
struct ClipConfig {
    width: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    side: usize,
    patch: usize,
    output: usize,
    eps: f64,
    quick_gelu: bool,
}

impl ClipConfig {
    fn read(path: &Path) -> Result<Self, PolicyError> {
        let value = read_json(path, "give the folder of a Hugging Face CLIP model")?;
        let root = Node::root(&value, path);
        // The `config.json` of a `CLIPModel` has the tower's values in an object of their own.
        let table = root.optional("vision_config");
        let node = table.as_ref().unwrap_or(&root);
        let config = Self {
            width: node.usize("hidden_size")?,
            inner: node.usize("intermediate_size")?,
            layers: node.usize("num_hidden_layers")?,
            heads: node.usize("num_attention_heads")?,
            side: node.usize("image_size")?,
            patch: node.usize("patch_size")?,
            output: root.usize("projection_dim")?,
            eps: node.f64("layer_norm_eps").unwrap_or(1e-5),
            quick_gelu: match node.value.get("hidden_act").and_then(|v| v.as_str()) {
                Some("quick_gelu") | None => true,
                Some("gelu") => false,
                Some(_) => return Err(node.wrong("hidden_act", "is neither quick_gelu nor gelu")),
            },
        };
        if config.heads == 0 || !config.width.is_multiple_of(config.heads) {
            return Err(node.wrong("num_attention_heads", "does not divide hidden_size"));
        }
        if config.patch == 0 || config.side < config.patch {
            return Err(node.wrong("patch_size", "is larger than image_size, or zero"));
        }
        Ok(config)
    }

    /// Patches along one side.
    fn grid(&self) -> usize {
        self.side / self.patch
    }

    /// Number of values in a patch.
    fn patch_len(&self) -> usize {
        3 * self.patch * self.patch
    }

    /// Every parameter's name and shape.
    fn specs(&self) -> Vec<(String, Vec<usize>)> {
        let (h, inner) = (self.width, self.inner);
        let mut list = vec![
            (format!("{TOWER}.embeddings.class_embedding"), vec![h]),
            (format!("{TOWER}.embeddings.patch_embedding.weight"), vec![h, 3, self.patch, self.patch]),
            (format!("{TOWER}.embeddings.position_embedding.weight"), vec![self.grid().pow(2) + 1, h]),
            ("visual_projection.weight".into(), vec![self.output, h]),
        ];
        let mut both = |name: String, weight: Vec<usize>| {
            list.push((format!("{TOWER}.{name}.bias"), vec![weight[0]]));
            list.push((format!("{TOWER}.{name}.weight"), weight));
        };
        // Published checkpoints spell it without the e.
        both("pre_layrnorm".into(), vec![h]);
        for i in 0..self.layers {
            let layer = |name: &str| format!("encoder.layers.{i}.{name}");
            both(layer("layer_norm1"), vec![h]);
            for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                both(layer(&format!("self_attn.{part}")), vec![h, h]);
            }
            both(layer("layer_norm2"), vec![h]);
            both(layer("mlp.fc1"), vec![inner, h]);
            both(layer("mlp.fc2"), vec![h, inner]);
        }
        both("post_layernorm".into(), vec![h]);
        list
    }
}

impl ClipModel {
    /// Reads `config.json` and the safetensors files of a Hugging Face folder.
    ///
    /// # Errors
    /// Files that are missing or corrupt; keys and tensors that are missing or invalid. The message
    /// names them.
    pub fn load(dir: &Path) -> Result<Self, PolicyError> {
        let config = ClipConfig::read(&dir.join("config.json"))?;
        // The text tower, the temperature, and buffers that some exporters write.
        let ignored =
            |name: &str| name.starts_with("text_") || name == "logit_scale" || name.ends_with("position_ids");
        let all = load_tensors(dir, &config.specs(), ignored)?;
        Ok(Self { config, weights: Weights::new(all, |_| false) })
    }

    /// The embeddings of images, in their order: unit vectors `[output]`, whose scalar product is
    /// the cosine similarity of two images.
    ///
    /// # Errors
    /// Only errors of the tensor library.
    pub fn embed(&self, images: &[&Image]) -> Result<Vec<Vec<f32>>, PolicyError> {
        let batches = images.chunks(BATCH).map(|batch| self.embed_batch(batch));
        Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn embed_batch(&self, images: &[&Image]) -> Result<Vec<Vec<f32>>, PolicyError> {
        let patches: Vec<f32> = images.iter().flat_map(|image| self.patches(image)).collect();
        let features = self.forward(patches, images.len())?;
        let unit = |row: Vec<f32>| {
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.into_iter().map(|v| v / length).collect()
        };
        Ok(features.to_vec2::<f32>()?.into_iter().map(unit).collect())
    }

    /// The normalised patches of an image, row by row, each in the order (channel, y, x).
    fn patches(&self, image: &Image) -> Vec<f32> {
        let (side, patch) = (self.config.side, self.config.patch);
        let from = (image.width as usize, image.height as usize);
        let rgb = resize_rgb(&image.on_white(), from, (side, side), Resampling::PillowBicubic);
        let cell = |i: usize| (i / self.config.grid() * patch, i % self.config.grid() * patch);
        let values = |(top, left): (usize, usize)| {
            let at = move |c: usize, i: usize| ((top + i / patch) * side + left + i % patch) * 3 + c;
            (0..3).flat_map(move |c| (0..patch * patch).map(move |i| (c, at(c, i))))
        };
        let normal = |(c, at): (usize, usize)| (f32::from(rgb[at]) / 255.0 - MEAN[c]) / DEVIATION[c];
        (0..self.config.grid().pow(2)).map(cell).flat_map(values).map(normal).collect()
    }

    /// The features `[n, output]` of the patches of `n` images.
    fn forward(&self, patches: Vec<f32>, n: usize) -> Result<Tensor, PolicyError> {
        let (config, w) = (&self.config, self.weights.view(TOWER, Mode::Infer));
        let (cells, h) = (config.grid().pow(2), config.width);
        let patches = Tensor::from_vec(patches, (n * cells, config.patch_len()), &Device::Cpu)?;
        let kernel = w.get("embeddings.patch_embedding.weight")?.reshape((h, config.patch_len()))?;
        let patches = ops::linear(&patches, &kernel, None)?.reshape((n, cells, h))?;
        let class = w.get("embeddings.class_embedding")?.reshape((1, 1, h))?.expand((n, 1, h))?;
        let x = Tensor::cat(&[&class, &patches], 1)?;
        let x = x.broadcast_add(&w.get("embeddings.position_embedding.weight")?)?;
        let mut x = w.at("pre_layrnorm").layer_norm(&x.reshape((n * (cells + 1), h))?, config.eps)?;
        let segments: Vec<_> =
            (0..n).map(|i| ops::Segment::alone(i * (cells + 1)..(i + 1) * (cells + 1))).collect();
        for i in 0..config.layers {
            x = self.layer(&w.at("encoder.layers").at(i), &x, &segments)?;
        }
        let class = x.reshape((n, cells + 1, h))?.narrow(1, 0, 1)?.contiguous()?.reshape((n, h))?;
        let class = w.at("post_layernorm").layer_norm(&class, config.eps)?;
        Ok(ops::linear(&class, &self.weights.get("visual_projection.weight", Mode::Infer)?, None)?)
    }

    fn layer(&self, w: &View, x: &Tensor, segments: &[ops::Segment]) -> Result<Tensor, PolicyError> {
        let (n, h) = x.dims2()?;
        let heads = (n, self.config.heads, h / self.config.heads);
        let normed = w.at("layer_norm1").layer_norm(x, self.config.eps)?;
        let part = |name: &str| -> Result<Tensor, PolicyError> {
            Ok(w.at("self_attn").at(name).linear(&normed)?.reshape(heads)?)
        };
        let mixed = ops::attention(&part("q_proj")?, &part("k_proj")?, &part("v_proj")?, segments, false)?;
        let x = (x + w.at("self_attn.out_proj").linear(&mixed.reshape((n, h))?)?)?;
        let normed = w.at("layer_norm2").layer_norm(&x, self.config.eps)?;
        let inner = self.activation(&w.at("mlp.fc1").linear(&normed)?)?;
        Ok((x + w.at("mlp.fc2").linear(&inner)?)?)
    }

    fn activation(&self, x: &Tensor) -> Result<Tensor, PolicyError> {
        /// The factor of OpenAI's "quick" GELU, `x * sigmoid(1.702 x)`.
        const QUICK: f64 = 1.702;
        Ok(if self.config.quick_gelu { (ops::silu(&(x * QUICK)?)? / QUICK)? } else { ops::gelu(x)? })
    }
}
