//! Pairs of chart scripts by ChartMimic's low-level metrics: both sides recorded and compared.

use super::{Rules, counts_axes_only, score, script};
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use vsdpo_artifact::{ChartRecords, ChartScores};
use vsdpo_render::{ChartRecorder, Recordable, RenderConfig};

/// A scored pair.
pub struct Scored<'a> {
    /// The chart's name in the benchmark.
    pub name: &'a str,
    /// Which rules apply.
    pub rules: Rules,
    /// Time limit of a script in seconds.
    pub timeout: u64,
    /// The metrics.
    pub scores: ChartScores,
    /// Records of the prediction.
    pub pred: ChartRecords,
    /// Records of the ground truth.
    pub gt: Arc<ChartRecords>,
}

/// Records and compares pairs.
pub struct Scorer {
    recorder: ChartRecorder,
    rules: Rules,
    timeout: u64,
}

impl Scorer {
    /// Starts the recorder.
    ///
    /// # Errors
    /// Returns an error that names a missing part of the installation or of the sandbox.
    pub fn start(config: RenderConfig, rules: Rules) -> Result<Self> {
        let timeout = config.timeout.as_secs();
        Ok(Self { recorder: ChartRecorder::start(config)?, rules, timeout })
    }

    /// Which rules apply.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Pairs that can be scored at the same time.
    pub fn workers(&self) -> usize {
        self.recorder.workers()
    }

    /// The version of matplotlib.
    pub fn matplotlib(&self) -> Option<String> {
        self.recorder.matplotlib()
    }

    /// Identifies everything besides the scripts that decides their records.
    pub fn identity(&self) -> String {
        format!("{:?} {} s\n{}", self.rules, self.timeout, self.recorder.identity())
    }

    /// Scores a prediction; both sides are recorded at the same time.
    ///
    /// # Errors
    /// Returns an error if the recorder itself fails, or `truth` does.
    pub fn score<'a>(
        &self,
        name: &'a str,
        scripts: script::Scripts,
        truth: impl FnOnce() -> Result<Arc<ChartRecords>> + Send,
    ) -> Result<Scored<'a>> {
        let (pred, gt) = std::thread::scope(|scope| {
            let gt = scope.spawn(truth);
            (self.prediction(name, scripts), gt.join())
        });
        let gt = gt.map_err(|_| anyhow!("a thread that records a script has panicked"))?;
        let context = || format!("cannot score `{name}`");
        let (pred, gt) = (pred.with_context(context)?, gt.with_context(context)?);
        let scores = score(&pred, &gt, name, self.rules);
        Ok(Scored { name, rules: self.rules, timeout: self.timeout, scores, pred, gt })
    }

    /// The records of one script.
    ///
    /// # Errors
    /// Returns an error if the recorder itself fails.
    pub fn record(&self, job: &Recordable) -> Result<ChartRecords> {
        Ok(self.recorder.record(job)?)
    }

    /// The recorder's job for a ground truth.
    pub fn truth_job(&self, name: &str, gt: &str) -> Recordable {
        Recordable { script: script::read_back(gt), ..self.common(name) }
    }

    fn prediction(&self, name: &str, scripts: script::Scripts) -> Result<ChartRecords> {
        // Another seed than the truth's: scripts that set none must not agree by chance.
        let seed = 1;
        let common = self.common(name);
        self.record(&Recordable {
            script: scripts.wrapped,
            bare: scripts.bare,
            wrapped: true,
            seed,
            ..common
        })
    }

    fn common(&self, name: &str) -> Recordable {
        Recordable {
            graph: counts_axes_only(name),
            fixed: self.rules == Rules::Fixed,
            target: script::TARGET.into(),
            ..Recordable::default()
        }
    }
}
