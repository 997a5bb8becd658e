//! Everything around the loop: the run's state, folder, logs, evaluations and checkpoints.

use crate::batch::{Batch, channels};
use crate::checkpoint::{self, State};
use crate::error::TrainError;
use crate::eval::{EvalConfig, EvalReport, Way, evaluate};
use crate::folder;
use crate::log::{RunLog, StepRecord};
use crate::memory::{self, MemoryPlan};
use crate::metrics::{Metrics, metrics, rendering};
use crate::progress::{Best, Progress};
use crate::recipe::Recipe;
use crate::setup::Environment;
use crate::stages::{Experience, encode};
use crate::step::StepContext;
use crate::student::student;
use crate::teacher::Teacher;
use crate::update::{UpdateReport, optimizer};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use vsdpo_data::TaskStream;
use vsdpo_render::RenderStats;

/// What the caller decides besides the recipe.
pub struct RunOptions<'a> {
    /// Go on with the run that is in the folder.
    pub resume: bool,
    /// Set from outside to end the run: it is checked between phases, and the run then saves and
    /// returns.
    pub stop: Arc<AtomicBool>,
    /// Called after each step and each evaluation.
    pub on_step: &'a mut dyn FnMut(&StepReport),
}

/// Progress messages for the caller.
#[derive(Clone, Copy, Debug)]
pub struct StepReport<'a> {
    /// Finished steps.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Of the step; empty in the report of an evaluation.
    pub metrics: &'a Metrics,
    /// The evaluation, in the report of one.
    pub eval: Option<&'a EvalReport>,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps are done.
    Finished,
    /// It was asked to stop; `resume` goes on.
    Interrupted,
    /// A rule of the recipe's `[stop]` ended it: the reason in one line, with the rule, its value
    /// and its limit. `resume` reports the same again; with `stop.enabled = false` it goes on.
    Fell(String),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// The run folder.
    pub folder: PathBuf,
    /// The last checkpoint.
    pub checkpoint: PathBuf,
    /// Steps, budgets and evaluations.
    pub progress: Progress,
    /// Why it ended.
    pub end: End,
}

impl RunSummary {
    /// The best evaluation, whose weights are in `checkpoints/best`.
    pub fn best(&self) -> Option<Best> {
        self.progress.best
    }
}

/// A run between two steps.
pub(crate) struct Trainer<'a, 'o> {
    /// What the steps change.
    pub state: State,
    /// Where tasks come from.
    pub tasks: TaskStream,
    recipe: &'a Recipe,
    env: &'a Environment,
    options: RunOptions<'o>,
    log: RunLog,
    plan: MemoryPlan,
    /// The renderer's counters when the step began.
    rendered: RenderStats,
}

impl<'a, 'o> Trainer<'a, 'o> {
    /// Creates or reopens the run folder and restores the state of the run.
    pub fn begin(
        recipe: &'a Recipe,
        env: &'a Environment,
        options: RunOptions<'o>,
    ) -> Result<Self, TrainError> {
        let tasks = TaskStream::open(&recipe.data)?.set_apart(recipe.eval.rows)?;
        let policy = student(recipe)?;
        folder::prepare(recipe, tasks.held_out(), options.resume)?;
        let teacher = Teacher::begin(recipe, &policy)?;
        let optimizer = optimizer(recipe, &policy)?;
        let mut state = State { policy, teacher, optimizer, progress: Progress::default() };
        let resumed = options.resume && checkpoint::restore(&mut state, recipe)?;
        if !recipe.stop.enabled {
            state.progress.fell = None;
        }
        let done = resumed.then_some(state.progress.step);
        let plan = plan_of(recipe, &state, &tasks)?;
        let log = RunLog::open(&recipe.output_dir, done)?;
        let rendered = RenderStats::default();
        let mut trainer = Self { state, tasks, recipe, env, options, log, plan, rendered };
        let untested = trainer.state.progress == Progress::default();
        if untested && recipe.eval.every > 0 && !trainer.stopped() {
            trainer.evaluate()?;
            checkpoint::save(&trainer.state, recipe)?;
        }
        trainer.rendered = env.renderer().stats();
        Ok(trainer)
    }

    /// The next step, if there is one.
    pub fn next_step(&self) -> Option<StepContext<'a>> {
        let step = self.state.progress.step;
        let more = step < self.recipe.steps && self.state.progress.fell.is_none() && !self.stopped();
        more.then(|| StepContext::new(self.recipe, step))
    }

    /// Whether the caller wants the run to end.
    pub fn stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// Counts, logs, evaluates and saves.
    pub fn finish_step(
        &mut self,
        experience: &Experience,
        batch: &Batch,
        report: &UpdateReport,
        clock: Clock,
    ) -> Result<(), TrainError> {
        let recipe = self.recipe;
        let progress = &mut self.state.progress;
        progress.step += 1;
        progress.rollouts += experience.rollouts.len() as u64;
        progress.generated_tokens += experience.rollouts.iter().map(|y| y.tokens.len() as u64).sum::<u64>();
        progress.num_tokens +=
            batch.items.iter().map(|i| (i.prompt.ids.len() + i.tokens.len()) as u64).sum::<u64>();
        let mut m = metrics(experience, batch, report, recipe);
        rendering(&mut m, &self.rendered, &self.env.renderer().stats());
        clock.finish(progress, &mut m);
        m.insert("memory/planned_gb".to_owned(), self.plan.peak() as f64 / 1e9);
        m.extend(memory::peak_gb().map(|gb| ("memory/peak_gb".to_owned(), gb)));
        progress.stepped(&m, &recipe.stop);
        let step = progress.step;
        if step == recipe.sft.warm_start_steps {
            self.state.end_warm_start()?;
        }
        self.log.step(step, &m)?;
        self.log.rollouts(&StepRecord { step, experience, batch, report })?;
        (self.options.on_step)(&StepReport { step, steps: recipe.steps, metrics: &m, eval: None });
        let due = |every: usize| every > 0 && step.is_multiple_of(every);
        let last = step == recipe.steps;
        if due(recipe.eval.every) || (last && recipe.eval.every > 0) {
            self.evaluate()?;
        }
        if due(recipe.checkpoint.every) && !last && self.state.progress.fell.is_none() {
            checkpoint::save(&self.state, recipe)?;
        }
        self.rendered = self.env.renderer().stats();
        Ok(())
    }

    /// Scores the student on held-out tasks and keeps the best weights.
    fn evaluate(&mut self) -> Result<(), TrainError> {
        let (recipe, step) = (self.recipe, self.state.progress.step);
        let own = match recipe.evaluated() {
            Some(_) => None,
            None => Some(self.tasks.apart(recipe.eval.tasks)?),
        };
        let ways = Way::of_teacher(channels(&recipe.distill.channels), recipe.distill.rubric);
        let config = EvalConfig {
            constant: step == 0 && own.is_none(),
            feedback: if step == 0 { &ways } else { &[] },
            ..EvalConfig::of_recipe(recipe, self.env, own.as_deref())?
        };
        let report = evaluate(&self.state.policy, self.env.renderer(), &config)?;
        self.log.eval(step, &report)?;
        if self.state.progress.evaluated(&report, &recipe.stop) {
            checkpoint::save_best(&self.state.policy, step, recipe)?;
        }
        let metrics = &Metrics::new();
        (self.options.on_step)(&StepReport { step, steps: recipe.steps, metrics, eval: Some(&report) });
        Ok(())
    }

    /// Saves and says what the run came to.
    pub fn finish(self, end: End) -> Result<RunSummary, TrainError> {
        let checkpoint = checkpoint::save(&self.state, self.recipe)?;
        let end = self.state.progress.fell.clone().map_or(end, End::Fell);
        let folder = self.recipe.output_dir.clone();
        Ok(RunSummary { folder, checkpoint, progress: self.state.progress, end })
    }
}

/// The memory plan of a run, which is written to its folder; an error if it does not fit.
fn plan_of(recipe: &Recipe, state: &State, tasks: &TaskStream) -> Result<MemoryPlan, TrainError> {
    let first = StepContext::new(recipe, state.progress.step).draw(tasks)?;
    let limit = recipe.rollout.max_prompt_tokens.unwrap_or(usize::MAX);
    let mut prompts = encode(&state.policy, &first)?;
    prompts.retain(|prompt| prompt.ids.len() <= limit);
    let plan = memory::plan(recipe, &state.policy, &state.teacher, &prompts)?;
    plan.check(recipe)?;
    let path = recipe.output_dir.join("memory.json");
    let text = serde_json::to_string_pretty(&plan).unwrap_or_default();
    std::fs::write(&path, text).map_err(TrainError::io(&path))?;
    Ok(plan)
}

/// Wall-clock times of the phases of one step.
pub(crate) struct Clock {
    begun: Instant,
    lap: Instant,
    phases: Vec<(&'static str, f64)>,
}

impl Clock {
    pub fn start() -> Self {
        let now = Instant::now();
        Self { begun: now, lap: now, phases: Vec::new() }
    }

    /// Ends a phase.
    pub fn lap(&mut self, phase: &'static str) {
        self.phases.push((phase, self.lap.elapsed().as_secs_f64()));
        self.lap = Instant::now();
    }

    /// Writes the times and the budgets.
    fn finish(self, progress: &mut Progress, m: &mut Metrics) {
        let total = self.begun.elapsed().as_secs_f64();
        progress.seconds += total;
        let phases = self.phases.into_iter().map(|(name, s)| (format!("timing_s/{name}"), s));
        m.extend(phases);
        let budgets = [
            ("step_time", total),
            ("num_tokens", progress.num_tokens as f64),
            ("budget/rollouts", progress.rollouts as f64),
            ("budget/generated_tokens", progress.generated_tokens as f64),
            ("budget/seconds", progress.seconds),
        ];
        m.extend(budgets.map(|(name, value)| (name.to_owned(), value)));
        m.extend(folder::resident_gb().map(|gb| ("perf/cpu_memory_used_gb".to_owned(), gb)));
    }
}
