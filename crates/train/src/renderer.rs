//! The one thing that the loop asks of a renderer, so that tests can put a stub world in its place.

use vsdpo_artifact::Outcome;
use vsdpo_render::{ChartRenderer, RenderError, RenderStats};

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

impl Renderer for ChartRenderer {
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError> {
        ChartRenderer::render_all(self, sources).into_iter().collect()
    }

    fn stats(&self) -> RenderStats {
        ChartRenderer::stats(self)
    }
}
