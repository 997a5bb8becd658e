//! Mini pages: a title, a row of cards, a button and a note that fit a small window only if the
//! layout follows the content.
//!
//! A task fixes the *content*: colour of the page, title and its side, cards with a label and a
//! number, which number is large, the button and its side, the text of the note. A page adds the
//! *layout*, some of it in style rules, some in `style` attributes. No fixed layout suits more than
//! a small share of the contents.
//!
//! | layout choice | what it depends on | what goes wrong |
//! |---|---|---|
//! | colour of text | the page's colour | contrast |
//! | size of the title | its length | overflow, overlap |
//! | width of a card | number of cards against the length of their labels | overflow, clipping |
//! | alignment of the cards | whether one number is large | alignment |
//! | corner of the note | side, length and size of the title, side of the button | overlap |
//! | radius, accent | nothing: neutral choices, to see what training drifts | |
//!
//! What a good layout is comes from plain geometry; that the real browser and rules agree is a test
//! of the command line's crate.

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
