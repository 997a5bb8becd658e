//! Many pairs of chart scripts; a ground truth that several pairs share is recorded once.

use super::Rules;
use super::scorer::{Scored, Scorer};
use super::script;
use anyhow::{Result, anyhow};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use vsdpo_artifact::ChartRecords;
use vsdpo_render::{Recordable, RenderConfig};

/// A prediction and its ground truth.
pub struct Pair {
    /// The chart's name in the benchmark.
    pub name: String,
    /// The predicted code, as it stood in its fence; empty for a response without a fence.
    pub pred: String,
    /// The script of the ground truth.
    pub gt: Arc<String>,
}

type Truth = Arc<OnceLock<Result<Arc<ChartRecords>, String>>>;

/// Scores pairs; may be shared between threads.
pub struct PairScorer {
    scorer: Scorer,
    truths: Mutex<HashMap<Recordable, Truth>>,
}

impl PairScorer {
    /// Starts the recorder.
    ///
    /// # Errors
    /// Returns an error that names a missing part of the installation or of the sandbox.
    pub fn start(config: RenderConfig, rules: Rules) -> Result<Self> {
        Ok(Self { scorer: Scorer::start(config, rules)?, truths: Mutex::default() })
    }

    /// Pairs that can be scored in parallel.
    pub fn workers(&self) -> usize {
        self.scorer.workers()
    }

    /// Scores one pair.
    ///
    /// # Errors
    /// Returns an error if the recorder itself fails; code that fails is a score.
    pub fn score<'a>(&self, pair: &'a Pair) -> Result<Scored<'a>> {
        let scripts = script::of_code(&pair.pred, self.scorer.rules());
        self.scorer.score(&pair.name, scripts, || self.truth(pair))
    }

    /// The records of the ground truth. Two threads that need the same one wait for each other.
    fn truth(&self, pair: &Pair) -> Result<Arc<ChartRecords>> {
        let job = self.scorer.truth_job(&pair.name, &pair.gt);
        let known = {
            let mut truths = self.truths.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(truths.entry(job.clone()).or_default())
        };
        let record = || self.scorer.record(&job).map(Arc::new).map_err(|e| e.to_string());
        known.get_or_init(record).clone().map_err(|e| anyhow!(e))
    }
}
