//! One optimizer step of the mini model, 16 sequences of 400 tokens with cross-entropy on every
//! token: forward, fused head, backward, clipping, AdamW; against the same step in PyTorch.
//!
//!     cargo run --release -p vsdpo-train --example bench_step -- [--python PATH]

mod bench_common;

use anyhow::Result;
use bench_common::{Before, policy, pytorch, row};
use candle_core::{Device, Tensor};
use vsdpo_policy::{Mode, Policy, Prompt, Sequence, ops};
use vsdpo_train::loss::{HeadInput, LossConfig, Streams, Weights, fused_head};
use vsdpo_train::optim::{AdamW, AdamWConfig};

const SEQUENCES: usize = 16;
const TOKENS: usize = 400;

fn main() -> Result<()> {
    ops::tune_threads();
    ops::tune_allocator();
    let before = Before::now();
    let policy = policy()?;
    let mut optimizer = AdamW::new(policy.trainable(), AdamWConfig { lr: 1e-3, ..AdamWConfig::default() })?;
    let id = |i: usize| (i * 7919 % 1000) as u32;
    let prompts = (0..SEQUENCES).map(|s| policy.prompt(vec![id(s)], Vec::new()));
    let prompts: Vec<Prompt> = prompts.collect::<Result<_, _>>()?;
    let completions: Vec<Vec<u32>> =
        (0..SEQUENCES).map(|s| (0..TOKENS).map(|t| id(s * TOKENS + t + 1)).collect()).collect();
    let mut losses = Vec::new();
    let ours = before.measure(2, 5, || {
        losses.push(step(&policy, &mut optimizer, (&prompts, &completions))?);
        Ok(())
    })?;
    println!("loss {:.4} -> {:.4}", losses[0], losses[losses.len() - 1]);
    println!("ours: {ours}");
    if let Some(field) = pytorch("train")? {
        row("training step", field.cpu_ms, ours.cpu_ms, 1.33);
        row("training step, peak MB", field.peak_mb, ours.peak_mb, 1.54);
    }
    Ok(())
}

fn step(
    policy: &Policy,
    optimizer: &mut AdamW,
    (prompts, completions): (&[Prompt], &[Vec<u32>]),
) -> Result<f64> {
    let sequences: Vec<Sequence> =
        prompts.iter().zip(completions).map(|(prompt, completion)| Sequence { prompt, completion }).collect();
    let hidden = policy.completion_hidden(&sequences, Mode::Train)?;
    let (rows, dim) = hidden.dims2()?;
    let states = hidden.detach().flatten_all()?.to_vec1::<f32>()?;
    let head = policy.head().values()?;
    let ce = vec![1.0 / rows as f32; rows];
    let input = HeadInput {
        hidden_s: &states,
        hidden_t: None,
        head: &head,
        head_t: None,
        mix: None,
        dim,
        targets: &completions.concat(),
        streams: Streams { ce: &ce, ..Streams::default() },
    };
    let weights = Weights { ce: 1.0, distill: 0.0, grpo: 0.0 };
    let out = fused_head(&input, &LossConfig { weights, ..LossConfig::default() }, true)?;
    let store = ops::backward(&hidden, &out.dh)?;
    let mut gradients = optimizer.gradients(&store);
    let head = policy.head();
    let id = head.tensor().map(|head| head.id());
    let at = policy.trainable().position(|(_, var)| Some(var.id()) == id);
    if let (Some(at), Some(dhead)) = (at, out.dhead) {
        gradients[at] = Some(Tensor::from_vec(dhead, &head.dims()?, &Device::Cpu)?);
    }
    optimizer.step(&gradients)?;
    Ok(out.loss.ce)
}
