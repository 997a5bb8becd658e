//! Renders compared with the references of their tasks, for rewards.

use crate::references::{Candidate, Embed, ScoreError};
use crate::{chartmimic, design2code};
use vsdpo_artifact::{Comparison, Domain};
use vsdpo_render::{ChartRecorder, RenderConfig, RenderError, Renderer};

/// Compares renders with references by the metrics of the benchmark of a domain.
pub enum ReferenceScorer {
    /// ChartMimic's metrics and a visual score.
    Chart(Box<ChartRecorder>),
    /// Design2Code's metrics.
    Web,
}

impl ReferenceScorer {
    /// The scorer of a domain.
    ///
    /// # Errors
    /// Returns an error that names a missing part of the installation or of the sandbox, or a
    /// domain without a metric.
    pub fn open(domain: Domain, config: &RenderConfig) -> Result<Self, RenderError> {
        match domain {
            Domain::Chart => Ok(Self::Chart(Box::new(ChartRecorder::start(config.clone())?))),
            Domain::Web => Ok(Self::Web),
            Domain::Slide => Err(RenderError::Setup {
                what: "slides cannot be compared with references".into(),
                help: "leave the reference out",
            }),
        }
    }

    /// The comparison of every candidate, in order; `None` where there is no reference, where the
    /// candidate did not render, and where one of the two could not be compared.
    ///
    /// # Errors
    /// Returns an error if the renderer, the recorder or CLIP itself fails.
    pub fn compare(
        &self,
        renderer: &dyn Renderer,
        embed: Option<&Embed>,
        candidates: &[Candidate],
    ) -> Result<Vec<Option<Comparison>>, ScoreError> {
        match self {
            Self::Chart(recorder) => {
                let record = |scripts: &[&str]| chartmimic::reference::record(recorder, scripts);
                chartmimic::reference::compare(renderer, &record, embed, candidates)
            }
            Self::Web => design2code::reference::compare(renderer, embed, candidates),
        }
    }
}
