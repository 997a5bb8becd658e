//! A policy with an adapter: made, loaded, left off, saved and read back.

use super::Policy;
use crate::lora::{self, Adapter, LoraConfig};
use crate::model::FeatureCache;
use crate::saving::{Model, Place, SaveOptions};
use crate::{Loading, PolicyError, checkpoint};
use candle_core::Var;
use std::collections::HashMap;
use std::path::Path;

impl Policy {
    /// Reads a Hugging Face folder and, if one is given, a PEFT adapter for it.
    ///
    /// # Errors
    /// As [`Policy::open`]; an adapter that does not fit the model.
    pub fn load_with(dir: &Path, adapter: Option<&Path>, how: &Loading) -> Result<Self, PolicyError> {
        let mut policy = Self::open(dir, how)?;
        if let Some(adapter) = adapter {
            policy.load_adapter(adapter)?;
        }
        Ok(policy)
    }

    /// Reads a PEFT adapter from its folder. Neither it nor the other parameters train.
    ///
    /// # Errors
    /// Files that are missing or corrupt, an adapter of another model, or one on top of another.
    pub fn load_adapter(&mut self, dir: &Path) -> Result<(), PolicyError> {
        let adapter = lora::read(dir, &self.config)?;
        self.set_adapter(adapter)
    }

    /// Adds a new adapter, which changes nothing yet. Only its parameters train from then on.
    ///
    /// # Errors
    /// Settings that do not fit the model, or an adapter on top of another.
    pub fn add_adapter(&mut self, lora: &LoraConfig, seed: u64) -> Result<(), PolicyError> {
        let adapter = Adapter::random(&self.weights, &self.config, lora, seed)?;
        self.set_adapter(adapter)
    }

    /// Makes the parameters of a loaded adapter trainable, with this dropout.
    pub fn train_adapter(&mut self, dropout: f64) {
        if let Some(adapter) = &mut self.weights.adapter {
            adapter.train(dropout);
        }
    }

    fn set_adapter(&mut self, adapter: Adapter) -> Result<(), PolicyError> {
        if self.weights.adapter.is_some() {
            let help = "merge the first one into the weights, or start from the model without it";
            return Err(PolicyError::input(
                "lora",
                format!("the model has an adapter already; help: {help}"),
            ));
        }
        self.weights.set_trainable(|_| false)?;
        self.weights.adapter = Some(adapter);
        Ok(())
    }

    /// The settings of the adapter, if there is one.
    pub fn adapter(&self) -> Option<&LoraConfig> {
        self.weights.adapter.as_ref().map(Adapter::config)
    }

    /// The policy with its adapter off. It shares the weights, and nothing of it trains.
    pub fn without_adapter(&self) -> Self {
        Self {
            config: self.config.clone(),
            weights: self.weights.without_adapter(),
            front: self.front.clone(),
            source: self.source.clone(),
            features: FeatureCache::default(),
        }
    }

    /// Selects the dropout masks of the next training passes. Passes with the same seed drop the
    /// same inputs.
    pub fn set_dropout_seed(&self, seed: u64) {
        if let Some(adapter) = &self.weights.adapter {
            adapter.set_seed(seed);
        }
    }

    /// What training changes: the adapter's parameters if there is one, else all parameters, with
    /// their names, in a fixed order.
    pub fn changing(&self) -> &[(String, Var)] {
        self.weights.changing()
    }

    /// To be called after values of [`changing`](Self::changing) were set, by whoever does not
    /// train: an adapter that adds nothing is not computed.
    ///
    /// # Errors
    /// An error of the tensor library.
    pub fn changed(&self) -> Result<(), PolicyError> {
        self.weights.adapter.as_ref().map_or(Ok(()), Adapter::changed)
    }

    /// Sets the values of [`changing`](Self::changing) to those of another policy of the same
    /// configuration, with an adapter of the same settings or none.
    ///
    /// # Errors
    /// Policies that do not fit together.
    pub fn copy_from(&self, other: &Self) -> Result<(), PolicyError> {
        if self.adapter() != other.adapter() {
            return Err(PolicyError::input("lora", "the two policies have different adapters"));
        }
        for ((_, to), (_, from)) in self.changing().iter().zip(other.changing()) {
            to.set(&from.as_detached_tensor())?;
        }
        self.changed()
    }

    /// Writes a Hugging Face folder at `dir`: the weights under the same names, with an adapter
    /// merged into them, all other files unchanged. An existing folder is replaced; the new one is
    /// written to a temporary folder beside it, slices of its tensors are read back, and it is
    /// renamed, so readers never find a partial folder.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save_as(&self, dir: &Path, options: SaveOptions) -> Result<(), PolicyError> {
        let Self { config, weights, source, .. } = self;
        Model { weights, config, source }.save(dir, options)
    }

    /// Writes what training changes: the adapter as a PEFT folder (in f32) if there is one, else
    /// the whole model as [`save_as`](Self::save_as) does.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save_changes(&self, dir: &Path, options: SaveOptions) -> Result<(), PolicyError> {
        let Some(adapter) = &self.weights.adapter else { return self.save_as(dir, options) };
        let place = Place::beside(dir)?;
        lora::save(adapter, &self.source, &place.partial)?;
        lora::verify(adapter, &place.partial)?;
        place.put(dir)
    }

    /// Sets the values of [`changing`](Self::changing) to those that
    /// [`save_changes`](Self::save_changes) wrote. The weights under an adapter stay as they are.
    ///
    /// # Errors
    /// A folder that is missing, corrupt, or of another model or adapter.
    pub fn read_back(&self, dir: &Path) -> Result<(), PolicyError> {
        if let Some(adapter) = &self.weights.adapter {
            return lora::read_back(adapter, dir, &self.config);
        }
        let saved = checkpoint::load_weights(dir, &self.config, &Loading::default())?.vars;
        let saved: HashMap<&str, &Var> = saved.iter().map(|(name, var)| (name.as_str(), var)).collect();
        for (name, to) in self.changing() {
            if let Some(from) = saved.get(name.as_str()) {
                to.set(&from.as_detached_tensor())?;
            }
        }
        Ok(())
    }
}
