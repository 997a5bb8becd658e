//! The student that a run begins with.

use crate::error::TrainError;
use crate::recipe::Recipe;
use vsdpo_policy::{LoraConfig, Policy};

/// Reads the model of a recipe and makes trainable what the recipe trains: with `[policy.lora]` an
/// adapter, which is a new one unless the model's folder is that of an adapter already.
///
/// # Errors
/// A folder that cannot be read, or adapter settings that do not fit it.
pub fn student(recipe: &Recipe) -> Result<Policy, TrainError> {
    let folder = &recipe.policy.model;
    let mut policy = Policy::open(folder, &recipe.policy.loading())?;
    match (&recipe.policy.lora, policy.adapter()) {
        (None, None) => {}
        (Some(lora), None) => policy.add_adapter(&lora.config(), recipe.seed)?,
        (Some(lora), Some(found)) if same(&lora.config(), found) => policy.train_adapter(lora.dropout),
        (Some(_), Some(found)) => {
            let problem = format!(
                "it is an adapter of rank {}, alpha {} on {:?}, and [policy.lora] has other settings",
                found.rank, found.alpha, found.targets
            );
            return Err(TrainError::folder(
                folder,
                problem,
                "give [policy.lora] the settings of its adapter_config.json",
            ));
        }
        (None, Some(_)) => {
            let help = "add [policy.lora] with the settings of its adapter_config.json to train it further";
            return Err(TrainError::folder(folder, "it is an adapter", help));
        }
    }
    Ok(policy)
}

/// Whether two settings mean the same adapter: PEFT does not keep the order of lists.
fn same(a: &LoraConfig, b: &LoraConfig) -> bool {
    let sorted = |config: &LoraConfig| {
        let mut config = LoraConfig { dropout: 0.0, ..config.clone() };
        config.targets.sort();
        config.modules_to_save.sort();
        config
    };
    sorted(a) == sorted(b)
}
