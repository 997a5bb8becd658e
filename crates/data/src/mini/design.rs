//! The traits that a world implements, and functions for any world.

use super::split::{Split, stream};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use vsdpo_artifact::{Domain, Language, Region, Requirements, Task};

/// The part of a chart, page or slide that a task fixes.
pub trait Content: Clone + Debug + Send + Sync {
    /// The domain, which determines renderer, rules and axes.
    const DOMAIN: Domain;
    /// The language of the answers.
    const LANGUAGE: Language;
    /// The share of pre-training answers that contain a mistake.
    const SLIPS: f64;
    /// The part that an answer chooses.
    type Layout: Layout;
    /// The mistakes that code can contain.
    type Slip: Slip;

    /// Draws a content, from any split or none.
    fn draw_any(rng: &mut impl Rng) -> Self;

    /// The same fields that [`Content::split`] reads, with new words and values.
    fn with_new_words(self, rng: &mut impl Rng) -> Self;

    /// What the prompt says, one fact each, as names and numbers.
    fn fields(&self) -> Vec<(&'static str, usize)>;

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

    /// Whether a layout is good, computed from simple geometry: what the rewarded axes cover.
    fn good(&self, layout: &Self::Layout) -> bool;

    /// Whether the held-back choice is good: one that neither reward nor rubric covers.
    fn held_back_ok(&self, layout: &Self::Layout) -> bool;

    /// The nearest good layout for a usable content: choices that fit are kept, the others are
    /// drawn from the good ones.
    fn repair(&self, layout: &Self::Layout, rng: &mut impl Rng) -> Self::Layout;

    /// The good layout that follows most surely from a picture of `layout`: what the base policy is
    /// taught to answer. Where a picture does not tell a choice, or several would be good, a random
    /// one of them teaches it to answer one at random, and often a bad one.
    fn repair_surely(&self, layout: &Self::Layout, rng: &mut impl Rng) -> Self::Layout {
        self.repair(layout, rng)
    }

    /// The places, in pixels, at which a part of the layout would be good, with their names: what
    /// the vision tower of the base policy is taught to see besides what is there.
    fn good_places(&self, _layout: &Self::Layout) -> Vec<(Region, String)> {
        Vec::new()
    }

    /// The code of this content with a layout and, if given, a mistake.
    fn code(&self, layout: &Self::Layout, slip: Option<Self::Slip>) -> String;

    /// A description of the held-out combinations for a run's manifest.
    fn held_out() -> serde_json::Value;

    /// Draws a usable content of a split. A content that is not usable gets new words and values,
    /// so that the fields which define the splits keep their shares.
    fn draw(split: Split, rng: &mut impl Rng) -> Self {
        /// Every combination of fields is usable with far fewer draws (tested for charts).
        const DRAWS: usize = 10_000;
        loop {
            let mut content = Self::draw_any(rng);
            if content.split() != Some(split) {
                continue;
            }
            for _ in 0..DRAWS {
                if content.usable() {
                    return content;
                }
                content = content.with_new_words(rng);
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

    /// What geometry says about code that answers the task of this content; `None` if its layout
    /// cannot be read.
    fn evaluate(&self, code: &str) -> Option<Good> {
        let layout = Self::Layout::read(code)?;
        Some(Good {
            layout: self.good(&layout),
            held_back: self.held_back_ok(&layout),
            exact: self.code(&layout, None).trim_end() == code.trim_end(),
        })
    }

    /// The task of this content, with the code of `layout` as reference.
    fn task(&self, id: String, layout: &Self::Layout) -> Task {
        Task {
            id,
            domain: Self::DOMAIN,
            language: Self::LANGUAGE,
            prompt: self.prompt(),
            images: Vec::new(),
            reference: Some(self.code(layout, None)),
            requirements: Some(self.requirements()),
        }
    }
}

/// What geometry says about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Good {
    /// Whether the layout is good on everything that the rewarded axes cover.
    pub layout: bool,
    /// Whether the held-back choice is good, which neither reward nor rubric covers.
    pub held_back: bool,
    /// Whether the code is exactly that of the task's content with this layout: nothing is missing,
    /// added or changed.
    pub exact: bool,
}

/// The part of a chart, page or slide that an answer chooses.
pub trait Layout: Clone + Debug + PartialEq + Send + Sync {
    /// A layout independent of the content: every choice is uniform.
    fn random(rng: &mut impl Rng) -> Self;

    /// The choices that decide whether a layout is good, each with its number of values.
    const CHOICES: &'static [(&'static str, usize)];

    /// This layout with these values of [`Layout::CHOICES`].
    ///
    /// # Panics
    /// If a value is missing or too large.
    fn with(&self, values: &[usize]) -> Self;

    /// The layout with every choice at its first value.
    const FIRST: Self;

    /// Every layout, with all other choices at their first value. The last choice changes first.
    fn every() -> Vec<Self> {
        let mut all = vec![Vec::new()];
        for (_, count) in Self::CHOICES {
            all = all.iter().flat_map(|head| (0..*count).map(|v| [&head[..], &[v]].concat())).collect();
        }
        all.iter().map(|values| Self::FIRST.with(values)).collect()
    }

    /// Takes each choice from `random` with probability 1/3, else from `good`; neutral ones from
    /// `good`.
    fn mixed(good: &Self, random: &Self, rng: &mut impl Rng) -> Self;

    /// Reads the layout back from code that [`Content::code`] wrote. `None` if any choice is
    /// missing.
    fn read(code: &str) -> Option<Self>;

    /// All choices as names and numbers, those of [`Layout::CHOICES`] first, to track each of them
    /// during training.
    fn choices(&self) -> Vec<(&'static str, usize)>;
}

/// A mistake in the code, other than a bad layout.
pub trait Slip: Copy + Debug + Send + Sync {
    /// Draws a mistake.
    fn random(rng: &mut impl Rng) -> Self;

    /// Whether the code renders nothing, so that its layout has no effect.
    fn renders_nothing(self) -> bool;
}

/// How good the reference of a task is: the setting `references` of a recipe's `[data]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum References {
    /// Every reference has a good layout.
    #[default]
    Gold,
    /// A third of the references has a layout that is not good: some choices of a good layout are
    /// replaced by random ones. References of published data sets have defects too.
    Realistic,
}

/// Task `index` of a split, with one reference that depends only on the arguments. Prompts do not
/// depend on `references`.
pub fn task<C: Content>(references: References, split: Split, seed: u64, index: u64) -> Task {
    let mut rng = stream(split, seed, index);
    let content = C::draw(split, &mut rng);
    let good = content.good_layout(&mut rng);
    let layout = match references {
        References::Gold => good,
        References::Realistic => realistic(&content, good, &mut rng),
    };
    content.task(format!("mini-{}/{}/{seed}/{index}", C::DOMAIN.name(), split.name()), &layout)
}

/// In two of three cases the good layout, else one that is not good.
fn realistic<C: Content>(content: &C, good: C::Layout, rng: &mut impl Rng) -> C::Layout {
    if rng.random_range(0..3) != 0 {
        return good;
    }
    loop {
        let layout = C::Layout::mixed(&good, &C::Layout::random(rng), rng);
        if !content.good(&layout) {
            return layout;
        }
    }
}
