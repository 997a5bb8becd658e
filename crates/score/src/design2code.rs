//! Design2Code: similarity of a page to its reference, from their sources and screenshots
//! (docs/specs/design2code.md).

pub(crate) mod answers;
pub mod blocks;
pub mod cache;
pub mod capture;
pub mod clean;
pub(crate) mod compared;
mod dataset;
pub mod eval;
mod example;
pub mod html;
pub mod inpaint;
pub mod items;
pub mod pair;
pub mod print;
pub mod ratio;
pub mod recolor;
pub(crate) mod reference;
pub mod scorer;
pub mod shrink;
mod summary;
pub mod unscored;

mod assign;
mod css_color;
mod gain;
mod joins;
mod merge;
mod rematch;
mod unpack;

pub use summary::{Summary, table};

#[cfg(test)]
mod testing;
