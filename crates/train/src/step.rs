//! The context that every stage of one step gets.

use crate::loss::Weights;
use crate::recipe::{Recipe, SftTarget};
use crate::stages::Sampling;
use vsdpo_artifact::Task;
use vsdpo_data::{DataError, TaskStream};

/// One step of a run.
#[derive(Clone, Copy, Debug)]
pub struct StepContext<'a> {
    /// The run's settings.
    pub recipe: &'a Recipe,
    /// The step, from 0.
    pub step: usize,
    /// Factors of the loss terms at this step.
    pub weights: Weights,
}

impl<'a> StepContext<'a> {
    /// Step `step` of a run.
    pub fn new(recipe: &'a Recipe, step: usize) -> Self {
        Self { recipe, step, weights: recipe.loss_weights(step) }
    }

    /// x: the tasks of this step.
    ///
    /// # Errors
    /// Returns an error for a row or picture that cannot be read.
    pub fn draw(&self, tasks: &TaskStream) -> Result<Vec<Task>, DataError> {
        tasks.batch(self.recipe.seed, self.step as u64, self.recipe.rollout.prompts_per_step)
    }

    /// Whether a loss term of this step needs rollouts.
    pub fn samples(&self) -> bool {
        let own = match self.recipe.sft.on {
            SftTarget::CleanRollouts => self.weights.ce > 0.0,
            SftTarget::References => false,
        };
        own || self.weights.distill > 0.0 || self.weights.grpo > 0.0
    }

    /// How this step samples, with a seed of its own.
    pub fn sampling(&self) -> Sampling {
        let rollout = &self.recipe.rollout;
        let config = rollout.sampling(rollout.temperature);
        Sampling { group_size: rollout.group_size, config, seed: self.seed() }
    }

    /// The seed of this step's random draws.
    pub fn seed(&self) -> u64 {
        // The odd multiplier keeps runs with neighbouring seeds from sharing steps.
        self.recipe.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.step as u64)
    }
}
