//! How good a policy is on held-out tasks, with 95 % intervals, beside what makes the number
//! readable.
//!
//! | arm | what it shows |
//! |---|---|
//! | `student` | the policy alone, as it is used |
//! | `best-constant` | the one layout that suits most contents: what can be had without reading the prompt |
//! | `given-feedback` | the same policy shown v of its own attempts: what a teacher with these weights knows |
//! | `shuffled-feedback` | the same, shown v of another task's attempt: how much of that is mere encouragement |
//!
//! Intervals are percentile bootstraps over tasks (2000 resamples, seeded): they hold the spread
//! over tasks and samples, not the spread over training seeds.

use crate::context::{Channels, Feedback, student_prompt, teacher_prompt};
use crate::renderer::Renderer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;
use vsdpo_artifact::{Axis, Diagnosis, Outcome, Task, extract_code};
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::{diagnose, rubric_json};
use vsdpo_policy::{Message, Policy, PolicyError, SampleConfig};
use vsdpo_render::RenderError;

pub use vsdpo_stats::{Estimate, bootstrap};

/// Prompts that are sampled together; bounds the memory of the key-value cache.
const PROMPTS_AT_ONCE: usize = 64;
/// Attempts that are kept whole.
const SHOWN: usize = 8;

/// What to evaluate on.
#[derive(Clone, Debug)]
pub struct EvalConfig {
    /// The world to draw tasks from; the renderer must be one of its domain.
    pub world: World,
    /// Contents to draw tasks from.
    pub split: Split,
    /// Number of tasks; one sample each.
    pub tasks: usize,
    /// Sampling of the policy.
    pub sampling: SampleConfig,
    /// Seed of tasks and samples.
    pub seed: u64,
    /// Also score the best constant policy.
    pub constant: bool,
    /// Also score the policy when it is shown feedback on its own attempts, true and shuffled.
    pub feedback: bool,
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
    /// Share of attempts that run and satisfy every judged axis.
    pub defect_free: Estimate,
    /// Mean reward, equation 8.
    pub reward: Estimate,
    /// Share of attempts that satisfy each axis; an attempt that fails satisfies none.
    pub axes: BTreeMap<String, Estimate>,
    /// Entropy in nats of each layout choice over the attempts that can be read: 0 means one layout
    /// for everything.
    pub choice_entropy: BTreeMap<String, f64>,
}

/// All arms of one evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvalReport {
    /// `mini-chart` or `mini-web`.
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
}

impl EvalReport {
    /// The policy alone.
    pub fn student(&self) -> &Arm {
        &self.arms[0]
    }
}

/// Why an evaluation could not be done.
#[derive(Debug, Error)]
pub enum EvalError {
    /// The policy failed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Rendering is broken.
    #[error(transparent)]
    Render(#[from] RenderError),
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
}

/// Scores a policy on an embedded world.
///
/// # Errors
/// The policy or the renderer does not work; attempts that fail are scores, not errors.
pub fn evaluate(policy: &Policy, renderer: &dyn Renderer, cfg: &EvalConfig) -> Result<EvalReport, EvalError> {
    let tasks: Vec<Task> = (0..cfg.tasks as u64).map(|i| cfg.world.task(cfg.split, cfg.seed, i)).collect();
    let prompts: Vec<Vec<Message>> = tasks.iter().map(student_prompt).collect();
    let attempts = attempt(policy, renderer, &tasks, &prompts, cfg)?;
    let mut arms = vec![score("student", &attempts, cfg)];
    if cfg.constant {
        arms.push(constant_arm(renderer, &tasks, cfg)?);
    }
    if cfg.feedback {
        for (name, shift) in [("given-feedback", 0), ("shuffled-feedback", 1)] {
            let prompts = feedback_prompts(&tasks, &attempts, shift);
            arms.push(score(name, &attempt(policy, renderer, &tasks, &prompts, cfg)?, cfg));
        }
    }
    let temperature = cfg.sampling.temperature;
    let shown = attempts.into_iter().take(SHOWN).collect();
    Ok(EvalReport {
        benchmark: cfg.world.benchmark().into(),
        split: cfg.split,
        seed: cfg.seed,
        temperature,
        arms,
        shown,
    })
}

/// Samples once per prompt, renders and judges.
fn attempt(
    policy: &Policy,
    renderer: &dyn Renderer,
    tasks: &[Task],
    prompts: &[Vec<Message>],
    cfg: &EvalConfig,
) -> Result<Vec<Attempt>, EvalError> {
    let mut codes = Vec::with_capacity(tasks.len());
    for (i, chunk) in prompts.chunks(PROMPTS_AT_ONCE).enumerate() {
        let encoded = chunk.iter().map(|m| policy.encode(m)).collect::<Result<Vec<_>, _>>()?;
        let seed = cfg.seed.wrapping_add(i as u64);
        for completion in policy.sample(&encoded, 1, &cfg.sampling, seed)? {
            let span = extract_code(&completion.text, cfg.world.domain());
            codes.push(completion.text[span.start..span.end].to_owned());
        }
    }
    judge(renderer, tasks, codes)
}

fn judge(renderer: &dyn Renderer, tasks: &[Task], codes: Vec<String>) -> Result<Vec<Attempt>, EvalError> {
    let sources: Vec<&str> = codes.iter().map(String::as_str).collect();
    let outcomes = renderer.render_all(&sources)?;
    let judged = tasks.iter().zip(codes).zip(outcomes).map(|((task, code), outcome)| {
        let diagnosis = diagnose(task.domain, task.requirements.as_ref(), &outcome);
        Attempt { task: task.clone(), code, outcome, diagnosis }
    });
    Ok(judged.collect())
}

/// The prompts of a teacher that sees the feedback on attempt `i + shift` with task `i`.
fn feedback_prompts(tasks: &[Task], attempts: &[Attempt], shift: usize) -> Vec<Vec<Message>> {
    let both = Channels { image: true, rubric: true };
    let prompt = |(i, task): (usize, &Task)| {
        let seen = &attempts[(i + shift) % attempts.len()];
        let rubric = rubric_json(&seen.diagnosis.rubric);
        let feedback = match &seen.outcome {
            Outcome::Rendered(r) => Feedback::Render { image: &r.image, rubric_json: &rubric },
            Outcome::Failed { error } => Feedback::Failure { error },
        };
        teacher_prompt(task, &feedback, both)
    };
    tasks.iter().enumerate().map(prompt).collect()
}

/// The best constant layout, chosen on training contents and scored on the tasks.
fn constant_arm(renderer: &dyn Renderer, tasks: &[Task], cfg: &EvalConfig) -> Result<Arm, EvalError> {
    let codes = cfg.world.constant_answers(cfg.split, cfg.seed, tasks.len() as u64);
    Ok(score("best-constant", &judge(renderer, tasks, codes)?, cfg))
}

fn score(arm: &str, attempts: &[Attempt], cfg: &EvalConfig) -> Arm {
    let estimate = |value: &dyn Fn(&Attempt) -> f64| {
        let values: Vec<f64> = attempts.iter().map(value).collect();
        bootstrap(&values, cfg.seed)
    };
    let satisfied = |axis: Axis| {
        move |a: &Attempt| (a.diagnosis.rubric.get(axis).and_then(|v| v.satisfied) == Some(true)) as u8 as f64
    };
    let choices: Vec<_> = attempts.iter().filter_map(|a| cfg.world.choices(&a.code)).collect();
    Arm {
        arm: arm.into(),
        tasks: attempts.len(),
        exec: estimate(&|a| a.diagnosis.executed as u8 as f64),
        defect_free: estimate(&|a| a.diagnosis.defect_free() as u8 as f64),
        reward: estimate(&|a| a.diagnosis.reward as f64),
        axes: Axis::of(cfg.world.domain())
            .iter()
            .map(|&x| (x.name().to_string(), estimate(&satisfied(x))))
            .collect(),
        choice_entropy: choice_entropy(&choices),
    }
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
