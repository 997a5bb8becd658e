//! The sections that say when a run is measured and kept, and what is watched.

use serde::{Deserialize, Serialize};
use vsdpo_data::mini::World;

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
    /// Softmax temperature of these samples; 0 is greedy.
    pub temperature: f32,
    /// End the run when evaluation falls: execution by 0.1 from its best, or the defect-free share
    /// twice in a row. The best weights stay in `checkpoints/best` either way.
    pub stop_on_fall: bool,
}

impl Default for EvalSection {
    fn default() -> Self {
        Self { benchmark: Benchmark::MiniChart, every: 20, tasks: 64, temperature: 1.0, stop_on_fall: true }
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
}

impl Benchmark {
    /// The world of its tasks.
    pub fn world(self) -> World {
        match self {
            Benchmark::MiniChart => World::Chart,
            Benchmark::MiniWeb => World::Web,
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
}

impl Default for CheckpointSection {
    fn default() -> Self {
        Self { every: 40, keep: 2 }
    }
}
