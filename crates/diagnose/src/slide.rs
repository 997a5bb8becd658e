//! The slide metrics of docs/specs/aeslides.md: aspect ratio, whitespace, collision and imbalance,
//! their rewards and scores, and the signs of two known ways to please them without a good slide.
//!
//! All of it is computed from the picture and the [`SlideLayout`] of a slide, the same for equal
//! input, and never fails.

mod aspect;
mod collision;
mod family;
mod hacks;
mod imbalance;
mod items;
#[cfg(test)]
mod tests;
mod tree;
mod whitespace;

pub(crate) use aspect::compliant;
pub use collision::{Clash, ClashKind, Collision, collision};
pub use hacks::Hacks;
pub use imbalance::{Imbalance, imbalance};
pub(crate) use items::{Item, ItemKind, Items, marks};
pub use whitespace::{Whitespace, whitespace};

use serde::{Deserialize, Serialize};
use vsdpo_artifact::{Image, SlideLayout};

/// Everything that is measured on one slide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlideMetrics {
    /// Height of the document in pixels.
    pub height: f64,
    /// Whether the document is within a pixel of 16:9.
    pub compliant: bool,
    /// Reward of the aspect ratio, from 0 to 1.
    pub aspect_reward: f64,
    /// Shares of the picture near content.
    pub whitespace: Whitespace,
    /// Elements in each other's way.
    pub collision: Collision,
    /// Where the visual weight lies; `None` for a slide that shows nothing.
    pub imbalance: Option<Imbalance>,
    /// The same without the box around all shapes that a deck's slide is given, so that it compares
    /// with pages; `None` for pages.
    pub without_wrapper: Option<Imbalance>,
    /// Signs of layouts made for the metrics.
    pub hacks: Hacks,
}

/// One number per axis, from 0 to 1, higher is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlideAxes {
    /// Aspect ratio.
    pub aspect: f64,
    /// Whitespace.
    pub whitespace: f64,
    /// Collision.
    pub collision: f64,
    /// Imbalance.
    pub imbalance: f64,
}

impl SlideAxes {
    /// The mean of the four: Avg of the evaluation.
    pub fn mean(&self) -> f64 {
        self.total() / 4.0
    }

    /// The sum of the four: the total reward.
    pub fn total(&self) -> f64 {
        self.aspect + self.whitespace + self.collision + self.imbalance
    }
}

/// Measures a slide. `image` is its picture at the size of the layout's view.
pub fn measure(image: &Image, layout: &SlideLayout) -> SlideMetrics {
    let contrast = whitespace::contrast(image);
    let (items, collision) = collision::collide(layout);
    SlideMetrics {
        height: layout.full_height,
        compliant: aspect::compliant(layout.width, layout.full_height),
        aspect_reward: aspect::reward(layout.width, layout.full_height),
        whitespace: contrast.whitespace(),
        hacks: hacks::hacks(&contrast, &items, &collision),
        collision,
        imbalance: imbalance(layout),
        without_wrapper: imbalance::without_wrapper(layout),
    }
}

impl SlideMetrics {
    /// The scores of the evaluation: docs/specs/aeslides.md, 8. A slide that shows nothing has 0
    /// for collision and imbalance.
    pub fn scores(&self) -> SlideAxes {
        let (collision, imbalance) = self.placement();
        let aspect = if self.compliant { 1.0 } else { 0.0 };
        SlideAxes { aspect, whitespace: self.whitespace.crop, collision, imbalance }
    }

    /// The rewards of training: docs/specs/aeslides.md, 7. A slide that shows nothing has 0 but for
    /// its aspect ratio.
    pub fn rewards(&self) -> SlideAxes {
        let (collision, imbalance) = self.placement();
        let shows = self.imbalance.is_some();
        let whitespace = if shows { whitespace::REWARD.of(self.whitespace.crop) } else { 0.0 };
        SlideAxes { aspect: self.aspect_reward, whitespace, collision, imbalance }
    }

    fn placement(&self) -> (f64, f64) {
        match &self.imbalance {
            Some(imbalance) => (self.collision.score(), 1.0 / (1.0 + imbalance.paper)),
            None => (0.0, 0.0),
        }
    }
}
