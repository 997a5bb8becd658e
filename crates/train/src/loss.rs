//! The losses: one fused pass over the language-model head that gives values and gradients.
//!
//! Three components share the pass, each with a stream of per-token multipliers: cross-entropy on
//! reference tokens ([`ce`]), the statement-weighted divergence to the teacher ([`distill`]), and
//! the clipped policy gradient ([`grpo`]). A recipe is a choice of weights. [`fused_head`] turns
//! hidden states into the gradient of the hidden states (and of the head) without ever holding the
//! logits of more than a few rows.
//!
//! Everything here works on plain slices. No tape reaches this code, so nothing about the teacher
//! can carry a gradient; and all denominators are counted over the whole step by the caller, so the
//! result does not depend on how a batch is cut into micro-batches.
//!
//! Not done: an entropy bonus, sequence-level ratios (docs/specs/training.md, 2.1).

pub mod ce;
pub mod distill;
pub mod gdpo;
pub mod grpo;
mod head;
mod row;
#[cfg(test)]
mod tests;

pub use distill::{Divergence, Importance, Support};
pub use grpo::{ClipBounds, Clipped};
pub(crate) use head::chunk_rows;
pub use head::{fused_head, fused_head_into, token_logprobs};

/// Eq. (7): L = L_SFT + lambda L_VSDPO + beta L_GRPO.
///
/// The paper's total is L_VSDPO + beta L_GRPO: `weights.distill` (lambda) is 1 and `weights.ce` is
/// 0 there. The two extra factors make the baselines settings of the same sum.
pub fn total(losses: &Components, weights: &Weights) -> f64 {
    weights.ce * losses.ce + weights.distill * losses.distill + weights.grpo * losses.grpo
}

/// Values of the three components, normalised and not yet weighted. They add up over micro-batches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Components {
    /// Cross-entropy in nats.
    pub ce: f64,
    /// Weighted divergence to the teacher in nats.
    pub distill: f64,
    /// Policy-gradient loss; its value means little, its gradient is what counts.
    pub grpo: f64,
}

impl std::ops::AddAssign for Components {
    fn add_assign(&mut self, other: Self) {
        self.ce += other.ce;
        self.distill += other.distill;
        self.grpo += other.grpo;
    }
}

/// Factors of the components in equation 7.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Factor of the cross-entropy.
    pub ce: f64,
    /// Factor of the distillation loss.
    pub distill: f64,
    /// beta, the factor of the policy gradient.
    pub grpo: f64,
}

impl Weights {}

/// How the components are computed. The default is the table of docs/specs/training.md, 2.3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossConfig {
    /// Factors of the components.
    pub weights: Weights,
    /// Logits of student and teacher are divided by it, as they were when sampling.
    pub temperature: f32,
    /// Divergence between student and teacher.
    pub divergence: Divergence,
    /// Support of the divergence: the whole vocabulary, or the top k and one bucket for the rest.
    pub support: Support,
    /// The ratio behind the importance weight rho of the divergence.
    pub importance: Importance,
    /// Cap of rho.
    pub is_clip: f32,
    /// Tokens with a divergence D above this are scaled by `outlier / D`, detached. Off by default.
    pub outlier: Option<f32>,
    /// Clipping of the policy gradient.
    pub clip: ClipBounds,
    /// Factor of the penalty k3 towards the reference weights, inside L_GRPO; 0 is off.
    pub kl_ref: f32,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            weights: Weights { ce: 0.0, distill: 1.0, grpo: 1.0 },
            temperature: 1.0,
            divergence: Divergence::ReverseKl,
            support: Support::Full,
            importance: Importance::Behaviour,
            is_clip: 2.0,
            outlier: None,
            clip: ClipBounds::default(),
            kl_ref: 0.0,
        }
    }
}

/// Per-token multipliers and constants, each of length T or empty when the stream is absent.
///
/// Multipliers are normalised (they carry the 1/N of the whole step) but not weighted: equation 7's
/// factors come from [`LossConfig::weights`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Streams<'a> {
    /// Cross-entropy: mask / N_ce.
    pub ce: &'a [f32],
    /// Divergence: w_t / (N_d W_i) from [`distill::weighted_kl`]; rho is applied inside.
    pub ref_kl: &'a [f32],
    /// Policy gradient: mask / N.
    pub rl: &'a [f32],
    /// Advantage of each token's rollout.
    pub advantage: &'a [f32],
    /// log p of the token under the weights that the ratio is measured from. Empty: the current
    /// ones, so the ratio is 1 (one update per batch).
    pub logp_old: &'a [f32],
    /// log p of the token as the sampler reported it. Empty: the same as `logp_old`.
    pub logp_engine: &'a [f32],
    /// log p of the token under the reference weights; needed if [`LossConfig::kl_ref`] is not 0.
    pub logp_ref: &'a [f32],
}

/// Input of [`fused_head`]: T completion positions of any number of sequences, row-major.
#[derive(Clone, Copy, Debug)]
pub struct HeadInput<'a> {
    /// Final-norm hidden states of the student, `[T, dim]`.
    pub hidden_s: &'a [f32],
    /// The teacher's, `[T, dim]`; needed if any `ref_kl` is not zero.
    pub hidden_t: Option<&'a [f32]>,
    /// The language-model head, `[V, dim]`.
    pub head: &'a [f32],
    /// The teacher's head where it differs, `[V, dim]`; `None` for the student's.
    pub head_t: Option<&'a [f32]>,
    /// A second teacher, whose logits are mixed into those of the first.
    pub mix: Option<Mix<'a>>,
    /// Width of the hidden states.
    pub dim: usize,
    /// The tokens that the positions score, `[T]`.
    pub targets: &'a [u32],
    /// What each token weighs.
    pub streams: Streams<'a>,
}

/// A second teacher: U = (1 - rate) U_1 + rate U_2, where U_1 are the logits of `hidden_t` and U_2
/// the ones of this teacher, both after the temperature and before the log-softmax.
///
/// Both are constants, so the gradients of docs/specs/training.md, 2.4, hold with q = softmax(U).
/// Mixing logits is a geometric mean of the two distributions, renormalised.
///
/// # Reading of the paper
/// The paper's teacher has the current weights and nothing holds it near the base. This mixture is
/// the trust region of SDPO (docs/specs/training.md, 1.5): U_1 of the base, U_2 of the student's
/// weights. Rate 1 is the paper's teacher, rate 0 the frozen one.
#[derive(Clone, Copy, Debug)]
pub struct Mix<'a> {
    /// Final-norm hidden states, `[T, dim]`.
    pub hidden: &'a [f32],
    /// Its head, `[V, dim]`; `None` for the student's.
    pub head: Option<&'a [f32]>,
    /// Its share of the logits, in `[0, 1]`.
    pub rate: f32,
}

/// Output of [`fused_head`].
#[derive(Clone, Debug)]
pub struct HeadOutput {
    /// Gradient of the total with respect to `hidden_s`, `[T, dim]`; zero for dropped rows.
    pub dh: Vec<f32>,
    /// Gradient of the total with respect to the head, `[V, dim]`, if it was asked for.
    pub dhead: Option<Vec<f32>>,
    /// Values of the components over these rows.
    pub loss: Components,
    /// What happened to each token.
    pub tokens: TokenStats,
}

/// Per-token values for logging, each of length T. Rows without any weight never reach the head:
/// there `live` is false and the numbers are NaN.
#[derive(Clone, Debug, Default)]
pub struct TokenStats {
    /// Whether the row was computed.
    pub live: Vec<bool>,
    /// log p(y_t) of the student.
    pub logp: Vec<f32>,
    /// log q(y_t) of the teacher; NaN without a divergence weight.
    pub logp_teacher: Vec<f32>,
    /// The divergence D_t; NaN without a divergence weight.
    pub kl: Vec<f32>,
    /// Entropy of the student in nats.
    pub entropy: Vec<f32>,
    /// Importance weight rho_t of the divergence; NaN without a divergence weight.
    pub rho: Vec<f32>,
    /// Ratio r_t of the policy gradient; NaN without a policy-gradient weight.
    pub ratio: Vec<f32>,
    /// Truncated importance weight between `logp_old` and `logp_engine`; NaN as `ratio`.
    pub tis: Vec<f32>,
    /// Which bound took the token out of the policy gradient.
    pub clipped: Vec<Clipped>,
    /// The penalty k3 towards the reference weights; NaN without one.
    pub k3: Vec<f32>,
    /// Tokens scaled down by [`LossConfig::outlier`].
    pub outlier_scaled: usize,
    /// Teacher log-probabilities that were raised to the floor of -100.
    pub floored: usize,
}

/// Input that does not fit together.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LossError {
    /// A slice has the wrong length.
    #[error("loss: `{name}` has {got} elements, want {want}")]
    Length {
        /// Field of the input.
        name: &'static str,
        /// Its length.
        got: usize,
        /// The length that fits the others.
        want: usize,
    },
    /// A target is not in the vocabulary.
    #[error("loss: target {id} at position {position} is outside the vocabulary of {vocabulary}")]
    Target {
        /// The token id.
        id: u32,
        /// Its row.
        position: usize,
        /// Rows of the head.
        vocabulary: usize,
    },
    /// A divergence is weighted but there is no teacher.
    #[error("loss: `ref_kl` is not zero, but there is no `hidden_t`; pass the teacher's hidden states")]
    NoTeacher,
    /// A setting outside its range.
    #[error("loss: `{name}` is {value}, want {want}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: f32,
        /// What it may be.
        want: &'static str,
    },
}
