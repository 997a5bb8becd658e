//! Forward and backward of a step's micro-batches.

use super::Scores;
use crate::batch::Item;
use crate::error::TrainError;
use crate::loss::{Components, HeadInput, LossConfig, Mix, Streams, TokenStats, fused_head};
use crate::monitor::Monitor;
use crate::step::StepContext;
use crate::teacher::Teacher;
use candle_core::{Device, Tensor};
use std::ops::Range;
use vsdpo_policy::{Mode, Policy, Sequence, ops};

/// Consecutive items of at most `budget` tokens together; an item alone may be larger.
pub(super) fn micro_batches(items: &[Item], budget: usize) -> Vec<Range<usize>> {
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

/// A policy that scores tokens, with the values of its head where it is not the student's.
struct Scorer<'a> {
    policy: &'a Policy,
    head: Option<Vec<f32>>,
}

impl<'a> Scorer<'a> {
    fn new(policy: &'a Policy, student: &Policy) -> Result<Self, TrainError> {
        let head = if std::ptr::eq(policy, student) { None } else { Some(head_of(policy)?) };
        Ok(Self { policy, head })
    }
}

/// The values of a policy's head, `[V, dim]`.
fn head_of(policy: &Policy) -> Result<Vec<f32>, TrainError> {
    Ok(policy.head().as_detached_tensor().flatten_all()?.to_vec1::<f32>()?)
}

/// Gradients and losses, added up over micro-batches.
pub(super) struct Gradients<'a> {
    student: &'a Policy,
    teacher: Scorer<'a>,
    /// Of a trust region: the share of the student's own logits in the teacher's.
    trust_rate: Option<f32>,
    /// The weights that distillation began with, where they are kept.
    base: Option<&'a Policy>,
    config: &'a LossConfig,
    /// The values of the student's head.
    head: Vec<f32>,
    /// Position of the head among the trainable parameters.
    head_at: Option<usize>,
    /// One per trainable parameter that a gradient reached.
    pub grads: Vec<Option<Tensor>>,
    pub losses: Components,
    /// One per item, in the order of [`add`](Self::add).
    pub scores: Vec<Scores>,
    /// Tokens whose divergence was scaled down.
    pub outliers: usize,
    /// In a step that is watched.
    pub monitor: Option<Monitor>,
}

impl<'a> Gradients<'a> {
    pub fn new(
        student: &'a Policy,
        teacher: &'a Teacher,
        config: &'a LossConfig,
        context: &StepContext,
    ) -> Result<Self, TrainError> {
        let id = student.head().id();
        let rate = || context.recipe.distill.trust_rate_at(context.step, context.recipe.steps);
        Ok(Self {
            teacher: Scorer::new(teacher.policy(student), student)?,
            trust_rate: teacher.is_mixed().then(rate),
            base: teacher.base(),
            head: head_of(student)?,
            head_at: student.trainable().position(|(_, var)| var.id() == id),
            grads: vec![None; student.trainable().count()],
            losses: Components::default(),
            scores: Vec::new(),
            outliers: 0,
            monitor: None,
            student,
            config,
        })
    }

    /// Forward and backward of one micro-batch.
    pub fn add(&mut self, items: &[Item]) -> Result<(), TrainError> {
        let sequences: Vec<Sequence> =
            items.iter().map(|i| Sequence { prompt: i.prompt, completion: &i.tokens }).collect();
        let hidden = self.student.completion_hidden(&sequences, Mode::Train)?;
        let dim = hidden.dims2()?.1;
        let states = hidden.detach().flatten_all()?.to_vec1::<f32>()?;
        let taught = taught_states(self.teacher.policy, items, dim)?;
        let second = match self.trust_rate {
            Some(rate) => taught_states(self.student, items, dim)?.map(|states| (states, rate)),
            None => None,
        };
        let rows = Rows::of(items);
        let input = HeadInput {
            hidden_s: &states,
            hidden_t: taught.as_deref(),
            head: &self.head,
            head_t: self.teacher.head.as_deref(),
            mix: second.as_ref().map(|(hidden, rate)| Mix { hidden, head: None, rate: *rate }),
            dim,
            targets: &rows.targets,
            streams: rows.streams(),
        };
        let out = fused_head(&input, self.config, self.head_at.is_some())?;
        self.monitor = self.watched(&input, &sequences, &rows.sampled)?;
        let store = ops::backward(&hidden, &out.dh)?;
        for (slot, (_, var)) in self.grads.iter_mut().zip(self.student.trainable()) {
            add_to(slot, store.get(var.as_tensor()).cloned())?;
        }
        if let (Some(at), Some(dhead)) = (self.head_at, &out.dhead) {
            let dhead = Tensor::from_slice(dhead, self.student.head().dims(), &Device::Cpu)?;
            add_to(&mut self.grads[at], Some(dhead))?;
        }
        self.losses += out.loss;
        self.outliers += out.tokens.outlier_scaled;
        self.record(items, &out.tokens);
        Ok(())
    }

    /// Keeps the scores of every item's tokens.
    fn record(&mut self, items: &[Item], tokens: &TokenStats) {
        let mut start = 0;
        for item in items {
            let at = start..start + item.tokens.len();
            start = at.end;
            self.scores.push(Scores {
                logp: tokens.logp[at.clone()].to_vec(),
                logp_teacher: tokens.logp_teacher[at.clone()].to_vec(),
                kl: tokens.kl[at.clone()].to_vec(),
                entropy: tokens.entropy[at.clone()].to_vec(),
                rho: tokens.rho[at].to_vec(),
            });
        }
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
        let any = sampled.iter().any(|&s| s != 0.0);
        if let Some(base) = self.base.filter(|_| any) {
            let hidden = base.completion_hidden(sequences, Mode::Infer)?.flatten_all()?.to_vec1::<f32>()?;
            let head = head_of(base)?;
            let from = HeadInput { hidden_t: Some(&hidden), head_t: Some(&head), mix: None, ..*input };
            monitor.drift(&from, sampled, self.config)?;
        }
        Ok(Some(monitor))
    }
}

/// The states of a teacher's weights in the rows of the student's, `[T, dim]`; rows without a
/// teacher stay 0. `None` if no item has a teacher.
fn taught_states(policy: &Policy, items: &[Item], dim: usize) -> Result<Option<Vec<f32>>, TrainError> {
    let sequences: Vec<Sequence> = items
        .iter()
        .filter_map(|i| i.teacher.as_ref().map(|prompt| Sequence { prompt, completion: &i.tokens }))
        .collect();
    if sequences.is_empty() {
        return Ok(None);
    }
    let values = policy.completion_hidden(&sequences, Mode::Infer)?.flatten_all()?.to_vec1::<f32>()?;
    if sequences.len() == items.len() {
        return Ok(Some(values));
    }
    let rows: usize = items.iter().map(|i| i.tokens.len()).sum();
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
