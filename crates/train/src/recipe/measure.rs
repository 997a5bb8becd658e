//! The sections that say when a run is measured and kept, and what is watched.

use serde::{Deserialize, Serialize};
use vsdpo_artifact::{Domain, Language};
use vsdpo_data::mini::World;
use vsdpo_policy::{SaveDtype, SaveOptions};

/// `[eval]`: evaluation during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSection {
    /// What is asked.
    pub benchmark: Benchmark,
    /// Steps from one evaluation to the next, the first before step 1; 0 is never.
    pub every: usize,
    /// Tasks of one evaluation, one sample each.
    pub tasks: usize,
    /// Last rows of the run's corpus that are set apart: training never draws them, whatever the
    /// benchmark, and `own` evaluates on the first `tasks` of them. 0 sets none apart.
    pub rows: u64,
    /// Softmax temperature of these samples; 0 is greedy.
    pub temperature: f32,
}

impl Default for EvalSection {
    fn default() -> Self {
        Self { benchmark: Benchmark::MiniChart, every: 20, tasks: 64, rows: 0, temperature: 1.0 }
    }
}

/// Benchmarks that run during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    /// The held-out tasks of the embedded world's charts.
    MiniChart,
    /// The held-out tasks of the embedded world's pages.
    MiniWeb,
    /// The held-out tasks of the embedded world's slides, in the language of `data.language`.
    MiniSlide,
    /// Rows of the run's own corpus that training does not draw: execution, the axes of the rubric
    /// and the reward, with the references if `reward.reference` says so.
    Own,
}

impl Benchmark {
    /// The world of its tasks in a language, which only slides have more than one of; `None` for a
    /// corpus.
    pub fn world(self, language: Language) -> Option<World> {
        match self {
            Benchmark::MiniChart => Some(World::Chart),
            Benchmark::MiniWeb => Some(World::Web),
            Benchmark::MiniSlide => World::of(Domain::Slide, language),
            Benchmark::Own => None,
        }
    }
}

/// `[stop]`: a run that has collapsed ends. The rules of a step compare means over a window of
/// steps that sample; the rules of an evaluation need `eval.every`. The best weights stay in
/// `checkpoints/best` either way, and `--resume --set stop.enabled=false` continues the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopSection {
    /// Whether the rules end the run.
    pub enabled: bool,
    /// Steps of a window, at least 1.
    pub window: usize,
    /// Fall of the execution rate below its best window, in (0, 1].
    pub exec_fall: f64,
    /// Execution rate that a window may not fall below once one has reached it, in [0, 1].
    pub exec_min: f64,
    /// Least mean length of a completion, as a factor of that of the first window, in [0, 1].
    pub length_min: f64,
    /// Largest mean length of a completion, as a factor of that of the first window, at least 1.
    pub length_max: f64,
    /// Least mean entropy of a token, as a factor of that of the first window, in [0, 1].
    pub entropy_min: f64,
    /// Largest mean |log p of the trainer - log p of the sampler| of a token, in nats, above 0.
    pub logp_gap: f64,
    /// Fall of the execution rate of an evaluation below that of the best one, in (0, 1].
    pub eval_exec_fall: f64,
    /// Evaluations in a row with a falling defect-free share (which ends the run if the share is
    /// then below the interval of the best one: with a hundred tasks it goes up and down by some
    /// points on its own), or with a share of 0 after one above 0 (of the evaluation before
    /// training, above 0 by the lower end of its interval); at least 1.
    pub eval_falls: usize,
}

impl Default for StopSection {
    fn default() -> Self {
        Self {
            enabled: true,
            window: 10,
            exec_fall: 0.3,
            exec_min: 0.05,
            length_min: 0.6,
            length_max: 2.0,
            entropy_min: 0.1,
            logp_gap: 0.03,
            eval_exec_fall: 0.3,
            eval_falls: 2,
        }
    }
}

/// `[monitor]`: what is watched every tenth step because it costs passes of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorSection {
    /// KL(student || base) of the sampled tokens, in nats per token (`drift/kl_base`), for every
    /// teacher. The teachers `base` and `trust_region` have the base's weights anyway; for all
    /// others it costs one more copy of the weights in memory.
    pub drift: bool,
}

impl Default for MonitorSection {
    fn default() -> Self {
        Self { drift: true }
    }
}

/// `[checkpoint]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointSection {
    /// Steps from one checkpoint to the next; 0 is at the end only.
    pub every: usize,
    /// Newest checkpoints that stay.
    pub keep: usize,
    /// Number format of the weights of folders for use (`best`, `merged`): "f32" or "bf16". Those
    /// that a run resumes from are f32, because bf16 would round small steps away.
    pub dtype: SaveDtype,
    /// GB of weights in one file at most; more are cut into shards with an index.
    pub shard_gb: f64,
}

impl CheckpointSection {
    /// How a folder for use, or one to resume from, is written.
    pub fn options(&self, for_use: bool) -> SaveOptions {
        let dtype = if for_use { self.dtype } else { SaveDtype::F32 };
        SaveOptions { dtype, shard_bytes: (self.shard_gb * 1e9) as usize }
    }
}

impl Default for CheckpointSection {
    fn default() -> Self {
        Self { every: 40, keep: 2, dtype: SaveDtype::F32, shard_gb: 5.0 }
    }
}
