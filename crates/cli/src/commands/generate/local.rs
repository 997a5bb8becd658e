//! The answer of a model's folder.

use super::{Answer, Args, revised};
use crate::terminal;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use vsdpo_artifact::{Domain, Task, extract_code};
use vsdpo_context::student_prompt;
use vsdpo_diagnose::AxisWeights;
use vsdpo_policy::{Policy, SampleConfig, read_image};
use vsdpo_train::eval::{Attempt, Attempter};
use vsdpo_train::reflect::{Reflection, reflect};

/// The answer of the model of --model, or the best of its revisions.
pub fn answer(args: &Args, domain: Domain) -> Result<Answer> {
    let model = args.model.as_deref().context("no model is given")?;
    let sampling = sampling(args, model)?;
    let loading = args.storage.loading_to_sample(model, 1, &sampling);
    let policy = Policy::load_with(model, args.adapter.as_deref(), &loading)?;
    let images = args.image.iter().map(|path| read_image(path)).collect::<Result<Vec<_>, _>>()?;
    let language = domain.default_language();
    let task = Task { prompt: args.prompt.clone(), images, ..Task::unspecified(domain, language) };
    match &args.reflecting.reflection() {
        None => single_pass(args, &policy, &task, &sampling),
        Some(how) => best_of_revisions(args, &policy, (task, sampling), how),
    }
}

fn sampling(args: &Args, model: &Path) -> Result<SampleConfig> {
    let greedy =
        SampleConfig { max_completion_tokens: args.max_tokens, temperature: 0.0, ..SampleConfig::default() };
    args.drawing.config(Some(model), (args.temperature, args.top_p), greedy)
}

/// The model's answer as it is.
fn single_pass(args: &Args, policy: &Policy, task: &Task, sampling: &SampleConfig) -> Result<Answer> {
    let prompt = policy.encode(&student_prompt(task))?;
    let bar = terminal::progress("sampling", 0);
    let sampled = policy.sample(&[prompt], 1, sampling, args.seed);
    bar.finish_and_clear();
    let answer = sampled?.into_iter().next().context("the model gave no answer")?;
    let (code, tokens) = (extract_code(&answer.text, task.language), Some(answer.tokens.len()));
    let (text, finished) = (answer.text, answer.finished);
    Ok(Answer { text, code, tokens, finished, outcome: None, more: Value::Null })
}

/// The best of the model's answer and its revisions.
fn best_of_revisions(
    args: &Args,
    policy: &Policy,
    (task, sampling): (Task, SampleConfig),
    how: &Reflection,
) -> Result<Answer> {
    let renderer = args.rendering.open(task.domain)?;
    let attempter = Attempter {
        policy,
        renderer: &*renderer,
        references: None,
        sampling,
        seed: args.seed,
        weights: &AxisWeights::equal(task.domain),
    };
    let bar = terminal::progress("sampling and rendering", 0);
    let mut done = |round: usize, attempts: &[Attempt]| {
        let tell = |a: &Attempt| terminal::remark(&revised::round_line(round, a));
        bar.suspend(|| attempts.iter().filter(|_| !args.json).for_each(tell));
    };
    let prompt = student_prompt(&task);
    let first = attempter.attempt(&[task], &[prompt])?;
    done(0, &first);
    let revisions = reflect(first, how, &attempter, &mut done);
    bar.finish_and_clear();
    revised::best(revisions?, how, args.json)
}
