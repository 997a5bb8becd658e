//! Low-rank adapters: trainable parameters beside frozen weights (LoRA; E. Hu et al., "LoRA:
//! Low-Rank Adaptation of Large Language Models").
//!
//! An adapted linear layer computes `y = W x + b + s B (A x)` with `s = alpha / rank`. The weights
//! of the folder stay as they are, so the policy without its adapter is the base, and policies that
//! differ in their adapters share one copy of the weights. Names of modules and files are PEFT's.

mod peft;

pub use peft::is_adapter_folder;
pub(crate) use peft::{base_of, read, read_back, save, verify};

use crate::ops::Weight;
use crate::ops::matrix::{Mat, Threads, matmul_add};
use crate::weights::{HEAD, Mode, Weights, embedding_name, specs};
use crate::{Config, PolicyError, ops};
use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The settings of an adapter; the names in brackets are those of PEFT's `adapter_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rows of A and columns of B (`r`).
    pub rank: usize,
    /// The adapter's output is multiplied by `alpha / rank` (`lora_alpha`).
    pub alpha: f64,
    /// Share of the adapter's inputs that are 0 in a training pass (`lora_dropout`). Sampling,
    /// scoring and teachers never drop any.
    pub dropout: f64,
    /// Linear layers that get an adapter: the last parts of their names, or whole names
    /// (`target_modules`).
    pub targets: Vec<String>,
    /// Modules that train whole, in a copy of their own (`modules_to_save`): the ends of names.
    pub modules_to_save: Vec<String>,
    /// Divide by the root of the rank instead (`use_rslora`).
    pub rank_stabilized: bool,
}

impl Default for LoraConfig {
    fn default() -> Self {
        let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        Self {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: targets.map(str::to_owned).into(),
            modules_to_save: Vec::new(),
            rank_stabilized: false,
        }
    }
}

impl LoraConfig {
    /// The factor s of the adapter's output.
    pub fn scale(&self) -> f32 {
        let rank = self.rank as f64;
        (self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }) as f32
    }
}

/// Positions of A and B of one linear layer.
#[derive(Clone, Copy)]
struct Pair {
    a: usize,
    b: usize,
}

/// The parameters of an adapter.
pub(crate) struct Adapter {
    config: LoraConfig,
    /// In the order of [`specs`]: `<module>.lora_A.weight`, `<module>.lora_B.weight`, and the
    /// copies of saved modules under their own names.
    all: Vec<(String, Var)>,
    /// By module.
    pairs: HashMap<String, Pair>,
    /// Copies, by the parameter that they stand for.
    saved: HashMap<String, usize>,
    /// Whether its parameters are on the tape in training.
    trains: bool,
    /// Every B is 0 and nothing is saved: the adapter adds nothing, so it is not computed.
    off: AtomicBool,
    /// Selects the masks of dropout.
    seed: AtomicU64,
}

/// Parameters of an adapter, before they have values.
pub(crate) struct Plan {
    /// Names and shapes, in order.
    pub parameters: Vec<(String, Vec<usize>)>,
}

/// The two matrices' names beside their module.
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";

/// The linear layers that can have an adapter, as module names with the shapes of their weights.
fn linears(config: &Config) -> Vec<(String, Vec<usize>)> {
    let embedding = embedding_name(config);
    let matrix = |(name, shape): (String, Vec<usize>)| {
        let module = name.strip_suffix(".weight")?.to_owned();
        let table = name == embedding || name == HEAD || name.ends_with("pos_embed.weight");
        (shape.len() == 2 && !table).then_some((module, shape))
    };
    specs(config).into_iter().filter_map(matrix).collect()
}

/// Whether a module is meant by one of PEFT's `target_modules`.
fn is_target(module: &str, targets: &[String]) -> bool {
    targets.iter().any(|t| module == t || module.strip_suffix(t.as_str()).is_some_and(|m| m.ends_with('.')))
}

impl Plan {
    /// The parameters that `lora` asks for.
    ///
    /// # Errors
    /// A setting out of range, a target or module that the model does not have, or one that cannot
    /// be adapted; the message names the setting and gives the remedy.
    pub fn new(config: &Config, lora: &LoraConfig) -> Result<Self, PolicyError> {
        check(config, lora)?;
        let module = |name: &str| name.rsplit_once('.').map_or(String::new(), |(m, _)| m.to_owned());
        let linears: HashMap<String, Vec<usize>> = linears(config).into_iter().collect();
        let mut parameters = Vec::new();
        for (name, shape) in specs(config) {
            let module = module(&name);
            let saved = lora.modules_to_save.iter().any(|m| module.ends_with(m.as_str()));
            let adapted = name.ends_with(".weight") && is_target(&module, &lora.targets);
            if adapted && let Some([cout, cin]) = linears.get(&module).map(Vec::as_slice) {
                parameters.push((format!("{module}{A}"), vec![lora.rank, *cin]));
                parameters.push((format!("{module}{B}"), vec![*cout, lora.rank]));
            }
            if saved {
                parameters.push((name, shape));
            }
        }
        Ok(Self { parameters })
    }
}

fn check(config: &Config, lora: &LoraConfig) -> Result<(), PolicyError> {
    let wrong = |key: &str, problem: String| Err(PolicyError::input("lora", format!("{key}: {problem}")));
    if !(1..=4096).contains(&lora.rank) {
        return wrong("rank", format!("{} cannot be used; help: write 1 to 4096", lora.rank));
    }
    if !(lora.alpha.is_finite() && lora.alpha > 0.0) {
        return wrong("alpha", format!("{} cannot be used; help: write a number above 0", lora.alpha));
    }
    if !(0.0..1.0).contains(&lora.dropout) {
        return wrong("dropout", format!("{} cannot be used; help: write a number in [0, 1)", lora.dropout));
    }
    let (linears, all) = (linears(config), specs(config));
    for target in &lora.targets {
        let of = |(module, _): &(String, Vec<usize>)| is_target(module, std::slice::from_ref(target));
        if !linears.iter().any(of) {
            let help = "name linear layers such as q_proj, v_proj or down_proj; embed_tokens and lm_head \
                        train whole, in modules_to_save";
            return wrong("targets", format!("{target:?} is no linear layer of this model; help: {help}"));
        }
    }
    for module in &lora.modules_to_save {
        let of = |(name, _): &&(String, Vec<usize>)| {
            name.rsplit_once('.').is_some_and(|(m, _)| m.ends_with(module.as_str()))
        };
        let key = "modules_to_save";
        let tied = config.tie_word_embeddings;
        if tied && ["lm_head", "embed_tokens"].iter().any(|m| module.ends_with(m)) {
            let help = "leave it out: this model's head is its embedding (tie_word_embeddings), and PEFT would \
                        train only one of the two";
            return wrong(key, format!("{module:?} cannot be used; help: {help}"));
        }
        let Some((name, _)) = all.iter().find(of) else {
            return wrong(
                key,
                format!("{module:?} is no module of this model; help: name norm or merger.norm"),
            );
        };
        let owner = name.rsplit_once('.').map_or("", |(m, _)| m);
        if is_target(owner, &lora.targets) {
            return wrong(
                key,
                format!("{module:?} is a target as well; help: name it in one of the two lists"),
            );
        }
    }
    if lora.targets.is_empty() && lora.modules_to_save.is_empty() {
        return wrong("targets", "nothing would train; help: name at least one layer".into());
    }
    Ok(())
}

impl Adapter {
    /// A new adapter that changes nothing: A is uniform in `±1 / sqrt(cin)`, B is 0, and saved
    /// modules are copies, as PEFT begins.
    pub fn random(
        weights: &Weights,
        config: &Config,
        lora: &LoraConfig,
        seed: u64,
    ) -> Result<Self, PolicyError> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut all = Vec::new();
        for (name, shape) in Plan::new(config, lora)?.parameters {
            let count = shape.iter().product();
            let var = if name.ends_with(A) {
                let bound = 1.0 / (shape[1] as f32).sqrt();
                let draw = |_| rng.random_range(-bound..bound);
                Var::from_vec((0..count).map(draw).collect::<Vec<f32>>(), shape, &Device::Cpu)?
            } else if name.ends_with(B) {
                Var::from_vec(vec![0f32; count], shape, &Device::Cpu)?
            } else {
                Var::from_vec(weights.get(&name, Mode::Infer)?.values()?, shape, &Device::Cpu)?
            };
            all.push((name, var));
        }
        Self::new(lora.clone(), all, true)
    }

    /// Takes parameters in the order and with the names of [`Plan`].
    pub fn new(config: LoraConfig, all: Vec<(String, Var)>, trains: bool) -> Result<Self, PolicyError> {
        let (mut pairs, mut saved) = (HashMap::new(), HashMap::new());
        for (i, (name, _)) in all.iter().enumerate() {
            if let Some(module) = name.strip_suffix(A) {
                pairs.insert(module.to_owned(), Pair { a: i, b: i + 1 });
            } else if !name.ends_with(B) {
                saved.insert(name.clone(), i);
            }
        }
        let (off, seed) = (AtomicBool::new(false), AtomicU64::new(0));
        let adapter = Self { config, all, pairs, saved, trains, off, seed };
        adapter.changed()?;
        Ok(adapter)
    }

    /// A copy with its own parameters, none of them trainable.
    pub fn frozen_copy(&self) -> Result<Self, PolicyError> {
        let copy = |(name, var): &(String, Var)| Ok((name.clone(), Var::from_tensor(&var.detach().copy()?)?));
        let all = self.all.iter().map(copy).collect::<Result<_, PolicyError>>()?;
        Self::new(self.config.clone(), all, false)
    }

    /// Looks whether the adapter adds anything, after its parameters were set. One that trains is
    /// always computed.
    pub fn changed(&self) -> Result<(), PolicyError> {
        let mut all_zero = true;
        for (_, var) in self.all.iter().filter(|(name, _)| name.ends_with(B)) {
            all_zero &= ops::with_values(var, |b| Ok(b.iter().all(|v| *v == 0.0)))?;
        }
        let off = !self.trains && self.saved.is_empty() && all_zero;
        self.off.store(off, Ordering::Relaxed);
        Ok(())
    }

    /// Makes its parameters trainable.
    pub fn train(&mut self, dropout: f64) {
        self.trains = true;
        self.config.dropout = dropout;
        self.off.store(false, Ordering::Relaxed);
    }

    /// The settings.
    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    /// All parameters, in order.
    pub fn all(&self) -> &[(String, Var)] {
        &self.all
    }

    /// Whether its parameters train.
    pub fn trains(&self) -> bool {
        self.trains
    }

    /// Selects the masks of dropout until the next call.
    pub fn set_seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }

    /// The copy that stands for the parameter `name`.
    pub fn saved(&self, name: &str) -> Option<&Var> {
        self.saved.get(name).map(|&i| &self.all[i].1)
    }

    /// A and B of a module, and the factor of their product; `None` if it adds nothing.
    pub fn pair(&self, module: &str) -> Option<(&Var, &Var, f32)> {
        let Pair { a, b } = *self.pairs.get(module)?;
        let on = !self.off.load(Ordering::Relaxed);
        on.then(|| (&self.all[a].1, &self.all[b].1, self.config.scale()))
    }

    /// Dropout of a module in a training pass.
    fn dropout(&self, module: &str) -> Option<ops::Dropout> {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        (self.seed.load(Ordering::Relaxed), module).hash(&mut hasher);
        let (rate, seed) = (self.config.dropout as f32, hasher.finish());
        (rate > 0.0).then_some(ops::Dropout { rate, seed })
    }
}

/// A and B of a linear layer, or of some rows of it, in a forward pass.
pub(crate) struct Adapted {
    a: Tensor,
    b: Tensor,
    scale: f32,
    dropout: Option<ops::Dropout>,
}

impl Adapted {
    fn low_rank(&self) -> ops::LowRank<'_> {
        ops::LowRank { a: &self.a, b: &self.b, scale: self.scale, dropout: self.dropout }
    }

    /// A `[rank, cin]` with cin, and B `[cout, rank]`, multiplied by s, with the rank.
    pub fn factors(&self) -> Result<[(Vec<f32>, usize); 2], PolicyError> {
        let [a, b] = [&self.a, &self.b].map(|t| t.flatten_all()?.to_vec1::<f32>());
        let b = b?.into_iter().map(|v| v * self.scale).collect();
        Ok([(a?, self.a.dim(1)?), (b, self.b.dim(1)?)])
    }

    /// Of `count` of the layer's outputs from `first`.
    pub fn rows(self, first: usize, count: usize) -> Result<Self, PolicyError> {
        Ok(Self { b: self.b.narrow(0, first, count)?, ..self })
    }
}

/// A linear layer with its adapter.
pub(crate) fn linear(
    x: &Tensor,
    w: &Weight,
    bias: Option<&Tensor>,
    adapted: Option<&Adapted>,
) -> Result<Tensor, PolicyError> {
    Ok(match adapted {
        None => ops::linear(x, w, bias)?,
        Some(adapted) => ops::adapted_linear(x, w, bias, adapted.low_rank())?,
    })
}

impl Weights {
    /// The adapter of the linear layer whose weight is the parameter `name`.
    pub fn adapted(&self, name: &str, mode: Mode) -> Option<Adapted> {
        let module = name.strip_suffix(".weight")?;
        let adapter = self.adapter.as_ref()?;
        let (a, b, scale) = adapter.pair(module)?;
        let on_tape = mode == Mode::Train && adapter.trains;
        let of = |var: &Var| if on_tape { var.as_tensor().clone() } else { var.as_detached_tensor() };
        let dropout = if on_tape { adapter.dropout(module) } else { None };
        Some(Adapted { a: of(a), b: of(b), scale, dropout })
    }

    /// Calls `f` with the values of the parameter `name` as the policy computes with them: a saved
    /// module's own, and `W + s B A` of an adapted layer.
    pub fn with_merged<R>(&self, name: &str, f: impl FnOnce(&[f32]) -> R) -> Result<R, PolicyError> {
        let weight = self.get(name, Mode::Infer)?;
        let Some(adapted) = self.adapted(name, Mode::Infer) else {
            return match weight {
                Weight::Full(tensor) => Ok(ops::with_values(&tensor, |w| Ok(f(w)))?),
                Weight::Half(half) => Ok(f(&half.values())),
            };
        };
        let mut merged = weight.values()?;
        let [(a, cin), (b, rank)] = adapted.factors()?;
        let (a, b) = (Mat::new(&a, rank, cin), Mat::new(&b, b.len() / rank, rank));
        matmul_add(&mut merged, cin, b, a, Threads::All);
        Ok(f(&merged))
    }
}

#[cfg(test)]
mod tests;
