//! Input and errors of comparing renders with references.

use vsdpo_artifact::{Image, Outcome, Source};
use vsdpo_render::RenderError;

/// CLIP's picture encoder, passed in so that this crate contains no tensors: one unit vector per
/// image.
pub type Embed<'a> = dyn Fn(&[&Image]) -> Result<Vec<Vec<f32>>, EmbedError> + Sync + 'a;

/// Why pictures could not be embedded.
pub type EmbedError = Box<dyn std::error::Error + Send + Sync>;

/// Why a comparison failed. A candidate that cannot be compared is no error.
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
    /// The result of running it.
    pub outcome: &'a Outcome,
    /// The reference code, where the task has one.
    pub reference: Option<&'a Source>,
}

/// Cosine of two unit vectors, as the Design2Code benchmark reports it: rounding may bring it above
/// 1, and it may be negative.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
}

/// CLIP's similarity of two pictures for a reward: the cosine of their unit vectors, clamped to
/// 0..=1.
pub(crate) fn clip_similarity(a: &[f32], b: &[f32]) -> f64 {
    cosine(a, b).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_similarity_is_between_zero_and_one() {
        // The f32 above the square root of 1/2; its square rounds to 0.5 + 2^-24.
        let diagonal = [f32::from_bits(0x3f35_04f4); 2];
        assert_eq!(cosine(&diagonal, &diagonal), 1.0 + 2f64.powi(-23));
        assert_eq!(clip_similarity(&diagonal, &diagonal), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[-1.0, 0.0]), -1.0);
        assert_eq!(clip_similarity(&[1.0, 0.0], &[-1.0, 0.0]), 0.0);
        // 0.6 * 0.8 + 0.8 * 0.6 = 0.96.
        assert!((clip_similarity(&[0.6, 0.8], &[0.8, 0.6]) - 0.96).abs() < 1e-6);
    }
}
