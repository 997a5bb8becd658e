//! One optimizer step: micro-batches through student and teacher, the fused head, gradients added
//! up.
//!
//! The student's states are on the tape and the teacher's are not; what the head returns for the
//! student's states enters the tape as a constant. So nothing of the teacher can carry a gradient.
//! The loss is a sum over tokens whose factors know the whole step (`batch.rs`), so the cut into
//! micro-batches, which only bounds memory, changes nothing but the rounding.

use crate::batch::{Batch, Item};
use crate::error::TrainError;
use crate::loss::{ClipBounds, Components, HeadInput, LossConfig, Streams, fused_head, total};
use crate::monitor::{self, Monitor};
use crate::optim::{AdamW, AdamWConfig, Schedule};
use crate::recipe::Recipe;
use crate::step::StepContext;
use crate::teacher::Teacher;
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
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
    /// Tokens whose divergence was scaled down.
    pub outliers: usize,
    /// What is watched in every tenth step only, by the name of its metric.
    pub watched: BTreeMap<String, f64>,
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
    context: &StepContext,
) -> Result<UpdateReport, TrainError> {
    let config = loss_config(context);
    let mut sum = Gradients::new(policy, teacher, &config)?;
    sum.monitor = optimizer.steps().is_multiple_of(monitor::EVERY).then(Monitor::default);
    let cuts = micro_batches(&batch.items, context.recipe.optim.micro_batch_tokens);
    for cut in &cuts {
        sum.add(&batch.items[cut.clone()])?;
    }
    let (losses, scores, grads) = (sum.losses, sum.scores, sum.grads);
    let watched = sum.monitor.map(|m| m.metrics()).unwrap_or_default();
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
        outliers: sum.outliers,
        scores,
        watched,
    })
}

/// The optimizer of a recipe over what trains of a policy.
///
/// # Errors
/// A parameter of a kind that the optimizer does not know.
pub fn optimizer(recipe: &Recipe, policy: &Policy) -> Result<AdamW, TrainError> {
    let cfg = &recipe.optim;
    let cfg = AdamWConfig {
        lr: cfg.lr,
        beta1: cfg.beta1,
        beta2: cfg.beta2,
        eps: cfg.eps,
        weight_decay: cfg.weight_decay,
        max_grad_norm: cfg.max_grad_norm,
        schedule: match cfg.decay_steps {
            0 => Schedule::Constant { warmup: cfg.warmup_steps },
            decay => Schedule::Trapezoid { warmup: cfg.warmup_steps, decay, total: recipe.steps },
        },
    };
    Ok(AdamW::new(policy.trainable(), cfg)?)
}

/// The settings of the losses at one step.
fn loss_config(context: &StepContext) -> LossConfig {
    let (d, g) = (&context.recipe.distill, &context.recipe.grpo);
    LossConfig {
        weights: context.weights,
        temperature: context.recipe.rollout.temperature,
        divergence: d.divergence,
        support: d.support,
        importance: d.is_kind,
        is_clip: d.is_clip,
        outlier: (d.outlier > 0.0).then_some(d.outlier),
        clip: ClipBounds { low: g.clip_low, high: g.clip_high, dual: g.dual_clip, ..ClipBounds::default() },
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
    /// The teacher's weights are those that the run began with.
    from_base: bool,
    config: &'a LossConfig,
    /// The output head's values: the student's, and the teacher's where they are others.
    head: Vec<f32>,
    head_t: Option<Vec<f32>>,
    /// Position of the head among the trainable parameters.
    head_at: Option<usize>,
    grads: Vec<Option<Tensor>>,
    losses: Components,
    scores: Vec<Scores>,
    /// Tokens whose divergence was scaled down.
    outliers: usize,
    /// In a step that is watched.
    monitor: Option<Monitor>,
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
            outliers: 0,
            monitor: None,
            student,
            teacher: scorer,
            from_base: matches!(teacher, Teacher::Base(_)),
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
        let rows = Rows::of(items);
        let input = HeadInput {
            hidden_s: &states,
            hidden_t: taught.as_deref(),
            head: &self.head,
            head_t: self.head_t.as_deref(),
            dim,
            targets: &rows.targets,
            streams: rows.streams(),
        };
        let out = fused_head(&input, self.config, self.head_at.is_some())?;
        let watched = self.watched(&input, &sequences, &rows.sampled)?;
        let store = ops::backward(&hidden, &out.dh)?;
        for (slot, (_, var)) in self.grads.iter_mut().zip(self.student.trainable()) {
            add_to(slot, store.get(var.as_tensor()).cloned())?;
        }
        if let (Some(at), Some(dhead)) = (self.head_at, out.dhead) {
            let dhead = Tensor::from_vec(dhead, self.student.head().dims(), &Device::Cpu)?;
            add_to(&mut self.grads[at], Some(dhead))?;
        }
        self.monitor = watched;
        self.losses += out.loss;
        self.outliers += out.tokens.outlier_scaled;
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

    /// The monitor, if there is one, after one more micro-batch.
    fn watched(
        &self,
        input: &HeadInput,
        sequences: &[Sequence],
        sampled: &[f32],
    ) -> Result<Option<Monitor>, TrainError> {
        let Some(mut monitor) = self.monitor else { return Ok(None) };
        monitor.components(input, self.config)?;
        if self.from_base {
            let base = self.teacher.completion_hidden(sequences, Mode::Infer)?;
            let base = base.flatten_all()?.to_vec1::<f32>()?;
            monitor.drift(&HeadInput { hidden_t: Some(&base), ..*input }, sampled, self.config)?;
        }
        Ok(Some(monitor))
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
}

/// What the head wants to know of every token of some items.
struct Rows {
    targets: Vec<u32>,
    ce: Vec<f32>,
    ref_kl: Vec<f32>,
    rl: Vec<f32>,
    advantage: Vec<f32>,
    engine: Vec<f32>,
    /// 1 on the tokens of rollouts.
    sampled: Vec<f32>,
}

impl Rows {
    fn of(items: &[Item]) -> Self {
        let stream = |of: for<'i> fn(&'i Item) -> &'i [f32]| spread(items, of);
        let each = |of: fn(&Item) -> f32| -> Vec<f32> {
            items.iter().flat_map(|i| std::iter::repeat_n(of(i), i.tokens.len())).collect()
        };
        Self {
            targets: items.iter().flat_map(|i| i.tokens.iter().copied()).collect(),
            ce: stream(|i| &i.ce),
            ref_kl: stream(|i| &i.ref_kl),
            rl: stream(|i| &i.rl),
            advantage: each(|i| i.advantage),
            engine: stream(|i| i.logprobs),
            sampled: each(|i| f32::from(u8::from(i.rollout.is_some()))),
        }
    }

    fn streams(&self) -> Streams<'_> {
        Streams {
            ce: &self.ce,
            ref_kl: &self.ref_kl,
            rl: &self.rl,
            advantage: &self.advantage,
            // One update per batch: the old weights are the current ones.
            logp_old: &[],
            logp_engine: &self.engine,
        }
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
