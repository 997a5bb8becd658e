//! The traits that a world implements, and functions for any world.

use super::split::{Split, stream};
use rand::Rng;
use std::fmt::Debug;
use vsdpo_artifact::{Domain, Requirements, Task};

/// The part of a page or chart that a task fixes.
pub trait Content: Clone + Debug + Send + Sync {
    /// The domain, which determines renderer, rules and axes.
    const DOMAIN: Domain;
    /// The share of pre-training answers that contain a mistake.
    const SLIPS: f64;
    /// The part that an answer chooses.
    type Layout: Layout;
    /// The mistakes that code can contain.
    type Slip: Slip;

    /// Draws a content, from any split or none.
    fn draw_any(rng: &mut impl Rng) -> Self;

    /// The split of this content; `None` for the combinations that are in no split.
    fn split(&self) -> Option<Split>;

    /// Whether it can be a task: some layout is good, and which ones are does not depend on a few
    /// pixels.
    fn usable(&self) -> bool;

    /// Returns `other` with those words of this content that feedback can quote and that do not
    /// affect the layout.
    fn copy_words_to(&self, other: Self) -> Self;

    /// The instruction of the task.
    fn prompt(&self) -> String;

    /// The texts, series and background that the render must show.
    fn requirements(&self) -> Requirements;

    /// Whether a layout is good, computed from simple geometry.
    fn good(&self, layout: &Self::Layout) -> bool;

    /// The nearest good layout for a usable content: choices that fit are kept, the others are
    /// drawn from the good ones.
    fn repair(&self, layout: &Self::Layout, rng: &mut impl Rng) -> Self::Layout;

    /// The code of this content with a layout and, if given, a mistake.
    fn code(&self, layout: &Self::Layout, slip: Option<Self::Slip>) -> String;

    /// A description of the held-out combinations for a run's manifest.
    fn held_out() -> serde_json::Value;

    /// Draws a usable content of a split.
    fn draw(split: Split, rng: &mut impl Rng) -> Self {
        loop {
            let content = Self::draw_any(rng);
            if content.split() == Some(split) && content.usable() {
                return content;
            }
        }
    }

    /// Draws a usable content of `Feedback` or `Train`.
    fn draw_not_held_out(rng: &mut impl Rng) -> Self {
        let split = if rng.random_bool(0.5) { Split::Feedback } else { Split::Train };
        Self::draw(split, rng)
    }

    /// A random good layout for a usable content; neutral choices are random too.
    fn good_layout(&self, rng: &mut impl Rng) -> Self::Layout {
        self.repair(&Self::Layout::random(rng), rng)
    }

    /// The task of this content, with the code of `layout` as reference.
    fn task(&self, id: String, layout: &Self::Layout) -> Task {
        Task {
            id,
            domain: Self::DOMAIN,
            language: Self::DOMAIN.default_language(),
            prompt: self.prompt(),
            images: Vec::new(),
            reference: Some(self.code(layout, None)),
            requirements: Some(self.requirements()),
        }
    }
}

/// The part of a page or chart that an answer chooses.
pub trait Layout: Clone + Debug + PartialEq + Send + Sync {
    /// A layout independent of the content: every choice is uniform.
    fn random(rng: &mut impl Rng) -> Self;

    /// Every layout, with neutral choices at their first value.
    fn every() -> Vec<Self>;

    /// Takes each choice from `random` with probability 1/3, else from `good`; neutral ones from
    /// `good`.
    fn mixed(good: &Self, random: &Self, rng: &mut impl Rng) -> Self;

    /// Reads the layout back from code that [`Content::code`] wrote. `None` if any choice is
    /// missing.
    fn read(code: &str) -> Option<Self>;

    /// The choices as names and numbers, to track each of them during training.
    fn choices(&self) -> Vec<(&'static str, usize)>;
}

/// A mistake in the code, other than a bad layout.
pub trait Slip: Copy + Debug + Send + Sync {
    /// Draws a mistake.
    fn random(rng: &mut impl Rng) -> Self;

    /// Whether the code renders nothing, so that its layout has no effect.
    fn renders_nothing(self) -> bool;
}

/// Task `index` of a split. The reference has a random good layout.
pub fn task<C: Content>(split: Split, seed: u64, index: u64) -> Task {
    let mut rng = stream(split, seed, index);
    let content = C::draw(split, &mut rng);
    let layout = content.good_layout(&mut rng);
    content.task(format!("mini-{}/{}/{seed}/{index}", C::DOMAIN.name(), split.name()), &layout)
}

/// The best constant policy: the layout that is good for the most of the first `n` contents of a
/// split, and the share of contents that it is good for. The search is exhaustive and uses geometry
/// only; to score the policy like any other, render its answers.
///
/// # Panics
/// Never: every world has layouts.
pub fn best_constant<C: Content>(split: Split, seed: u64, n: u64) -> (C::Layout, f64) {
    let contents: Vec<C> = (0..n).map(|i| C::draw(split, &mut stream(split, seed, i))).collect();
    let good = |layout: &C::Layout| contents.iter().filter(|c| c.good(layout)).count();
    let best = C::Layout::every().into_iter().max_by_key(good).expect("there are layouts");
    let share = good(&best) as f64 / n as f64;
    (best, share)
}
