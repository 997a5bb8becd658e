//! The pool of chart renderers.

mod figure;
mod imports;
mod recorder;
mod records;
mod result;

use crate::cache::{Cache, Key, cached, key};
use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::python::forkserver::{Facts, Kind};
use crate::python::home;
use crate::python::job::Request;
use crate::python::pool::Pool;
use crate::renderer::{Renderer, Screenshot};
use crate::spread::spread;
pub use figure::{figure_outcome, figure_probe};
use imports::needs_full;
pub use recorder::{ChartRecorder, Recordable};
use std::collections::HashMap;
use std::sync::Mutex;
use vsdpo_artifact::{ExecError, Outcome, Source};

/// Renders matplotlib scripts in forked, sandboxed processes. Thread safe; share it by reference.
pub struct ChartRenderer {
    pool: Pool,
    /// Names everything beside the source that decides a picture.
    identity: String,
    cache: Mutex<Cache>,
}

impl ChartRenderer {
    /// Starts the light fork server; the full one follows when a script first needs it.
    ///
    /// # Errors
    /// A missing part of the installation or of the sandbox, each with its fix.
    pub fn start(cfg: RenderConfig) -> Result<Self, RenderError> {
        let cache = Mutex::new(Cache::new(cfg.cache_entries));
        let pool = Pool::new(cfg, result::trial())?;
        let light = pool.server(Kind::Light, 0)?;
        let identity = identity(&light.facts);
        Ok(Self { pool, identity, cache })
    }

    /// Process ids of the running fork servers.
    pub fn server_pids(&self) -> Vec<u32> {
        self.pool.pids()
    }

    /// What the light fork server found at its start.
    pub(crate) fn facts(&self) -> Result<Facts, RenderError> {
        let slot = self.pool.take_slot();
        Ok(self.pool.server(Kind::Light, slot.index)?.facts.clone())
    }

    /// Runs a script in the next free slot.
    fn render_anew(&self, source: &Source) -> Result<Outcome, RenderError> {
        let slot = self.pool.take_slot();
        let result = self.render_in(slot.index, source);
        drop(slot);
        let (outcome, cpu) = result?;
        self.pool.ran(cpu, outcome.rendered().is_none());
        Ok(outcome)
    }

    fn render_in(&self, slot: usize, source: &Source) -> Result<(Outcome, f64), RenderError> {
        let text = source.text.as_str();
        let light = self.pool.server(Kind::Light, slot)?;
        let full = !self.pool.one_server() && needs_full(text, &light.facts.modules);
        let kind = if full { Kind::Full } else { Kind::Light };
        let (folder, options) = self.pool.asked(source, result::options());
        let request = Request { source: text, options, folder: folder.as_deref() };
        let end = self.pool.run(kind, slot, &request)?;
        let cpu = end.cpu;
        let outcome = end.read(|buffer| result::read(buffer, text));
        let mut outcome = outcome.unwrap_or_else(|error| Outcome::Failed { error });
        if let Outcome::Failed { error } = &mut outcome {
            self.pool.explain(error, kind, folder.as_deref());
        }
        Ok((outcome, cpu))
    }
}

impl Renderer for ChartRenderer {
    fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
        if source.folder.is_some() && self.pool.user().is_some() {
            // What it reads may change.
            return self.render_anew(source);
        }
        let key = key(&self.identity, &source.text);
        cached(&self.cache, key, || self.pool.recalled(), || self.render_anew(source))
    }

    /// Equal sources run once.
    fn render_all(&self, sources: &[Source]) -> Result<Vec<Outcome>, RenderError> {
        if self.pool.user().is_some() {
            return spread(self.workers(), sources.len(), |i| self.render(&sources[i]));
        }
        let mut first: HashMap<Key, usize> = HashMap::new();
        let same: Vec<usize> = (0..sources.len())
            .map(|i| *first.entry(key(&self.identity, &sources[i].text)).or_insert(i))
            .collect();
        let distinct: Vec<usize> = (0..sources.len()).filter(|&i| same[i] == i).collect();
        let rendered = spread(self.workers(), distinct.len(), |k| self.render(&sources[distinct[k]]))?;
        let by_place: HashMap<usize, Outcome> = distinct.into_iter().zip(rendered).collect();
        (0..sources.len()).filter(|&i| same[i] != i).for_each(|_| self.pool.recalled());
        Ok(same.iter().map(|i| by_place[i].clone()).collect())
    }

    fn screenshot(&self, source: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        let mut outcome = self.render(source)?;
        let retried = outcome.depends_on_load();
        if retried {
            outcome = self.render(source)?;
        }
        Ok(match outcome {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(rendered) => {
                let image = rendered.pages[0].image.clone();
                Ok(Screenshot { image, unmet: Vec::new(), beside: Vec::new(), retried })
            }
        })
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn identity(&self) -> Result<String, RenderError> {
        Ok(self.identity.clone())
    }

    fn matplotlib(&self) -> Option<String> {
        version(&self.facts().ok()?)
    }

    fn stats(&self) -> RenderStats {
        self.pool.stats()
    }
}

/// Versions and the text of our Python files: a change of any of them may change pictures or
/// records.
pub(crate) fn identity(facts: &Facts) -> String {
    format!("{} {:?}{}", facts.python, facts.versions, home::python_text())
}

/// The version of matplotlib, if the environment has it.
pub(crate) fn version(facts: &Facts) -> Option<String> {
    facts.versions.get("matplotlib").cloned().flatten()
}
