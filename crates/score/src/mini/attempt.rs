//! An attempt at a task, and what it took.

use super::Grading;
use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::Add;
use vsdpo_artifact::{Diagnosis, Outcome, Source, Span, Task, extract_code};
use vsdpo_diagnose::{AxisWeights, diagnose, reward};
use vsdpo_render::{RenderError, Renderer, render_with_retries};

/// One attempt at one task.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The task.
    pub task: Task,
    /// The policy's whole answer.
    pub text: String,
    /// The place of the code in it.
    pub code: Span,
    /// What it drew.
    pub outcome: Outcome,
    /// What the rules say of it.
    pub diagnosis: Diagnosis,
    /// Equation 8, of this attempt by itself; 0 if it did not end.
    pub reward: f32,
    /// Whether the completion ended before the token limit.
    pub finished: bool,
    /// What it took.
    pub cost: Cost,
}

impl Attempt {
    /// The policy's code.
    pub fn source(&self) -> &str {
        self.code.text(&self.text).unwrap_or("")
    }

    /// Whether the answer ended, ran and satisfies every evaluated axis.
    pub fn defect_free(&self) -> bool {
        self.finished && self.diagnosis.defect_free()
    }
}

/// What a model answered to a task.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The whole answer.
    pub text: String,
    /// Whether it ended before the token limit.
    pub finished: bool,
    /// What it took, without the render.
    pub cost: Cost,
}

/// The attempts that answers are: one answer per task, rendered and diagnosed, without references.
///
/// # Errors
/// As [`render_with_retries`].
pub fn attempts(
    renderer: &dyn Renderer,
    tasks: &[Task],
    answers: Vec<Answer>,
    weights: &AxisWeights,
) -> Result<Vec<Attempt>, RenderError> {
    let place = |(answer, task): (&Answer, &Task)| extract_code(&answer.text, task.language);
    let places: Vec<Span> = answers.iter().zip(tasks).map(place).collect();
    let source = |((answer, place), task): ((&Answer, &Span), &Task)| {
        Source::new(place.text(&answer.text).unwrap_or(""), task.language)
    };
    let sources: Vec<Source> = answers.iter().zip(&places).zip(tasks).map(source).collect();
    let drawn = render_with_retries(renderer, &sources)?;
    let attempt = |(((task, answer), code), outcome): (((&Task, Answer), Span), Outcome)| {
        let diagnosis = diagnose(task, &outcome, None);
        // As in training: a completion that met the token limit has no reward.
        let reward = if answer.finished { reward(&diagnosis, weights) } else { 0.0 };
        let Answer { text, finished, cost } = answer;
        let cost = Cost { renders: cost.renders + 1, ..cost };
        Attempt { task: task.clone(), text, code, outcome, diagnosis, reward, finished, cost }
    };
    Ok(tasks.iter().zip(answers).zip(places).zip(drawn).map(attempt).collect())
}

/// The best constant layout, chosen on training contents, as an answer to each task.
///
/// # Errors
/// As [`render_with_retries`].
pub fn constant_attempts(
    renderer: &dyn Renderer,
    tasks: &[Task],
    by: &Grading,
    weights: &AxisWeights,
) -> Result<Vec<Attempt>, RenderError> {
    let codes = by.world.constant_answers(by.split, by.seed, tasks.len() as u64);
    let sources: Vec<Source> =
        codes.iter().zip(tasks).map(|(code, task)| Source::new(code, task.language)).collect();
    let drawn = renderer.render_all(&sources)?;
    let attempts = tasks.iter().zip(codes).zip(drawn).map(|((task, code), outcome)| {
        let diagnosis = diagnose(task, &outcome, None);
        let reward = reward(&diagnosis, weights);
        let (task, place) = (task.clone(), Span::new(0, code.len()));
        let cost = Cost::default();
        Attempt { task, text: code, code: place, outcome, diagnosis, reward, finished: true, cost }
    });
    Ok(attempts.collect())
}

/// What attempts cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens that the model reads; a picture counts one token per merged patch.
    pub prompt_tokens: usize,
    /// Tokens that it writes.
    pub completion_tokens: usize,
    /// Seconds of encoding and sampling. Of tasks that are sampled together, an equal share each.
    pub sampling_seconds: f64,
    /// Renders asked for.
    pub renders: usize,
    /// Seconds of rendering, comparing and diagnosing, in equal shares as well.
    pub rendering_seconds: f64,
}

impl Cost {
    /// Tokens read and written.
    pub fn tokens(&self) -> usize {
        self.prompt_tokens + self.completion_tokens
    }

    /// All seconds.
    pub fn seconds(&self) -> f64 {
        self.sampling_seconds + self.rendering_seconds
    }

    /// The same without the render: an answer that is used as it is needs none.
    pub fn single_pass(self) -> Self {
        Self { renders: 0, rendering_seconds: 0.0, ..self }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            completion_tokens: self.completion_tokens + other.completion_tokens,
            sampling_seconds: self.sampling_seconds + other.sampling_seconds,
            renders: self.renders + other.renders,
            rendering_seconds: self.rendering_seconds + other.rendering_seconds,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}
