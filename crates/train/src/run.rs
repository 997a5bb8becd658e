//! The loop: one step after another, in the order of the paper. It owns no logic.

use crate::batch::Batch;
use crate::compare::compare;
use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::renderer::{Eyes, Instruments, open};
use crate::stages::{Experience, blame, encode, judge, render, sample};
use crate::trainer::{Clock, End, RunOptions, RunSummary, Trainer, step_seed};
use crate::update::update;
use std::time::Duration;
use vsdpo_artifact::Domain;
use vsdpo_policy::Clip;
use vsdpo_render::{ChartRecorder, RenderConfig};

/// Trains as the recipe says, with the real renderer.
///
/// # Errors
/// One line that says what keeps the run from going on. Code that fails is not among it.
pub fn run(recipe: &Recipe, options: RunOptions) -> Result<RunSummary, TrainError> {
    vsdpo_policy::ops::tune_allocator();
    let r = &recipe.render;
    let config = RenderConfig {
        workers: r.workers,
        timeout: Duration::from_secs_f64(r.timeout_s),
        memory_mb: r.memory_mb,
        unsafe_no_sandbox: r.unsafe_no_sandbox,
        cache_entries: r.cache_entries,
        ..RenderConfig::default()
    };
    let compared = recipe.reward.reference;
    let records = compared && recipe.domain == Domain::Chart;
    let recorder = records.then(|| ChartRecorder::start(config.clone())).transpose()?;
    let clip = recipe.reward.clip.as_deref().map(Clip::load).transpose()?;
    let renderer = &*open(recipe.domain, config, r.window.into(), recipe.data.common()?)?;
    let eyes = match &recorder {
        Some(recorder) => Some(Eyes::Charts(recorder)),
        None => renderer.viewer().filter(|_| compared).map(Eyes::Pages),
    };
    run_with(recipe, Instruments { renderer, eyes, clip: clip.as_ref() }, options)
}

/// The same with any instruments.
///
/// # Errors
/// As [`run`].
pub fn run_with(recipe: &Recipe, with: Instruments, options: RunOptions) -> Result<RunSummary, TrainError> {
    let mut trainer = Trainer::begin(recipe, with.renderer, options)?;
    while let Some(step) = trainer.next_step() {
        let streams = recipe.streams(step);
        let (mut clock, mut seen) = (Clock::start(), Experience::default());
        let state = &mut trainer.state;

        seen.tasks = trainer.source.batch(recipe.seed, step as u64, recipe.rollout.prompts_per_step)?;
        seen.prompts = encode(&state.policy, &seen.tasks)?;
        clock.lap("encode");
        if streams.sampling() {
            let seed = step_seed(recipe.seed, step);
            // y ~ pi_theta(. | x)
            seen.rollouts = sample(&state.policy, &seen.tasks, &seen.prompts, &recipe.rollout, seed)?;
            clock.lap("generation");
            if trainer.stopped() {
                break;
            }
            // R(y); a crash is an outcome.
            seen.outcomes = render(with.renderer, &seen.rollouts)?;
            clock.lap("render");
            seen.compared = compare(with, &seen)?;
            clock.lap("compare");
            // D, v and r: equation 8.
            seen.diagnoses = judge(&seen.tasks, &seen.outcomes, &seen.compared);
            clock.lap("diagnose");
            // resp(s) and w_s: equations 4 and 5.
            seen.credits = blame(&seen.rollouts, &seen.outcomes, &seen.diagnoses, recipe);
            clock.lap("credit");
        }
        if trainer.stopped() {
            break;
        }
        // Equations 1 and 2, and every denominator.
        let batch = Batch::assemble(&trainer.state.policy, &seen, recipe, streams)?;
        clock.lap("batch");
        // Equations 3, 6 and 7, and the step.
        let state = &mut trainer.state;
        let report = update(&state.policy, &state.teacher, &batch, &mut state.optimizer, (recipe, streams))?;
        state.teacher.follow(&state.policy)?;
        clock.lap("update_actor");
        trainer.finish_step(&seen, &batch, &report, clock)?;
    }
    let end = if trainer.stopped() { End::Interrupted } else { End::Finished };
    trainer.finish(end)
}

#[cfg(test)]
mod tests;
