//! Mini charts: two series, a legend, a note and tick labels that fit only if the layout follows
//! the content.
//!
//! A task fixes the *content*: kind of chart, shapes of the two series, tick labels, spacing of the
//! y ticks, colour of the plot area, the note and the point that it belongs to. A script adds the
//! *layout*: where the legend goes, how labels turn, how much room they get, how the note is
//! aligned and coloured. No fixed layout suits more than a small share of the contents (checked by
//! a test), so a policy must read its prompt.
//!
//! | layout choice | what it depends on |
//! |---|---|
//! | legend location | kind, shapes of both series, position of the note, height of the axes |
//! | bottom margin, label rotation | length of the tick labels against the density of the y ticks |
//! | alignment of the note | the point that it marks: notes at the ends run out of the picture |
//! | colour of the note | the plot area |
//! | colours of the series, grid | nothing: neutral choices, to see what training drifts |
//!
//! What a good layout is comes from plain geometry; that the real renderer and rules agree is a
//! test of the command line's crate.

mod content;
mod generate;
mod layout;
mod script;
mod words;

pub use content::{Content, Kind, Mark, Shape};
pub use layout::{Align, Layout, Location};
pub use script::Slip;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mini::{Content as _, Layout as _, Slip as _, Split, stream, task};

    fn contents(split: Split, n: u64) -> impl Iterator<Item = Content> {
        (0..n).map(move |i| Content::draw(split, &mut stream(split, 7, i)))
    }

    #[test]
    fn splits_share_no_combination_of_shapes_kind_and_mark() {
        use std::collections::HashSet;
        let combos = |split| -> HashSet<String> {
            contents(split, 800).map(|c| format!("{:?}{:?}{:?}", c.kind, c.shapes, c.mark)).collect()
        };
        let grounds = |split| -> HashSet<(usize, usize)> {
            contents(split, 800).map(|c| (c.ground, c.labels)).collect()
        };
        let (f, t, h) = (combos(Split::Feedback), combos(Split::Train), combos(Split::Heldout));
        assert!(f.is_disjoint(&t) && f.is_disjoint(&h) && t.is_disjoint(&h));
        assert!(f.len() > 20 && t.len() > 20 && h.len() > 10, "{} {} {}", f.len(), t.len(), h.len());
        assert!(grounds(Split::Heldout).is_disjoint(&grounds(Split::Feedback)));
        assert!(grounds(Split::Heldout).is_disjoint(&grounds(Split::Train)));
    }

    /// A policy has been trained on these very tasks: they may not change.
    #[test]
    fn tasks_are_those_of_the_trained_policy() {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut take = |text: &str| {
            hash = text.bytes().fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        };
        for split in Split::ALL {
            for (seed, index) in (1..4).flat_map(|seed| (0..40).map(move |index| (seed, index))) {
                let task = task::<Content>(split, seed, index);
                take(&format!("{} {} {:?} {:?}", task.id, task.prompt, task.reference, task.requirements));
                let mut rng = stream(split, seed, index);
                let content = Content::draw_seen(&mut rng);
                let layout = Layout::random(&mut rng);
                take(&content.code(&layout, Some(Slip::random(&mut rng))));
                take(&content.code(&content.repair(&layout, &mut rng), None));
            }
        }
        assert_eq!(hash, 3_214_527_433_632_914_516);
    }
}
