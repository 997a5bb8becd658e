//! What every renderer offers, and the one place that opens them.

use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::matplotlib::ChartRenderer;
use crate::spread::spread;
use crate::web::WebRenderer;
use vsdpo_artifact::{Domain, ExecError, Image, Language, Outcome, Source};

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

    /// Counters since the start.
    fn stats(&self) -> RenderStats;
}

/// Opens the renderer of a domain and language.
///
/// # Errors
/// Returns an error that names a missing part of the installation or of the sandbox with its fix,
/// or a combination that cannot be rendered.
pub fn open(
    domain: Domain,
    language: Language,
    config: RenderConfig,
) -> Result<Box<dyn Renderer>, RenderError> {
    match (domain, language) {
        (Domain::Chart, Language::Python) => Ok(Box::new(ChartRenderer::start(config)?)),
        (Domain::Web, Language::Html) => Ok(Box::new(WebRenderer::start(config)?)),
        (Domain::Slide, Language::Python | Language::Html)
        | (Domain::Chart, Language::Html)
        | (Domain::Web, Language::Python) => Err(RenderError::Setup {
            what: format!("{}s in {} cannot be rendered", domain.name(), language.name()),
            help: "use chart with python, or web with html",
        }),
    }
}
