//! The splits of a world, and the random streams that contents are drawn from.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The three disjoint sets of contents.
///
/// Every world numbers its contents by two combinations of their fields. The first combination
/// determines the set; held-out contents also have second combinations that do not occur in the
/// other sets. `Feedback` is used to pre-train the base policy on feedback, `Train` for RL prompts,
/// and `Heldout` for evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Contents of the feedback and reference pairs for pre-training.
    Feedback,
    /// Contents of RL prompts.
    #[default]
    Train,
    /// Contents of evaluation.
    Heldout,
}

impl Split {
    /// Every split.
    pub const ALL: [Split; 3] = [Split::Feedback, Split::Train, Split::Heldout];

    /// The lower-case name, as in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Split::Feedback => "feedback",
            Split::Train => "train",
            Split::Heldout => "heldout",
        }
    }

    /// The split of a content by the numbers of its two combinations; `None` if it is in no split.
    pub(super) fn of(first: usize, second: usize) -> Option<Split> {
        let held_out = scatter(second).is_multiple_of(4);
        match (scatter(first + 1000) % 5, held_out) {
            (0, true) => Some(Split::Heldout),
            (1 | 2, false) => Some(Split::Feedback),
            (3 | 4, false) => Some(Split::Train),
            _ => None,
        }
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

/// A fixed hash of small numbers, which spreads the held-out combinations over all of them.
fn scatter(x: usize) -> usize {
    let mut z = (x as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 31;
    z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 33) as usize
}
