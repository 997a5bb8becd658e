//! The loop: one step after another, in the order of the paper. It owns no logic.

use crate::batch::Batch;
use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::setup::Environment;
use crate::stages::{Experience, compare, credit, diagnose, encode, render, reward, sample};
use crate::trainer::{Clock, End, RunOptions, RunSummary, Trainer};
use crate::update::update;

/// Trains as the recipe says, in its environment.
///
/// # Errors
/// Returns an error if the run cannot continue. Generated code that fails is an `Outcome`, not an
/// error.
pub fn run(recipe: &Recipe, env: &Environment, options: RunOptions) -> Result<RunSummary, TrainError> {
    let mut trainer = Trainer::begin(recipe, env, options)?;
    while let Some(context) = trainer.next_step() {
        let (mut clock, mut experience) = (Clock::start(), Experience::default());
        let policy = &trainer.state.policy;

        experience.tasks = context.draw(&trainer.tasks)?;
        experience.prompts = encode(policy, &experience.tasks)?;
        experience.leave_out_overlong(recipe.rollout.max_prompt_tokens)?;
        clock.lap("encode");
        if context.samples() {
            // y ~ pi_theta(. | x)
            experience.rollouts =
                sample(policy, &experience.tasks, &experience.prompts, &context.sampling())?;
            clock.lap("generation");
            if trainer.stopped() {
                break;
            }
            // R(y); code that fails is an outcome.
            experience.outcomes = render(env.renderer(), &experience.tasks, &experience.rollouts)?;
            clock.lap("render");
            experience.comparisons = compare(env.renderer(), env.references(), &experience)?;
            clock.lap("compare");
            // D and v.
            experience.diagnoses = diagnose(&experience);
            // r: equation 8.
            experience.rewards = reward(&experience, &recipe.axis_weights());
            clock.lap("diagnose");
            // resp(s) and w_s: equations 4 and 5.
            experience.credits = credit(&experience, &context);
            clock.lap("credit");
        }
        if trainer.stopped() {
            break;
        }
        // Equations 1 and 2, and every denominator.
        let batch = Batch::assemble(policy, &experience, &context)?;
        clock.lap("batch");
        // Equations 3, 6 and 7, and the step.
        let state = &mut trainer.state;
        let report = update(&state.policy, &state.teacher, &batch, &mut state.optimizer, &context)?;
        clock.lap("update_actor");
        trainer.finish_step(&experience, &batch, &report, clock)?;
    }
    let end = if trainer.stopped() { End::Interrupted } else { End::Finished };
    trainer.finish(end)
}

#[cfg(test)]
mod tests;
