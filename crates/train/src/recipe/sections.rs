//! The sections of a recipe, one struct each. The defaults are the ones of the paper where it gives
//! any.

use super::LoraSection;
use crate::optim::MomentKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use vsdpo_credit::{CreditConfig, Overlap};
pub use vsdpo_policy::Dtype;
use vsdpo_policy::{Loading, Recompute, SampleConfig, Trains};

/// `[policy]`: the model that is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// A Hugging Face folder.
    pub model: PathBuf,
    /// Number format in which frozen matrices are kept in memory: "f32", or "bf16", which takes
    /// half of it and gives the same results if the model's files are bf16. Arithmetic and what
    /// trains are f32.
    pub dtype: Dtype,
    /// Pixels of a picture after resizing at most, where the model's own limit is higher; a
    /// Qwen3-VL takes one token for 32 x 32 pixels, up to 16,384 a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<usize>,
    /// Which parameters train, without `lora`.
    pub trainable: Trainable,
    /// An adapter, which then trains alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraSection>,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self {
            model: "assets/mini".into(),
            dtype: Dtype::F32,
            max_pixels: None,
            trainable: Trainable::Text,
            lora: None,
        }
    }
}

impl PolicySection {
    /// How its folder is loaded. Under an adapter everything else is frozen.
    pub fn loading(&self) -> Loading {
        let trains = match (&self.lora, self.trainable) {
            (Some(_), _) => Trains::Nothing,
            (None, Trainable::Text) => Trains::Text,
            (None, Trainable::All) => Trains::All,
        };
        Loading { dtype: Some(self.dtype), trains, max_pixels: self.max_pixels, beside: 0 }
    }
}

/// Which parameters train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trainable {
    /// The language model; the vision tower stays as it is.
    Text,
    /// Everything.
    All,
}

/// `[rollout]`: y ~ pi_theta(. | x).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolloutSection {
    /// Who samples.
    pub engine: Engine,
    /// Prompts of one step.
    pub prompts_per_step: usize,
    /// G: completions per prompt.
    pub group_size: usize,
    /// Tokens of a completion at most; a longer one is cut and counts as truncated.
    pub max_completion_tokens: usize,
    /// Softmax temperature of sampling and of the losses; above 0.
    pub temperature: f32,
    /// Nucleus; below 1 the importance ratios are off by the mass that is kept.
    pub top_p: f32,
    /// Completions in memory at once; all of the step without it. Memory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<usize>,
    /// Number format of the sampler's keys and values: "bf16" halves their memory; the sampler's
    /// log-probabilities then differ from the trainer's a little.
    pub cache_dtype: Dtype,
    /// Tokens of a prompt at most, pictures included. Tasks with longer prompts are left out of
    /// their step and counted in `prompts/dropped_overlong`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<usize>,
}

impl RolloutSection {
    /// How completions are sampled, at this temperature.
    pub fn sampling(&self, temperature: f32) -> SampleConfig {
        SampleConfig {
            max_completion_tokens: self.max_completion_tokens,
            temperature,
            top_p: self.top_p,
            max_rows: self.max_rows.unwrap_or(usize::MAX),
            cache: self.cache_dtype,
            ..SampleConfig::default()
        }
    }
}

impl Default for RolloutSection {
    fn default() -> Self {
        Self {
            engine: Engine::Local,
            prompts_per_step: 16,
            group_size: 8,
            max_completion_tokens: 256,
            temperature: 1.0,
            top_p: 1.0,
            max_rows: None,
            cache_dtype: Dtype::F32,
            max_prompt_tokens: None,
        }
    }
}

/// Who samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This process, with the weights in training.
    Local,
}

/// `[render]`: R(y).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderSection {
    /// Renders at the same time.
    pub workers: usize,
    /// Seconds of one render at most.
    pub timeout_s: f64,
    /// MiB of memory of one render at most.
    pub memory_mb: u64,
    /// Outcomes that are kept by the hash of their code; 0 keeps none.
    pub cache_entries: usize,
    /// Run model-written code although a layer of the sandbox is missing.
    pub unsafe_no_sandbox: bool,
    /// Width and height of the window that pages are drawn in, in pixels.
    pub window: [u32; 2],
}

impl Default for RenderSection {
    fn default() -> Self {
        Self {
            workers: 2,
            timeout_s: 10.0,
            memory_mb: 1024,
            cache_entries: 4096,
            unsafe_no_sandbox: false,
            window: [1280, 720],
        }
    }
}

/// `[reward]`: equation 8.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardSection {
    /// Also compare a render with its task's reference, where there is one: of charts ChartMimic's
    /// metrics and a visual score, which costs about three more processes a rollout; of pages
    /// Design2Code's, three more screenshots.
    pub reference: bool,
    /// Hugging Face folder of a CLIP. It then has half of the visual score of a chart, which is
    /// structure alone otherwise, and an axis of its own of a page, "not judged" otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<PathBuf>,
    /// Weight of each axis of the domain in the reward, not negative, with the sum 1; without it
    /// all axes weigh the same. An axis that is not named is evaluated, but in neither reward nor
    /// rubric.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f32>,
    /// What `grpo.advantage = "decoupled"` normalises one by one.
    pub components: Components,
}

/// The components of a reward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Components {
    /// The axes of equation 8, weighted by `reward.weights`.
    #[default]
    Axes,
    /// The four rewards of AeSlides, in equal parts; of slides only.
    AeSlides,
}

/// `[credit]`: equations 4 and 5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreditSection {
    /// alpha of equation 5, at least 1; 1 is uniform distillation.
    pub amplify: f32,
    /// How far an element and a defect agree.
    pub overlap: Overlap,
    /// Who says which statement drew an element.
    pub mapper: Mapper,
    /// Whether the statement of an error answers for a failed execution.
    pub blame_error: bool,
    /// Which statements get the weights.
    pub placement: Placement,
    /// Which defects count.
    pub defects: CreditedDefects,
}

impl CreditSection {
    /// The settings of credit.
    pub fn config(&self) -> CreditConfig {
        CreditConfig { amplify: self.amplify, overlap: self.overlap, blame_error: self.blame_error }
    }
}

impl Default for CreditSection {
    fn default() -> Self {
        Self {
            amplify: 3.0,
            overlap: Overlap::Iou,
            mapper: Mapper::Runtime,
            blame_error: true,
            placement: Placement::Own,
            defects: CreditedDefects::All,
        }
    }
}

/// The defects that equation 4 reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreditedDefects {
    /// Those of every rule.
    All,
    /// Those of rules whose axis has weight in the reward. An axis without weight is then in no
    /// part of the training signal but the picture, so that it can be evaluated independently.
    Rewarded,
}

/// Which statements of a rollout get the weights that equation 5 gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Each its own.
    Own,
    /// The weights of a rollout are shuffled among its statements: the control. A gain that
    /// survives it does not come from where the blame is.
    Shuffled,
}

/// Who says which statement drew an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mapper {
    /// The instrumented renderer.
    Runtime,
}

/// `[grpo]`: the group-relative policy gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpoSection {
    /// beta of equation 7; 0 turns the term off.
    pub weight: f32,
    /// The ratio's lower bound is `1 - clip_low`.
    pub clip_low: f32,
    /// The ratio's upper bound is `1 + clip_high`.
    pub clip_high: f32,
    /// Bound of the ratio for negative advantages.
    pub dual_clip: f32,
    /// How rewards become advantages.
    pub advantage: Advantage,
    /// Factor of the penalty k3 = e^d - d - 1, d = log p of the base - log p of the student, of
    /// every sampled token; a part of L_GRPO, so that `weight` multiplies it as well. 0 is off.
    /// With several updates per batch it is not corrected for tokens of older weights. Costs a copy
    /// of the weights.
    pub kl_ref: f32,
}

impl Default for GrpoSection {
    fn default() -> Self {
        Self {
            weight: 1.0,
            clip_low: 0.2,
            clip_high: 0.28,
            dual_clip: 3.0,
            advantage: Advantage::Mean,
            kl_ref: 0.0,
        }
    }
}

/// How the rewards of a step become advantages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advantage {
    /// r - mean of the group.
    #[default]
    Mean,
    /// The same divided by the group's standard deviation.
    GroupStd,
    /// The same divided by the standard deviation of all rewards of the step.
    BatchStd,
    /// Every component of the reward divided by its own standard deviation in the group, then their
    /// weighted sum by that of all sums of the step (GDPO): a component with a large spread does
    /// not hide the others. The components are named by `reward.components`.
    Decoupled,
}

/// `[sft]`: cross-entropy on the reference code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SftSection {
    /// Factor of the cross-entropy; 0 turns it off.
    pub weight: f32,
    /// What it is computed on.
    pub on: SftTarget,
    /// Steps at the start that are cross-entropy alone, at factor 1. After them the teacher is
    /// copied from the student again and Adam's moments begin anew; the schedule of the learning
    /// rate goes on.
    pub warm_start_steps: usize,
}

/// The completions of the cross-entropy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SftTarget {
    /// The references of the data set (SFT).
    #[default]
    References,
    /// The policy's own rollouts that are free of defects: rejection fine-tuning. A step without
    /// one changes nothing.
    CleanRollouts,
}

/// `[optim]`: AdamW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimSection {
    /// Learning rate after the warm-up; constant from there.
    pub lr: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: usize,
    /// Steps at the end over which the learning rate falls linearly to 0; 0 keeps it.
    pub decay_steps: usize,
    /// Bound of the global gradient norm.
    pub max_grad_norm: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Updates that each rollout takes part in: passes over the batch, at least 1. From the second
    /// update on, the weights are not the ones that sampled: the ratio of the policy gradient is
    /// then measured from the weights at the start of the batch, and its bounds act. With 1 (and
    /// one mini batch) this ratio is exactly 1.
    pub updates_per_batch: usize,
    /// Updates of one pass: its prompts are shuffled and split into as many parts, at least 1 and
    /// at most `rollout.prompts_per_step`.
    pub mini_batches: usize,
    /// Tokens (prompt and completion) that are on the tape at once. Memory only: the loss does not
    /// depend on it.
    pub micro_batch_tokens: usize,
    /// What of a micro-batch is kept for the backward pass: "none" of it is computed again, or
    /// every decoder layer ("block"), which needs the memory of one layer's activations instead of
    /// all, and about a third more time. The gradient is the same.
    pub recompute: Recompute,
    /// How Adam's moments are stored: "f32" (8 bytes a parameter) or "blocks8" (2 bytes).
    pub moments: MomentKind,
}

impl Default for OptimSection {
    fn default() -> Self {
        Self {
            lr: 1e-6,
            warmup_steps: 10,
            decay_steps: 0,
            max_grad_norm: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            updates_per_batch: 1,
            mini_batches: 1,
            micro_batch_tokens: 4096,
            recompute: Recompute::None,
            moments: MomentKind::F32,
        }
    }
}
