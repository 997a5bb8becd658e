//! Design2Code: how near a page comes to its reference, from their sources and screenshots
//! (specs/design2code.md).

pub mod clean;
pub mod html;
pub mod items;
pub mod ratio;
pub mod recolor;

mod css_color;
