//! Mini pages: a title, a row of cards, a button and a note that fit into a small window only if
//! the layout matches the content.
//!
//! A task fixes the *content*: colour of the page, title and its side, cards with a label and a
//! number, which number is large, the button and its side, the text of the note. A page adds the
//! *layout*, partly in style rules and partly in `style` attributes.
//!
//! | layout choice | what it depends on | possible defect |
//! |---|---|---|
//! | colour of text | the page's colour | contrast |
//! | size of the title | its length | overflow, overlap |
//! | width of a card | number of cards, length of their labels | overflow, clipping |
//! | alignment of the cards | whether one number is large | alignment |
//! | corner of the note | side, length and size of the title, side of the button | overlap |
//! | radius, accent | nothing: neutral choices, which show drift during training | |
//!
//! Whether a layout is good is computed from simple geometry. `crates/data/tests/mini_web.rs`
//! checks that this agrees with the browser and the rules.

mod content;
mod font;
mod generate;
mod layout;
mod markup;
mod words;

pub use content::{Card, Content, Side};
pub use layout::{Corner, Items, Layout, WINDOW};
pub use markup::Slip;

#[cfg(test)]
mod tests;
