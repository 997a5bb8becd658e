//! Trains the vision tower alone, before the language model learns to read it, and beside it in the
//! last three stages.
//!
//! A layout of twelve words says little about a picture of 80 tokens, and takes a pass of the
//! language model. Here a linear layer on every image token predicts what its cell of the picture
//! shows: the kinds and fonts of the elements in it, and the rules that find a defect there. One on
//! the mean of the tokens predicts every choice of the layout and of the repaired one. The linear
//! layers are dropped afterwards.

use crate::TOWER_NAME;
use crate::attempt::Picture;
use crate::corpus::{Corpora, Corpus};
use anyhow::{Context, Result};
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::time::Instant;
use vsdpo_artifact::{Content, Message, Role};
use vsdpo_policy::{Mode, PatchGrid, Policy, VisionConfig, ops};
use vsdpo_train::optim::{AdamW, AdamWConfig, Schedule};

/// Schedule of the stage.
#[derive(Clone, Copy)]
pub struct TowerStage {
    /// Optimizer steps.
    pub steps: usize,
    /// Pictures of one step.
    pub batch: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Whether also those choices are predicted on which no axis depends. In the end most of the
    /// loss was theirs.
    pub all: bool,
    /// Whether it is also predicted which values of each choice are good, the others repaired.
    pub fits: bool,
    /// Shares of the worlds, in the order of [`Corpus::make`].
    pub worlds: [f64; 4],
}

/// The linear layers, and the optimizer of them and the tower.
pub struct Probes {
    heads: Heads,
    optimizer: AdamW,
    stage: TowerStage,
}

/// The linear layers.
struct Heads {
    /// `[labels, hidden]` for the final features and for each DeepStack level.
    labels: Vec<Var>,
    /// `[choices, hidden]`, on the mean of the final features of a picture.
    choices: Var,
    /// `[choices, hidden]`, on the same; `None` if good values are not predicted.
    fits: Option<Var>,
}

/// The features of a batch through the heads.
struct Answers {
    /// `[image tokens, labels]` of each level.
    labels: Vec<Tensor>,
    /// `[pictures, choices]`.
    choices: Tensor,
    /// `[pictures, choices]`.
    fits: Option<Tensor>,
    /// Columns and rows of the image tokens of each picture.
    grids: Vec<(usize, usize)>,
}

/// Losses: of labels, of choices, of good values.
type Losses = [f64; 3];

/// The vision tower's configuration.
fn vision(policy: &Policy) -> Result<&VisionConfig> {
    policy.config().vision.as_ref().context("the policy has no vision tower")
}

impl Probes {
    /// Linear layers of zeros. The tower's parameters must be trainable.
    pub fn new(policy: &Policy, corpus: &Corpus, stage: &TowerStage) -> Result<Self> {
        let hidden = policy.config().text.hidden_size;
        let zeros = |rows| Var::zeros((rows, hidden), candle_core::DType::F32, &Device::Cpu);
        let levels = 1 + vision(policy)?.deepstack_visual_indexes.len();
        let heads = Heads {
            labels: (0..levels).map(|_| zeros(corpus.labels.len())).collect::<Result<_, _>>()?,
            choices: zeros(corpus.choices.len())?,
            fits: stage.fits.then(|| zeros(corpus.choices.len())).transpose()?,
        };
        let schedule = Schedule::Cosine { warmup: stage.steps / 20, total: stage.steps, floor: 0.02 };
        let cfg =
            AdamWConfig { lr: stage.lr, beta2: 0.98, weight_decay: 0.01, schedule, ..AdamWConfig::default() };
        let names: Vec<String> = (0..levels).map(|i| format!("labels.{i}")).collect();
        let linear = names.iter().map(String::as_str).zip(&heads.labels);
        let linear =
            linear.chain([("choices", &heads.choices)]).chain(heads.fits.iter().map(|v| ("fits", v)));
        let tower = policy.trainable().filter(|(name, _)| name.starts_with(TOWER_NAME));
        let optimizer = AdamW::new(tower.chain(linear), cfg)?;
        Ok(Self { heads, optimizer, stage: *stage })
    }

    /// Drops the choices that are not predicted.
    fn select(&self, corpus: &Corpus, pictures: &mut [Picture]) {
        if !self.stage.all {
            pictures.iter_mut().for_each(|p| p.choices.retain(|&class| corpus.decides(class)));
        }
    }

    /// One optimizer step on the batch of this number.
    pub fn step(&mut self, policy: &Policy, corpus: &Corpus, number: u64) -> Result<Losses> {
        let mut pictures = corpus.pictures(self.stage.batch, number, self.stage.worlds);
        self.select(corpus, &mut pictures);
        let answers = forward(policy, &self.heads, &pictures, Mode::Train)?;
        let (losses, gradients) = losses(&answers, &pictures, corpus)?;
        let all = answers.labels.iter().chain([&answers.choices]).chain(&answers.fits);
        let all: Vec<Tensor> = all.map(Tensor::flatten_all).collect::<Result<_, _>>()?;
        let store = ops::backward(&Tensor::cat(&all, 0)?, &gradients)?;
        self.optimizer.step(&self.optimizer.gradients(&store))?;
        Ok(losses)
    }
}

/// Runs the stage on the batches from number `first` on, and prints the accuracy of every choice on
/// new pictures.
pub fn train(policy: &Policy, corpora: &Corpora, stage: &TowerStage, first: usize) -> Result<()> {
    let Corpora { corpus, new } = corpora;
    let mut probes = Probes::new(policy, corpus, stage)?;
    let (start, mut mean) = (Instant::now(), [0.0; 3]);
    for step in 0..stage.steps {
        let losses = probes.step(policy, corpus, (first + step) as u64)?;
        let keep = if step == 0 { 0.0 } else { 0.98 };
        mean = [0, 1, 2].map(|i| keep * mean[i] + (1.0 - keep) * losses[i]);
        if step % 50 == 49 {
            let speed = ((step + 1) * stage.batch) as f64 / start.elapsed().as_secs_f64();
            let [labels, choices, _] = mean;
            println!(
                "tower step {:5} of {}: labels {labels:.4} choices {choices:.4}, {speed:.0} pictures/s",
                step + 1,
                stage.steps,
            );
        }
        if step % 500 == 499 || step + 1 == stage.steps {
            probes.report(policy, corpus, new)?;
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
    let merge = vision(policy)?.spatial_merge_size;
    let grids: Vec<(usize, usize)> = grids.iter().map(|g| (g.grid[2] / merge, g.grid[1] / merge)).collect();
    let labels = features.iter().zip(&heads.labels);
    let mut row = 0;
    let means = grids.iter().map(|(columns, rows)| {
        let start = row;
        row += columns * rows;
        features[0].narrow(0, start, columns * rows)?.mean(0)
    });
    let means = Tensor::stack(&means.collect::<Result<Vec<_>, _>>()?, 0)?;
    Ok(Answers {
        labels: labels.map(|(f, head)| Ok(ops::linear(f, head.as_tensor(), None)?)).collect::<Result<_>>()?,
        choices: ops::linear(&means, heads.choices.as_tensor(), None)?,
        fits: heads.fits.as_ref().map(|v| ops::linear(&means, v.as_tensor(), None)).transpose()?,
        grids,
    })
}

/// Binary cross-entropy summed over the labels, the mean of the image tokens; cross-entropy summed
/// over the choices, and binary cross-entropy summed over their values, the means of the pictures;
/// and the gradient of their sum.
fn losses(answers: &Answers, pictures: &[Picture], corpus: &Corpus) -> Result<(Losses, Vec<f32>)> {
    let (mut sums, mut gradients) = ([0.0; 3], Vec::new());
    for level in &answers.labels {
        let (rows, classes) = level.dims2()?;
        let mut values = level.flatten_all()?.to_vec1::<f32>()?;
        let scale = 1.0 / (rows * answers.labels.len()) as f32;
        let mut shown = vec![false; values.len()];
        let mut first = 0;
        for (picture, &grid) in pictures.iter().zip(&answers.grids) {
            picture
                .labels(corpus, grid)
                .for_each(|(cell, label)| shown[(first + cell) * classes + label] = true);
            first += grid.0 * grid.1;
        }
        for (z, shown) in values.iter_mut().zip(shown) {
            sums[0] += binary(z, shown, scale);
        }
        gradients.extend(values);
    }
    for row in pictures.iter().zip(answers.choices.to_vec2::<f32>()?) {
        sums[1] += choice_loss(row, corpus, pictures.len(), &mut gradients);
    }
    let fits = answers.fits.as_ref().map(Tensor::to_vec2::<f32>).transpose()?.unwrap_or_default();
    for (picture, mut row) in pictures.iter().zip(fits) {
        let mut out = vec![0.0; row.len()];
        for &(class, fits) in &picture.fits {
            sums[2] += binary(&mut row[class], fits, 1.0 / pictures.len() as f32);
            out[class] = row[class];
        }
        gradients.extend(out);
    }
    Ok((sums, gradients))
}

/// Cross-entropy of the choices of a picture over the number of pictures; adds its gradient.
fn choice_loss(
    (picture, row): (&Picture, Vec<f32>),
    corpus: &Corpus,
    n: usize,
    gradients: &mut Vec<f32>,
) -> f64 {
    let (mut sum, mut out) = (0.0, vec![0.0; row.len()]);
    for &class in &picture.choices {
        let group = corpus.group(class);
        let top = row[group.clone()].iter().copied().fold(f32::MIN, f32::max);
        let total: f32 = row[group.clone()].iter().map(|z| (z - top).exp()).sum();
        sum += f64::from(total.ln() + top - row[class]) / n as f64;
        for i in group {
            let p = (row[i] - top).exp() / total;
            out[i] = (p - f32::from(u8::from(i == class))) / n as f32;
        }
    }
    gradients.extend(out);
    sum
}

/// Binary cross-entropy of a logit, times `scale`; the logit becomes its gradient.
fn binary(z: &mut f32, truth: bool, scale: f32) -> f64 {
    let signed = if truth { *z } else { -*z };
    let miss = 1.0 / (1.0 + signed.exp());
    *z = scale * if truth { -miss } else { miss };
    f64::from(scale) * f64::from((-signed).exp().ln_1p())
}

impl Probes {
    /// Prints the accuracy of every choice and of which values are good, on new pictures.
    pub fn report(&self, policy: &Policy, corpus: &Corpus, new: &Corpus) -> Result<()> {
        let mut counts = BTreeMap::<String, [u32; 2]>::new();
        let mut pictures = new.every_picture(corpus);
        self.select(corpus, &mut pictures);
        for chunk in pictures.chunks(50) {
            let answers = forward(policy, &self.heads, chunk, Mode::Infer)?;
            for (picture, row) in chunk.iter().zip(answers.choices.to_vec2::<f32>()?) {
                for &class in &picture.choices {
                    let best = corpus.group(class).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                    let count = counts.entry(corpus.choices[class].0.clone()).or_default();
                    count[0] += 1;
                    count[1] += u32::from(best == Some(class));
                }
            }
            let fits = answers.fits.map(|t| t.to_vec2::<f32>()).transpose()?.unwrap_or_default();
            for (picture, row) in chunk.iter().zip(fits) {
                for &(class, fits) in &picture.fits {
                    let count = counts.entry(format!("{} good", corpus.choices[class].0)).or_default();
                    count[0] += 1;
                    count[1] += u32::from((row[class] > 0.0) == fits);
                }
            }
        }
        for (name, [all, right]) in counts {
            print!("{name} {:.1} %; ", 100.0 * f64::from(right) / f64::from(all));
        }
        println!();
        Ok(())
    }
}
