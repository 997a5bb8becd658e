//! AeSlides: the four axes of a slide, from source text to numbers (docs/specs/aeslides.md).

use serde_json::{Value, json};
use std::time::Duration;
use vsdpo_artifact::{Domain, ExecError, Language, Outcome, Source};
use vsdpo_diagnose::slide::{SlideAxes, SlideMetrics, measure};
use vsdpo_render::{RenderConfig, RenderError, Renderer, open};

/// Draws and measures slides. Thread safe; share it by reference.
pub struct SlideScorer {
    renderer: Box<dyn Renderer>,
}

/// What is known about one slide: its metrics, or why it has none.
pub type Scored = Result<SlideMetrics, ExecError>;

impl SlideScorer {
    /// Finds and starts the browser. `timeout` is the limit of one slide.
    ///
    /// # Errors
    /// Returns an error if there is no browser or it does not start.
    pub fn start(timeout: Duration) -> Result<Self, RenderError> {
        let config = RenderConfig { timeout, ..RenderConfig::default() };
        Ok(Self { renderer: open(Domain::Slide, Language::Html, config)? })
    }

    /// Slides that can be scored at the same time.
    pub fn workers(&self) -> usize {
        self.renderer.workers()
    }

    /// Draws a slide and measures it.
    ///
    /// # Errors
    /// Returns an error if the renderer itself fails; a slide that fails is a value.
    pub fn score(&self, slide: &Source) -> Result<Scored, RenderError> {
        Ok(match self.renderer.render(slide)? {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(rendered) => {
                let page = rendered.pages.first();
                let parts = page.and_then(|page| Some((&page.image, page.slide.as_ref()?)));
                let (image, layout) = parts.ok_or_else(|| RenderError::Browser {
                    message: "drew a slide without a layout".into(),
                })?;
                Ok(measure(image, layout))
            }
        })
    }
}

/// The stable JSON form. A slide that cannot be drawn has 0 on all axes and an `error`.
pub fn as_json(scored: &Scored) -> Value {
    let (scores, rewards) = axes(scored);
    let mut value = json!({
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
    });
    match scored {
        Ok(metrics) => {
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
        Err(error) => value["error"] = error.message.clone().into(),
    }
    value
}

/// The scores and the rewards; all 0 for a slide that cannot be drawn.
fn axes(scored: &Scored) -> (SlideAxes, SlideAxes) {
    match scored {
        Ok(metrics) => (metrics.scores(), metrics.rewards()),
        Err(_) => Default::default(),
    }
}

/// The scores for people, with what stands behind them.
pub fn table(scored: &Scored) -> String {
    let (scores, rewards) = axes(scored);
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
    match scored {
        Err(error) => text.push_str(&format!("not drawn: {}\n", error.message)),
        Ok(metrics) => {
            let collisions = metrics.collision.clashes.len();
            text.push_str(&format!("height {} px, {collisions} collisions\n", metrics.height));
            if metrics.imbalance.is_none() {
                text.push_str("the slide shows nothing\n");
            }
            if metrics.hacks.hides_text {
                text.push_str("a box cuts off text\n");
            }
            if metrics.hacks.texture {
                text.push_str("most of what counts as content is a texture\n");
            }
        }
    }
    text
}
