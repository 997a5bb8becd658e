//! The splits of a world, and the random streams that contents are drawn from.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The four disjoint sets of contents.
///
/// Every world computes two sums of field indices for a content, and the residues of the sums
/// decide on its split. A value of one field is therefore equally frequent in all splits, while
/// combinations of fields differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Contents of the feedback and reference pairs for pre-training.
    Feedback,
    /// Contents of RL prompts.
    #[default]
    Train,
    /// Contents of the evaluations that a recipe makes itself: checkpoints, stop rules, choices of
    /// hyperparameters.
    Dev,
    /// Contents of final reports only.
    Test,
}

impl Split {
    /// Every split.
    pub const ALL: [Split; 4] = [Split::Feedback, Split::Train, Split::Dev, Split::Test];

    /// The lower-case name, as in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Split::Feedback => "feedback",
            Split::Train => "train",
            Split::Dev => "dev",
            Split::Test => "test",
        }
    }

    /// The split of a content by two sums of field indices; `None` if it is in no split.
    ///
    /// The residue of `first` modulo `modulus` separates all splits. The residue of `second` modulo
    /// 4 separates dev, test and the other two. These are Latin squares: if at least two of the
    /// summed indices are uniform modulo `modulus` (or 4), each single index has the same shares in
    /// all splits.
    pub(super) fn of(first: usize, modulus: usize, second: usize) -> Option<Split> {
        let split = Split::of_first(first % modulus, modulus);
        let agrees = match split {
            Split::Feedback | Split::Train => second % 4 < 2,
            Split::Dev => second % 4 == 2,
            Split::Test => second % 4 == 3,
        };
        agrees.then_some(split)
    }

    /// The split of a residue: the last one is test, the one before dev.
    fn of_first(residue: usize, modulus: usize) -> Split {
        match modulus - 1 - residue {
            0 => Split::Test,
            1 => Split::Dev,
            _ if 2 * residue >= modulus - 2 => Split::Train,
            _ => Split::Feedback,
        }
    }

    /// The residues of each split, for a run's manifest.
    pub(super) fn residues(modulus: usize) -> serde_json::Value {
        let first = |split: Split| -> Vec<usize> {
            (0..modulus).filter(|&r| Split::of_first(r, modulus) == split).collect()
        };
        let second = |split: Split| -> Vec<usize> {
            let some = first(split)[0];
            (0..4).filter(|&r| Split::of(some, modulus, r) == Some(split)).collect()
        };
        let entry =
            |s: Split| (s.name().to_owned(), serde_json::json!({"first": first(s), "second": second(s)}));
        serde_json::Value::Object(Split::ALL.into_iter().map(entry).collect())
    }
}

/// A name that is no split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; help: {help}")]
pub struct UnknownSplit {
    /// What is wrong with the name.
    pub problem: String,
    /// What to write instead.
    pub help: &'static str,
}

impl FromStr for Split {
    type Err = UnknownSplit;

    fn from_str(name: &str) -> Result<Split, UnknownSplit> {
        let help = match Split::ALL.into_iter().find(|s| s.name() == name) {
            Some(split) => return Ok(split),
            None if name == "heldout" => "it is now \"dev\"; \"test\" is for final reports",
            None => "use \"train\", \"dev\", \"test\" or \"feedback\"",
        };
        Err(UnknownSplit { problem: format!("the embedded world has no split {name:?}"), help })
    }
}

/// The random stream of one task; it depends only on split, seed and index.
pub fn stream(split: Split, seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ ((split as u64 + 1) << 56));
    rng.set_stream(index);
    rng
}

/// Draws one element uniformly.
pub(super) fn pick<T: Copy>(of: &[T], rng: &mut impl Rng) -> T {
    of[rng.random_range(0..of.len())]
}

/// Draws one element with a probability proportional to its weight.
pub(super) fn pick_weighted<T: Copy>(of: &[(T, u32)], rng: &mut impl Rng) -> T {
    let mut at = rng.random_range(0..of.iter().map(|x| x.1).sum());
    for &(element, weight) in of {
        if at < weight {
            return element;
        }
        at -= weight;
    }
    of[0].0
}
