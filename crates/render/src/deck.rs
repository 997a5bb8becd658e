//! The renderer of python-pptx scripts: what they save, and who answers for its shapes.

mod result;

use crate::cache::{Cache, key};
use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::lock::lock;
use crate::matplotlib::identity;
use crate::python::forkserver::Kind;
use crate::python::job::Request;
use crate::python::pool::Pool;
use crate::renderer::{Renderer, Screenshot};
use std::sync::Mutex;
use vsdpo_artifact::{ExecError, Outcome, Source};

/// Runs python-pptx scripts in forked, sandboxed processes. Thread safe; share it by reference.
///
/// The deck that a script saves last is judged. Its slides are the pages; they are white, because
/// nothing draws them yet.
pub struct DeckRenderer {
    pool: Pool,
    /// Names everything beside the source that decides an outcome.
    identity: String,
    cache: Mutex<Cache>,
}

impl DeckRenderer {
    /// Starts the fork server.
    ///
    /// # Errors
    /// A missing part of the installation or of the sandbox, each with its fix.
    pub fn start(cfg: RenderConfig) -> Result<Self, RenderError> {
        let cache = Mutex::new(Cache::new(cfg.cache_entries));
        let pool = Pool::new(cfg, result::trial())?;
        let server = pool.server(Kind::Deck, 0)?;
        let identity = identity(&server.facts);
        Ok(Self { pool, identity, cache })
    }

    /// The file that a script saves last.
    ///
    /// # Errors
    /// Returns an error if the renderer itself fails. A script that fails is the inner error.
    pub fn file(&self, source: &str) -> Result<Result<Vec<u8>, ExecError>, RenderError> {
        Ok(self.run(source)?.map(|saved| saved.file))
    }

    fn run(&self, source: &str) -> Result<Result<result::Saved, ExecError>, RenderError> {
        let slot = self.pool.take_slot();
        let request = Request { source, options: result::options() };
        let end = self.pool.run(Kind::Deck, slot.index, &request)?;
        drop(slot);
        let cpu = end.cpu;
        let saved = end.read(|buffer| result::read(buffer, source)).and_then(|inner| inner);
        self.pool.ran(cpu, saved.is_err());
        Ok(saved)
    }
}

impl Renderer for DeckRenderer {
    fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
        let key = key(&self.identity, &source.text);
        if let Some(known) = lock(&self.cache).get(&key) {
            self.pool.recalled();
            return Ok(known);
        }
        let outcome = match self.run(&source.text)?.and_then(|saved| saved.rendered()) {
            Ok(rendered) => Outcome::Rendered(rendered),
            Err(error) => Outcome::Failed { error },
        };
        lock(&self.cache).put(key, &outcome);
        Ok(outcome)
    }

    /// Slides are not drawn yet.
    fn screenshot(&self, _: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        Err(RenderError::Setup {
            what: "pictures of decks cannot be made".into(),
            help: "use the elements, which need no picture",
        })
    }

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn identity(&self) -> Result<String, RenderError> {
        Ok(self.identity.clone())
    }

    fn stats(&self) -> RenderStats {
        self.pool.stats()
    }
}
