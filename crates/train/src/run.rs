//! The loop: one step after another, in the order of the paper. It owns no logic.

use crate::batch::Batch;
use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::setup::Environment;
use crate::stages::{Experience, compare, credit, diagnose, encode, render, sample};
use crate::trainer::{Clock, End, RunOptions, RunSummary, Trainer};
use crate::update::update;

/// Trains as the recipe says, in its environment.
///
/// # Errors
/// Returns an error if the run cannot continue. Generated code that fails is an `Outcome`, not an
/// error.
pub fn run(recipe: &Recipe, env: &Environment, options: RunOptions) -> Result<RunSummary, TrainError> {
    let mut trainer = Trainer::begin(recipe, env.renderer(), options)?;
    while let Some(context) = trainer.next_step() {
        let (mut clock, mut seen) = (Clock::start(), Experience::default());
        let state = &mut trainer.state;

        seen.tasks =
            trainer.tasks.batch(recipe.seed, context.step as u64, recipe.rollout.prompts_per_step)?;
        seen.prompts = encode(&state.policy, &seen.tasks)?;
        clock.lap("encode");
        if context.weights.sampling() {
            // y ~ pi_theta(. | x)
            seen.rollouts = sample(&state.policy, &seen.tasks, &seen.prompts, &context.sampling())?;
            clock.lap("generation");
            if trainer.stopped() {
                break;
            }
            // R(y); code that fails is an outcome.
            seen.outcomes = render(env.renderer(), &seen.tasks, &seen.rollouts)?;
            clock.lap("render");
            seen.comparisons = compare(env.renderer(), env.references(), &seen)?;
            clock.lap("compare");
            // D, v and r: equation 8.
            seen.diagnoses = diagnose(&seen.tasks, &seen.rollouts, &seen.outcomes, &seen.comparisons);
            clock.lap("diagnose");
            // resp(s) and w_s: equations 4 and 5.
            seen.credits = credit(&seen, &recipe.credit.config());
            clock.lap("credit");
        }
        if trainer.stopped() {
            break;
        }
        // Equations 1 and 2, and every denominator.
        let batch = Batch::assemble(&trainer.state.policy, &seen, &context)?;
        clock.lap("batch");
        // Equations 3, 6 and 7, and the step.
        let state = &mut trainer.state;
        let report = update(&state.policy, &state.teacher, &batch, &mut state.optimizer, &context)?;
        state.teacher.follow(&state.policy)?;
        clock.lap("update_actor");
        trainer.finish_step(&seen, &batch, &report, clock)?;
    }
    let end = if trainer.stopped() { End::Interrupted } else { End::Finished };
    trainer.finish(end)
}

#[cfg(test)]
mod tests;
