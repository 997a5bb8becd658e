//! Which contents belong to which set, and the random streams that they are drawn from.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The three disjoint sets of contents.
///
/// Every world numbers its contents by two combinations of their fields. The first decides between
/// the three sets; held-out contents also have second combinations that no other set has. The base
/// policy has read feedback about `Feedback` contents, RL prompts come from `Train`, evaluation
/// uses `Heldout`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Contents of the base policy's feedback and reference pairs.
    Feedback,
    /// Contents of RL prompts.
    #[default]
    Train,
    /// Contents of evaluation.
    Heldout,
}

impl Split {
    /// Every set.
    pub const ALL: [Split; 3] = [Split::Feedback, Split::Train, Split::Heldout];

    /// The lower-case name, as in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Split::Feedback => "feedback",
            Split::Train => "train",
            Split::Heldout => "heldout",
        }
    }

    /// The set of a content by the numbers of its two combinations; `None` for pairs that belong to
    /// none.
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

/// The random stream of one task: a function of split, seed and index only.
pub fn stream(split: Split, seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ ((split as u64 + 1) << 56));
    rng.set_stream(index);
    rng
}

/// One of a few, each as likely as the next.
pub(super) fn pick<T: Copy>(of: &[T], rng: &mut impl Rng) -> T {
    of[rng.random_range(0..of.len())]
}

/// A fixed scrambling of small numbers, so that held-out combinations lie spread over all of them.
fn scatter(x: usize) -> usize {
    let mut z = (x as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 31;
    z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 33) as usize
}
