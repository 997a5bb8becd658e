//! The named parameters of a model, and the layers' views of them.
//!
//! [`specs`] is the only list of names and shapes: loading, checking, random initialisation and the
//! order of [`Weights::all`] follow it. The names are those of transformers.

use crate::lora::{self, Adapter};
use crate::{Config, PolicyError, VisionConfig, ops};
use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::f64::consts::TAU;

/// Prefix of the vision tower's parameters.
pub(crate) const VISUAL: &str = "model.visual";
/// The output head if it is not tied.
pub(crate) const HEAD: &str = "lm_head.weight";

/// Prefix of the language model's parameters.
pub(crate) fn text_prefix(config: &Config) -> &'static str {
    if config.vision.is_some() { "model.language_model" } else { "model" }
}

/// The token embedding, which is also the output head if they are tied.
pub(crate) fn embedding_name(config: &Config) -> String {
    format!("{}.embed_tokens.weight", text_prefix(config))
}

/// The output head.
pub(crate) fn head_name(config: &Config) -> String {
    if config.tie_word_embeddings { embedding_name(config) } else { HEAD.into() }
}

/// Whether a forward pass records gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Trainable parameters are on the tape.
    Train,
    /// Nothing is on the tape, and activations are freed after use.
    Infer,
}

/// Every parameter's name and shape, in the order of the forward pass.
pub(crate) fn specs(config: &Config) -> Vec<(String, Vec<usize>)> {
    let mut list = Vec::new();
    if let Some(vision) = &config.vision {
        vision_specs(vision, &mut list);
    }
    let (t, text) = (&config.text, text_prefix(config));
    let (h, d) = (t.hidden_size, t.head_dim);
    let (q, kv) = (t.num_attention_heads * d, t.num_key_value_heads * d);
    list.push((embedding_name(config), vec![t.vocab_size, h]));
    for i in 0..t.num_hidden_layers {
        let layer: [(&str, Vec<usize>); 11] = [
            ("input_layernorm.weight", vec![h]),
            ("self_attn.q_proj.weight", vec![q, h]),
            ("self_attn.k_proj.weight", vec![kv, h]),
            ("self_attn.v_proj.weight", vec![kv, h]),
            ("self_attn.q_norm.weight", vec![d]),
            ("self_attn.k_norm.weight", vec![d]),
            ("self_attn.o_proj.weight", vec![h, q]),
            ("post_attention_layernorm.weight", vec![h]),
            ("mlp.gate_proj.weight", vec![t.intermediate_size, h]),
            ("mlp.up_proj.weight", vec![t.intermediate_size, h]),
            ("mlp.down_proj.weight", vec![h, t.intermediate_size]),
        ];
        let has =
            |name: &str| t.qk_norm || !name.ends_with("q_norm.weight") && !name.ends_with("k_norm.weight");
        let layer = layer.into_iter().filter(|(name, _)| has(name));
        list.extend(layer.map(|(name, shape)| (format!("{text}.layers.{i}.{name}"), shape)));
    }
    list.push((format!("{text}.norm.weight"), vec![h]));
    if !config.tie_word_embeddings {
        list.push((HEAD.into(), vec![t.vocab_size, h]));
    }
    list
}

fn vision_specs(v: &VisionConfig, list: &mut Vec<(String, Vec<usize>)>) {
    let (h, merged) = (v.hidden_size, v.hidden_size * v.merge_unit());
    let mut both = |name: String, weight: Vec<usize>| {
        let bias = vec![weight[0]];
        list.push((format!("{VISUAL}.{name}.weight"), weight));
        list.push((format!("{VISUAL}.{name}.bias"), bias));
    };
    let kernel = vec![h, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size];
    both("patch_embed.proj".into(), kernel);
    for i in 0..v.depth {
        both(format!("blocks.{i}.norm1"), vec![h]);
        both(format!("blocks.{i}.attn.qkv"), vec![3 * h, h]);
        both(format!("blocks.{i}.attn.proj"), vec![h, h]);
        both(format!("blocks.{i}.norm2"), vec![h]);
        both(format!("blocks.{i}.mlp.linear_fc1"), vec![v.intermediate_size, h]);
        both(format!("blocks.{i}.mlp.linear_fc2"), vec![h, v.intermediate_size]);
    }
    let deep = (0..v.deepstack_visual_indexes.len()).map(|i| (format!("deepstack_merger_list.{i}"), merged));
    for (merger, norm) in std::iter::once(("merger".to_string(), h)).chain(deep) {
        both(format!("{merger}.norm"), vec![norm]);
        both(format!("{merger}.linear_fc1"), vec![merged, merged]);
        both(format!("{merger}.linear_fc2"), vec![v.out_hidden_size, merged]);
    }
    list.push((format!("{VISUAL}.pos_embed.weight"), vec![v.num_position_embeddings, h]));
}

/// All parameters of one model, each with a flag for whether it trains.
pub(crate) struct Weights {
    all: Vec<(String, Var)>,
    index: HashMap<String, usize>,
    trains: Vec<bool>,
    /// What trains beside the parameters above.
    pub adapter: Option<Adapter>,
}

impl Weights {
    /// Takes the parameters in the order of [`specs`]; `trains` selects the trainable ones by name.
    pub fn new(all: Vec<(String, Var)>, trains: impl Fn(&str) -> bool) -> Self {
        let index = all.iter().enumerate().map(|(i, (name, _))| (name.clone(), i)).collect();
        let trains = all.iter().map(|(name, _)| trains(name)).collect();
        Self { all, index, trains, adapter: None }
    }

    /// Initialises every matrix from N(0, 0.02^2), norms to 1 and biases to 0, as transformers
    /// does.
    pub fn random(config: &Config, seed: u64) -> Result<Self, PolicyError> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut all = Vec::new();
        for (name, shape) in specs(config) {
            let count = shape.iter().product();
            let data: Vec<f32> = if shape.len() > 1 {
                (0..count).map(|_| 0.02 * normal(&mut rng)).collect()
            } else {
                vec![if name.ends_with(".weight") { 1.0 } else { 0.0 }; count]
            };
            all.push((name, Var::from_vec(data, shape, &Device::Cpu)?));
        }
        Ok(Self::new(all, |_| true))
    }

    /// The same parameters, in the same storage, without an adapter. None of them trains.
    pub fn without_adapter(&self) -> Self {
        Self::new(self.all.clone(), |_| false)
    }

    /// A copy with its own storage and no trainable parameter. With an adapter, only the adapter is
    /// copied: all copies share the parameters that it leaves as they are.
    pub fn frozen_copy(&self) -> Result<Self, PolicyError> {
        if let Some(adapter) = &self.adapter {
            return Ok(Self { adapter: Some(adapter.frozen_copy()?), ..self.without_adapter() });
        }
        let copy = |(name, var): &(String, Var)| Ok((name.clone(), Var::from_tensor(&var.detach())?));
        let all = self.all.iter().map(copy).collect::<Result<_, PolicyError>>()?;
        Ok(Self::new(all, |_| false))
    }

    /// Every parameter, in the order of [`specs`].
    pub fn all(&self) -> &[(String, Var)] {
        &self.all
    }

    /// The trainable parameters, in the same order, and then the adapter's.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Var)> {
        let own = self.all.iter().zip(&self.trains).filter(|(_, t)| **t).map(|(parameter, _)| parameter);
        let adapter = self.adapter.iter().filter(|a| a.trains()).flat_map(|a| a.all());
        own.chain(adapter).map(|(name, var)| (name.as_str(), var))
    }

    /// What training changes: the adapter's parameters if there is one, else all.
    pub fn changing(&self) -> &[(String, Var)] {
        self.adapter.as_ref().map_or(&self.all, |adapter| adapter.all())
    }

    /// Makes exactly the parameters whose name satisfies `trains` trainable; none under an adapter.
    pub fn set_trainable(&mut self, trains: impl Fn(&str) -> bool) {
        let trains = |name: &str| self.adapter.is_none() && trains(name);
        self.trains = self.all.iter().map(|(name, _)| trains(name)).collect();
    }

    /// Whether any parameter under `prefix` trains.
    pub fn any_trains(&self, prefix: &str) -> bool {
        self.trainable().any(|(name, _)| name.starts_with(prefix))
    }

    /// The variable of the parameter `name`.
    pub fn var(&self, name: &str) -> Result<&Var, PolicyError> {
        let at = self.index.get(name);
        at.map(|&i| &self.all[i].1).ok_or_else(|| PolicyError::MissingTensor {
            path: "model in memory".into(),
            name: name.to_string(),
        })
    }

    /// The parameter `name` as the policy computes with it: its copy in the adapter if there is
    /// one.
    pub fn effective(&self, name: &str) -> Result<&Var, PolicyError> {
        match self.adapter.as_ref().and_then(|adapter| adapter.saved(name)) {
            Some(saved) => Ok(saved),
            None => self.var(name),
        }
    }

    /// The parameters under `prefix`, for a forward pass in this mode.
    pub fn view(&self, prefix: &str, mode: Mode) -> View<'_> {
        View { weights: self, prefix: prefix.to_string(), mode }
    }
}

/// The parameters under one prefix. Frozen parameters, and all parameters in [`Mode::Infer`], are
/// detached from the tape.
pub(crate) struct View<'a> {
    weights: &'a Weights,
    prefix: String,
    mode: Mode,
}

impl View<'_> {
    /// The parameters under `name` of this view.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { weights: self.weights, prefix: format!("{}.{name}", self.prefix), mode: self.mode }
    }

    /// The parameter `name` of this view.
    pub fn get(&self, name: &str) -> Result<Tensor, PolicyError> {
        let full = format!("{}.{name}", self.prefix);
        let var = self.weights.effective(&full)?;
        let saved = self.weights.adapter.as_ref().filter(|adapter| adapter.saved(&full).is_some());
        let trains = saved.map_or(self.weights.trains[self.weights.index[&full]], Adapter::trains);
        let on_tape = self.mode == Mode::Train && trains;
        Ok(if on_tape { var.as_tensor().clone() } else { var.as_detached_tensor() })
    }

    /// The adapter of the linear layer whose weight is `name` in this view.
    pub fn adapted(&self, name: &str) -> Option<lora::Adapted> {
        self.weights.adapted(&format!("{}.{name}", self.prefix), self.mode)
    }

    /// `x W^T` with the matrix `name` of this view, and its adapter.
    pub fn project(&self, name: &str, x: &Tensor) -> Result<Tensor, PolicyError> {
        lora::linear(x, &self.get(name)?, None, self.adapted(name).as_ref())
    }

    /// Applies the linear layer with this view's `weight` and `bias`, and its adapter.
    pub fn linear(&self, x: &Tensor) -> Result<Tensor, PolicyError> {
        lora::linear(x, &self.get("weight")?, Some(&self.get("bias")?), self.adapted("weight").as_ref())
    }

    /// Applies the LayerNorm with this view's `weight` and `bias`.
    pub fn layer_norm(&self, x: &Tensor, eps: f64) -> Result<Tensor, PolicyError> {
        Ok(ops::layer_norm(x, &self.get("weight")?, &self.get("bias")?, eps)?)
    }
}

/// A standard normal random number (Box-Muller transform).
fn normal(rng: &mut impl Rng) -> f32 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    ((-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_model::small_config;

    #[test]
    fn random_weights_have_the_distribution_of_transformers() {
        let weights = Weights::random(&small_config(), 3).unwrap();
        let values: Vec<f32> =
            weights.var(&embedding_name(&small_config())).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
        assert!(mean.abs() < 1e-3 && (std - 0.02).abs() < 1e-3, "mean {mean}, std {std}");
        let again = Weights::random(&small_config(), 3).unwrap();
        let same: Vec<f32> =
            again.var(&embedding_name(&small_config())).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(values, same);
    }

    #[test]
    fn a_frozen_copy_has_its_own_storage() {
        let weights = Weights::random(&small_config(), 3).unwrap();
        let copy = weights.frozen_copy().unwrap();
        let var = weights.var(&embedding_name(&small_config())).unwrap();
        let before: Vec<f32> =
            copy.var(&embedding_name(&small_config())).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        var.set(&var.zeros_like().unwrap()).unwrap();
        let after: Vec<f32> =
            copy.var(&embedding_name(&small_config())).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(before, after);
        assert_eq!(copy.trainable().count(), 0);
    }
}
