//! One arm with one seed: its training and its test.

use super::curve::Point;
use super::{Arm, Campaign, Kind, write_whole};
use crate::error::TrainError;
use crate::eval::{EvalConfig, TaskScores, constant_scores, student_scores};
use crate::folder;
use crate::recipe::{ContextKind, Recipe, SftTarget};
use crate::setup::Environment;
use crate::step::StepContext;
use crate::trainer::{End, RunOptions, StepReport};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vsdpo_artifact::Task;
use vsdpo_data::TaskStream;
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::AxisWeights;
use vsdpo_policy::{Policy, SampleConfig};

/// Seed of the tasks and samples of tests: one for all arms and seeds, so that scores are paired.
/// Another one than that of the evaluations during training.
const TEST_SEED: u64 = 2_000_003;

/// One arm with one seed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The arm.
    pub arm: Arm,
    /// The seed of training; 1 for what is not trained.
    pub seed: u64,
    /// The recipe with every override; its `output_dir` is the run folder.
    pub recipe: Recipe,
}

/// What a test asks. Two scores can be compared if they answered the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSettings {
    /// `mini-chart`, `mini-web`, `mini-slide`, or `own`: rows of the recipe's corpus
    /// that training does not draw.
    pub benchmark: String,
    /// Split of the embedded world, or which rows of a corpus.
    pub split: Split,
    /// Seed of tasks and samples.
    pub seed: u64,
    /// Tasks that were asked for; a corpus may have fewer.
    pub tasks: usize,
    /// Softmax temperature.
    pub temperature: f32,
    /// Nucleus.
    pub top_p: f32,
    /// Tokens of an answer at most.
    pub max_completion_tokens: usize,
}

/// What the training of a trial used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Sampled rollouts.
    pub rollouts: f64,
    /// References that were imitated or shown to the teacher.
    pub references: f64,
    /// Sampled tokens.
    pub generated_tokens: f64,
    /// Prompt and completion tokens that were trained on.
    pub trained_tokens: f64,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
}

/// What training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The evaluated weights; the base model's folder without training.
    pub checkpoint: PathBuf,
    /// Steps of these weights.
    pub step: usize,
    /// Steps that the recipe asks for.
    pub steps: usize,
    /// Why a stop rule ended the run, if one did.
    pub stopped: Option<String>,
    /// What it used.
    pub counts: Counts,
    /// The evaluations during training, on dev tasks.
    pub curve: Vec<Point>,
}

/// `test.json`: the result of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// The arm's name.
    pub arm: String,
    /// The seed of training.
    pub seed: u64,
    /// What was asked.
    pub settings: TestSettings,
    /// What was evaluated.
    pub trained: Trained,
    /// The scores of every task.
    pub scores: TaskScores,
}

impl Trial {
    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.recipe.output_dir
    }

    /// What the test asks of this trial.
    pub fn settings(&self, campaign: &Campaign) -> TestSettings {
        let recipe = &self.recipe;
        TestSettings {
            benchmark: self.world().map_or("own", World::benchmark).to_owned(),
            split: campaign.split,
            seed: TEST_SEED,
            tasks: campaign.tasks,
            temperature: recipe.eval.temperature,
            top_p: recipe.rollout.top_p,
            max_completion_tokens: recipe.rollout.max_completion_tokens,
        }
    }

    /// The embedded world of the test; `None` for rows of the corpus.
    fn world(&self) -> Option<World> {
        self.recipe.world().filter(|_| self.recipe.evaluated().is_some())
    }

    /// The result in the folder, if the trial is finished.
    ///
    /// # Errors
    /// The folder holds a run of another recipe, or a file that cannot be read.
    pub fn read(&self) -> Result<Option<Test>, TrainError> {
        let (path, recipe) = (self.folder().join("test.json"), &self.recipe);
        if self.begun() {
            folder::prepare(recipe, serde_json::Value::Null, true)?;
        }
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(TrainError::io(&path)(e)),
        };
        let help = "remove its folder to run it again, or give another --out";
        let test: Test =
            serde_json::from_str(&text).map_err(|e| TrainError::folder(&path, e.to_string(), help))?;
        let trained = &test.trained;
        if self.arm.kind == Kind::Trained && trained.steps != recipe.steps {
            let problem = format!("the finished run had steps = {}, now {}", trained.steps, recipe.steps);
            return Err(TrainError::folder(&path, problem, help));
        }
        if trained.stopped.is_some() && !recipe.stop.enabled {
            let problem = "a stop rule ended this run, and now stop.enabled = false";
            return Err(TrainError::folder(&path, problem, help));
        }
        self.free()?;
        Ok(Some(test))
    }

    /// Whether there is a run to resume.
    fn begun(&self) -> bool {
        self.folder().join("recipe.toml").exists()
    }

    /// Trains, or goes on training. Returns `None` if it was asked to stop.
    pub(super) fn train(
        &self,
        env: &Environment,
        stop: Arc<AtomicBool>,
        on_step: &mut dyn FnMut(&StepReport),
    ) -> Result<Option<Trained>, TrainError> {
        let options = RunOptions { resume: self.begun(), stop: stop.clone(), on_step };
        let summary = crate::run(&self.recipe, env, options)?;
        let stopped = match summary.end {
            End::Finished => None,
            End::Fell(why) => Some(why),
            End::Interrupted => return Ok(None),
        };
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let done = &summary.progress;
        let counts = Counts {
            rollouts: done.rollouts as f64,
            references: references(&self.recipe, done.step) as f64,
            generated_tokens: done.generated_tokens as f64,
            trained_tokens: done.num_tokens as f64,
            seconds: done.seconds,
        };
        let curve = Point::read(&self.folder().join("evals.jsonl"), &self.recipe)?;
        let steps = self.recipe.steps;
        Ok(Some(Trained { checkpoint: summary.checkpoint, step: done.step, steps, stopped, counts, curve }))
    }

    /// The base model.
    pub(super) fn untrained(&self) -> Trained {
        Trained {
            checkpoint: self.recipe.policy.model.clone(),
            step: 0,
            steps: 0,
            stopped: None,
            counts: Counts::default(),
            curve: Vec::new(),
        }
    }

    /// Evaluates and saves the result.
    pub(super) fn test(
        &self,
        campaign: &Campaign,
        env: &Environment,
        trained: Trained,
    ) -> Result<Test, TrainError> {
        let settings = self.settings(campaign);
        let own = self.world().is_none().then(|| self.rows(&settings)).transpose()?;
        let Some(world) = self.recipe.world() else {
            return Err(TrainError::folder(
                self.folder(),
                "the domain cannot be evaluated",
                "use another one",
            ));
        };
        let config = EvalConfig {
            world,
            references: own.as_ref().and(env.references()),
            own: own.as_deref(),
            split: settings.split,
            tasks: settings.tasks,
            sampling: SampleConfig {
                max_completion_tokens: settings.max_completion_tokens,
                temperature: settings.temperature,
                top_p: settings.top_p,
                ..self.recipe.rollout.sampling(settings.temperature)
            },
            seed: settings.seed,
            constant: false,
            feedback: &[],
            reflection: None,
            // Equal ones, so that arms with other weights are compared by one score.
            weights: AxisWeights::equal(self.recipe.domain),
        };
        let scores = match self.arm.kind {
            Kind::Trained | Kind::Base => {
                student_scores(&Policy::load(&trained.checkpoint)?, env.renderer(), &config)?
            }
            Kind::Constant => constant_scores(env.renderer(), &config)?,
        };
        let test = Test { arm: self.arm.name.clone(), seed: self.seed, settings, trained, scores };
        std::fs::create_dir_all(self.folder()).map_err(TrainError::io(self.folder()))?;
        write_whole(&self.folder().join("test.json"), &format!("{}\n", serde_json::json!(test)))?;
        self.free()?;
        Ok(test)
    }

    /// The rows of the corpus that training does not draw. Dev: those that the evaluations during
    /// training ask. Test: the others, if there are any.
    fn rows(&self, settings: &TestSettings) -> Result<Vec<Task>, TrainError> {
        let (rows, dev) = (self.recipe.eval.rows as usize, self.recipe.eval.tasks);
        let mut all = TaskStream::open(&self.recipe.data)?.set_apart(self.recipe.eval.rows)?.apart(rows)?;
        if settings.split == Split::Dev {
            all.truncate(dev);
        } else if rows > dev {
            all.drain(..dev);
        }
        all.truncate(settings.tasks);
        Ok(all)
    }

    /// Removes what only a run that goes on needs: the optimizer and the copies of the teacher, and
    /// the weights that were best on dev tasks.
    fn free(&self) -> Result<(), TrainError> {
        let checkpoints = self.folder().join("checkpoints");
        for entry in std::fs::read_dir(&checkpoints).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let removed = match name.to_string_lossy() {
                name if name == "best" => std::fs::remove_file(&path),
                name if name.starts_with("best-") => std::fs::remove_dir_all(&path),
                _ if path.join("resume").is_dir() => std::fs::remove_dir_all(path.join("resume")),
                _ => Ok(()),
            };
            removed.map_err(TrainError::io(&path))?;
        }
        Ok(())
    }

    /// What training uses if no stop rule ends it: rollouts and references.
    pub fn budget(&self) -> (u64, u64) {
        match self.arm.kind {
            Kind::Trained => {
                let steps = self.recipe.steps;
                (rollouts(&self.recipe, steps), references(&self.recipe, steps))
            }
            Kind::Base | Kind::Constant => (0, 0),
        }
    }
}

/// Rollouts of the first steps of a run.
pub(super) fn rollouts(recipe: &Recipe, steps: usize) -> u64 {
    let sampling = (0..steps).filter(|&step| StepContext::new(recipe, step).samples()).count();
    (sampling * recipe.rollout.prompts_per_step * recipe.rollout.group_size) as u64
}

/// References that the first steps of a run use: one per prompt where they are imitated, shown to
/// the teacher, or compared with.
fn references(recipe: &Recipe, steps: usize) -> u64 {
    let uses = |step: &usize| {
        let weights = recipe.loss_weights(*step);
        let imitated = weights.ce > 0.0 && recipe.sft.on == SftTarget::References;
        let shown = weights.distill > 0.0 && recipe.distill.context == ContextKind::Reference;
        let compared = recipe.reward.reference && StepContext::new(recipe, *step).samples();
        imitated || shown || compared
    };
    ((0..steps).filter(uses).count() * recipe.rollout.prompts_per_step) as u64
}
