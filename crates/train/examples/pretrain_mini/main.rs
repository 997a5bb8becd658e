//! Makes the embedded policy in `assets/mini` from nothing but a seed: tokenizer, weights, folder.
//!
//! `cargo xtask pretrain-mini` runs it. It renders some thousand first attempts at charts and at
//! pages, trains a byte-level BPE on the texts, then a small Qwen3-VL on pairs of both domains (see
//! `corpus.rs`) by cross-entropy, and says how well the result writes code alone and with feedback,
//! on contents that it has not been given feedback about.

mod corpus;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use corpus::{Corpus, Kind, Mix, Pair};
use rayon::prelude::*;
use std::path::PathBuf;
use std::time::Instant;
use vsdpo_artifact::{Domain, Language};
use vsdpo_data::mini::{Split, World, web};
use vsdpo_diagnose::{AxisWeights, RubricDetail};
use vsdpo_policy::{
    Config, Content, FrontSpec, FrontSummary, Mode, Policy, Prompt, SampleConfig, Sequence, TextConfig,
    VisionConfig, ops, write_front_files,
};
use vsdpo_render::{RenderConfig, Renderer, open};
use vsdpo_train::eval::{EvalConfig, evaluate};
use vsdpo_train::loss::{HeadInput, HeadOutput, LossConfig, Streams, Weights, fused_head};
use vsdpo_train::optim::{AdamW, AdamWConfig, Schedule};

/// A part of the training with its own mix and its own schedule.
struct Stage {
    mix: Mix,
    steps: u64,
    /// Pairs of one step.
    batch: u64,
    lr: f64,
}

/// First looking words up in the prompt, then the language of prompts and scripts, then reading
/// feedback, which is learned only once scripts are written without effort. Some pairs go on
/// copying: without them the skill was gone after 200 steps, and even a reference in the prompt was
/// no longer copied.
const STAGES: [Stage; 3] = [
    Stage { mix: Mix { copy: 1.0, plain: 0.0, feedback: 0.0 }, steps: 900, batch: 32, lr: 3e-3 },
    Stage { mix: Mix { copy: 0.15, plain: 0.30, feedback: 0.45 }, steps: 1500, batch: 16, lr: 2e-3 },
    Stage { mix: Mix { copy: 0.05, plain: 0.20, feedback: 0.65 }, steps: 900, batch: 16, lr: 2e-3 },
];
/// What the norms of queries and keys start from.
const SHARPNESS: f64 = 1.4;

/// The dials, each with its default.
struct Options {
    out: PathBuf,
    renders: u64,
    seed: u64,
}

fn main() -> Result<()> {
    vsdpo_policy::ops::tune_threads();
    vsdpo_policy::ops::tune_allocator();
    let options = Options::parse()?;
    let rendering = RenderConfig { window: web::WINDOW, ..RenderConfig::default() };
    let charts = open(Domain::Chart, Language::Python, rendering.clone())?;
    let pages = open(Domain::Web, Language::Html, rendering)?;
    let corpus = Corpus::make(&*charts, &*pages, options.renders, options.seed)?;
    let front = write_tokenizer(&corpus, &options)?;
    let mut policy = sharpened(Policy::random(config(&front), &options.out, options.seed)?)?;
    let parameters: usize = policy.parameters().iter().map(|(_, v)| v.elem_count()).sum();
    println!("{:.2} M parameters, vocabulary {}", parameters as f64 / 1e6, front.vocab_size);
    policy.set_trainable(|_| true);
    let mut first = 0;
    for stage in &STAGES {
        train(&policy, &corpus, front.end_ids[0], stage, first)?;
        first += stage.steps * stage.batch;
        policy.save(&options.out)?;
    }
    report(&policy, World::Chart, &*charts)?;
    report(&policy, World::Web, &*pages)
}

impl Options {
    fn parse() -> Result<Self> {
        let mut o = Options { out: "assets/mini".into(), renders: 2000, seed: 1 };
        let args: Vec<String> = std::env::args().skip(1).collect();
        for pair in args.chunks(2) {
            let [key, value] = pair else { anyhow::bail!("{}: no value; write {} VALUE", pair[0], pair[0]) };
            let bad = || format!("{key} {value}: not a value of this option");
            match key.as_str() {
                "--out" => o.out = value.into(),
                "--renders" => o.renders = value.parse().with_context(bad)?,
                "--seed" => o.seed = value.parse().with_context(bad)?,
                _ => anyhow::bail!("{key}: unknown; use --out --renders --seed"),
            }
        }
        Ok(o)
    }
}

fn config(front: &FrontSummary) -> Config {
    let hidden_size = 160;
    Config {
        text: TextConfig {
            vocab_size: front.vocab_size,
            hidden_size,
            intermediate_size: 448,
            num_hidden_layers: 4,
            num_attention_heads: 5,
            num_key_value_heads: 5,
            head_dim: 32,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            mrope_section: [6, 5, 5],
        },
        vision: VisionConfig {
            depth: 3,
            hidden_size: 96,
            num_heads: 3,
            intermediate_size: 256,
            in_channels: 3,
            patch_size: 16,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: hidden_size,
            num_position_embeddings: 256,
            deepstack_visual_indexes: vec![0, 1],
        },
        image_token_id: front.image_pad,
        video_token_id: front.video_pad,
        vision_start_token_id: front.vision_start,
        vision_end_token_id: front.vision_end,
        tie_word_embeddings: true,
    }
}

/// Trains the tokenizer on prompts, feedback and scripts, and writes every file of the folder but
/// the weights.
fn write_tokenizer(corpus: &Corpus, options: &Options) -> Result<FrontSummary> {
    let mut texts = Vec::new();
    for i in 0..4000 {
        let Pair { messages, answer } = corpus.pair(STAGES[1].mix, i)?;
        texts.push(answer);
        texts.extend(messages.into_iter().flat_map(|m| m.content).filter_map(|c| match c {
            Content::Text(text) => Some(text),
            Content::Image(_) => None,
        }));
    }
    // 320 x 240 pixels become 160 x 128: 80 patches, 20 language tokens.
    let spec = FrontSpec { vocab_size: 2048, min_pixels: 4096, max_pixels: 20480 };
    Ok(write_front_files(&options.out, texts.into_iter(), spec)?)
}

/// Starts the norms of queries and keys above 1. With 1, no logit of a 32-dimensional head exceeds
/// `sqrt(32)` = 5.7, too flat to pick one word out of a prompt of 600 tokens, and the norms grow
/// too slowly to fix that: after 3400 steps from 1 they had reached 1.1, and a reference in the
/// prompt could not be copied.
fn sharpened(policy: Policy) -> Result<Policy> {
    for (name, var) in policy.parameters() {
        if name.ends_with("q_norm.weight") || name.ends_with("k_norm.weight") {
            var.set(&(var.as_tensor() * SHARPNESS)?)?;
        }
    }
    Ok(policy)
}

/// One stage, on the pairs from number `first` on.
fn train(policy: &Policy, corpus: &Corpus, end: u32, stage: &Stage, first: u64) -> Result<()> {
    let steps = stage.steps as usize;
    let schedule = Schedule::Cosine { warmup: steps / 20, total: steps, floor: 0.05 };
    let cfg =
        AdamWConfig { lr: stage.lr, beta2: 0.98, weight_decay: 0.01, schedule, ..AdamWConfig::default() };
    let mut optimizer = AdamW::new(policy.trainable(), cfg)?;
    let (start, mut tokens, mut mean) = (Instant::now(), 0, 0.0);
    for step in 0..stage.steps {
        let batch = batch(policy, corpus, end, stage, first + step * stage.batch)?;
        tokens += batch.iter().map(|(p, a)| p.ids.len() + a.len()).sum::<usize>();
        let loss = update(policy, &mut optimizer, &batch)?;
        mean = if step == 0 { loss } else { 0.95 * mean + 0.05 * loss };
        if step % 200 == 199 {
            for kind in [Kind::Copy, Kind::Plain, Kind::Feedback, Kind::Reference] {
                println!(
                    "step {:5} loss on {kind:?} pairs {:.4}",
                    step + 1,
                    probe(policy, corpus, end, kind)?
                );
            }
        }
        if step % 20 == 19 {
            let speed = tokens as f64 / start.elapsed().as_secs_f64();
            println!("step {:5} of {steps} loss {mean:.4} {speed:.0} tokens/s", step + 1);
        }
    }
    Ok(())
}

fn batch(
    policy: &Policy,
    corpus: &Corpus,
    end: u32,
    stage: &Stage,
    first: u64,
) -> Result<Vec<(Prompt, Vec<u32>)>> {
    (first..first + stage.batch)
        .into_par_iter()
        .map(|i| encode(policy, &corpus.pair(stage.mix, i)?, end))
        .collect()
}

fn encode(policy: &Policy, pair: &Pair, end: u32) -> Result<(Prompt, Vec<u32>)> {
    let mut answer = policy.tokenizer().encode(&pair.answer)?;
    answer.push(end);
    Ok((policy.encode(&pair.messages)?, answer))
}

/// Mean loss per token on pairs of one kind that are never trained on.
fn probe(policy: &Policy, corpus: &Corpus, end: u32, kind: Kind) -> Result<f64> {
    let pairs = (0..32).map(|i| encode(policy, &corpus.probe(kind, i)?, end)).collect::<Result<Vec<_>>>()?;
    Ok(forward(policy, &pairs, Mode::Infer, false)?.1.loss.ce)
}

/// One optimizer step of token-mean cross-entropy; returns the loss.
fn update(policy: &Policy, optimizer: &mut AdamW, batch: &[(Prompt, Vec<u32>)]) -> Result<f64> {
    let (hidden, out) = forward(policy, batch, Mode::Train, true)?;
    let mut gradients = optimizer.gradients(&ops::backward(&hidden, &out.dh)?);
    // The head is the embedding: its gradient from the head comes on top of the one from the tape.
    let at =
        policy.trainable().position(|(_, var)| var.id() == policy.head().id()).context("the head trains")?;
    let dhead =
        Tensor::from_vec(out.dhead.context("the head's gradient")?, policy.head().shape(), &Device::Cpu)?;
    gradients[at] = Some(match gradients[at].take() {
        Some(tape) => (tape + dhead)?,
        None => dhead,
    });
    optimizer.step(&gradients)?;
    Ok(out.loss.ce)
}

/// The states at the answers' tokens, and the token-mean cross-entropy of the head on them.
fn forward(
    policy: &Policy,
    batch: &[(Prompt, Vec<u32>)],
    mode: Mode,
    gradient: bool,
) -> Result<(Tensor, HeadOutput)> {
    let sequences: Vec<Sequence> =
        batch.iter().map(|(prompt, a)| Sequence { prompt, completion: a }).collect();
    let targets: Vec<u32> = batch.iter().flat_map(|(_, a)| a.iter().copied()).collect();
    let hidden = policy.completion_hidden(&sequences, mode)?;
    let states = hidden.flatten_all()?.to_vec1::<f32>()?;
    let head = policy.head().flatten_all()?.to_vec1::<f32>()?;
    let ce = vec![1.0 / targets.len() as f32; targets.len()];
    let input = HeadInput {
        hidden_s: &states,
        hidden_t: None,
        head: &head,
        head_t: None,
        mix: None,
        dim: hidden.dim(1)?,
        targets: &targets,
        streams: Streams { ce: &ce, ..Streams::default() },
    };
    let weights = Weights { ce: 1.0, distill: 0.0, grpo: 0.0 };
    let out = fused_head(&input, &LossConfig { weights, ..LossConfig::default() }, gradient)?;
    Ok((hidden, out))
}

fn report(policy: &Policy, world: World, renderer: &dyn Renderer) -> Result<()> {
    let cfg = EvalConfig {
        world,
        own: None,
        references: None,
        split: Split::Heldout,
        tasks: 256,
        sampling: SampleConfig { max_completion_tokens: 320, temperature: 1.0, top_p: 1.0 },
        seed: 99,
        constant: true,
        feedback: true,
        rubric: RubricDetail::Full,
        weights: AxisWeights::equal(world.domain()),
    };
    for arm in evaluate(policy, renderer, &cfg)?.arms {
        println!(
            "{:10} {:18} exec {:.3} defect-free {:.3} reward {:.3}",
            world.benchmark(),
            arm.arm,
            arm.exec.mean,
            arm.defect_free.mean,
            arm.reward.mean
        );
    }
    Ok(())
}
