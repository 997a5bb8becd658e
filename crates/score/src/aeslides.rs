//! AeSlides: the four axes of a slide, from source text to numbers (docs/specs/aeslides.md).

pub(crate) mod compared;
pub mod eval;
mod example;
mod inputs;
mod summary;

pub use inputs::Predictions;
pub use summary::{Summary, table as summary_table};

use crate::files::hash;
use serde_json::{Value, json};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use vsdpo_artifact::{Domain, ExecError, FailureKind, Language, Outcome, Page, SlideLayout, Source};
use vsdpo_diagnose::slide::{SlideAxes, SlideMetrics, measure};
use vsdpo_render::{RenderConfig, RenderError, Renderer, open};

/// The version of the metrics in keys, so that results of another version are not reused.
const ARITHMETIC: &str = concat!("aeslides ", env!("CARGO_PKG_VERSION"));
/// Slides of a deck at most; pixels limit them too.
const MAX_SLIDES: usize = 1000;

/// Draws and measures slides and decks. Thread safe; share it by reference. The browser, the fork
/// server and the office start with the first source that needs them.
pub struct SlideScorer {
    config: RenderConfig,
    renderers: [OnceLock<Box<dyn Renderer>>; 3],
    /// Held while a renderer is opened, so that several threads do not open one each.
    opening: Mutex<()>,
}

/// What is known of one source: the metrics of its slides in their order, at least one, or why it
/// has none.
pub type Scored = Result<Vec<SlideMetrics>, ExecError>;

impl SlideScorer {
    /// A scorer. `timeout` is the limit of one source.
    pub fn new(timeout: Duration) -> Self {
        let (cache_entries, max_slides) = (0, MAX_SLIDES);
        let config = RenderConfig { timeout, cache_entries, max_slides, ..RenderConfig::default() };
        Self { config, renderers: Default::default(), opening: Mutex::default() }
    }

    /// Sources that can be scored at the same time.
    pub fn workers(&self) -> usize {
        self.config.workers
    }

    /// Identifies everything besides a source in this language, and the files that it uses, that
    /// decides its scores.
    ///
    /// # Errors
    /// Returns an error if the renderer cannot be opened, or does not say its version.
    pub fn identity(&self, language: Language) -> Result<String, RenderError> {
        Ok(hash(&[ARITHMETIC, language.name(), &self.renderer(language)?.identity()?]))
    }

    /// Draws a slide or a deck and measures it.
    ///
    /// # Errors
    /// Returns an error if the renderer cannot be opened, or itself fails; a source that fails is a
    /// value.
    pub fn score(&self, source: &Source) -> Result<Scored, RenderError> {
        Ok(match self.renderer(source.language)?.render(source)? {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(rendered) => match undrawn(&rendered.pages) {
                Some(error) => Err(error),
                None => Ok(rendered.pages.iter().map(metrics).collect::<Result<_, _>>()?),
            },
        })
    }

    fn renderer(&self, language: Language) -> Result<&dyn Renderer, RenderError> {
        let slot = &self.renderers[match language {
            Language::Html => 0,
            Language::Python => 1,
            Language::Pptx => 2,
        }];
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.get().is_none() {
            let _ = slot.set(open(Domain::Slide, language, self.config.clone())?);
        }
        drop(opening);
        let opened = slot.get().ok_or_else(|| no_layout("has no renderer"))?;
        Ok(opened.as_ref())
    }
}

/// That a deck has more slides than are drawn: a mean over a part of it would be another number.
fn undrawn(pages: &[Page]) -> Option<ExecError> {
    let drawn = |page: &&Page| page.slide.as_ref().is_none_or(SlideLayout::is_drawn);
    let (count, all) = (pages.iter().filter(drawn).count(), pages.len());
    (count < all).then(|| ExecError {
        kind: FailureKind::Limit,
        message: format!("only {count} of {all} slides can be drawn"),
        traceback: String::new(),
        span: None,
        help: None,
    })
}

fn metrics(page: &Page) -> Result<SlideMetrics, RenderError> {
    let layout = page.slide.as_ref().ok_or_else(|| no_layout("was drawn without a layout"))?;
    Ok(measure(&page.image, layout))
}

fn no_layout(what: &str) -> RenderError {
    RenderError::Browser { message: format!("a slide {what}") }
}

/// The stable JSON form: the means over the slides, and of a deck those of each slide as `slides`.
/// What cannot be drawn has 0 on all axes and an `error`.
pub fn as_json(scored: &Scored, language: Language) -> Value {
    let mut value = axes_json(scored.as_deref().unwrap_or_default());
    match (scored, language) {
        (Err(error), _) => value["error"] = error.message.clone().into(),
        (Ok(slides), Language::Html) => slides.iter().for_each(|slide| facts(slide, &mut value)),
        (Ok(slides), Language::Python | Language::Pptx) => {
            let each = slides.iter().map(|slide| {
                let mut value = axes_json(std::slice::from_ref(slide));
                facts(slide, &mut value);
                value["d_code_without_wrapper"] = slide.without_wrapper.map(|d| d.code).into();
                value["d_paper_without_wrapper"] = slide.without_wrapper.map(|d| d.paper).into();
                value
            });
            value["slides"] = each.collect();
        }
    }
    value
}

fn axes_json(slides: &[SlideMetrics]) -> Value {
    let (scores, rewards) = axes(slides);
    json!({
        "aspect_ratio": scores.aspect,
        "whitespace": scores.whitespace,
        "collision": scores.collision,
        "imbalance": scores.imbalance,
        "avg": scores.mean(),
        "rewards": {
            "aspect_ratio": rewards.aspect,
            "whitespace": rewards.whitespace,
            "collision": rewards.collision,
            "imbalance": rewards.imbalance,
            "total": rewards.total(),
        },
    })
}

fn facts(metrics: &SlideMetrics, value: &mut Value) {
    value["height"] = metrics.height.into();
    value["content_ratio_full"] = metrics.whitespace.full.into();
    value["content_ratio_crop"] = metrics.whitespace.crop.into();
    value["d_code"] = metrics.imbalance.map(|imbalance| imbalance.code).into();
    value["d_paper"] = metrics.imbalance.map(|imbalance| imbalance.paper).into();
    value["collisions"] = metrics.collision.clashes.len().into();
    value["collision_cost"] = metrics.collision.cost.into();
    value["hides_text"] = metrics.hacks.hides_text.into();
    value["texture"] = metrics.hacks.texture.into();
}

/// The means of the scores and of the rewards; all 0 without a slide.
pub fn axes(slides: &[SlideMetrics]) -> (SlideAxes, SlideAxes) {
    let mean = |of: fn(&SlideMetrics) -> SlideAxes| {
        let share = 1.0 / slides.len().max(1) as f64;
        let sum = |axis: fn(&SlideAxes) -> f64| slides.iter().map(|s| axis(&of(s))).sum::<f64>() * share;
        SlideAxes {
            aspect: sum(|a| a.aspect),
            whitespace: sum(|a| a.whitespace),
            collision: sum(|a| a.collision),
            imbalance: sum(|a| a.imbalance),
        }
    };
    (mean(SlideMetrics::scores), mean(SlideMetrics::rewards))
}

/// The scores for people, with what stands behind them.
pub fn table(scored: &Scored) -> String {
    let slides = scored.as_deref().unwrap_or_default();
    let (scores, rewards) = axes(slides);
    let mut text = format!("{:14}{:>9}{:>9}\n", "", "score", "reward");
    for (name, score, reward) in [
        ("aspect ratio", scores.aspect, rewards.aspect),
        ("whitespace", scores.whitespace, rewards.whitespace),
        ("collision", scores.collision, rewards.collision),
        ("imbalance", scores.imbalance, rewards.imbalance),
    ] {
        text.push_str(&format!("{name:14}{score:>9.4}{reward:>9.4}\n"));
    }
    text.push_str(&format!("{:14}{:>9.4}{:>9.4}\n", "mean", scores.mean(), rewards.mean()));
    if let Err(error) = scored {
        text.push_str(&format!("not drawn: {}\n", error.message));
    }
    for (i, slide) in slides.iter().enumerate() {
        let number = if slides.len() > 1 { format!("slide {}: ", i + 1) } else { String::new() };
        text.push_str(&format!("{number}{}\n", remarks(slide)));
    }
    text
}

fn remarks(metrics: &SlideMetrics) -> String {
    let collisions = metrics.collision.clashes.len();
    let mut parts = vec![format!("height {} px, {collisions} collisions", metrics.height)];
    if metrics.imbalance.is_none() {
        parts.push("the slide shows nothing".into());
    }
    if metrics.hacks.hides_text {
        parts.push("a box cuts off text".into());
    }
    if metrics.hacks.texture {
        parts.push("most of what counts as content is a texture".into());
    }
    parts.join("; ")
}
