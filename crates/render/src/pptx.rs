//! Reads and rewrites .pptx files, which anybody may have written: nothing in one is trusted,
//! fetched or run.
//!
//! [`read`] gives a [`Deck`]: slides in their order, shapes from back to front with their frames on
//! the slide, and every property of text and paint resolved as PowerPoint resolves it: the run, the
//! paragraph, the shape's list style, the layout, the master, the presentation. What is broken is a
//! [`Fault`] in the deck, and the rest is read all the same. The format is ECMA-376 (Office Open
//! XML), parts 1 and 2. Not read: charts and diagrams beyond their parts, table styles, animations.

mod check;
mod color;
mod content;
mod deck;
mod elements;
mod fault;
mod frame;
mod freeze;
mod layout;
mod package;
mod paint;
mod relations;
mod shapes;
mod slides;
pub(crate) mod sources;
mod templates;
mod text;
mod words;
mod xml;

pub use deck::{
    Cell, Deck, ExternalLink, LineSpacing, Outline, Paint, Paragraph, Picture, Placeholder, Run, Shape,
    Slide, TextBody,
};
pub use fault::{Fault, FaultKind, Unreadable};
pub use frame::Frame;
pub use freeze::freeze;
pub use slides::read;
