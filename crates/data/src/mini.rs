//! The embedded worlds: procedural tasks whose good layout depends on their content.
//!
//! A task fixes a *content* and names all of it in its prompt; an answer adds a *layout*. No fixed
//! layout suits more than a fifth of the contents of a world (tested), so a policy must read its
//! prompt. Contents come in three disjoint sets, see [`Split`]. What a world has to offer is
//! [`Content`] and [`Layout`]; [`World`] is the same for callers that learn of the domain at run
//! time.

pub mod chart;
mod colors;
mod design;
mod split;
pub mod web;
mod world;

pub use design::{Content, Layout, Slip, best_constant, task};
pub use split::{Split, stream};
pub use world::World;

/// What stands in `text` between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.split_once(open)?.1.split(close).next()
}

#[cfg(test)]
mod tests;
