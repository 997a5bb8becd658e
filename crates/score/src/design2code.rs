//! Design2Code: how near a page comes to its reference, from their sources and screenshots
//! (specs/design2code.md).

pub mod blocks;
pub mod cache;
pub mod clean;
pub mod html;
pub mod inpaint;
pub mod items;
pub mod pair;
pub mod ratio;
pub mod recolor;
pub(crate) mod reference;
pub mod scorer;
pub mod shrink;
pub mod view;

mod anew;
mod assign;
mod css_color;
mod gain;
mod joins;
mod merge;

#[cfg(test)]
mod testing;
