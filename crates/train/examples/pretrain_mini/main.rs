//! Makes the embedded policy in `assets/mini` from nothing but a seed: tokenizer, weights, folder.
//!
//! `cargo xtask pretrain-mini` runs it. It renders some thousand first attempts at charts, pages
//! and slides, trains a byte-level BPE on the texts, then a small Qwen3-VL on pairs of all worlds
//! (see `corpus.rs`) by cross-entropy, and says how well the result writes code alone and with
//! feedback, on contents that it has not been given feedback about.

mod attempt;
mod cache;
mod corpus;
mod extend;
mod labels;
mod plan;
mod tower;
mod vision;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use corpus::{Corpora, Corpus, Kind, Mix, Pair, Renderers};
use plan::{BEFORE_SLIDES, STAGES, Stage, TOWER};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;
use tower::{Probes, TowerStage};
use vsdpo_artifact::{Content, Domain, Language};
use vsdpo_data::mini::{Split, World, web};
use vsdpo_diagnose::AxisWeights;
use vsdpo_policy::{
    Config, FrontSpec, FrontSummary, Mode, Policy, Prompt, SampleConfig, Sequence, TextConfig, VisionConfig,
    ops, write_front_files,
};
use vsdpo_render::{RenderConfig, Renderer, open};
use vsdpo_train::eval::{EvalConfig, WAYS, evaluate, table};
use vsdpo_train::loss::{HeadInput, HeadOutput, LossConfig, Streams, Weights, fused_head};
use vsdpo_train::optim::{AdamW, AdamWConfig, Schedule};

/// How the names of the tower's parameters begin.
const TOWER_NAME: &str = "model.visual";
/// What the norms of queries and keys start from.
const SHARPNESS: f64 = 1.4;

/// Pictures of each world from which the layouts are read at the end.
const LAYOUTS: u64 = 300;

/// 320 x 240 pixels become 320 x 256: 320 patches, 80 language tokens. At half the size the words
/// of a chart are gray bars, and a legend over a line looks like one beside it. A slide becomes
/// 352 x 192.
const FRONT: FrontSpec = FrontSpec { vocab_size: 2048, min_pixels: 4096, max_pixels: 81920 };

/// The dials, each with its default.
struct Options {
    out: PathBuf,
    /// Where the renders are kept.
    renders_in: PathBuf,
    renders: u64,
    seed: u64,
    /// The first stage to run, counted from 1 over [`TOWER`] and [`STAGES`]; those before it are in
    /// `out`.
    from: usize,
}

fn main() -> Result<()> {
    vsdpo_policy::ops::tune_threads();
    vsdpo_policy::ops::tune_allocator();
    let options = Options::parse()?;
    let renderers = renderers()?;
    let new = Corpus::make(&renderers, LAYOUTS, options.seed + 1, &options.renders_in)?;
    let corpus = Corpus::make(&renderers, options.renders, options.seed, &options.renders_in)?;
    println!("{} labels, {} values of choices", corpus.labels.len(), corpus.choices.len());
    let corpora = Corpora { corpus, new };
    let mut policy = match options.from {
        1 => {
            let front = write_tokenizer(&corpora.corpus, &options)?;
            let policy = Policy::random(config(&front), &options.out, options.seed)?;
            vision::start(&policy)?;
            sharpened(policy)?
        }
        _ => Policy::load(&options.out)?,
    };
    let parameters: usize = policy.parameters().iter().map(|(_, v)| v.elem_count()).sum();
    println!("{:.2} M parameters", parameters as f64 / 1e6);
    policy.set_trainable(|name| name.starts_with(TOWER_NAME))?;
    let mut first = 0;
    for (i, stage) in TOWER.iter().enumerate() {
        if i + 1 >= options.from {
            tower::train(&policy, &corpora, stage, first)?;
            policy.save(&options.out)?;
        }
        first += stage.steps;
    }
    let mut first = 0;
    for (i, stage) in STAGES.iter().enumerate() {
        if TOWER.len() + i + 1 >= options.from {
            if i == BEFORE_SLIDES {
                policy = extend::for_slides(&policy, &corpora.corpus, &options.out)?;
            }
            policy.set_trainable(|name| stage.tower || !name.starts_with(TOWER_NAME))?;
            train(&policy, &corpora, stage, first)?;
            policy.save(&options.out)?;
            read_layouts(&policy, &corpora.new)?;
        }
        first += stage.steps * stage.batch;
    }
    World::ALL.into_iter().zip(&renderers).try_for_each(|(world, r)| report(&policy, world, &**r))
}

fn renderers() -> Result<Renderers> {
    let pages = RenderConfig { window: web::WINDOW, ..RenderConfig::default() };
    let slides = RenderConfig::default();
    Ok([
        open(Domain::Chart, Language::Python, pages.clone())?,
        open(Domain::Web, Language::Html, pages)?,
        open(Domain::Slide, Language::Html, slides.clone())?,
        open(Domain::Slide, Language::Python, slides)?,
    ])
}

impl Options {
    fn parse() -> Result<Self> {
        let mut o = Options {
            out: "assets/mini".into(),
            renders_in: "runs/pretrain-mini".into(),
            renders: 12_000,
            seed: 1,
            from: 1,
        };
        let args: Vec<String> = std::env::args().skip(1).collect();
        for pair in args.chunks(2) {
            let [key, value] = pair else { anyhow::bail!("{}: no value; write {} VALUE", pair[0], pair[0]) };
            let bad = || format!("{key} {value}: not a value of this option");
            match key.as_str() {
                "--out" => o.out = value.into(),
                "--renders-in" => o.renders_in = value.into(),
                "--renders" => o.renders = value.parse().with_context(bad)?,
                "--seed" => o.seed = value.parse().with_context(bad)?,
                "--from-stage" => o.from = value.parse().with_context(bad)?,
                _ => anyhow::bail!("{key}: unknown; use --out --renders --renders-in --seed --from-stage"),
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
            qk_norm: true,
        },
        vision: Some(VisionConfig {
            tokens: front.tokens,
            depth: 4,
            hidden_size: 128,
            num_heads: 4,
            intermediate_size: 384,
            in_channels: 3,
            patch_size: 16,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: hidden_size,
            num_position_embeddings: 256,
            deepstack_visual_indexes: vec![1, 2],
        }),
        tie_word_embeddings: true,
    }
}

/// Trains the tokenizer on prompts, feedback and scripts, and writes every file of the folder but
/// the weights.
fn write_tokenizer(corpus: &Corpus, options: &Options) -> Result<FrontSummary> {
    Ok(write_front_files(&options.out, texts(corpus, STAGES[2].mix, 4000)?.into_iter(), FRONT)?)
}

/// The texts of so many pairs.
fn texts(corpus: &Corpus, mix: Mix, count: u64) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for i in 0..count {
        let Pair { messages, answer } = corpus.pair(mix, i)?;
        texts.push(answer);
        texts.extend(messages.into_iter().flat_map(|m| m.content).filter_map(|c| match c {
            Content::Text(text) => Some(text),
            Content::Image(_) => None,
        }));
    }
    Ok(texts)
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
fn train(policy: &Policy, corpora: &Corpora, stage: &Stage, first: u64) -> Result<()> {
    let end = *policy.tokenizer().end_ids().first().context("the tokenizer has an end token")?;
    let Corpora { corpus, new } = corpora;
    let steps = stage.steps as usize;
    let schedule = Schedule::Cosine { warmup: steps / 20, total: steps, floor: 0.05 };
    let cfg =
        AdamWConfig { lr: stage.lr, beta2: 0.98, weight_decay: 0.01, schedule, ..AdamWConfig::default() };
    let mut optimizer = AdamW::new(policy.trainable(), cfg)?;
    let probing = TowerStage {
        steps,
        batch: stage.batch as usize,
        lr: stage.lr,
        all: false,
        fits: true,
        worlds: stage.mix.worlds,
    };
    let mut probes = stage.probes.then(|| Probes::new(policy, corpus, &probing)).transpose()?;
    let (start, mut tokens, mut mean) = (Instant::now(), 0, 0.0);
    for step in 0..stage.steps {
        let batch = batch(policy, corpus, end, stage, first + step * stage.batch)?;
        tokens += batch.iter().map(|(p, a)| p.ids.len() + a.len()).sum::<usize>();
        let loss = update(policy, &mut optimizer, &batch)?;
        mean = if step == 0 { loss } else { 0.95 * mean + 0.05 * loss };
        if let Some(probes) = &mut probes {
            probes.step(policy, corpus, first + step)?;
            if step % 400 == 399 || step + 1 == stage.steps {
                probes.report(policy, corpus, new)?;
            }
        }
        if step % 200 == 199 {
            for kind in Kind::ALL {
                let loss = probe(policy, corpus, end, kind)?;
                println!("step {:5} loss on {kind:?} pairs {loss:.4}", step + 1);
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
    let head = policy.head();
    let id = head.tensor().context("the head is f32")?.id();
    let at = policy.trainable().position(|(_, var)| var.id() == id).context("the head trains")?;
    let dhead = Tensor::from_vec(out.dhead.context("the head's gradient")?, &head.dims()?, &Device::Cpu)?;
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
    let head = policy.head().values()?;
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

/// Prints the share of new pictures of which each choice is read, and repaired, as in the answer.
fn read_layouts(policy: &Policy, corpus: &Corpus) -> Result<()> {
    let pairs = (0..LAYOUTS).map(|i| corpus.probe(Kind::Layout, i)).collect::<Result<Vec<_>>>()?;
    let prompts = pairs.iter().map(|p| policy.encode(&p.messages)).collect::<Result<Vec<_>, _>>()?;
    let greedy = SampleConfig { max_completion_tokens: 160, temperature: 0.0, ..SampleConfig::default() };
    let answers = policy.sample(&prompts, 1, &greedy, 1)?;
    let mut counts: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for (pair, answer) in pairs.iter().zip(&answers) {
        for (want, got) in pair.answer.trim().lines().zip(answer.text.trim().lines()) {
            let [want, got]: [Vec<&str>; 2] = [want, got].map(|line| line.rsplitn(3, ' ').collect());
            let count = counts.entry(want[2]).or_default();
            count[0] += 1;
            for part in [0, 1] {
                count[part + 1] += u32::from(want.get(part) == got.get(part));
            }
        }
    }
    for (name, [all, after, before]) in counts {
        let share = |n: u32| 100.0 * f64::from(n) / f64::from(all);
        println!("{name:30} read {:5.1} % repaired {:5.1} %", share(before), share(after));
    }
    Ok(())
}

fn report(policy: &Policy, world: World, renderer: &dyn Renderer) -> Result<()> {
    let cfg = EvalConfig {
        world,
        own: None,
        references: None,
        split: Split::Dev,
        tasks: 256,
        sampling: SampleConfig { max_completion_tokens: 512, ..SampleConfig::default() },
        seed: 99,
        constant: true,
        feedback: &WAYS,
        reflection: None,
        weights: AxisWeights::equal(world.domain()),
    };
    println!("{}", table(&evaluate(policy, renderer, &cfg)?));
    Ok(())
}
