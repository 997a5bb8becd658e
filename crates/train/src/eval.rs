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
//! On an embedded world every arm also has the share that is good by the generator's geometry,
//! which reads the code alone and is in neither reward nor rubric.
//!
//! Intervals are percentile bootstraps over tasks (2000 resamples, seeded): they hold the spread
//! over tasks and samples, not the spread over training seeds.

mod rows;
mod table;

use crate::context::{Channels, Feedback, student_prompt, teacher_prompt};
use crate::error::TrainError;
use crate::stages::{self, Experience, References, Sampling};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vsdpo_artifact::{Axis, Diagnosis, Outcome, Rollout, Source, Task};
use vsdpo_data::mini::{Good, Split, World};
use vsdpo_diagnose::{AxisWeights, RubricDetail, axes, diagnose, reference_axes, reward, rubric_json};
use vsdpo_policy::{Message, Policy, SampleConfig};
use vsdpo_render::Renderer;

pub use rows::Row;
pub use table::table;
pub use vsdpo_stats::{Estimate, bootstrap};

/// Prompts that are sampled together; bounds the memory of the key-value cache.
const PROMPTS_AT_ONCE: usize = 64;
/// Attempts that are kept whole.
const SHOWN: usize = 8;

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
    /// Weights of the axes in the reward.
    pub weights: AxisWeights,
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
    /// What a run's own teacher is shown, and the control.
    pub fn of_teacher(channels: Channels, rubric: RubricDetail) -> [Way; 2] {
        let given = Way { name: "given-feedback", channels, rubric, shuffled: false };
        [given, Way { name: "shuffled-feedback", shuffled: true, ..given }]
    }

    const fn of(name: &'static str, image: bool, rubric: Option<RubricDetail>) -> Way {
        let (shown, rubric) = match rubric {
            Some(detail) => (true, detail),
            None => (false, RubricDetail::Binary),
        };
        Way { name, channels: Channels { image, rubric: shown }, rubric, shuffled: false }
    }
}

/// The scores of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Which arm.
    pub arm: String,
    /// Tasks, one attempt each.
    pub tasks: usize,
    /// Share of attempts that run and draw something.
    pub exec: Estimate,
    /// Share of attempts that run and satisfy every evaluated axis.
    pub defect_free: Estimate,
    /// Mean reward, equation 8.
    pub reward: Estimate,
    /// Share of attempts that are the task's code with a good layout, by the generator's geometry;
    /// `None` for tasks of a corpus.
    #[serde(default)]
    pub good: Option<Estimate>,
    /// Share of attempts whose held-back choice is good, which neither reward nor rubric covers;
    /// `None` for tasks of a corpus.
    #[serde(default)]
    pub held_back: Option<Estimate>,
    /// Share of attempts that satisfy each axis; an attempt that fails satisfies none.
    pub axes: BTreeMap<String, Estimate>,
    /// Entropy in nats of each layout choice over the attempts that can be read: 0 means one layout
    /// for everything.
    pub choice_entropy: BTreeMap<String, f64>,
}

/// All arms of one evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvalReport {
    /// `mini-chart`, `mini-web` or `own`.
    pub benchmark: String,
    /// Contents that tasks were drawn from.
    pub split: Split,
    /// Seed of tasks and samples.
    pub seed: u64,
    /// Sampling temperature.
    pub temperature: f32,
    /// The arms; the first one is `student`.
    pub arms: Vec<Arm>,
    /// The student's attempts at the first tasks: the same tasks at every evaluation of one seed.
    #[serde(skip)]
    pub shown: Vec<Attempt>,
    /// The student's score on each task, in the order of the tasks.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

impl EvalReport {
    /// The policy alone.
    pub fn student(&self) -> &Arm {
        &self.arms[0]
    }
}

/// One attempt at one task.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The task.
    pub task: Task,
    /// The policy's code.
    pub code: String,
    /// What it drew.
    pub outcome: Outcome,
    /// What the rules say of it.
    pub diagnosis: Diagnosis,
    /// Equation 8, of this attempt by itself; 0 if it did not end.
    pub reward: f32,
    /// Whether the completion ended before the token limit.
    pub finished: bool,
}

impl Attempt {
    /// Whether it ended, ran, and satisfies every evaluated axis.
    fn defect_free(&self) -> bool {
        self.finished && self.diagnosis.defect_free()
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
    let of_world = || (0..cfg.tasks as u64).map(|i| cfg.world.task(cfg.split, cfg.seed, i)).collect();
    let tasks: Vec<Task> = cfg.own.map_or_else(of_world, <[Task]>::to_vec);
    let prompts: Vec<Vec<Message>> = tasks.iter().map(student_prompt).collect();
    let attempts = attempt(policy, renderer, &tasks, &prompts, cfg)?;
    let mut arms = vec![score("student", &attempts, cfg)];
    if cfg.constant {
        arms.push(constant_arm(renderer, &tasks, cfg)?);
    }
    for way in cfg.feedback {
        let prompts = feedback_prompts(&tasks, &attempts, way, cfg);
        arms.push(score(way.name, &attempt(policy, renderer, &tasks, &prompts, cfg)?, cfg));
    }
    let temperature = cfg.sampling.temperature;
    let rows = rows::of(&attempts, cfg);
    let shown = attempts.into_iter().take(SHOWN).collect();
    Ok(EvalReport {
        benchmark: if cfg.own.is_some() { "own" } else { cfg.world.benchmark() }.into(),
        split: cfg.split,
        seed: cfg.seed,
        temperature,
        arms,
        shown,
        rows,
    })
}

/// Samples once per prompt, renders and diagnoses: the stages of the training loop.
fn attempt(
    policy: &Policy,
    renderer: &dyn Renderer,
    tasks: &[Task],
    prompts: &[Vec<Message>],
    cfg: &EvalConfig,
) -> Result<Vec<Attempt>, TrainError> {
    let mut rollouts: Vec<Rollout> = Vec::with_capacity(tasks.len());
    for (i, chunk) in prompts.chunks(PROMPTS_AT_ONCE).enumerate() {
        let first = i * PROMPTS_AT_ONCE;
        let encoded = chunk.iter().map(|m| policy.encode(m)).collect::<Result<Vec<_>, _>>()?;
        let seed = cfg.seed.wrapping_add(i as u64);
        let sampling = Sampling { group_size: 1, config: cfg.sampling, seed };
        let sampled = stages::sample(policy, &tasks[first..], &encoded, &sampling)?;
        rollouts.extend(sampled.into_iter().map(|y| Rollout { task: first + y.task, ..y }));
    }
    let outcomes = stages::render(renderer, tasks, &rollouts)?;
    let mut drawn = Experience { tasks: tasks.to_vec(), rollouts, outcomes, ..Experience::default() };
    drawn.comparisons = stages::compare(renderer, cfg.references, &drawn)?;
    let diagnoses = stages::diagnose(&drawn);
    let Experience { rollouts, outcomes, .. } = drawn;
    let all = rollouts.iter().zip(outcomes).zip(diagnoses);
    Ok(all
        .map(|((y, outcome), diagnosis)| Attempt {
            task: tasks[y.task].clone(),
            code: y.source().to_owned(),
            outcome,
            // As in training: a completion that met the token limit has no reward.
            reward: if y.finished { reward(&diagnosis, &cfg.weights) } else { 0.0 },
            finished: y.finished,
            diagnosis,
        })
        .collect())
}

/// The prompts of a teacher that is shown v of the attempts in one way.
fn feedback_prompts(tasks: &[Task], attempts: &[Attempt], way: &Way, cfg: &EvalConfig) -> Vec<Vec<Message>> {
    let prompt = |(i, task): (usize, &Task)| {
        let shown = &attempts[(i + usize::from(way.shuffled)) % attempts.len()];
        let rubric = rubric_json(&shown.diagnosis.rubric, way.rubric, &cfg.weights);
        teacher_prompt(task, &Feedback::on(&shown.outcome, &rubric), way.channels)
    };
    tasks.iter().enumerate().map(prompt).collect()
}

/// The best constant layout, chosen on training contents and scored on the tasks.
fn constant_arm(renderer: &dyn Renderer, tasks: &[Task], cfg: &EvalConfig) -> Result<Arm, TrainError> {
    let codes = cfg.world.constant_answers(cfg.split, cfg.seed, tasks.len() as u64);
    let sources: Vec<Source> =
        codes.iter().zip(tasks).map(|(code, task)| Source::new(code, task.language)).collect();
    let outcomes = renderer.render_all(&sources)?;
    let attempts = tasks.iter().zip(codes).zip(outcomes).map(|((task, code), outcome)| {
        let diagnosis = diagnose(task, &outcome, None);
        let reward = reward(&diagnosis, &cfg.weights);
        Attempt { task: task.clone(), code, outcome, diagnosis, reward, finished: true }
    });
    Ok(score("best-constant", &attempts.collect::<Vec<_>>(), cfg))
}

fn score(arm: &str, attempts: &[Attempt], cfg: &EvalConfig) -> Arm {
    let estimate = |value: &dyn Fn(&Attempt) -> f64| {
        let values: Vec<f64> = attempts.iter().map(value).collect();
        bootstrap(&values, cfg.seed)
    };
    let of_world = attempts.iter().filter(|_| cfg.own.is_none());
    let choices: Vec<_> = of_world.filter_map(|a| cfg.world.choices(&a.code)).collect();
    let by_geometry = |ok: fn(Good) -> bool| {
        let good = |(i, a): (usize, &Attempt)| cfg.world.good(cfg.split, cfg.seed, i as u64, &a.code);
        let values: Vec<f64> =
            attempts.iter().enumerate().map(|a| f64::from(good(a).is_some_and(ok))).collect();
        cfg.own.is_none().then(|| bootstrap(&values, cfg.seed))
    };
    Arm {
        arm: arm.into(),
        tasks: attempts.len(),
        exec: estimate(&|a| a.diagnosis.executed as u8 as f64),
        defect_free: estimate(&|a| a.defect_free().into()),
        reward: estimate(&|a| f64::from(a.reward)),
        good: by_geometry(|g| g.layout && g.exact),
        held_back: by_geometry(|g| g.held_back),
        axes: reported_axes(cfg)
            .map(|x| (x.name.to_string(), estimate(&|a| satisfied(a, x).into())))
            .collect(),
        choice_entropy: choice_entropy(&choices),
    }
}

/// The axes that an evaluation reports.
fn reported_axes(cfg: &EvalConfig) -> impl Iterator<Item = Axis> {
    let compared = cfg.references.map_or(&[][..], |_| reference_axes(cfg.world.domain()));
    axes(cfg.world.domain()).iter().chain(compared).copied()
}

/// Whether an attempt satisfies an axis; one that fails, or is not evaluated on it, does not.
fn satisfied(attempt: &Attempt, axis: Axis) -> bool {
    attempt.diagnosis.rubric.get(axis).and_then(|v| v.satisfied) == Some(true)
}

/// The entropy of each choice over attempts that all make the same choices.
fn choice_entropy(attempts: &[Vec<(&'static str, usize)>]) -> BTreeMap<String, f64> {
    let names = attempts.first().into_iter().flatten().enumerate();
    names.map(|(k, (name, _))| (name.to_string(), entropy(attempts.iter().map(move |a| a[k].1)))).collect()
}

fn entropy(values: impl Iterator<Item = usize>) -> f64 {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    let mut n = 0.0;
    for v in values {
        *counts.entry(v).or_default() += 1.0;
        n += 1.0;
    }
    counts.values().map(|c| -(c / n) * (c / n).ln()).sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_even_choices_is_the_logarithm_of_their_number() {
        assert!((entropy([0, 1, 2, 3].into_iter()) - 4f64.ln()).abs() < 1e-12);
        assert_eq!(entropy([5, 5, 5].into_iter()), 0.0);
        assert_eq!(entropy(std::iter::empty()), 0.0);
        let of = choice_entropy(&[vec![("ink", 0), ("corner", 2)], vec![("ink", 1), ("corner", 2)]]);
        assert_eq!(of, BTreeMap::from([("ink".to_string(), 2f64.ln()), ("corner".to_string(), 0.0)]));
        assert!(choice_entropy(&[]).is_empty());
    }
}
