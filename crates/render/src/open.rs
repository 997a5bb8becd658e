//! The one place that opens renderers.

use crate::chromium::{ChromiumRenderer, SlideMode};
use crate::config::{RenderConfig, RenderError};
use crate::deck::DeckRenderer;
use crate::matplotlib::ChartRenderer;
use crate::renderer::Renderer;
use vsdpo_artifact::{Domain, Language};

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
        (Domain::Web, Language::Html) => Ok(Box::new(ChromiumRenderer::start(config)?)),
        (Domain::Slide, Language::Html) => {
            Ok(Box::new(ChromiumRenderer::slides(config, SlideMode::Adaptive)?))
        }
        (Domain::Slide, Language::Python) => Ok(Box::new(DeckRenderer::start(config)?)),
        (Domain::Slide, Language::Pptx) => Ok(Box::new(DeckRenderer::of_files(config)?)),
        (Domain::Chart, Language::Html | Language::Pptx)
        | (Domain::Web, Language::Python | Language::Pptx) => Err(RenderError::Setup {
            what: format!("{}s in {} cannot be rendered", domain.name(), language.name()),
            help: "use chart with python, web with html, or slide with python, html or pptx",
        }),
    }
}
