//! The scores of a model's attempts at the tasks of an embedded world, or at those of a run's own
//! corpus: shares and means with 95 % intervals, task by task and over all tasks.
//!
//! They lie here and not beside the trainer, because a model behind a server is scored by the build
//! without models too. Which arms an evaluation has is decided by who evaluates.

pub mod answered;
mod arm;
mod attempt;
mod rows;
mod scores;
mod table;

pub use arm::{Arm, MeanCost};
pub use attempt::{Answer, Attempt, Cost, attempts, constant_attempts};
pub use rows::{Row, rows};
pub use scores::TaskScores;
pub use table::table;

use crate::provenance::Provenance;
use serde::{Deserialize, Serialize};
use vsdpo_data::mini::{Split, World};

/// What attempts are scored by, besides their renders.
#[derive(Clone, Copy, Debug)]
pub struct Grading {
    /// The world, which has the domain's axes.
    pub world: World,
    /// Contents that the tasks were drawn from.
    pub split: Split,
    /// Seed of the tasks, and of the intervals.
    pub seed: u64,
    /// Whether the tasks are those of a corpus, which the world's geometry knows nothing of.
    pub own: bool,
    /// Whether renders were compared with references.
    pub compared: bool,
}

/// All arms of one evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvalReport {
    /// `mini-chart`, `mini-web`, `mini-slide` or `own`.
    pub benchmark: String,
    /// Contents that tasks were drawn from.
    pub split: Split,
    /// Seed of tasks and samples.
    pub seed: u64,
    /// Sampling temperature.
    pub temperature: f32,
    /// The arms; the first one is `student`.
    pub arms: Vec<Arm>,
    /// What decides the numbers besides the answers; only in what `eval` writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// The student's attempts at the first tasks: the same tasks at every evaluation of one seed.
    #[serde(skip)]
    pub shown: Vec<Attempt>,
    /// The student's score on each task, in the order of the tasks.
    #[serde(skip)]
    pub rows: Vec<Row>,
}

impl EvalReport {
    /// The policy alone.
    pub fn student(&self) -> &Arm {
        &self.arms[0]
    }
}
