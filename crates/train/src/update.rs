//! One optimizer step: micro-batches through student and teacher, the fused head, gradients added
//! up.
//!
//! The student's states are on the tape and the teacher's are not; what the head returns for the
//! student's states enters the tape as a constant. So nothing of the teacher can carry a gradient.
//! The loss is a sum over tokens whose factors know the whole step (`batch.rs`), so the cut into
//! micro-batches, which only bounds memory, changes nothing but the rounding.

mod gradients;

use crate::batch::Batch;
use crate::error::TrainError;
use crate::loss::{ClipBounds, LossConfig, total};
use crate::monitor::{self, Monitor};
use crate::optim::{AdamW, AdamWConfig, Schedule};
use crate::recipe::Recipe;
use crate::step::StepContext;
use crate::teacher::Teacher;
use gradients::{Gradients, micro_batches};
use std::collections::BTreeMap;
use vsdpo_policy::Policy;

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
    let mut sum = Gradients::new(policy, teacher, &config, context)?;
    sum.monitor = context.step.is_multiple_of(monitor::EVERY).then(Monitor::default);
    let cuts = micro_batches(&batch.items, context.recipe.optim.micro_batch_tokens);
    for cut in &cuts {
        sum.add(&batch.items[cut.clone()])?;
    }
    let (losses, scores, grads) = (sum.losses, sum.scores, sum.grads);
    let watched = sum.monitor.map(|m| m.metrics()).unwrap_or_default();
    let moved = optimizer.step_at(&grads, context.step + 1)?;
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

#[cfg(test)]
mod tests;
