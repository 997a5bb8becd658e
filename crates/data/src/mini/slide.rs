//! Mini slides: a title beside a tag, points beside a picture, and a footnote, which fill a slide
//! of 1280 x 720 pixels without colliding only if the layout matches the content.
//!
//! A task fixes the *content*: colours of slide, texts and tag, the title, the tag and its width,
//! the points and their side, the shape of the picture, the footnote. A slide adds the *layout*.
//! The same layouts are written in two languages, as an HTML page and as a python-pptx script; for
//! one content both draw the same slide.
//!
//! | layout choice | what it depends on | possible defect |
//! |---|---|---|
//! | colour of the tag's text | whether the tag has a colour, that colour, the slide's colour | contrast |
//! | size of the title | its length, width of the tag, colours of texts and slide | collision, contrast |
//! | side of the picture | the side that reading starts from, whether the points come first | collision, imbalance |
//! | width of the picture | its shape, number and length of the points, their size | aspect, whitespace, collision |
//! | size of the points | their number and length, shape and width of the picture, colours of texts and slide | whitespace, collision, contrast |
//! | size of the footnote | nothing: held back, evaluated by geometry only | (`slide/tiny-text`) |
//! | colour of the picture | nothing: neutral, shows drift during training | |
//!
//! Whether a layout is good is computed from simple geometry. `crates/data/tests/mini_slide.rs`
//! checks that this agrees with the renderers and the rules.

mod content;
mod generate;
mod geometry;
mod html;
mod layout;
mod script;
mod words;

pub use content::{Body, Content, Facts, Heading, Html, Python, Shape, Written};
pub use layout::Layout;
pub use script::Slip;

#[cfg(test)]
mod tests;
