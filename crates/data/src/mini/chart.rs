//! Mini charts: two series, a legend, a note and tick labels that fit only if the layout matches
//! the content.
//!
//! A task fixes the *content*: kind of chart, shapes of the two series, direction of the x axis,
//! tick labels and which of them are drawn, end and spacing of the y axis, colour of the plot area,
//! the note, its box and the point that it annotates. A script adds the *layout*: position of the
//! legend, rotation of the tick labels and margin below them, alignment and colour of the note.
//!
//! | layout choice | what it depends on |
//! |---|---|
//! | legend location | kind, shapes of both series, direction of x, position of the note, height of the axes |
//! | bottom margin, label rotation | length of the labels, which of them are drawn, end and step of y |
//! | alignment of the note | the annotated point, direction of x: notes at the ends could leave the picture |
//! | colour of the note | whether it has a box, colour of the box, colour of the plot area |
//! | colours of the series | each other: held back, evaluated by geometry only |
//! | grid | nothing: neutral, shows drift during training |
//!
//! Whether a layout is good is computed from simple geometry. `crates/data/tests/mini_chart.rs`
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

    /// By hand: the note of 23 characters is 136 pixels wide and begins at the first point (63),
    /// so a legend of 64 pixels has room beside it at the right (220), not in the middle (132).
    /// Both lines are below every legend that does not stand at the bottom.
    #[test]
    fn the_facts_of_two_low_lines() {
        let content = Content {
            kind: Kind::Lines,
            shapes: [Shape::Low; 2],
            values: [[4, 4, 2, 4, 4]; 2],
            names: ["north", "south"],
            reversed: false,
            labels: 0,
            ticks: content::Ticks { long: false, every: 1, scale: 2, step: 2 },
            ground: 0,
            patch: 5,
            boxed: true,
            title: "Sales",
            note: "system was under repair",
            mark: Mark::First,
        };
        let facts = "note: column 1 of 5, room to the right, on navy\n\
                     labels: short, at all points; y axis: dense\n\
                     legend, high axes: upper right, center left, center right\n\
                     legend, low axes: upper right, center left, center right";
        assert_eq!(content.facts(), facts);
        let last = Content { mark: Mark::Last, boxed: false, ..content };
        let turned = "note: column 5 of 5, room to the left, on white\n";
        assert!(last.facts().starts_with(turned), "{}", last.facts());
        assert!(Content { reversed: true, ..last }.facts().starts_with("note: column 1 of 5"));
    }

    /// Otherwise the fields would not have the same shares in all splits.
    #[test]
    fn every_combination_of_fields_is_usable_with_some_values() {
        use std::collections::HashMap;
        let mut rng = stream(Split::Train, 12, 0);
        let mut cells: HashMap<String, Content> = HashMap::new();
        for _ in 0..100_000 {
            let c = Content::draw_any(&mut rng);
            let cell = format!("{:?} {:?} {:?} {} {:?}", c.kind, c.shapes, c.mark, c.reversed, c.ticks);
            cells.entry(cell).or_insert(c);
        }
        assert!(cells.len() > 3300, "{} of 3456 combinations", cells.len());
        for (cell, mut content) in cells {
            let draws = (0..5000).take_while(|_| {
                content = content.clone().with_new_words(&mut rng);
                !content.usable()
            });
            assert!(draws.count() < 5000, "{cell}");
        }
    }
}
