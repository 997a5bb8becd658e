//! The embedded worlds: generated tasks, one world per domain and language, in which the right
//! layout depends on the content.
//!
//! A task fixes a *content*, all of which is in its prompt; an answer adds a *layout*. No single
//! layout is good for more than a tenth of the contents of a world, and no set of rules that read
//! one field per choice for more than a fifth (tested), so a policy must read its prompt. Contents
//! are divided into four disjoint sets, see [`Split`]. A world implements [`Content`], [`Layout`]
//! and [`Slip`]; [`World`] selects one at run time.

mod baselines;
pub mod chart;
mod colors;
mod design;
mod font;
mod side;
pub mod slide;
mod split;
pub mod web;
mod world;

pub use baselines::{SingleFieldRules, best_constant, best_single_field_rules};
pub use design::{Content, Good, Layout, References, Slip, task};
pub use side::Side;
pub use split::{Split, UnknownSplit, stream};
pub use world::World;

/// The part of `text` between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.split_once(open)?.1.split(close).next()
}

#[cfg(test)]
mod tests;
