//! Mini pages: a title, a row of cards, a button and a note that fit into a small window only if
//! the layout matches the content.
//!
//! A task fixes the *content*: colours of page, title and cards, the title with its side and letter
//! spacing, cards with labels and numbers, their gap and font size, which number is large, the
//! button and its side, the text of the note. A page adds the *layout*, partly in style rules and
//! partly in `style` attributes.
//!
//! | layout choice | what it depends on | possible defect |
//! |---|---|---|
//! | colour of the cards' text | whether the cards have a colour, that colour, the page's colour | contrast |
//! | size of the title | its length and letter spacing, its colour, the page's colour | overflow, contrast |
//! | width of a card | number of cards and gap, length and font size of their labels | overflow, clipping |
//! | alignment of the cards | whether one number is large, number of cards | alignment |
//! | corner of the note | title and its side, length and side of the button, length of the note | overlap |
//! | size of the note | nothing: held back, evaluated by geometry only | (`web/tiny-text`) |
//! | accent | nothing: neutral, shows drift during training | |
//!
//! Whether a layout is good is computed from simple geometry. `crates/data/tests/mini_web.rs`
//! checks that this agrees with the browser and the rules.

mod content;
mod generate;
mod layout;
mod markup;
mod words;

pub use content::{Card, Content};
pub use layout::{Corner, Items, Layout, WINDOW};
pub use markup::Slip;

#[cfg(test)]
mod tests;
