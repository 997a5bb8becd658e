//! What `score` and `eval` share: the scripts of a prediction and of its truth, recorded and
//! compared.

use crate::commands::Sandbox;
use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use std::sync::Arc;
use vsdpo_artifact::{ChartRecords, ChartScores};
use vsdpo_render::{ChartRecorder, Recordable};
use vsdpo_score::chartmimic::script::{self, Scripts};
use vsdpo_score::chartmimic::{self as chart, Rules};

/// Whose arithmetic, as it is typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Official,
    Fixed,
}

impl From<Mode> for Rules {
    fn from(mode: Mode) -> Self {
        if mode == Mode::Official { Rules::Official } else { Rules::Fixed }
    }
}

/// A scored pair.
pub struct Scored<'a> {
    pub name: &'a str,
    pub rules: Rules,
    /// Seconds that a script was given.
    pub timeout: u64,
    pub scores: ChartScores,
    pub pred: ChartRecords,
    pub gt: Arc<ChartRecords>,
}

/// Records and compares pairs.
pub struct Scorer {
    recorder: ChartRecorder,
    rules: Rules,
    timeout: u64,
}

impl Scorer {
    pub fn start(sandbox: &Sandbox, rules: Rules) -> Result<Self> {
        Ok(Self { recorder: ChartRecorder::start(sandbox.config())?, rules, timeout: sandbox.timeout })
    }

    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Pairs that are worth scoring at the same time.
    pub fn workers(&self) -> usize {
        self.recorder.workers()
    }

    /// Everything beside the scripts that decides their records.
    pub fn identity(&self) -> String {
        format!("{:?} {} s\n{}", self.rules, self.timeout, self.recorder.identity())
    }

    /// Scores a prediction; both sides are recorded at the same time.
    pub fn score<'a>(
        &self,
        name: &'a str,
        scripts: Scripts,
        truth: impl FnOnce() -> Result<Arc<ChartRecords>> + Send,
    ) -> Result<Scored<'a>> {
        let (pred, gt) = std::thread::scope(|scope| {
            let gt = scope.spawn(truth);
            (self.prediction(name, scripts), gt.join())
        });
        let gt = gt.map_err(|_| anyhow!("a thread that records a script has died"))?;
        let context = || format!("cannot score `{name}`");
        let (pred, gt) = (pred.with_context(context)?, gt.with_context(context)?);
        let scores = chart::score(&pred, &gt, name, self.rules);
        Ok(Scored { name, rules: self.rules, timeout: self.timeout, scores, pred, gt })
    }

    pub fn record(&self, job: &Recordable) -> Result<ChartRecords> {
        Ok(self.recorder.record(job)?)
    }

    /// How a ground truth is recorded.
    pub fn truth_job(&self, name: &str, gt: &str) -> Recordable {
        Recordable { script: script::read_back(gt), ..self.common(name) }
    }

    fn prediction(&self, name: &str, scripts: Scripts) -> Result<ChartRecords> {
        // Scripts that set no seed must not agree with the truth by sharing its random numbers.
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
            graph: chart::counts_axes_only(name),
            fixed: self.rules == Rules::Fixed,
            target: script::TARGET.into(),
            ..Recordable::default()
        }
    }
}
