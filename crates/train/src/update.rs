//! One optimizer step: micro-batches through student and teacher, the fused head, gradients added up.
//!
//! The student's states are on the tape and the teacher's are not; what the head returns for the student's
//! states enters the tape as a constant. So nothing of the teacher can carry a gradient. The loss is a sum
//! over tokens whose factors know the whole step (`batch.rs`), so the cut into micro-batches, which only
//! bounds memory, changes nothing but the rounding.

use crate::batch::{Batch, Item};
use crate::error::TrainError;
use crate::loss::{Clip, Components, Divergence, HeadInput, HeadOutput, Importance, LossConfig, Weights};
use crate::loss::{Streams as HeadStreams, fused_head, total};
use crate::optim::{AdamW, AdamWConfig, Schedule};
use crate::recipe::{DivergenceKind, IsKind, OptimSection, Recipe, Streams};
use crate::teacher::Teacher;
use candle_core::{Device, Tensor};
use std::ops::Range;
use vsdpo_policy::{Mode, Policy, Sequence, ops};

/// What the losses made of one completion, per token.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// log p(y_t) of the student.
    pub logp: Vec<f32>,
    /// log q(y_t) of the teacher; NaN where nothing is distilled.
    pub logp_teacher: Vec<f32>,
    /// The divergence; NaN where nothing is distilled.
    pub kl: Vec<f32>,
    /// Entropy of the student in nats.
    pub entropy: Vec<f32>,
    /// Importance weight of the divergence; NaN where nothing is distilled.
    pub rho: Vec<f32>,
}

/// What one optimizer step did.
#[derive(Clone, Debug, Default)]
pub struct UpdateReport {
    /// Equation 7.
    pub loss: f64,
    /// L_VSDPO, not weighted.
    pub loss_distill: f64,
    /// L_GRPO, not weighted.
    pub loss_grpo: f64,
    /// Cross-entropy, not weighted.
    pub loss_ce: f64,
    /// Global norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Of this step.
    pub learning_rate: f64,
    /// The gradient was not finite, so the weights stayed as they were.
    pub skipped: bool,
    /// Micro-batches that the step took.
    pub micro_batches: usize,
    /// One per item of the batch.
    pub scores: Vec<Scores>,
}

/// Runs the batch through student and teacher and moves the student's weights.
///
/// # Errors
/// A sequence that does not fit the model; the tensor library.
pub fn update(
    policy: &Policy,
    teacher: &Teacher,
    batch: &Batch,
    optimizer: &mut AdamW,
    (recipe, streams): (&Recipe, Streams),
) -> Result<UpdateReport, TrainError> {
    let config = loss_config(recipe, streams);
    let mut sum = Gradients::new(policy, teacher, &config)?;
    let cuts = micro_batches(&batch.items, recipe.optim.micro_batch_tokens);
    for cut in &cuts {
        sum.add(&batch.items[cut.clone()])?;
    }
    let (losses, scores, grads) = (sum.losses, sum.scores, sum.grads);
    let moved = optimizer.step(&grads)?;
    Ok(UpdateReport {
        loss: total(&losses, &config.weights),
        loss_distill: losses.distill,
        loss_grpo: losses.grpo,
        loss_ce: losses.ce,
        grad_norm: moved.grad_norm,
        learning_rate: moved.lr,
        skipped: moved.skipped,
        micro_batches: cuts.len(),
        scores,
    })
}

/// The optimizer of a recipe over what trains of a policy.
///
/// # Errors
/// A parameter of a kind that the optimizer does not know.
pub fn optimizer(cfg: &OptimSection, policy: &Policy) -> Result<AdamW, TrainError> {
    let cfg = AdamWConfig {
        lr: cfg.lr,
        beta1: cfg.beta1,
        beta2: cfg.beta2,
        eps: cfg.eps,
        weight_decay: cfg.weight_decay,
        max_grad_norm: cfg.max_grad_norm,
        schedule: Schedule::Constant { warmup: cfg.warmup_steps },
    };
    Ok(AdamW::new(policy.trainable(), cfg)?)
}

/// The settings of the losses at one step.
fn loss_config(recipe: &Recipe, streams: Streams) -> LossConfig {
    let (d, g) = (&recipe.distill, &recipe.grpo);
    LossConfig {
        weights: Weights { ce: streams.ce.into(), distill: streams.ref_kl.into(), grpo: streams.rl.into() },
        temperature: recipe.rollout.temperature,
        divergence: match d.divergence {
            DivergenceKind::ReverseKl => Divergence::ReverseKl,
            DivergenceKind::ForwardKl => Divergence::ForwardKl,
        },
        importance: match d.is_kind {
            IsKind::Behaviour => Importance::Behaviour,
            IsKind::Context => Importance::Context,
            IsKind::None => Importance::None,
        },
        is_clip: d.is_clip,
        clip: Clip { low: g.clip_low, high: g.clip_high, dual: g.dual_clip, ..Clip::default() },
        ..LossConfig::default()
    }
}

/// Consecutive items of at most `budget` tokens together; an item alone may be larger.
fn micro_batches(items: &[Item], budget: usize) -> Vec<Range<usize>> {
    let (mut cuts, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (i, item) in items.iter().enumerate() {
        if i > start && tokens + item.cost() > budget {
            cuts.push(start..i);
            (start, tokens) = (i, 0);
        }
        tokens += item.cost();
    }
    if start < items.len() {
        cuts.push(start..items.len());
    }
    cuts
}

/// Gradients and losses, added up over micro-batches.
struct Gradients<'a> {
    student: &'a Policy,
    teacher: &'a Policy,
    config: &'a LossConfig,
    /// The output head's values: the student's, and the teacher's where they are others.
    head: Vec<f32>,
    head_t: Option<Vec<f32>>,
    /// Position of the head among the trainable parameters.
    head_at: Option<usize>,
    grads: Vec<Option<Tensor>>,
    losses: Components,
    scores: Vec<Scores>,
}

impl<'a> Gradients<'a> {
    fn new(student: &'a Policy, teacher: &'a Teacher, config: &'a LossConfig) -> Result<Self, TrainError> {
        let values = |p: &Policy| p.head().as_detached_tensor().flatten_all()?.to_vec1::<f32>();
        let id = student.head().id();
        let scorer = teacher.policy(student);
        Ok(Self {
            head: values(student)?,
            head_t: if std::ptr::eq(scorer, student) { None } else { Some(values(scorer)?) },
            head_at: student.trainable().position(|(_, var)| var.id() == id),
            grads: vec![None; student.trainable().count()],
            losses: Components::default(),
            scores: Vec::new(),
            student,
            teacher: scorer,
            config,
        })
    }

    /// Forward and backward of one micro-batch.
    fn add(&mut self, items: &[Item]) -> Result<(), TrainError> {
        let sequences: Vec<Sequence> =
            items.iter().map(|i| Sequence { prompt: i.prompt, completion: &i.tokens }).collect();
        let hidden = self.student.completion_hidden(&sequences, Mode::Train)?;
        let (rows, dim) = hidden.dims2()?;
        let states = hidden.detach().flatten_all()?.to_vec1::<f32>()?;
        let taught = self.teacher_states(items, rows, dim)?;
        let out = self.head_pass(items, &states, taught.as_deref(), dim)?;
        let store = ops::backward(&hidden, &out.dh)?;
        for (slot, (_, var)) in self.grads.iter_mut().zip(self.student.trainable()) {
            add_to(slot, store.get(var.as_tensor()).cloned())?;
        }
        if let (Some(at), Some(dhead)) = (self.head_at, out.dhead) {
            let dhead = Tensor::from_vec(dhead, self.student.head().dims(), &Device::Cpu)?;
            add_to(&mut self.grads[at], Some(dhead))?;
        }
        self.losses += out.loss;
        let mut start = 0;
        for item in items {
            let at = start..start + item.tokens.len();
            start = at.end;
            self.scores.push(Scores {
                logp: out.tokens.logp[at.clone()].to_vec(),
                logp_teacher: out.tokens.logp_teacher[at.clone()].to_vec(),
                kl: out.tokens.kl[at.clone()].to_vec(),
                entropy: out.tokens.entropy[at.clone()].to_vec(),
                rho: out.tokens.rho[at].to_vec(),
            });
        }
        Ok(())
    }

    /// The teacher's states in the rows of the student's; rows without a teacher stay 0.
    fn teacher_states(
        &self,
        items: &[Item],
        rows: usize,
        dim: usize,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let sequences: Vec<Sequence> = items
            .iter()
            .filter_map(|i| i.teacher.as_ref().map(|prompt| Sequence { prompt, completion: &i.tokens }))
            .collect();
        if sequences.is_empty() {
            return Ok(None);
        }
        let hidden = self.teacher.completion_hidden(&sequences, Mode::Infer)?;
        let values = hidden.flatten_all()?.to_vec1::<f32>()?;
        if sequences.len() == items.len() {
            return Ok(Some(values));
        }
        let (mut out, mut to, mut from) = (vec![0.0; rows * dim], 0, 0);
        for item in items {
            let width = item.tokens.len() * dim;
            if item.teacher.is_some() {
                out[to..to + width].copy_from_slice(&values[from..from + width]);
                from += width;
            }
            to += width;
        }
        Ok(Some(out))
    }

    /// Losses, and their gradients with respect to the states and the head.
    fn head_pass(
        &self,
        items: &[Item],
        hidden_s: &[f32],
        hidden_t: Option<&[f32]>,
        dim: usize,
    ) -> Result<HeadOutput, TrainError> {
        let targets: Vec<u32> = items.iter().flat_map(|i| i.tokens.iter().copied()).collect();
        let stream = |of: for<'i> fn(&'i Item) -> &'i [f32]| spread(items, of);
        let (ce, ref_kl, rl) = (stream(|i| &i.ce), stream(|i| &i.ref_kl), stream(|i| &i.rl));
        let engine = stream(|i| i.logprobs);
        let advantage: Vec<f32> =
            items.iter().flat_map(|i| std::iter::repeat_n(i.advantage, i.tokens.len())).collect();
        let streams = HeadStreams {
            ce: &ce,
            ref_kl: &ref_kl,
            rl: &rl,
            advantage: &advantage,
            // One update per batch: the old weights are the current ones.
            logp_old: &[],
            logp_engine: &engine,
        };
        let input = HeadInput {
            hidden_s,
            hidden_t,
            head: &self.head,
            head_t: self.head_t.as_deref(),
            dim,
            targets: &targets,
            streams,
        };
        Ok(fused_head(&input, self.config, self.head_at.is_some())?)
    }
}

/// A stream over all tokens of the items; zeros where an item has none.
fn spread(items: &[Item], of: impl for<'i> Fn(&'i Item) -> &'i [f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(items.iter().map(|i| i.tokens.len()).sum());
    for item in items {
        let end = out.len() + item.tokens.len();
        out.extend_from_slice(of(item));
        out.resize(end, 0.0);
    }
    out
}

fn add_to(slot: &mut Option<Tensor>, more: Option<Tensor>) -> Result<(), TrainError> {
    *slot = match (slot.take(), more) {
        (Some(a), Some(b)) => Some((a + b)?),
        (a, b) => a.or(b),
    };
    Ok(())
}

#[cfg(test)]
mod tests;
