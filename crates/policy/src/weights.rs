//! The named parameters of a model, and the layers' views of them.
//!
//! [`specs`] is the only list of names and shapes: loading, checking, random initialisation and the
//! order of [`Weights::all`] follow it. The names are those of transformers.

use crate::lora::{self, Adapter};
use crate::ops::{self, Half, Weight};
use crate::{Config, PolicyError, VisionConfig};
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

/// Whether the ops can read this parameter as bf16: the matrices, which are nearly all of a model's
/// bytes. The other parameters are always f32.
pub(crate) fn may_be_half(name: &str, shape: &[usize]) -> bool {
    shape.len() == 2 && !name.ends_with("pos_embed.weight")
}

/// Where a parameter is.
#[derive(Clone, Copy)]
enum Place {
    Var(usize),
    Half(usize),
}

/// All parameters of one model: f32 variables, each with a flag for whether it trains, and frozen
/// matrices that are bf16 in memory.
pub(crate) struct Weights {
    /// Every name, in the order of [`specs`].
    names: Vec<String>,
    vars: Vec<(String, Var)>,
    halves: Vec<(String, Half)>,
    index: HashMap<String, Place>,
    trains: Vec<bool>,
    /// What trains beside the parameters above.
    pub adapter: Option<Adapter>,
}

impl Weights {
    /// Takes the parameters in the order of [`specs`]; `trains` selects the trainable ones by name.
    pub fn new(all: Vec<(String, Var)>, trains: impl Fn(&str) -> bool) -> Self {
        let names = all.iter().map(|(name, _)| name.clone()).collect();
        Self::with_halves(names, all, Vec::new(), trains)
    }

    /// Takes the parameters `names`, of which `halves` are stored as bf16 and `vars` as f32.
    pub fn with_halves(
        names: Vec<String>,
        vars: Vec<(String, Var)>,
        halves: Vec<(String, Half)>,
        trains: impl Fn(&str) -> bool,
    ) -> Self {
        let trains = vars.iter().map(|(name, _)| trains(name)).collect();
        let places = vars.iter().enumerate().map(|(i, (name, _))| (name.clone(), Place::Var(i)));
        let halved = halves.iter().enumerate().map(|(i, (name, _))| (name.clone(), Place::Half(i)));
        let index = places.chain(halved).collect();
        Self { names, vars, halves, index, trains, adapter: None }
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
        Self::with_halves(self.names.clone(), self.vars.clone(), self.halves.clone(), |_| false)
    }

    /// A copy with its own f32 variables and no trainable parameter. Matrices in bf16 are frozen
    /// already, so the copy shares them. With an adapter, only the adapter is copied: all copies
    /// share the parameters that it leaves as they are.
    pub fn frozen_copy(&self) -> Result<Self, PolicyError> {
        if let Some(adapter) = &self.adapter {
            return Ok(Self { adapter: Some(adapter.frozen_copy()?), ..self.without_adapter() });
        }
        let copy = |(name, var): &(String, Var)| Ok((name.clone(), Var::from_tensor(&var.detach())?));
        let vars = self.vars.iter().map(copy).collect::<Result<_, PolicyError>>()?;
        Ok(Self::with_halves(self.names.clone(), vars, self.halves.clone(), |_| false))
    }

    /// Every name, in the order of [`specs`].
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The parameters that are f32 variables, in the order of [`specs`].
    pub fn all(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// Bytes of the matrices in bf16, pages of files included.
    pub fn half_bytes(&self) -> usize {
        self.halves.iter().map(|(_, half)| 2 * half.words().len()).sum()
    }

    /// The trainable parameters, in the same order, and then the adapter's.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Var)> {
        let own = self.vars.iter().zip(&self.trains).filter(|(_, t)| **t).map(|(parameter, _)| parameter);
        let adapter = self.adapter.iter().filter(|a| a.trains()).flat_map(|a| a.all());
        own.chain(adapter).map(|(name, var)| (name.as_str(), var))
    }

    /// What training changes: the adapter's parameters if there is one, else all in f32.
    pub fn changing(&self) -> &[(String, Var)] {
        self.adapter.as_ref().map_or(&self.vars, |adapter| adapter.all())
    }

    /// Makes exactly the parameters whose name satisfies `trains` trainable; none under an adapter.
    /// Those that are bf16 become f32 variables.
    pub fn set_trainable(&mut self, trains: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
        let adapter = self.adapter.take();
        let trains = |name: &str| adapter.is_none() && trains(name);
        let (widened, halves): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.halves).into_iter().partition(|(name, _)| trains(name));
        let mut vars = std::mem::take(&mut self.vars);
        for (name, half) in widened {
            let [rows, cols] = half.dims();
            vars.push((name, Var::from_vec(half.values(), (rows, cols), &Device::Cpu)?));
        }
        let rank: HashMap<&str, usize> =
            self.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        vars.sort_by_key(|(name, _)| rank.get(name.as_str()).copied());
        *self = Self::with_halves(std::mem::take(&mut self.names), vars, halves, trains);
        self.adapter = adapter;
        Ok(())
    }

    /// Whether any parameter under `prefix` trains.
    pub fn any_trains(&self, prefix: &str) -> bool {
        self.trainable().any(|(name, _)| name.starts_with(prefix))
    }

    /// The parameter `name` as the policy computes with it (its copy in the adapter if there is
    /// one), detached from the tape unless it trains and `mode` is [`Mode::Train`].
    pub fn get(&self, name: &str, mode: Mode) -> Result<Weight, PolicyError> {
        let on = |var: &Var, trains: bool| match mode == Mode::Train && trains {
            true => Weight::Full(var.as_tensor().clone()),
            false => Weight::Full(var.as_detached_tensor()),
        };
        if let Some((adapter, saved)) = self.adapter.as_ref().and_then(|a| Some((a, a.saved(name)?))) {
            return Ok(on(saved, adapter.trains()));
        }
        match self.index.get(name) {
            Some(Place::Half(i)) => Ok(Weight::Half(self.halves[*i].1.clone())),
            Some(Place::Var(i)) => Ok(on(&self.vars[*i].1, self.trains[*i])),
            None => {
                Err(PolicyError::MissingTensor { path: "model in memory".into(), name: name.to_string() })
            }
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

    /// The parameter `name` of this view, f32 or bf16.
    pub fn weight(&self, name: &str) -> Result<Weight, PolicyError> {
        self.weights.get(&format!("{}.{name}", self.prefix), self.mode)
    }

    /// The parameter `name` of this view, which is always f32: a norm, a bias, the patch embedding.
    pub fn get(&self, name: &str) -> Result<Tensor, PolicyError> {
        match self.weight(name)? {
            Weight::Full(tensor) => Ok(tensor),
            Weight::Half(half) => {
                let [rows, cols] = half.dims();
                Ok(Tensor::from_vec(half.values(), (rows, cols), &Device::Cpu)?)
            }
        }
    }

    /// The adapter of the linear layer whose weight is `name` in this view.
    pub fn adapted(&self, name: &str) -> Option<lora::Adapted> {
        self.weights.adapted(&format!("{}.{name}", self.prefix), self.mode)
    }

    /// `x W^T` with the matrix `name` of this view, and its adapter.
    pub fn project(&self, name: &str, x: &Tensor) -> Result<Tensor, PolicyError> {
        lora::linear(x, &self.weight(name)?, None, self.adapted(name).as_ref())
    }

    /// Applies the linear layer with this view's `weight` and `bias`, and its adapter.
    pub fn linear(&self, x: &Tensor) -> Result<Tensor, PolicyError> {
        lora::linear(x, &self.weight("weight")?, Some(&self.get("bias")?), self.adapted("weight").as_ref())
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

    fn embedding(weights: &Weights) -> Vec<f32> {
        weights.get(&embedding_name(&small_config()), Mode::Infer).unwrap().values().unwrap()
    }

    #[test]
    fn what_trains_is_widened_in_the_order_of_the_specs() {
        let full = Weights::random(&small_config(), 3).unwrap();
        let (mut vars, mut halves) = (Vec::new(), Vec::new());
        for (name, var) in full.all() {
            match may_be_half(name, var.dims()) {
                true => {
                    let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
                    halves.push((name.clone(), Half::rounded(&values, var.dims()[1])));
                }
                false => vars.push((name.clone(), var.clone())),
            }
        }
        let mut mixed = Weights::with_halves(full.names().to_vec(), vars, halves, |_| false);
        let rounded = embedding(&mixed);
        assert!(matches!(mixed.get(&embedding_name(&small_config()), Mode::Train).unwrap(), Weight::Half(_)));
        assert!(rounded.iter().zip(embedding(&full)).all(|(a, b)| (a - b).abs() <= b.abs() / 256.0));
        let shared = mixed.frozen_copy().unwrap();
        mixed.set_trainable(|name| name.starts_with("model.language_model")).unwrap();
        let wanted: Vec<&str> = full
            .names()
            .iter()
            .map(String::as_str)
            .filter(|n| n.starts_with("model.language_model"))
            .collect();
        assert_eq!(mixed.trainable().map(|(name, _)| name).collect::<Vec<_>>(), wanted);
        assert!(
            mixed.get(&embedding_name(&small_config()), Mode::Train).unwrap().tensor().unwrap().track_op()
        );
        assert_eq!((embedding(&mixed), embedding(&shared)), (rounded.clone(), rounded));
    }

    #[test]
    fn random_weights_have_the_distribution_of_transformers() {
        let weights = Weights::random(&small_config(), 3).unwrap();
        let values: Vec<f32> = embedding(&weights);
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
        assert!(mean.abs() < 1e-3 && (std - 0.02).abs() < 1e-3, "mean {mean}, std {std}");
        let again = Weights::random(&small_config(), 3).unwrap();
        let same: Vec<f32> = embedding(&again);
        assert_eq!(values, same);
    }

    #[test]
    fn a_frozen_copy_has_its_own_storage() {
        let weights = Weights::random(&small_config(), 3).unwrap();
        let copy = weights.frozen_copy().unwrap();
        let var = &weights.all().iter().find(|(name, _)| *name == embedding_name(&small_config())).unwrap().1;
        let before: Vec<f32> = embedding(&copy);
        var.set(&var.zeros_like().unwrap()).unwrap();
        let after: Vec<f32> = embedding(&copy);
        assert_eq!(before, after);
        assert_eq!(copy.trainable().count(), 0);
    }
}
