//! Trains the vision tower alone, before the language model learns to read it.
//!
//! A layout of twelve words says little about a picture of 80 tokens, and takes a pass of the
//! language model. Here every image token tells through a linear layer what its cell of the picture
//! shows: the kinds and fonts of the elements in it, and the rules that find a defect there. The
//! mean of the tokens tells every choice of the layout and of the repaired one. The linear layers
//! are dropped afterwards.

use crate::corpus::{Corpus, Picture};
use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;
use std::time::Instant;
use vsdpo_policy::{Content, Message, Mode, PatchGrid, Policy, Role, ops};
use vsdpo_train::optim::{AdamW, AdamWConfig, Schedule};

/// Schedule of the stage.
pub struct TowerStage {
    /// Optimizer steps.
    pub steps: usize,
    /// Pictures of one step.
    pub batch: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Whether also those choices are told on which no axis depends. In the end most of the loss
    /// was theirs.
    pub all: bool,
}

/// The linear layers.
struct Heads {
    /// `[marks, hidden]` for the final features and for each DeepStack level.
    marks: Vec<Var>,
    /// `[choices, hidden]`, on the mean of the final features of a picture.
    choices: Var,
}

/// The features of a batch through the heads.
struct Answers {
    /// `[image tokens, marks]` of each level.
    marks: Vec<Tensor>,
    /// `[pictures, choices]`.
    choices: Tensor,
    /// Columns and rows of the image tokens of each picture.
    grids: Vec<(usize, usize)>,
}

/// Runs the stage on the batches from number `first` on, and prints how often each choice of the
/// new pictures is told.
pub fn train(policy: &Policy, corpus: &Corpus, new: &Corpus, stage: &TowerStage, first: usize) -> Result<()> {
    let hidden = policy.config().text.hidden_size;
    let zeros = |rows| Var::zeros((rows, hidden), candle_core::DType::F32, &Device::Cpu);
    let levels = 1 + policy.config().vision.deepstack_visual_indexes.len();
    let heads = Heads {
        marks: (0..levels).map(|_| zeros(corpus.marks.len())).collect::<Result<_, _>>()?,
        choices: zeros(corpus.choices.len())?,
    };
    let schedule = Schedule::Cosine { warmup: stage.steps / 20, total: stage.steps, floor: 0.02 };
    let cfg =
        AdamWConfig { lr: stage.lr, beta2: 0.98, weight_decay: 0.01, schedule, ..AdamWConfig::default() };
    let names: Vec<String> = (0..levels).map(|i| format!("marks.{i}")).collect();
    let linear = names.iter().map(String::as_str).zip(&heads.marks).chain([("choices", &heads.choices)]);
    let mut optimizer = AdamW::new(policy.trainable().chain(linear), cfg)?;
    let (start, mut mean) = (Instant::now(), [0.0; 2]);
    for step in 0..stage.steps {
        let mut pictures = corpus.pictures(stage.batch, (first + step) as u64);
        if !stage.all {
            pictures.iter_mut().for_each(|p| p.choices.retain(|&class| corpus.decides(class)));
        }
        let answers = forward(policy, &heads, &pictures, Mode::Train)?;
        let (losses, gradients) = losses(&answers, &pictures, corpus)?;
        let all: Vec<Tensor> = answers
            .marks
            .iter()
            .chain([&answers.choices])
            .map(Tensor::flatten_all)
            .collect::<Result<_, _>>()?;
        let store = ops::backward(&Tensor::cat(&all, 0)?, &gradients)?;
        optimizer.step(&optimizer.gradients(&store))?;
        let keep = if step == 0 { 0.0 } else { 0.98 };
        mean = [0, 1].map(|i| keep * mean[i] + (1.0 - keep) * losses[i]);
        if step % 50 == 49 {
            let speed = ((step + 1) * stage.batch) as f64 / start.elapsed().as_secs_f64();
            println!(
                "tower step {:5} of {}: marks {:.4} choices {:.4}, {speed:.0} pictures/s",
                step + 1,
                stage.steps,
                mean[0],
                mean[1]
            );
        }
        if step % 500 == 499 || step + 1 == stage.steps {
            told(policy, &heads, corpus, new)?;
        }
    }
    Ok(())
}

fn forward(policy: &Policy, heads: &Heads, pictures: &[Picture], mode: Mode) -> Result<Answers> {
    let grids: Vec<PatchGrid> = pictures
        .par_iter()
        .map(|p| {
            let content = vec![Content::Image(p.image()?)];
            let mut prompt = policy.encode(&[Message { role: Role::User, content }])?;
            Ok(prompt.images.remove(0))
        })
        .collect::<Result<_>>()?;
    let features = policy.image_features(&grids.iter().collect::<Vec<_>>(), mode)?;
    let merge = policy.config().vision.spatial_merge_size;
    let grids: Vec<(usize, usize)> = grids.iter().map(|g| (g.grid[2] / merge, g.grid[1] / merge)).collect();
    let marks = features.iter().zip(&heads.marks);
    let mut row = 0;
    let means = grids.iter().map(|(columns, rows)| {
        let start = row;
        row += columns * rows;
        features[0].narrow(0, start, columns * rows)?.mean(0)
    });
    let means = Tensor::stack(&means.collect::<Result<Vec<_>, _>>()?, 0)?;
    Ok(Answers {
        marks: marks.map(|(f, head)| Ok(ops::linear(f, head.as_tensor(), None)?)).collect::<Result<_>>()?,
        choices: ops::linear(&means, heads.choices.as_tensor(), None)?,
        grids,
    })
}

/// Binary cross-entropy summed over the marks, the mean of the image tokens; cross-entropy summed
/// over the choices, the mean of the pictures; and the gradient of their sum.
fn losses(answers: &Answers, pictures: &[Picture], corpus: &Corpus) -> Result<([f64; 2], Vec<f32>)> {
    let n = pictures.len();
    let (mut sums, mut gradients) = ([0.0; 2], Vec::new());
    for level in &answers.marks {
        let (rows, classes) = level.dims2()?;
        let mut values = level.flatten_all()?.to_vec1::<f32>()?;
        let mut shown = vec![false; values.len()];
        let mut first = 0;
        for (picture, &grid) in pictures.iter().zip(&answers.grids) {
            picture
                .marks(corpus, grid)
                .for_each(|(cell, mark)| shown[(first + cell) * classes + mark] = true);
            first += grid.0 * grid.1;
        }
        let scale = 1.0 / (rows * answers.marks.len()) as f32;
        for (z, shown) in values.iter_mut().zip(shown) {
            let signed = if shown { *z } else { -*z };
            let miss = 1.0 / (1.0 + signed.exp());
            sums[0] += f64::from(scale) * f64::from((-signed).exp().ln_1p());
            *z = scale * if shown { -miss } else { miss };
        }
        gradients.extend(values);
    }
    let classes = corpus.choices.len();
    let mut values = answers.choices.flatten_all()?.to_vec1::<f32>()?;
    for (picture, row) in pictures.iter().zip(values.chunks_exact_mut(classes)) {
        let mut out = vec![0.0; classes];
        for &class in &picture.choices {
            let group = corpus.group(class);
            let top = row[group.clone()].iter().copied().fold(f32::MIN, f32::max);
            let total: f32 = row[group.clone()].iter().map(|z| (z - top).exp()).sum();
            sums[1] += f64::from(total.ln() + top - row[class]) / n as f64;
            for i in group {
                let p = (row[i] - top).exp() / total;
                out[i] = (p - f32::from(u8::from(i == class))) / n as f32;
            }
        }
        row.copy_from_slice(&out);
    }
    gradients.extend(values);
    Ok((sums, gradients))
}

/// Prints the share of new pictures of which each choice is told.
fn told(policy: &Policy, heads: &Heads, corpus: &Corpus, new: &Corpus) -> Result<()> {
    let mut counts = std::collections::BTreeMap::<&str, [u32; 2]>::new();
    let pictures = new.every_picture(corpus);
    for chunk in pictures.chunks(50) {
        let answers = forward(policy, heads, chunk, Mode::Infer)?.choices.to_vec2::<f32>()?;
        for (picture, row) in chunk.iter().zip(answers) {
            for &class in &picture.choices {
                let best = corpus.group(class).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                let count = counts.entry(&corpus.choices[class].0).or_default();
                count[0] += 1;
                count[1] += u32::from(best == Some(class));
            }
        }
    }
    for (name, [all, right]) in counts {
        print!("{name} {:.1} %; ", 100.0 * f64::from(right) / f64::from(all));
    }
    println!();
    Ok(())
}
