//! What every renderer offers.

use crate::config::{RenderError, RenderStats};
use crate::spread::spread;
use vsdpo_artifact::{ExecError, Image, Outcome, Source};

/// A picture of a source as a benchmark takes it: without instrumentation.
#[derive(Clone, Debug)]
pub struct Screenshot {
    /// The whole page.
    pub image: Image,
    /// URLs that it requested and did not get, or got only in part; names, for files of its folder.
    pub unmet: Vec<String>,
    /// Names of the files in its folder that it requested, whether or not they exist; at most
    /// [`crate::MAX_BESIDE`].
    pub beside: Vec<String>,
    /// Whether the first attempt failed, and this is the second one in a fresh process.
    pub retried: bool,
}

/// R(y): sources in, outcomes out. Thread safe; share it by reference.
pub trait Renderer: Send + Sync {
    /// The outcome of one source; recalled if the same source was rendered before and uses no files
    /// of its own. Blocks until a worker is free and the source has been rendered, at the latest
    /// after the time limit.
    ///
    /// # Errors
    /// Returns an error if the renderer itself fails. A source that fails is an
    /// [`Outcome::Failed`].
    fn render(&self, source: &Source) -> Result<Outcome, RenderError>;

    /// The outcomes of many sources over all workers, in order.
    ///
    /// # Errors
    /// As [`Self::render`].
    fn render_all(&self, sources: &[Source]) -> Result<Vec<Outcome>, RenderError> {
        spread(self.workers(), sources.len(), |i| self.render(&sources[i]))
    }

    /// The first page of a source, without instrumentation. A failure that may come from a busy
    /// machine counts only if it happens again in a fresh process.
    ///
    /// # Errors
    /// As [`Self::render`].
    fn screenshot(&self, source: &Source) -> Result<Result<Screenshot, ExecError>, RenderError>;

    /// Sources that can be rendered at the same time.
    fn workers(&self) -> usize;

    /// Names everything beside the source that decides its picture: versions, fonts, files of ours.
    ///
    /// # Errors
    /// Returns an error if the renderer itself fails.
    fn identity(&self) -> Result<String, RenderError>;

    /// The version of matplotlib that draws, if it does.
    fn matplotlib(&self) -> Option<String> {
        None
    }

    /// Counters since the start.
    fn stats(&self) -> RenderStats;
}
