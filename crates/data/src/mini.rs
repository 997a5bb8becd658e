//! The embedded worlds: generated tasks, one world per domain, in which the right layout depends on
//! the content.
//!
//! A task fixes a *content*, all of which is in its prompt; an answer adds a *layout*. No single
//! layout is good for more than a fifth of the contents of a world (tested), so a policy must read
//! its prompt. Contents are divided into three disjoint sets, see [`Split`]. A world implements
//! [`Content`], [`Layout`] and [`Slip`]; [`World`] selects one at run time.

pub mod chart;
mod colors;
mod design;
mod split;
pub mod web;
mod world;

pub use design::{Content, Layout, Slip, best_constant, task};
pub use split::{Split, stream};
pub use world::World;

/// The part of `text` between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.split_once(open)?.1.split(close).next()
}

#[cfg(test)]
mod tests;
