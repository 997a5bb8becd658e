//! One optimizer step on given completions: renders them, scores them, and writes the policy after
//! the step. The tests of the Python package compare another trainer's step with it.
//!
//!     cargo run --release -p vsdpo-train --example step_on -- \
//!         RECIPE.toml ROLLOUTS.json OUT [KEY=VALUE...]
//!
//! ROLLOUTS.json is a list of `{"prompt": text, "images": [paths], "requirements": {...},
//! "completions": [[token ids], ...]}`, each with as many completions as the recipe's group has. A
//! completion that ends with an end token has finished. OUT gets the policy, or its adapter and in
//! `merged` the policy, and `step.json`: losses, rewards, weights of tokens, and their
//! log-probabilities after the step.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Language, Requirements, Rollout, Task, extract_code};
use vsdpo_policy::{Policy, SaveOptions, read_image};
use vsdpo_train::batch::Batch;
use vsdpo_train::recipe::Recipe;
use vsdpo_train::stages::{Experience, credit, diagnose, encode, render, reward};
use vsdpo_train::step::StepContext;
use vsdpo_train::teacher::Teacher;
use vsdpo_train::update::{UpdateReport, optimizer, update};
use vsdpo_train::{Environment, student};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    prompt: String,
    #[serde(default)]
    images: Vec<PathBuf>,
    requirements: Option<Requirements>,
    completions: Vec<Vec<u32>>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, rollouts, out, sets @ ..] = args.as_slice() else {
        anyhow::bail!("usage: step_on RECIPE.toml ROLLOUTS.json OUT [KEY=VALUE...]");
    };
    let recipe = Recipe::load(recipe.as_ref(), sets)?;
    let rows = std::fs::read(rollouts).with_context(|| rollouts.clone())?;
    let rows: Vec<Row> = serde_json::from_slice(&rows).with_context(|| rollouts.clone())?;
    let mut policy = student(&recipe)?;
    policy.set_trainable(|_| true)?;
    let env = Environment::open(&recipe)?;
    let context = StepContext::new(&recipe, 0);
    let experience = experience(&recipe, &policy, &env, &context, &rows)?;
    let batch = Batch::assemble(&policy, &experience, &context)?;
    let teacher = Teacher::begin(&recipe, &policy)?;
    let mut optimizer = optimizer(&recipe, &policy)?;
    let report = update(&policy, &teacher, &batch, &mut optimizer, &context)?;
    policy.save_changes(out.as_ref(), SaveOptions::default())?;
    if policy.adapter().is_some() {
        policy.save(&Path::new(out).join("merged"))?;
    }
    let after = experience.rollouts.iter().map(|y| policy.logprobs(&experience.prompts[y.task], &y.tokens));
    let after: Vec<Vec<f32>> = after.collect::<Result<_, _>>()?;
    write_report(out.as_ref(), &experience, (&batch, &report), &after)
}

fn experience(
    recipe: &Recipe,
    policy: &Policy,
    env: &Environment,
    context: &StepContext,
    rows: &[Row],
) -> Result<Experience> {
    let language = recipe.data.language();
    let mut experience = Experience::default();
    for (i, row) in rows.iter().enumerate() {
        let group = recipe.rollout.group_size;
        ensure!(
            row.completions.len() == group,
            "row {i} has {} completions, not {group}",
            row.completions.len()
        );
        experience.tasks.push(Task {
            prompt: row.prompt.clone(),
            images: row.images.iter().map(|path| Ok(read_image(path)?)).collect::<Result<_>>()?,
            requirements: row.requirements.clone(),
            ..Task::unspecified(recipe.domain, language)
        });
        experience.rollouts.extend(row.completions.iter().map(|ids| rollout(policy, i, ids, language)));
    }
    experience.prompts = encode(policy, &experience.tasks)?;
    // The sampler of these rollouts had the policy's own weights.
    for y in &mut experience.rollouts {
        y.logprobs = policy.logprobs(&experience.prompts[y.task], &y.tokens)?;
    }
    experience.outcomes = render(env.renderer(), &experience.tasks, &experience.rollouts)?;
    experience.comparisons = vec![None; experience.rollouts.len()];
    experience.diagnoses = diagnose(&experience);
    experience.rewards = reward(&experience, &recipe.axis_weights());
    experience.credits = credit(&experience, context);
    Ok(experience)
}

fn rollout(policy: &Policy, task: usize, ids: &[u32], language: Language) -> Rollout {
    let (text, token_spans) = policy.tokenizer().decode(ids);
    let ends = policy.tokenizer().end_ids();
    Rollout {
        task,
        code: extract_code(&text, language),
        text,
        tokens: ids.to_vec(),
        logprobs: Vec::new(),
        token_spans,
        finished: ids.last().is_some_and(|id| ends.contains(id)),
    }
}

fn write_report(
    out: &Path,
    experience: &Experience,
    (batch, report): (&Batch, &UpdateReport),
    after: &[Vec<f32>],
) -> Result<()> {
    let mut weights = vec![Vec::new(); experience.rollouts.len()];
    for item in &batch.items {
        if let Some(i) = item.rollout {
            weights[i].clone_from(&item.weights);
        }
    }
    let said = serde_json::json!({
        "loss": report.loss,
        "distill": report.loss_distill,
        "grpo": report.loss_grpo,
        "grad_norm": report.grad_norm,
        "rewards": experience.rewards,
        "advantages": batch.advantages,
        "weights": weights,
        "logprobs": after,
    });
    Ok(std::fs::write(out.join("step.json"), said.to_string())?)
}
