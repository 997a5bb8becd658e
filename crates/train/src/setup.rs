//! What a run works with besides weights and data: the renderer of its domain, and what compares
//! renders with references.

use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::stages::References;
use std::time::Duration;
use vsdpo_artifact::Image;
use vsdpo_policy::ClipModel;
use vsdpo_render::{RenderConfig, Renderer, open};
use vsdpo_score::{Embed, ReferenceScorer};

/// The outside of a run. Tests put a stub renderer in the place of the real one.
pub struct Environment {
    renderer: Box<dyn Renderer>,
    /// Absent where the recipe compares nothing.
    scorer: Option<ReferenceScorer>,
    /// CLIP; absent where no weights are given.
    embed: Option<Box<Embed<'static>>>,
}

impl Environment {
    /// The environment that a recipe asks for.
    ///
    /// # Errors
    /// Returns an error that names a missing part of the installation or of the sandbox with its
    /// fix, or a model folder that cannot be read.
    pub fn open(recipe: &Recipe) -> Result<Self, TrainError> {
        vsdpo_policy::ops::tune_allocator();
        let r = &recipe.render;
        let config = RenderConfig {
            workers: r.workers,
            timeout: Duration::from_secs_f64(r.timeout_s),
            memory_mb: r.memory_mb,
            unsafe_no_sandbox: r.unsafe_no_sandbox,
            cache_entries: r.cache_entries,
            window: r.window.into(),
            common: recipe.data.common()?,
            ..RenderConfig::default()
        };
        let (domain, compared) = (recipe.domain, recipe.reward.reference);
        let clip = recipe.reward.clip.as_deref().map(ClipModel::load).transpose()?;
        let embed = clip
            .map(|clip| Box::new(move |images: &[&Image]| Ok(clip.embed(images)?)) as Box<Embed<'static>>);
        let scorer = compared.then(|| ReferenceScorer::open(domain, &config)).transpose()?;
        let renderer = open(domain, recipe.data.language(), config)?;
        Ok(Self { renderer, scorer, embed })
    }

    /// An environment that compares nothing with references.
    pub fn without_references(renderer: Box<dyn Renderer>) -> Self {
        Self { renderer, scorer: None, embed: None }
    }

    /// R.
    pub fn renderer(&self) -> &dyn Renderer {
        &*self.renderer
    }

    /// What compares renders with references, if the recipe asks for it.
    pub(crate) fn references(&self) -> Option<References<'_>> {
        self.scorer.as_ref().map(|scorer| References { scorer, embed: self.embed.as_deref() })
    }
}
