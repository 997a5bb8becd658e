//! `[distill]`: the section of the teacher.

use crate::loss::{Divergence, Importance, Support};
use serde::{Deserialize, Serialize};
use vsdpo_diagnose::RubricDetail;

/// `[distill]`: the KL to the teacher, equations 3 and 6.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillSection {
    /// Factor of the distillation loss; 0 turns the teacher off.
    pub weight: f32,
    /// Divergence of student and teacher.
    pub divergence: Divergence,
    /// Support of the divergence: the whole vocabulary, or the top k and one bucket for the rest.
    pub support: Support,
    /// Parts of the feedback on a render; the text of an error is always shown.
    pub channels: Vec<Channel>,
    /// How much of the rubric the teacher is shown: `binary` as in the paper, `observed` values
    /// too, or `full`, which also names a choice that would do.
    pub rubric: RubricDetail,
    /// Whose weights the teacher has.
    pub teacher: TeacherKind,
    /// Of the teacher `ema`: share of the student's weights that enters the average after each
    /// step, in (0, 1].
    pub ema_rate: f64,
    /// Of the teacher `trust_region`: share of the live teacher's logits at the first step, in
    /// [0, 1]. 0 is the teacher `base`, 1 the teacher `live`.
    pub trust_rate: f32,
    /// The same at the last step; linear in between. `trust_rate` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_rate_end: Option<f32>,
    /// The ratio behind the importance weight rho. `behaviour` is 1 with one update per batch
    /// (`optim.updates_per_batch`), so that `behaviour` and `none` are then the same run.
    pub is_kind: Importance,
    /// Cap of the importance weight.
    pub is_clip: f32,
    /// Tokens with a divergence above this many nats are scaled down to it; 0 is off.
    pub outlier: f32,
    /// What the teacher sees besides the prompt.
    pub context: ContextKind,
    /// Whose feedback the teacher sees.
    pub feedback: FeedbackKind,
    /// Which tokens are distilled.
    pub gate: GateKind,
    /// What becomes of rollouts that met the length limit.
    pub truncated: TruncatedKind,
    /// Tokens of a teacher's prompt at most; a rollout whose prompt is longer is not distilled.
    pub max_prompt_tokens: usize,
}

impl DistillSection {
    /// The share of the live teacher's logits at a step (from 0) of a run of `steps`.
    pub fn trust_rate_at(&self, step: usize, steps: usize) -> f32 {
        let end = self.trust_rate_end.unwrap_or(self.trust_rate);
        let done = step as f32 / steps.saturating_sub(1).max(1) as f32;
        self.trust_rate + (end - self.trust_rate) * done.min(1.0)
    }
}

impl Default for DistillSection {
    fn default() -> Self {
        Self {
            weight: 1.0,
            divergence: Divergence::ReverseKl,
            support: Support::Full,
            channels: vec![Channel::Image, Channel::Rubric],
            rubric: RubricDetail::Binary,
            teacher: TeacherKind::Live,
            ema_rate: 0.05,
            trust_rate: 0.5,
            trust_rate_end: None,
            is_kind: Importance::Behaviour,
            is_clip: 2.0,
            outlier: 0.0,
            context: ContextKind::Feedback,
            feedback: FeedbackKind::Own,
            gate: GateKind::All,
            truncated: TruncatedKind::Drop,
            max_prompt_tokens: 8192,
        }
    }
}

/// Parts of the feedback on a render.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The picture.
    Image,
    /// The rubric as JSON.
    Rubric,
}

/// Whose weights the teacher has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeacherKind {
    /// The student's, at every step (the paper's).
    Live,
    /// The ones that distillation began with: of `policy.model`, or of the end of the warm start.
    Base,
    /// A moving average of the student's.
    Ema,
    /// Both `base` and `live`: their logits are mixed, see `trust_rate`. Two passes.
    TrustRegion,
}

/// What the teacher sees besides the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextKind {
    /// The render and the rubric, or the error text (Visual-SDPO).
    Feedback,
    /// The reference code (OPSD).
    Reference,
}

/// Whose feedback the teacher sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackKind {
    /// The rollout's own.
    Own,
    /// Another rollout's, of another task where there is one: the control. A gain that survives it
    /// does not come from reading the feedback.
    Shuffled,
}

/// Which tokens of a rollout are distilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateKind {
    /// Every token, with the weight of its statement (the paper's).
    All,
    /// The tokens of statements with resp > 0: those that answer for a defect, or in which the
    /// execution failed. All other tokens weigh 0. A rollout without such a token is not distilled
    /// and is counted.
    Flagged,
}

/// What becomes of rollouts that met the length limit. Their reward is 0 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TruncatedKind {
    /// They are not distilled: the error of a cut script says nothing about its picture.
    Drop,
    /// They are. A policy that repeats itself without end is then called back by its teacher, also
    /// where all of a group do and the policy gradient is silent.
    Keep,
}
