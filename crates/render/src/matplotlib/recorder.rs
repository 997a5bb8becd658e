//! Scripts under the hooks of the ChartMimic metrics.

use super::records::{self, Part};
use super::{identity, version};
use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::python::forkserver::Kind;
use crate::python::job::Request;
use crate::python::pool::Pool;
use crate::spread::spread;
use serde::Serialize;
use vsdpo_artifact::{ChartRecords, ExecError, FailureKind};

/// A script and how the benchmark runs it (docs/specs/chartmimic.md, 2 and 3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recordable {
    /// The script that is recorded.
    pub script: String,
    /// The script that decides whether the code runs; `None` where there is none, and for ground
    /// truths.
    pub bare: Option<String>,
    /// Whether `script` is inside the benchmark's `try`.
    pub wrapped: bool,
    /// Whether the layout only counts axes.
    pub graph: bool,
    /// Seed of Python's and numpy's random numbers for scripts that set none.
    pub seed: u32,
    /// Leave out the bugs of the hooks that the `fixed` rules fix.
    pub fixed: bool,
    /// The file that the benchmark's own save at the end writes; never really written.
    pub target: String,
}

/// Records of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Want {
    Text,
    Layout,
    Color,
    Type,
    Exec,
}

impl Want {
    fn name(self) -> &'static str {
        match self {
            Want::Text => "text",
            Want::Layout => "layout",
            Want::Color => "color",
            Want::Type => "chart_type",
            Want::Exec => "exec",
        }
    }
}

/// Runs chart scripts in forked, sandboxed processes and records the inputs of ChartMimic's
/// metrics. Thread safe; share it by reference.
pub struct ChartRecorder {
    pool: Pool,
    /// Names everything beside the script that decides its records.
    identity: String,
    matplotlib: Option<String>,
}

impl ChartRecorder {
    /// Starts the fork server.
    ///
    /// # Errors
    /// A missing part of the installation or of the sandbox, each with its fix.
    pub fn start(cfg: RenderConfig) -> Result<Self, RenderError> {
        let pool = Pool::new(cfg, records::trial())?;
        let server = pool.server(Kind::Recorder, 0)?;
        let (identity, matplotlib) = (identity(&server.facts), version(&server.facts));
        Ok(Self { pool, identity, matplotlib })
    }

    /// Versions and the text of the Python files: records under another identity may differ.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The version of matplotlib.
    pub fn matplotlib(&self) -> Option<String> {
        self.matplotlib.clone()
    }

    /// Scripts that can run at the same time.
    pub fn workers(&self) -> usize {
        self.pool.workers()
    }

    /// Counters since the start; a script may take several jobs.
    pub fn stats(&self) -> RenderStats {
        self.pool.stats()
    }

    /// All records of a script. A script that fails leaves empty ones, with remarks that say why.
    ///
    /// # Errors
    /// Returns an error if the recorder itself fails.
    pub fn record(&self, script: &Recordable) -> Result<ChartRecords, RenderError> {
        let mut all = vec![Want::Text, Want::Layout, Want::Color, Want::Type];
        all.extend(script.bare.as_ref().map(|_| Want::Exec));
        let mut records = ChartRecords::default();
        let (mut open, mut apart) = (vec![all], false);
        while let Some(mut want) = open.pop() {
            match self.run(script, &want, apart)? {
                Ok(part) if part.apart && !apart => {
                    apart = true;
                    open.push(want);
                }
                Ok(part) => {
                    let asked = want.len();
                    take(&mut records, part, &mut want);
                    // Our Python side always gives at least one record.
                    if want.len() == asked {
                        remark(&mut records, &want, "the process gave no record");
                    } else if !want.is_empty() {
                        open.push(want);
                    }
                }
                // Too many records of one kind must not lose the others.
                Err(error) if error.kind == FailureKind::Limit && want.len() > 1 => {
                    open.extend(want.into_iter().map(|one| vec![one]));
                }
                Err(error) => remark(&mut records, &want, &error.message),
            }
        }
        Ok(records)
    }

    /// All records of every script, over all slots, in order.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn record_all(&self, scripts: &[Recordable]) -> Result<Vec<ChartRecords>, RenderError> {
        spread(self.workers(), scripts.len(), |i| self.record(&scripts[i]))
    }

    /// Runs one process. `apart` says that the script can detect which hooks are installed, so that
    /// each record needs a process of its own.
    fn run(
        &self,
        script: &Recordable,
        want: &[Want],
        apart: bool,
    ) -> Result<Result<Part, ExecError>, RenderError> {
        let source = match (want, &script.bare) {
            ([Want::Exec], Some(bare)) => bare,
            _ => &script.script,
        };
        let options = serde_json::json!({
            "want": want,
            "apart": apart,
            "wrapped": script.wrapped,
            "graph": script.graph,
            "seed": script.seed,
            "fixed": script.fixed,
            "target": script.target,
        });
        let slot = self.pool.take_slot();
        let end = self.pool.run(Kind::Recorder, slot.index, &Request { source, options, folder: None })?;
        drop(slot);
        let cpu = end.cpu;
        let part = end.read(records::read);
        self.pool.ran(cpu, part.is_err());
        Ok(part)
    }
}

/// Moves the records of a process into `records`, and removes them from `want`.
fn take(records: &mut ChartRecords, mut part: Part, want: &mut Vec<Want>) {
    let reason = part.error.take().or(part.caught.take());
    want.retain(|one| {
        let given = match one {
            Want::Text => part.text.take().map(|t| records.text = t).is_some(),
            Want::Layout => part.layout.take().map(|l| records.layout = l).is_some(),
            Want::Color => part.colors.take().map(|c| records.colors = c).is_some(),
            Want::Type => part.types.take().map(|t| records.types = t).is_some(),
            Want::Exec => part.exec.take().map(|e| records.exec = e).is_some(),
        };
        if let Some(reason) = reason.as_ref().filter(|_| given && (*one != Want::Exec || !records.exec)) {
            records.remarks.insert(one.name(), reason.clone());
        }
        !given
    });
}

fn remark(records: &mut ChartRecords, want: &[Want], why: &str) {
    for one in want {
        records.remarks.insert(one.name(), why.into());
    }
}
