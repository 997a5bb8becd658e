//! Mini charts: two series, a legend, a note and tick labels that fit only if the layout matches
//! the content.
//!
//! A task fixes the *content*: kind of chart, shapes of the two series, tick labels, spacing of the
//! y ticks, colour of the plot area, the note and the point that it annotates. A script adds the
//! *layout*: position of the legend, rotation of the tick labels and margin below them, alignment
//! and colour of the note.
//!
//! | layout choice | what it depends on |
//! |---|---|
//! | legend location | kind, shapes of both series, position of the note, height of the axes |
//! | bottom margin, label rotation | length of the tick labels, density of the y ticks |
//! | alignment of the note | the annotated point: notes at the ends could leave the picture |
//! | colour of the note | the plot area |
//! | colours of the series, grid | nothing: neutral choices, which show drift during training |
//!
//! Whether a layout is good is computed from simple geometry. A test of the crate `vsdpo-cli`
//! checks that this agrees with the renderer and the rules.

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
    use crate::mini::{Content as _, Split, stream};

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
}
