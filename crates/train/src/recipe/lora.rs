//! `[policy.lora]`: an adapter trains, and the weights of the folder stay as they are.

use serde::{Deserialize, Serialize};
use vsdpo_policy::LoraConfig;

/// `[policy.lora]`, with PEFT's meaning of each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraSection {
    /// Rank of the update of each layer.
    pub rank: usize,
    /// The update is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Share of the adapter's inputs that are 0 in the student's training pass. Teacher and sampler
    /// never drop any, so that above 0 the student's probabilities are not the sampler's.
    pub dropout: f64,
    /// Linear layers that get an adapter, by the last parts of their names.
    pub targets: Vec<String>,
    /// Modules that train whole, by the ends of their names. vLLM does not load an adapter with
    /// any.
    pub modules_to_save: Vec<String>,
    /// Multiply by `alpha / sqrt(rank)` instead.
    pub rank_stabilized: bool,
    /// Also write every checkpoint as a whole model, in its folder `merged`.
    pub merge_on_save: bool,
}

impl Default for LoraSection {
    fn default() -> Self {
        let LoraConfig { rank, alpha, dropout, targets, modules_to_save, rank_stabilized } =
            LoraConfig::default();
        Self { rank, alpha, dropout, targets, modules_to_save, rank_stabilized, merge_on_save: false }
    }
}

impl LoraSection {
    /// The settings of the adapter.
    pub fn config(&self) -> LoraConfig {
        let Self { rank, alpha, dropout, rank_stabilized, .. } = *self;
        let (targets, modules_to_save) = (self.targets.clone(), self.modules_to_save.clone());
        LoraConfig { rank, alpha, dropout, targets, modules_to_save, rank_stabilized }
    }
}
