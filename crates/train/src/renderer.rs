//! What the loop asks of a renderer, so that tests can put a stub world in its place.

use std::collections::BTreeMap;
use vsdpo_artifact::{ChartRecords, Domain, Outcome};
use vsdpo_diagnose::axes::web::html::PageError;
use vsdpo_diagnose::axes::web::view::{self, View};
use vsdpo_policy::Clip;
use vsdpo_render::{
    ChartRecorder, ChartRenderer, Page, Recordable, RenderConfig, RenderError, RenderStats, WebConfig,
    WebRenderer,
};

/// R: code in, outcomes out.
pub trait Renderer: Sync {
    /// The outcome of every source, in order. A source that fails is an [`Outcome::Failed`]; an
    /// error means that rendering itself is broken.
    ///
    /// # Errors
    /// Whatever keeps the renderer from working at all.
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError>;

    /// Counters since the start.
    fn stats(&self) -> RenderStats;

    /// Itself, if what it draws is pages, to be looked at by their metrics.
    fn viewer(&self) -> Option<&dyn Viewer> {
        None
    }
}

/// The renderer of a domain. `window` is the width and height that pages are drawn in, `common` the
/// files that all of them may use; charts ignore both, as pages do the limits of `config` that are
/// Python's.
///
/// # Errors
/// A missing part of the installation or of the sandbox, each with its mend.
pub fn open(
    domain: Domain,
    config: RenderConfig,
    window: (u32, u32),
    common: BTreeMap<String, Vec<u8>>,
) -> Result<Box<dyn Renderer>, RenderError> {
    match domain {
        Domain::Chart => Ok(Box::new(ChartRenderer::start(config)?)),
        Domain::Web => {
            let RenderConfig { workers, timeout, cache_entries, .. } = config;
            let web = WebConfig { workers, timeout, cache_entries, window, common, ..WebConfig::default() };
            Ok(Box::new(WebRenderer::start(web)?))
        }
        Domain::Slide => Err(RenderError::Setup {
            what: "slides cannot be rendered yet".into(),
            mend: "use the domain chart or web",
        }),
    }
}

/// What the metrics of charts look at.
pub trait Recorder: Sync {
    /// The records of every source, in order; a source that fails leaves empty ones.
    ///
    /// # Errors
    /// Whatever keeps the recorder from working at all.
    fn record_all(&self, sources: &[&str]) -> Result<Vec<ChartRecords>, RenderError>;
}

/// Why there is no view of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The metric's own programs raise on the page; they will again.
    Refused,
    /// No picture could be taken.
    Lost,
}

/// What the metrics of pages look at.
pub trait Viewer: Sync {
    /// What is seen of every page, in order. References are cleaned like candidates: unlike the
    /// benchmark's, those of a task need not be whole pages.
    ///
    /// # Errors
    /// Whatever keeps the viewer from working at all.
    fn view_all(&self, pages: &[&str]) -> Result<Vec<Result<View, Unseen>>, RenderError>;
}

/// Whose eyes renders are compared with references by.
#[derive(Clone, Copy)]
pub enum Eyes<'a> {
    /// Those of the metrics of charts.
    Charts(&'a dyn Recorder),
    /// Those of the metrics of pages.
    Pages(&'a dyn Viewer),
}

/// What the loop looks with.
#[derive(Clone, Copy)]
pub struct Instruments<'a> {
    /// Draws.
    pub renderer: &'a dyn Renderer,
    /// Compares with references; absent where nothing is compared.
    pub eyes: Option<Eyes<'a>>,
    /// Looks at pictures; absent where no weights are given.
    pub clip: Option<&'a Clip>,
}

impl Recorder for ChartRecorder {
    fn record_all(&self, sources: &[&str]) -> Result<Vec<ChartRecords>, RenderError> {
        let target = vsdpo_diagnose::axes::chart::script::TARGET;
        let job = |source: &&str| Recordable {
            script: (*source).to_owned(),
            mend: true,
            target: target.into(),
            ..Recordable::default()
        };
        ChartRecorder::record_all(self, &sources.iter().map(job).collect::<Vec<_>>())
    }
}

impl Renderer for ChartRenderer {
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError> {
        ChartRenderer::render_all(self, sources).into_iter().collect()
    }

    fn stats(&self) -> RenderStats {
        ChartRenderer::stats(self)
    }
}

impl Renderer for WebRenderer {
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError> {
        let page = |source: &&str| Page { html: source.as_bytes().to_vec(), folder: None };
        WebRenderer::render_all(self, &sources.iter().map(page).collect::<Vec<_>>())
    }

    fn stats(&self) -> RenderStats {
        WebRenderer::stats(self)
    }

    fn viewer(&self) -> Option<&dyn Viewer> {
        Some(self)
    }
}

impl Viewer for WebRenderer {
    fn view_all(&self, pages: &[&str]) -> Result<Vec<Result<View, Unseen>>, RenderError> {
        let shoot = |html: &[u8]| {
            let (shot, _) = self.shoot_twice(&Page { html: html.to_vec(), folder: None })?;
            shot.map(|shot| shot.image).map_err(|_| Blind::Unseen(Unseen::Lost))
        };
        vsdpo_render::spread(self.workers(), pages.len(), |i| {
            match view::candidate(pages[i].as_bytes(), shoot) {
                Ok(view) => Ok(Ok(view)),
                Err(Blind::Unseen(why)) => Ok(Err(why)),
                Err(Blind::Broken(error)) => Err(error),
            }
        })
    }
}

/// What ends the look at a page: its own doing, or ours.
enum Blind {
    Unseen(Unseen),
    Broken(RenderError),
}

impl From<PageError> for Blind {
    fn from(_: PageError) -> Self {
        Self::Unseen(Unseen::Refused)
    }
}

impl From<RenderError> for Blind {
    fn from(error: RenderError) -> Self {
        Self::Broken(error)
    }
}
