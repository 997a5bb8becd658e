//! One Visual-SDPO step of the embedded policy: 64 rollouts with the lengths of a recorded step,
//! through student and frozen teacher, full-vocabulary KL, policy gradient, backward, clipping,
//! AdamW; against the same step in PyTorch, padded as the field's trainers pad it.
//!
//!     cargo run --release -p vsdpo-train --example bench_update -- [--python PATH]

#[expect(dead_code, reason = "the other benches make a model of their own")]
mod bench_common;

use anyhow::{Context, Result};
use bench_common::{Before, pytorch, row};
use std::borrow::Cow;
use std::path::Path;
use vsdpo_policy::{Policy, Prompt, ops};
use vsdpo_train::batch::{Batch, Counts, Item};
use vsdpo_train::recipe::Recipe;
use vsdpo_train::step::StepContext;
use vsdpo_train::teacher::Teacher;
use vsdpo_train::update::{optimizer, update};

/// Tokens that end a student's prompt, after its text: the turn's end and the answer's beginning.
const CLOSING: usize = 5;

/// Made-up tokens.
fn ids(s: usize, n: usize) -> Vec<u32> {
    (0..n).map(|t| ((s * 331 + t * 7919) % 1000) as u32).collect()
}

fn main() -> Result<()> {
    ops::tune_threads();
    ops::tune_allocator();
    let before = Before::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let recipe = Recipe::load(&root.join("recipes/chart-visual-sdpo.toml"), &[])?;
    let lengths =
        std::fs::read(root.join("fixtures/bench/lengths.json")).context("fixtures/bench/lengths.json")?;
    let lengths: Vec<[usize; 3]> = serde_json::from_slice(&lengths)?;
    let policy = Policy::load(&root.join("assets/mini"))?;
    let teacher = Teacher::begin(&recipe, &policy)?;
    let mut optimizer = optimizer(&recipe, &policy)?;
    // The rollouts of a group answer one prompt; a teacher's prompt begins like the student's.
    let group = recipe.rollout.group_size;
    let asked = |s: usize| ids(s / group, lengths[s][0]);
    let prompts: Vec<Prompt> =
        (0..lengths.len()).map(|s| policy.prompt(asked(s), Vec::new())).collect::<Result<_, _>>()?;
    let taught = |s: usize| {
        let mut prompt = asked(s);
        prompt.truncate(lengths[s][0] - CLOSING);
        prompt.extend(ids(s + lengths.len(), lengths[s][1] - prompt.len()));
        Ok(policy.prompt(prompt, Vec::new())?)
    };
    let items = items(&lengths, &prompts, taught)?;
    let batch = Batch { items, advantages: Vec::new(), counts: Counts::default() };
    let ours = before.measure(1, 5, || {
        update(&policy, &teacher, &batch, &mut optimizer, &StepContext::new(&recipe, 1))?;
        Ok(())
    })?;
    println!("ours: {ours}");
    if let Some(field) = pytorch("update")? {
        row("Visual-SDPO step", field.cpu_ms, ours.cpu_ms, 1.33);
        row("Visual-SDPO step, peak MB", field.peak_mb, ours.peak_mb, 1.54);
    }
    Ok(())
}

/// Every rollout of the step, with the factors that the recipe's streams would give it.
fn items<'a>(
    lengths: &[[usize; 3]],
    prompts: &'a [Prompt],
    taught: impl Fn(usize) -> Result<Prompt>,
) -> Result<Vec<Item<'a>>> {
    let total: usize = lengths.iter().map(|l| l[2]).sum();
    let mut items = Vec::new();
    for (s, (&[_, _, n], prompt)) in lengths.iter().zip(prompts).enumerate() {
        items.push(Item {
            prompt,
            teacher: Some(taught(s)?),
            tokens: Cow::Owned(ids(s + 1, n)),
            rollout: Some(s),
            logprobs: &[],
            weights: vec![1.0; n],
            ce: Vec::new(),
            ref_kl: vec![1.0 / (lengths.len() * n) as f32; n],
            rl: vec![1.0 / total as f32; n],
            advantage: if s % 2 == 0 { 0.5 } else { -0.5 },
        });
    }
    Ok(items)
}
