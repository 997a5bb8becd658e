//! What the loop asks of a renderer, so that tests can put a stub world in its place.

use vsdpo_artifact::{ChartRecords, Outcome};
use vsdpo_policy::Clip;
use vsdpo_render::{ChartRecorder, ChartRenderer, Recordable, RenderError, RenderStats};

/// R: code in, outcomes out.
pub trait Renderer: Sync {
    /// The outcome of every source, in order. A source that fails is an [`Outcome::Failed`]; an error means
    /// that rendering itself is broken.
    ///
    /// # Errors
    /// Whatever keeps the renderer from working at all.
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError>;

    /// Counters since the start.
    fn stats(&self) -> RenderStats;
}

/// What the metrics of charts look at.
pub trait Recorder: Sync {
    /// The records of every source, in order; a source that fails leaves empty ones.
    ///
    /// # Errors
    /// Whatever keeps the recorder from working at all.
    fn record_all(&self, sources: &[&str]) -> Result<Vec<ChartRecords>, RenderError>;
}

/// The world of charts.
#[derive(Clone, Copy)]
pub struct Charts<'a> {
    /// Draws.
    pub renderer: &'a dyn Renderer,
    /// Takes down what is compared with references; absent where nothing is.
    pub recorder: Option<&'a dyn Recorder>,
    /// Looks at pictures for the visual score; absent where no weights are given.
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
