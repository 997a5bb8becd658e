//! One step of a run: micro-batches through student and teacher, the fused head, gradients added
//! up, and the optimizer; several times if a batch has several updates.
//!
//! The student's states are on the tape and the teacher's are not; what the head returns for the
//! student's states enters the tape as a constant. So nothing of the teacher can carry a gradient.
//! The loss is a sum over tokens whose factors know the whole step (`batch.rs`), so the cut into
//! micro-batches, which only bounds memory, changes nothing but the rounding.

mod gradients;
mod plan;

use crate::batch::{Batch, Item};
use crate::error::TrainError;
use crate::loss::{ClipBounds, Components, LossConfig, total};
use crate::optim::{AdamW, AdamWConfig, Schedule, StepInfo};
use crate::recipe::Recipe;
use crate::step::StepContext;
use crate::teacher::Teacher;
pub(crate) use gradients::logp_now;
use gradients::{Bounds, Gradients, Part, micro_batches};
use plan::Update;
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
    /// Global norm of the gradient before clipping; the mean over the updates.
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
    /// What is not known in every step, by the name of its metric.
    pub watched: BTreeMap<String, f64>,
}

/// Runs the batch through student and teacher and moves the student's weights: once, or as often as
/// `optim.updates_per_batch` and `optim.mini_batches` say. A teacher that averages follows once.
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
    let updates = plan::updates(&batch.items, context);
    let several = updates.len() > 1;
    let old = match several {
        true => logp_now(policy, &batch.items, context.recipe)?,
        false => vec![Vec::new(); batch.items.len()],
    };
    let mut all = Sum { skipped: true, scores: vec![Scores::default(); batch.items.len()], ..Sum::default() };
    for (k, update) in updates.iter().enumerate() {
        let mut sum = Gradients::new(policy, teacher, &config, context)?;
        sum.scale = update.scale;
        sum.monitor = sum.monitor.filter(|_| k == 0);
        let parts: Vec<Part> =
            update.items.iter().map(|&i| Part { item: &batch.items[i], old: &old[i] }).collect();
        let items: Vec<&Item> = parts.iter().map(|part| part.item).collect();
        sum.add_all(&parts, micro_batches(&items, context.recipe.optim.micro_batch_tokens))?;
        all.micro_batches += sum.micro_batches;
        let moved = optimizer.step_at(sum.grads.tensors(), context.step + 1)?;
        all.take(sum, update, moved);
    }
    // The gap to the sampler is that of the weights that sampled.
    for (scores, old) in all.scores.iter_mut().zip(old).filter(|_| several) {
        scores.logp = old;
    }
    if !all.skipped {
        teacher.follow(policy)?;
    }
    Ok(all.report(&config, updates.len()))
}

/// The updates of a step, added up.
#[derive(Default)]
struct Sum {
    losses: Components,
    grad_norm: f64,
    learning_rate: f64,
    skipped: bool,
    micro_batches: usize,
    /// Of the first pass.
    scores: Vec<Scores>,
    outliers: usize,
    bounds: Bounds,
    watched: BTreeMap<String, f64>,
}

impl Sum {
    fn take(&mut self, sum: Gradients, update: &Update, moved: StepInfo) {
        self.losses += sum.losses;
        self.grad_norm += moved.grad_norm;
        self.learning_rate = moved.lr;
        self.skipped &= moved.skipped;
        self.outliers += sum.outliers;
        self.bounds += sum.bounds;
        self.watched.extend(sum.monitor.map(|m| m.metrics()).unwrap_or_default());
        if update.pass == 0 {
            for (&i, scores) in update.items.iter().zip(sum.scores) {
                self.scores[i] = scores;
            }
        }
    }

    /// Losses and norms are means over the updates.
    fn report(mut self, config: &LossConfig, updates: usize) -> UpdateReport {
        let n = updates.max(1) as f64;
        let Components { ce, distill, grpo } = self.losses;
        let losses = Components { ce: ce / n, distill: distill / n, grpo: grpo / n };
        let Bounds { tokens, low, high, k3, penalised } = self.bounds;
        if updates > 1 && tokens > 0 {
            let share = |count: usize| count as f64 / tokens as f64;
            let named = [("low_mean", low), ("high_mean", high), ("region_mean", low + high)];
            self.watched.extend(named.map(|(name, n)| (format!("clip_ratio/{name}"), share(n))));
        }
        if penalised > 0 {
            self.watched.insert("kl".to_owned(), k3 / penalised as f64);
        }
        UpdateReport {
            loss: total(&losses, &config.weights),
            loss_distill: losses.distill,
            loss_grpo: losses.grpo,
            loss_ce: losses.ce,
            grad_norm: self.grad_norm / n,
            learning_rate: self.learning_rate,
            skipped: self.skipped,
            micro_batches: self.micro_batches,
            outliers: self.outliers,
            scores: self.scores,
            watched: self.watched,
        }
    }
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
        moments: cfg.moments,
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
        kl_ref: g.kl_ref,
    }
}

#[cfg(test)]
mod tests;
