//! Bytes a parameter that an update holds at its peak: a random model takes two updates of eight
//! short rollouts, so that activations hardly count.
//!
//!     cargo run --release -p vsdpo-train --example bench_memory -- HIDDEN LAYERS VOCABULARY
//!
//! Further arguments are settings of the recipe, KEY=VALUE.

use anyhow::{Result, bail};
use std::borrow::Cow;
use std::path::Path;
use vsdpo_policy::{Config, Policy, Prompt, TextConfig, VisionConfig, ops};
use vsdpo_train::batch::{Batch, Counts, Item};
use vsdpo_train::memory::peak_gb;
use vsdpo_train::recipe::Recipe;
use vsdpo_train::step::StepContext;
use vsdpo_train::teacher::Teacher;
use vsdpo_train::update::{optimizer, update};

/// Tokens of a prompt and of a completion.
const TOKENS: usize = 32;

fn main() -> Result<()> {
    ops::tune_threads();
    ops::tune_allocator();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [hidden, layers, vocabulary, sets @ ..] = args.as_slice() else {
        bail!("usage: bench_memory HIDDEN LAYERS VOCABULARY [KEY=VALUE...]");
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = vec!["optim.micro_batch_tokens=256".to_owned()];
    all.extend_from_slice(sets);
    let recipe = Recipe::load(&root.join("recipes/chart-visual-sdpo.toml"), &all)?;
    let before = peak_gb().unwrap_or_default();
    let mut policy =
        model(&root.join("assets/mini"), [hidden.parse()?, layers.parse()?, vocabulary.parse()?])?;
    policy.set_trainable(|name| !name.starts_with("model.visual"))?;
    if let Some(lora) = &recipe.policy.lora {
        policy.add_adapter(&lora.config(), 1)?;
    }
    let teacher = Teacher::begin(&recipe, &policy)?;
    let mut optimizer = optimizer(&recipe, &policy)?;
    let prompts: Vec<Prompt> = (0..8).map(|s| policy.prompt(ids(s), Vec::new())).collect::<Result<_, _>>()?;
    let batch = batch(&policy, &prompts)?;
    for step in 1..3 {
        update(&policy, &teacher, &batch, &mut optimizer, &StepContext::new(&recipe, step))?;
    }
    let parameters: usize = policy.parameters().iter().map(|(_, var)| var.elem_count()).sum();
    let trained: usize = policy.trainable().map(|(_, var)| var.elem_count()).sum();
    let peak = peak_gb().unwrap_or_default();
    let bytes = (peak - before) * 1e9 / parameters as f64;
    println!(
        "{:.1} M parameters, {:.1} M train: peak {peak:.2} GB, {bytes:.2} bytes a parameter; {sets:?}",
        parameters as f64 / 1e6,
        trained as f64 / 1e6
    );
    Ok(())
}

/// Token ids that differ from sequence to sequence.
fn ids(s: usize) -> Vec<u32> {
    (0..TOKENS).map(|t| ((s * 331 + t * 7919) % 1000) as u32).collect()
}

/// One rollout of each prompt, with a teacher.
fn batch<'a>(policy: &Policy, prompts: &'a [Prompt]) -> Result<Batch<'a>> {
    const LOGPROBS: &[f32] = &[-5.0; TOKENS];
    let item = |(s, prompt)| -> Result<Item> {
        Ok(Item {
            teacher: Some(policy.prompt(ids(s + 8), Vec::new())?),
            rollout: Some(s),
            logprobs: LOGPROBS,
            weights: vec![1.0; TOKENS],
            ref_kl: vec![1.0 / (8 * TOKENS) as f32; TOKENS],
            rl: vec![1.0 / (8 * TOKENS) as f32; TOKENS],
            advantage: s as f32 - 3.5,
            ..Item::imitated(prompt, Cow::Owned(ids(s + 16)))
        })
    };
    let items = prompts.iter().enumerate().map(item).collect::<Result<Vec<_>>>()?;
    Ok(Batch { items, advantages: Vec::new(), counts: Counts::default() })
}

/// The embedded policy with a language model of these sizes and random weights.
fn model(mini: &Path, [hidden, layers, vocabulary]: [usize; 3]) -> Result<Policy> {
    let config = Config::read(&mini.join("config.json"))?;
    let text = TextConfig {
        vocab_size: vocabulary,
        hidden_size: hidden,
        intermediate_size: 3 * hidden,
        num_hidden_layers: layers,
        num_attention_heads: hidden / 64,
        num_key_value_heads: hidden / 128,
        head_dim: 64,
        mrope_section: [12, 10, 10],
        ..config.text.clone()
    };
    let vision = config.vision.clone().map(|v| VisionConfig { out_hidden_size: hidden, ..v });
    Ok(Policy::random(Config { text, vision, ..config }, mini, 1)?)
}
