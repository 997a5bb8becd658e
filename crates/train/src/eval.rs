//! How good a policy is on held-out tasks, with 95 % intervals, beside what makes the number
//! readable.
//!
//! | arm | what it shows |
//! |---|---|
//! | `student` | the policy alone, as it is used |
//! | `best-constant` | the one layout that is good for most contents: the score without reading the prompt |
//! | `picture`, `binary`, ... | the same policy shown v of its own attempts in one of the ways of [`WAYS`]: what a teacher with these weights knows |
//! | `shuffled` | the same, shown picture and verdicts of another task's attempt: what the feedback gives without its content |
//!
//! With a [`Reflection`], the arm `reflect-k` is the policy that revises its answers at most k
//! times at inference, and `student` and these arms say what a task costs.
//!
//! On an embedded world every arm also has the share that is good by the generator's geometry,
//! which reads the code alone and is in neither reward nor rubric.
//!
//! Intervals are percentile bootstraps over tasks (2000 resamples, seeded): they hold the spread
//! over tasks and samples, not the spread over training seeds.

mod attempt;

use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::reflect::{Reflection, Revisions, reflect};
use crate::setup::Environment;
use crate::stages::References;
use vsdpo_artifact::{Message, Task};
use vsdpo_context::{Channels, Feedback, student_prompt, teacher_prompt};
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::{AxisWeights, RubricDetail, rubric_json};
use vsdpo_policy::{Policy, SampleConfig};
use vsdpo_render::Renderer;
use vsdpo_score::mini::{Cost, Grading, constant_attempts, rows};

pub use attempt::Attempter;
pub use vsdpo_score::mini::{Arm, Attempt, EvalReport, MeanCost, Row, TaskScores, table};
pub use vsdpo_stats::{Estimate, bootstrap};

/// Attempts that are kept whole.
const SHOWN: usize = 8;
/// Seed of the tasks and samples of a recipe's evaluations: one for all runs, so that runs are
/// comparable.
const RECIPE_SEED: u64 = 1_000_003;

/// What to evaluate on.
#[derive(Clone, Debug)]
pub struct EvalConfig<'a> {
    /// The world to draw tasks from; the renderer must be one of its domain.
    pub world: World,
    /// Tasks of the run's own corpus, in the place of the world's.
    pub own: Option<&'a [Task]>,
    /// What compares renders with the references of these tasks.
    pub references: Option<References<'a>>,
    /// Contents to draw tasks from.
    pub split: Split,
    /// Number of tasks of the world; one sample each.
    pub tasks: usize,
    /// Sampling of the policy.
    pub sampling: SampleConfig,
    /// Seed of tasks and samples.
    pub seed: u64,
    /// Also score the best constant policy.
    pub constant: bool,
    /// Also score the policy when it is shown feedback in these ways.
    pub feedback: &'a [Way],
    /// Also score the policy when it revises its answers at inference, and count what that costs.
    pub reflection: Option<Reflection>,
    /// Weights of the axes in the reward.
    pub weights: AxisWeights,
}

impl<'a> EvalConfig<'a> {
    /// What attempts at these tasks are scored by.
    fn grading(&self) -> Grading {
        let EvalConfig { world, split, seed, .. } = *self;
        Grading { world, split, seed, own: self.own.is_some(), compared: self.references.is_some() }
    }

    /// What a recipe evaluates on: the dev tasks of its embedded world, or `own`. Only the policy
    /// alone is scored.
    ///
    /// # Errors
    /// Returns an error for a domain without an embedded world.
    pub(crate) fn of_recipe(
        recipe: &Recipe,
        env: &'a Environment,
        own: Option<&'a [Task]>,
    ) -> Result<Self, TrainError> {
        let world = recipe.world().ok_or_else(|| TrainError::Empty {
            key: "domain",
            problem: format!("{} has no tasks to evaluate on", recipe.domain.name()),
            help: "leave data.language out: only slides have two languages",
        })?;
        Ok(Self {
            world,
            references: own.and(env.references()),
            own,
            split: Split::Dev,
            tasks: recipe.eval.tasks,
            sampling: recipe.rollout.sampling(recipe.eval.temperature),
            seed: RECIPE_SEED,
            constant: false,
            feedback: &[],
            reflection: None,
            weights: recipe.axis_weights(),
        })
    }
}

/// A way to show the policy the feedback v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The arm's name.
    pub name: &'static str,
    /// Which parts of v are shown.
    pub channels: Channels,
    /// How much of the rubric is shown, if it is.
    pub rubric: RubricDetail,
    /// Whether v belongs to the attempt at the next task.
    pub shuffled: bool,
}

/// Every way to show v that `distill.channels` and `distill.rubric` can set, and the control.
pub const WAYS: [Way; 6] = [
    Way::of("picture", true, None),
    Way::of("binary", false, Some(RubricDetail::Binary)),
    Way::of("picture+binary", true, Some(RubricDetail::Binary)),
    Way::of("picture+observed", true, Some(RubricDetail::Observed)),
    Way::of("picture+full", true, Some(RubricDetail::Full)),
    Way { shuffled: true, ..Way::of("shuffled", true, Some(RubricDetail::Binary)) },
];

impl Way {
    pub(crate) const GIVEN: &'static str = "given-feedback";
    pub(crate) const SHUFFLED: &'static str = "shuffled-feedback";

    /// What a run's own teacher is shown, and the control.
    pub fn of_teacher(channels: Channels, rubric: RubricDetail) -> [Way; 2] {
        let given = Way { name: Self::GIVEN, channels, rubric, shuffled: false };
        [given, Way { name: Self::SHUFFLED, shuffled: true, ..given }]
    }

    /// The prompt of a teacher that is shown v of an attempt in this way.
    pub(crate) fn prompt(&self, task: &Task, shown: &Attempt, weights: &AxisWeights) -> Vec<Message> {
        let rubric = rubric_json(&shown.diagnosis.rubric, self.rubric, weights);
        teacher_prompt(task, &Feedback::on(&shown.outcome, &rubric), self.channels)
    }

    const fn of(name: &'static str, image: bool, rubric: Option<RubricDetail>) -> Way {
        let (shown, rubric) = match rubric {
            Some(detail) => (true, detail),
            None => (false, RubricDetail::Binary),
        };
        Way { name, channels: Channels { image, rubric: shown }, rubric, shuffled: false }
    }
}

/// Scores a policy on an embedded world, or on tasks of its own corpus.
///
/// # Errors
/// The policy or the renderer does not work; attempts that fail are scores, not errors.
pub fn evaluate(
    policy: &Policy,
    renderer: &dyn Renderer,
    cfg: &EvalConfig,
) -> Result<EvalReport, TrainError> {
    let tasks = tasks_of(cfg);
    let (attempter, by) = (attempter(policy, renderer, cfg), cfg.grading());
    let attempts = student_attempts(&attempter, &tasks)?;
    let mut arms = vec![Arm::of("student", &attempts, &by)];
    let rows = rows(&attempts, &arms[0].scores);
    if cfg.constant {
        arms.push(Arm::of("best-constant", &constant_attempts(renderer, &tasks, &by, &cfg.weights)?, &by));
    }
    for way in cfg.feedback {
        let prompt = |(i, task): (usize, &Task)| {
            let shown = &attempts[(i + usize::from(way.shuffled)) % attempts.len()];
            way.prompt(task, shown, &cfg.weights)
        };
        let prompts: Vec<Vec<Message>> = tasks.iter().enumerate().map(prompt).collect();
        arms.push(Arm::of(way.name, &attempter.attempt(&tasks, &prompts)?, &by));
    }
    let shown = attempts.iter().take(SHOWN).cloned().collect();
    if let Some(how) = &cfg.reflection {
        let single: Vec<Cost> = attempts.iter().map(|a| a.cost.single_pass()).collect();
        arms[0].cost = Some(MeanCost::of(&single));
        let revisions = reflect(attempts, how, &attempter, &mut |_, _| ())?;
        arms.extend((1..=how.rounds).map(|rounds| reflect_arm(rounds, &revisions, cfg)));
    }
    Ok(EvalReport {
        benchmark: if cfg.own.is_some() { "own" } else { cfg.world.benchmark() }.into(),
        split: cfg.split,
        seed: cfg.seed,
        temperature: cfg.sampling.temperature,
        arms,
        provenance: None,
        shown,
        rows,
    })
}

/// The answers after at most so many revisions. The loop with a lower limit is a part of the one
/// with a higher limit, so one run gives all arms.
fn reflect_arm(rounds: usize, revisions: &[Revisions], cfg: &EvalConfig) -> Arm {
    let answers: Vec<Attempt> = revisions.iter().map(|r| r.0[r.answer(rounds)].clone()).collect();
    let costs: Vec<Cost> = revisions.iter().map(|r| r.cost(rounds)).collect();
    Arm {
        cost: Some(MeanCost::of(&costs)),
        ..Arm::of(&format!("reflect-{rounds}"), &answers, &cfg.grading())
    }
}

/// The scores of the policy alone, task by task.
///
/// # Errors
/// The policy or the renderer does not work.
pub fn student_scores(
    policy: &Policy,
    renderer: &dyn Renderer,
    cfg: &EvalConfig,
) -> Result<TaskScores, TrainError> {
    let attempts = student_attempts(&attempter(policy, renderer, cfg), &tasks_of(cfg))?;
    Ok(TaskScores::of(&attempts, &cfg.grading()))
}

/// The scores of the best constant policy, task by task.
///
/// # Errors
/// The renderer does not work.
pub fn constant_scores(renderer: &dyn Renderer, cfg: &EvalConfig) -> Result<TaskScores, TrainError> {
    let by = cfg.grading();
    Ok(TaskScores::of(&constant_attempts(renderer, &tasks_of(cfg), &by, &cfg.weights)?, &by))
}

fn tasks_of(cfg: &EvalConfig) -> Vec<Task> {
    let of_world = || (0..cfg.tasks as u64).map(|i| cfg.world.task(cfg.split, cfg.seed, i)).collect();
    cfg.own.map_or_else(of_world, <[Task]>::to_vec)
}

fn attempter<'a>(policy: &'a Policy, renderer: &'a dyn Renderer, cfg: &'a EvalConfig) -> Attempter<'a> {
    let EvalConfig { references, sampling, seed, .. } = *cfg;
    Attempter { policy, renderer, references, sampling, seed, weights: &cfg.weights }
}

fn student_attempts(attempter: &Attempter, tasks: &[Task]) -> Result<Vec<Attempt>, TrainError> {
    let prompts: Vec<Vec<Message>> = tasks.iter().map(student_prompt).collect();
    attempter.attempt(tasks, &prompts)
}
