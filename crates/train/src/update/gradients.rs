//! Forward and backward of a step's micro-batches.

use super::Scores;
use crate::batch::Item;
use crate::error::TrainError;
use crate::loss::{Clipped, Components, HeadInput, LossConfig, LossError, Mix, Streams, TokenStats};
use crate::loss::{fused_head_into, token_logprobs};
use crate::monitor::{self, Monitor};
use crate::recipe::Recipe;
use crate::step::StepContext;
use crate::teacher::Teacher;
use std::ops::Range;
use vsdpo_policy::ops::Weight;
use vsdpo_policy::{GradientSums, Mode, Policy, Recompute, Sequence};

/// An item in one of the updates of a step.
#[derive(Clone, Copy)]
pub(super) struct Part<'i> {
    pub item: &'i Item<'i>,
    /// log p of its tokens under the weights at the start of the batch; empty in a step of one
    /// update, whose weights are those.
    pub old: &'i [f32],
}

/// Consecutive items of at most `budget` tokens together; an item alone may be larger.
pub(super) fn micro_batches(items: &[&Item], budget: usize) -> Vec<Range<usize>> {
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

/// A policy's head `[V, dim]` where it is not the student's.
fn other_head(policy: &Policy, student: &Policy) -> Option<Weight> {
    let head = policy.head();
    (!head.is_same(&student.head())).then_some(head)
}

/// Gradients and losses, added up over micro-batches.
pub(super) struct Gradients<'a> {
    student: &'a Policy,
    teacher: &'a Policy,
    /// Of a trust region: the share of the student's own logits in the teacher's.
    trust_rate: Option<f32>,
    /// The weights that distillation began with, where they are kept.
    base: Option<&'a Policy>,
    /// Factor of every multiplier: prompts of the batch over those of this update.
    pub scale: f32,
    config: &'a LossConfig,
    /// Position of the head among the trainable parameters.
    head_at: Option<usize>,
    /// The sums so far.
    pub grads: GradientSums,
    recompute: Recompute,
    /// Selects the dropout masks of the next micro-batch.
    seed: u64,
    pub losses: Components,
    /// One per item, in the order of [`add`](Self::add).
    pub scores: Vec<Scores>,
    /// Tokens whose divergence was scaled down.
    pub outliers: usize,
    /// What the bounds of the policy gradient did.
    pub bounds: Bounds,
    /// Micro-batches so far.
    pub micro_batches: usize,
    /// In a step that is watched.
    pub monitor: Option<Monitor>,
}

/// Tokens of the policy gradient, and which bound took them out of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub tokens: usize,
    pub low: usize,
    /// By the upper bound, or by the one for negative advantages.
    pub high: usize,
    /// Sum of the penalties towards the base, and how many they are.
    pub k3: f64,
    pub penalised: usize,
}

impl<'a> Gradients<'a> {
    pub fn new(
        student: &'a Policy,
        teacher: &'a Teacher,
        config: &'a LossConfig,
        context: &StepContext,
    ) -> Result<Self, TrainError> {
        let head = student.head();
        let id = head.tensor().map(|head| head.id());
        let monitor = context.step.is_multiple_of(monitor::EVERY).then(Monitor::default);
        let read = monitor.is_some() || config.kl_ref != 0.0;
        let rate = || context.recipe.distill.trust_rate_at(context.step, context.recipe.steps);
        Ok(Self {
            teacher: teacher.policy(student),
            trust_rate: teacher.is_mixed().then(rate),
            base: teacher.base().filter(|_| read),
            scale: 1.0,
            head_at: student.trainable().position(|(_, var)| Some(var.id()) == id),
            grads: GradientSums::new(student),
            recompute: context.recipe.optim.recompute,
            seed: context.seed(),
            losses: Components::default(),
            scores: Vec::new(),
            outliers: 0,
            bounds: Bounds::default(),
            micro_batches: 0,
            monitor,
            student,
            config,
        })
    }

    /// Forward and backward of all micro-batches, the largest first: if memory does not suffice, it
    /// shows at once. Scores are in the order of the items.
    pub fn add_all(&mut self, parts: &[Part], mut cuts: Vec<Range<usize>>) -> Result<(), TrainError> {
        let cost = |cut: &Range<usize>| parts[cut.clone()].iter().map(|part| part.item.cost()).sum::<usize>();
        cuts.sort_by_key(|cut| std::cmp::Reverse(cost(cut)));
        let mut scores = vec![Scores::default(); parts.len()];
        for cut in cuts {
            self.add(&parts[cut.clone()])?;
            scores[cut].clone_from_slice(&std::mem::take(&mut self.scores));
            self.micro_batches += 1;
        }
        self.scores = scores;
        Ok(())
    }

    /// Forward and backward of one micro-batch.
    pub fn add(&mut self, parts: &[Part]) -> Result<(), TrainError> {
        let items: Vec<&Item> = parts.iter().map(|part| part.item).collect();
        let sequences: Vec<Sequence> = items.iter().map(|i| student_sequence(i)).collect();
        self.seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        self.student.set_dropout_seed(self.seed);
        let pass = self.student.training_pass(&sequences, self.recompute)?;
        let dim = pass.hidden().dims2()?.1;
        let states = pass.hidden().flatten_all()?.to_vec1::<f32>()?;
        let taught = taught_states(self.teacher, &items, dim)?;
        let second = match self.trust_rate {
            Some(rate) => taught_states(self.student, &items, dim)?.map(|states| (states, rate)),
            None => None,
        };
        let mut rows = Rows::of(parts, self.scale);
        let base = self.base_states(&sequences, &rows)?;
        rows.reference = self.reference(base.as_deref(), &rows, dim)?;
        let (head, head_t) = (self.student.head(), other_head(self.teacher, self.student));
        let (head, head_t) = (head.floats()?, head_t.as_ref().map(Weight::floats).transpose()?);
        let input = HeadInput {
            hidden_s: &states,
            hidden_t: taught.as_deref(),
            head: &head,
            head_t: head_t.as_deref(),
            mix: second.as_ref().map(|(hidden, rate)| Mix { hidden, head: None, rate: *rate }),
            dim,
            targets: &rows.targets,
            streams: rows.streams(),
        };
        self.monitor = self.watched(&input, base.as_deref(), &rows.sampled)?;
        let at = self.head_at;
        let out = with_sum(&mut self.grads, at, |dhead| fused_head_into(&input, self.config, dhead))?;
        drop((head, head_t));
        pass.backward(&out.dh, &mut self.grads)?;
        self.losses += out.loss;
        self.outliers += out.tokens.outlier_scaled;
        self.record(&items, &out.tokens);
        Ok(())
    }

    /// Keeps what the head says of every item's tokens.
    fn record(&mut self, items: &[&Item], tokens: &TokenStats) {
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
        let bounds = &mut self.bounds;
        bounds.tokens += tokens.ratio.iter().filter(|r| !r.is_nan()).count();
        for clipped in &tokens.clipped {
            match clipped {
                Clipped::No => {}
                Clipped::Low => bounds.low += 1,
                Clipped::High | Clipped::Dual => bounds.high += 1,
            }
        }
        for k3 in tokens.k3.iter().filter(|k3| !k3.is_nan()) {
            bounds.k3 += f64::from(*k3);
            bounds.penalised += 1;
        }
    }

    /// The base's states in the student's context, `[T, dim]`, where something reads them.
    fn base_states(&self, sequences: &[Sequence], rows: &Rows) -> Result<Option<Vec<f32>>, TrainError> {
        let sampled = rows.sampled.iter().any(|&s| s != 0.0);
        let Some(base) = self.base.filter(|_| sampled) else { return Ok(None) };
        let hidden = base.completion_hidden(sequences, Mode::Infer)?;
        Ok(Some(hidden.flatten_all()?.to_vec1::<f32>()?))
    }

    /// log p of every token under the base; empty without a penalty towards it.
    fn reference(&self, states: Option<&[f32]>, rows: &Rows, dim: usize) -> Result<Vec<f32>, TrainError> {
        match (states, self.base) {
            (Some(states), Some(base)) if self.config.kl_ref != 0.0 => {
                let head = base.head();
                let head = head.floats()?;
                Ok(token_logprobs(states, &head, dim, &rows.targets, self.config.temperature)?.0)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The monitor, if there is one, after one more micro-batch.
    fn watched(
        &self,
        input: &HeadInput,
        base: Option<&[f32]>,
        sampled: &[f32],
    ) -> Result<Option<Monitor>, TrainError> {
        let Some(mut monitor) = self.monitor else { return Ok(None) };
        monitor.components(input, self.config)?;
        if let Some(policy) = self.base {
            let head = other_head(policy, self.student);
            let head = head.as_ref().map(Weight::floats).transpose()?;
            let from = HeadInput { hidden_t: base, head_t: head.as_deref(), mix: None, ..*input };
            if base.is_some() {
                monitor.drift(&from, sampled, self.config)?;
            }
        }
        Ok(Some(monitor))
    }
}

/// log p of every item's tokens under the weights of now, which is what the ratio of later updates
/// is measured from.
pub(crate) fn logp_now(
    policy: &Policy,
    items: &[Item],
    recipe: &Recipe,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let head = policy.head();
    let (head, mut out) = (head.floats()?, Vec::with_capacity(items.len()));
    let all: Vec<&Item> = items.iter().collect();
    for cut in micro_batches(&all, recipe.optim.micro_batch_tokens) {
        let items = &all[cut];
        let sequences: Vec<Sequence> = items.iter().map(|i| student_sequence(i)).collect();
        let hidden = policy.completion_hidden(&sequences, Mode::Infer)?;
        let dim = hidden.dims2()?.1;
        let targets: Vec<u32> = items.iter().flat_map(|i| i.tokens.iter().copied()).collect();
        let states = hidden.flatten_all()?.to_vec1::<f32>()?;
        let (logp, _) = token_logprobs(&states, &head, dim, &targets, recipe.rollout.temperature)?;
        let mut rest = logp.as_slice();
        for item in items {
            let (own, more) = rest.split_at(item.tokens.len());
            out.push(own.to_vec());
            rest = more;
        }
    }
    Ok(out)
}

fn student_sequence<'i>(item: &'i Item) -> Sequence<'i> {
    Sequence { prompt: item.prompt, completion: &item.tokens }
}

impl std::ops::AddAssign for Bounds {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.low += other.low;
        self.high += other.high;
        self.k3 += other.k3;
        self.penalised += other.penalised;
    }
}

/// The states of a teacher's weights in the rows of the student's, `[T, dim]`; rows without a
/// teacher stay 0. `None` if no item has a teacher.
fn taught_states(policy: &Policy, items: &[&Item], dim: usize) -> Result<Option<Vec<f32>>, TrainError> {
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
    /// Empty in a step of one update: the old weights are the current ones, and the ratio is 1.
    old: Vec<f32>,
    engine: Vec<f32>,
    /// log p under the base; empty without a penalty towards it.
    reference: Vec<f32>,
    /// 1 on the tokens of rollouts.
    sampled: Vec<f32>,
}

impl Rows {
    fn of(parts: &[Part], scale: f32) -> Self {
        let scaled = |of: for<'i> fn(&'i Part) -> &'i [f32]| -> Vec<f32> {
            spread(parts, of).into_iter().map(|x| x * scale).collect()
        };
        let each = |of: fn(&Item) -> f32| -> Vec<f32> {
            parts.iter().flat_map(|p| std::iter::repeat_n(of(p.item), p.item.tokens.len())).collect()
        };
        let several = parts.iter().any(|p| !p.old.is_empty());
        Self {
            targets: parts.iter().flat_map(|p| p.item.tokens.iter().copied()).collect(),
            ce: scaled(|p| &p.item.ce),
            ref_kl: scaled(|p| &p.item.ref_kl),
            rl: scaled(|p| &p.item.rl),
            advantage: each(|i| i.advantage),
            old: if several { spread(parts, |p| p.old) } else { Vec::new() },
            engine: spread(parts, |p| p.item.logprobs),
            reference: Vec::new(),
            sampled: each(|i| f32::from(u8::from(i.rollout.is_some()))),
        }
    }

    fn streams(&self) -> Streams<'_> {
        Streams {
            ce: &self.ce,
            ref_kl: &self.ref_kl,
            rl: &self.rl,
            advantage: &self.advantage,
            logp_old: &self.old,
            logp_engine: &self.engine,
            logp_ref: &self.reference,
        }
    }
}

/// A stream over all tokens of the items; zeros where an item has none.
fn spread(parts: &[Part], of: impl for<'i> Fn(&'i Part) -> &'i [f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(parts.iter().map(|p| p.item.tokens.len()).sum());
    for part in parts {
        let end = out.len() + part.item.tokens.len();
        out.extend_from_slice(of(part));
        out.resize(end, 0.0);
    }
    out
}

/// Calls `f` with the sum at a position, or without one.
fn with_sum<R>(
    sums: &mut GradientSums,
    at: Option<usize>,
    f: impl FnOnce(Option<&mut [f32]>) -> Result<R, LossError>,
) -> Result<R, TrainError> {
    let Some(at) = at else { return Ok(f(None)?) };
    let mut out = None;
    sums.change(at, |sum| out = Some(f(Some(sum))))?;
    match out {
        Some(out) => Ok(out?),
        None => Err(candle_core::Error::Msg("the gradient of the head has no place".into()).into()),
    }
}
