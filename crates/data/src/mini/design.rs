//! What a world has to offer, and what follows from it for any world.

use super::split::{Split, stream};
use rand::Rng;
use std::fmt::Debug;
use vsdpo_artifact::{Domain, Requirements, Task};

/// What a task fixes.
pub trait Content: Clone + Debug + Send + Sync {
    /// Decides renderer, rules and axes.
    const DOMAIN: Domain;
    /// The share of a careless author's answers that carry a slip.
    const SLIPS: f64;
    /// What an answer chooses.
    type Layout: Layout;
    /// What a careless author does.
    type Slip: Slip;

    /// Draws a content, of whatever set.
    fn draw_any(rng: &mut impl Rng) -> Self;

    /// The set that it belongs to; `None` for the combinations that belong to none.
    fn split(&self) -> Option<Split>;

    /// Whether it makes a task: some layout is good, and which are good is no matter of a few
    /// pixels.
    fn usable(&self) -> bool;

    /// `other` with those words of this content that a report may quote and that no layout depends
    /// on.
    fn lend_words(&self, other: Self) -> Self;

    /// The instruction.
    fn prompt(&self) -> String;

    /// What the artifact must show.
    fn requirements(&self) -> Requirements;

    /// Whether a layout is good, by plain geometry.
    fn good(&self, layout: &Self::Layout) -> bool;

    /// The nearest good layout of a usable content: choices that fit are kept, the others are drawn
    /// among the good ones.
    fn repair(&self, layout: &Self::Layout, rng: &mut impl Rng) -> Self::Layout;

    /// The code of a layout, in the words of the domain.
    fn code(&self, layout: &Self::Layout, slip: Option<Self::Slip>) -> String;

    /// The rules by which contents are held out, for a run's manifest.
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
    fn draw_seen(rng: &mut impl Rng) -> Self {
        let split = if rng.random_bool(0.5) { Split::Feedback } else { Split::Train };
        Self::draw(split, rng)
    }

    /// A good layout of a usable content, drawn at random; neutral choices are random too.
    fn good_layout(&self, rng: &mut impl Rng) -> Self::Layout {
        self.repair(&Self::Layout::random(rng), rng)
    }

    /// Its task, with the code of `layout` as the reference.
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

/// What an answer chooses.
pub trait Layout: Clone + Debug + PartialEq + Send + Sync {
    /// A layout that knows nothing of the content: every choice uniform.
    fn random(rng: &mut impl Rng) -> Self;

    /// Every layout, neutral choices left at their first value.
    fn every() -> Vec<Self>;

    /// Each choice from `random` with probability one third, else from `good`; neutral ones from
    /// `good`.
    fn mixed(good: &Self, random: &Self, rng: &mut impl Rng) -> Self;

    /// The layout of a code, as far as it is one of ours. `None` if any choice is missing.
    fn read(code: &str) -> Option<Self>;

    /// The choices as names and numbers, to see what training does to each.
    fn choices(&self) -> Vec<(&'static str, usize)>;
}

/// What a careless author does to a code.
pub trait Slip: Copy + Debug + Send + Sync {
    /// Draws one.
    fn random(rng: &mut impl Rng) -> Self;

    /// Whether nothing can be seen of the layout any more.
    fn hides(self) -> bool;
}

/// Task `index` of a split. The reference has a good layout, drawn at random among the good ones.
pub fn task<C: Content>(split: Split, seed: u64, index: u64) -> Task {
    let mut rng = stream(split, seed, index);
    let content = C::draw(split, &mut rng);
    let layout = content.good_layout(&mut rng);
    content.task(format!("mini-{}/{}/{seed}/{index}", C::DOMAIN.name(), split.name()), &layout)
}

/// The best content-blind policy: the one layout that is good for the most contents of a split,
/// with its share of `n` of them. An exhaustive search by geometry; render its answers to score it
/// as any other policy.
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
