//! From rollouts to weighted token streams.
//!
//! Three streams per token: cross-entropy, KL to the teacher, policy gradient. Their multipliers
//! already hold every denominator of the step (N_d and W_i of equation 6, the token counts of the
//! other two), so that the loss is a plain sum over tokens, and cutting the batch into
//! micro-batches cannot change it. The factors of equation 7 come later, in `update.rs`.
//!
//! Not done: counts over several machines.

use crate::advantage::advantages;
use crate::error::TrainError;
use crate::loss::{ce, distill};
use crate::metrics::flagged;
use crate::recipe::{Channel, ContextKind, FeedbackKind, GateKind, SftTarget, TruncatedKind};
use crate::stages::Experience;
use crate::step::StepContext;
use std::borrow::Cow;
use vsdpo_artifact::{Rollout, Task};
use vsdpo_context::{Channels, Feedback, teacher_prompt};
use vsdpo_policy::{Policy, Prompt};

/// One completion with the factors of its tokens.
#[derive(Debug)]
pub struct Item<'a> {
    /// The student's prompt.
    pub prompt: &'a Prompt,
    /// The teacher's prompt; `None` where nothing is distilled.
    pub teacher: Option<Prompt>,
    /// y.
    pub tokens: Cow<'a, [u32]>,
    /// The rollout that y is, by position in the step; `None` for a reference.
    pub rollout: Option<usize>,
    /// log-probabilities of the sampler, one per token; empty for a reference.
    pub logprobs: &'a [f32],
    /// w_t of equation 5, one per token; empty where nothing is distilled.
    pub weights: Vec<f32>,
    /// Multiplier of each token's cross-entropy; empty for a rollout.
    pub ce: Vec<f32>,
    /// Multiplier of each token's KL: w_t / (N_d W_i); empty where nothing is distilled.
    pub ref_kl: Vec<f32>,
    /// Multiplier of each token's surrogate; empty for a reference.
    pub rl: Vec<f32>,
    /// A of the rollout; 0 for a reference.
    pub advantage: f32,
}

impl<'a> Item<'a> {
    /// A completion without multipliers: of the cross-entropy before they are set, or one that is
    /// only scored.
    pub fn imitated(prompt: &'a Prompt, tokens: Cow<'a, [u32]>) -> Self {
        Self {
            prompt,
            teacher: None,
            tokens,
            rollout: None,
            logprobs: &[],
            weights: Vec::new(),
            ce: Vec::new(),
            ref_kl: Vec::new(),
            rl: Vec::new(),
            advantage: 0.0,
        }
    }
}

impl Item<'_> {
    /// Tokens of the longer of the two sequences, student's or teacher's.
    pub fn cost(&self) -> usize {
        let prompt = self.prompt.ids.len().max(self.teacher.as_ref().map_or(0, |p| p.ids.len()));
        prompt + self.tokens.len()
    }
}

/// What became of the rollouts of a step, in numbers for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// N_d: rollouts that are distilled.
    pub distilled: usize,
    /// Rollouts that met the length limit and are therefore not distilled.
    pub truncated: usize,
    /// Rollouts whose teacher prompt does not fit: not distilled.
    pub overlong: usize,
    /// Rollouts without a flagged token where only those are distilled.
    pub unflagged: usize,
    /// Rollouts or tasks without the reference that their stream needs.
    pub unreferenced: usize,
}

/// All completions of one step.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Completions on which some stream acts.
    pub items: Vec<Item<'a>>,
    /// A, one per rollout.
    pub advantages: Vec<f32>,
    /// What was left out.
    pub counts: Counts,
}

impl<'a> Batch<'a> {
    /// Weighs every token of the step.
    ///
    /// A truncated rollout is distilled if the recipe keeps it. A rollout whose teacher prompt is
    /// too long is not distilled, and one without a reward has no policy gradient; what is left out
    /// is counted.
    ///
    /// # Errors
    /// A prompt that the policy's front end refuses, or no completion at all to train on.
    pub fn assemble(
        policy: &Policy,
        experience: &'a Experience,
        context: &StepContext,
    ) -> Result<Self, TrainError> {
        let recipe = context.recipe;
        let advantages = advantages(experience, recipe);
        let mut batch = Batch { items: Vec::new(), advantages, counts: Counts::default() };
        batch.add_rollouts(policy, experience, context)?;
        if context.weights.ce > 0.0 {
            match recipe.sft.on {
                SftTarget::References => batch.add_references(policy, experience)?,
                SftTarget::CleanRollouts => batch.add_clean_rollouts(experience),
            }
        }
        Ok(batch)
    }

    fn add_rollouts(
        &mut self,
        policy: &Policy,
        experience: &'a Experience,
        context: &StepContext,
    ) -> Result<(), TrainError> {
        let weights_of = context.weights;
        let distill = &context.recipe.distill;
        let scored = |i: usize| experience.rewards[i].is_some();
        let rollouts = experience.rollouts.iter().enumerate();
        let tokens: usize = rollouts.filter(|(i, _)| scored(*i)).map(|(_, y)| y.tokens.len()).sum();
        for (i, y) in experience.rollouts.iter().enumerate().filter(|(_, y)| !y.tokens.is_empty()) {
            let (mut weights, mut teacher) = (Vec::new(), None);
            if weights_of.distill > 0.0 {
                weights = token_weights(experience, i, distill.gate);
                if !self.leaves_out(y, &weights, distill.truncated) {
                    teacher = self.teacher_of(policy, experience, context, i)?;
                }
            }
            if teacher.is_none() {
                weights.clear();
            }
            self.items.push(Item {
                prompt: &experience.prompts[y.task],
                tokens: Cow::Borrowed(&y.tokens),
                rollout: Some(i),
                logprobs: &y.logprobs,
                ce: Vec::new(),
                // Filled in below, when N_d is known.
                ref_kl: Vec::new(),
                rl: ce::mean_over(&vec![weights_of.grpo > 0.0 && scored(i); y.tokens.len()], tokens),
                advantage: self.advantages[i],
                teacher,
                weights,
            });
        }
        self.counts.distilled = self.items.iter().filter(|item| item.teacher.is_some()).count();
        for item in &mut self.items {
            item.ref_kl = distill::weighted_kl(&item.weights, self.counts.distilled);
        }
        let (graded, penalised) = (weights_of.grpo > 0.0, context.recipe.grpo.kl_ref > 0.0);
        let acts = |item: &Item| penalised || item.advantage != 0.0;
        self.items.retain(|item| item.teacher.is_some() || (graded && acts(item)));
        Ok(())
    }

    /// Whether a rollout is not distilled because it met the token limit, or because none of its
    /// tokens has a weight; counts it then.
    fn leaves_out(&mut self, y: &Rollout, weights: &[f32], truncated: TruncatedKind) -> bool {
        let (cut, unflagged) =
            (!y.finished && truncated == TruncatedKind::Drop, weights.iter().all(|&w| w == 0.0));
        self.counts.truncated += usize::from(cut);
        self.counts.unflagged += usize::from(!cut && unflagged);
        cut || unflagged
    }

    /// The teacher's prompt of a rollout, unless it is left out.
    fn teacher_of(
        &mut self,
        policy: &Policy,
        experience: &Experience,
        context: &StepContext,
        i: usize,
    ) -> Result<Option<Prompt>, TrainError> {
        let recipe = context.recipe;
        let shown = match recipe.distill.feedback {
            FeedbackKind::Own => i,
            FeedbackKind::Shuffled => {
                of_another_task(i, experience.rollouts.len(), recipe.rollout.group_size)
            }
        };
        let (detail, weights) = (recipe.distill.rubric, recipe.axis_weights());
        let rubric = vsdpo_diagnose::rubric_json(&experience.diagnoses[shown].rubric, detail, &weights);
        let feedback = match recipe.distill.context {
            ContextKind::Feedback => Feedback::on(&experience.outcomes[shown], &rubric),
            ContextKind::Reference => match &experience.task_of(shown).reference {
                Some(code) => Feedback::Reference { code },
                None => {
                    self.counts.unreferenced += 1;
                    return Ok(None);
                }
            },
        };
        let task = experience.task_of(i);
        let prompt = policy.encode(&teacher_prompt(task, &feedback, channels(&recipe.distill.channels)))?;
        if prompt.ids.len() > recipe.distill.max_prompt_tokens {
            self.counts.overlong += 1;
            return Ok(None);
        }
        Ok(Some(prompt))
    }

    /// The policy's own rollouts that ended and are free of defects (rejection fine-tuning).
    fn add_clean_rollouts(&mut self, experience: &'a Experience) {
        let first = self.items.len();
        let clean = experience.rollouts.iter().zip(&experience.diagnoses);
        for (y, _) in clean.filter(|(y, d)| y.finished && d.defect_free() && !y.tokens.is_empty()) {
            self.items.push(Item::imitated(&experience.prompts[y.task], Cow::Borrowed(&y.tokens)));
        }
        self.weigh_imitated(first);
    }

    /// Gives every token of the items from `first` on the same share of the cross-entropy; returns
    /// their number.
    fn weigh_imitated(&mut self, first: usize) -> usize {
        let total: usize = self.items[first..].iter().map(|item| item.tokens.len()).sum();
        for item in &mut self.items[first..] {
            item.ce = ce::mean_over(&vec![true; item.tokens.len()], total);
        }
        total
    }

    fn add_references(&mut self, policy: &Policy, experience: &'a Experience) -> Result<(), TrainError> {
        let first = self.items.len();
        for (task, prompt) in experience.tasks.iter().zip(&experience.prompts) {
            let Some(tokens) = reference_tokens(policy, task)? else {
                self.counts.unreferenced += 1;
                continue;
            };
            self.items.push(Item::imitated(prompt, Cow::Owned(tokens)));
        }
        match self.weigh_imitated(first) {
            0 => Err(TrainError::Empty {
                key: "sft.weight",
                problem: "no task of this step has reference code".into(),
                help: "choose a data set with references, or write sft.weight = 0",
            }),
            _ => Ok(()),
        }
    }
}

/// The reference code of a task as a completion, end token included.
fn reference_tokens(policy: &Policy, task: &Task) -> Result<Option<Vec<u32>>, TrainError> {
    let Some(code) = &task.reference else { return Ok(None) };
    let tokenizer = policy.tokenizer();
    let mut tokens = tokenizer.encode(code).map_err(vsdpo_policy::PolicyError::from)?;
    tokens.extend(tokenizer.end_ids().first());
    Ok(Some(tokens))
}

/// w_t of a rollout's tokens, at least 1; 0 for the tokens that the gate leaves out.
fn token_weights(experience: &Experience, i: usize, gate: GateKind) -> Vec<f32> {
    let y: &Rollout = &experience.rollouts[i];
    let weights = vsdpo_credit::token_weights(&experience.credits[i], y.source(), y.code, &y.token_spans);
    match gate {
        GateKind::All => weights,
        GateKind::Flagged => {
            let flags = flagged(experience, i);
            weights.into_iter().zip(flags).map(|(w, flag)| if flag { w } else { 0.0 }).collect()
        }
    }
}

/// The rollout at the same place of the next group, or the next of the same group where there is
/// only one: nobody keeps its own.
fn of_another_task(i: usize, rollouts: usize, group_size: usize) -> usize {
    let step = if rollouts > group_size { group_size } else { 1 };
    (i + step) % rollouts
}

/// The channels as the prompt takes them.
pub(crate) fn channels(list: &[Channel]) -> Channels {
    Channels { image: list.contains(&Channel::Image), rubric: list.contains(&Channel::Rubric) }
}

#[cfg(test)]
mod tests;
