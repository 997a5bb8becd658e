//! What a comparison of renders with references is given, and why it may fail.

use vsdpo_artifact::{Image, Outcome, Source};
use vsdpo_render::RenderError;

/// CLIP's picture encoder, passed in so that this crate contains no tensors: one unit vector per
/// image.
pub type Embed<'a> = dyn Fn(&[&Image]) -> Result<Vec<Vec<f32>>, EmbedError> + Sync + 'a;

/// Why pictures could not be embedded.
pub type EmbedError = Box<dyn std::error::Error + Send + Sync>;

/// Why a comparison could not be made; never the fault of a candidate.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The renderer failed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// CLIP failed.
    #[error("CLIP cannot embed a picture: {0}")]
    Embed(EmbedError),
}

/// One vector per image, in order.
pub(crate) fn vectors(embed: &Embed, images: &[&Image]) -> Result<Vec<Vec<f32>>, ScoreError> {
    let vectors = embed(images).map_err(ScoreError::Embed)?;
    if vectors.len() != images.len() {
        let message = format!("{} vectors for {} pictures", vectors.len(), images.len());
        return Err(ScoreError::Embed(message.into()));
    }
    Ok(vectors)
}

/// A rollout's render, and the reference of its task.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The rollout's code.
    pub source: &'a Source,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// The reference code, where the task has one.
    pub reference: Option<&'a Source>,
}

/// Cosine of two unit vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
}
