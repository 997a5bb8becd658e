//! Gives every element that can hold text a colour of its own (docs/specs/design2code.md, 5).

use super::html::{Content, Document, PageError};
use crate::python::strip;

/// Elements that get a colour.
const TRACKED: [&str; 19] = [
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "div",
    "span",
    "a",
    "b",
    "li",
    "table",
    "td",
    "th",
    "button",
    "footer",
    "header",
    "figcaption",
];
/// There are 16 levels of each channel.
const COLORS: usize = 16 * 16 * 16;

/// The page with transparent backgrounds and its texts in colours that differ by element, every
/// channel moved on by `offset`.
pub fn recolored(page: &str, offset: u8) -> Result<String, PageError> {
    let mut document = Document::parse(page)?;
    let mut next = 0;
    for node in &mut document.nodes {
        let Content::Element { name, attributes } = &mut node.content else { continue };
        let style = attributes.entry("style".to_owned()).or_default();
        *style = with(style, "background-color", "rgba(255, 255, 255, 0.0)");
        if TRACKED.contains(&name.as_str()) {
            *style = with(style, "color", &color(next, offset).ok_or(PageError::Colors(COLORS))?);
            *style = with(style, "opacity", "1.0");
            next += 1;
        }
    }
    Ok(document.to_string())
}

/// The style with this property set. Every property that begins with its name is removed.
fn with(style: &str, property: &str, value: &str) -> String {
    let stays = |piece: &&str| !strip(piece).is_empty() && !strip(piece).starts_with(property);
    let set = format!("{property}: {value} !important");
    let pieces: Vec<&str> = style.split(';').filter(stays).chain([set.as_str()]).collect();
    strip(&pieces.join("; ")).to_owned()
}

/// The `k`-th colour, from light to dark.
fn color(k: usize, offset: u8) -> Option<String> {
    let m = (COLORS - 1).checked_sub(k)?;
    let level = |q: usize| (10 + 16 * (q % 16) as u8).wrapping_add(offset);
    Some(format!("#{:02X}{:02X}{:02X}", level(m / 256), level(m / 16), level(m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style_of(page: &str) -> String {
        let page = recolored(page, 0).unwrap();
        page.split('"').nth(1).unwrap().replace("background-color: rgba(255, 255, 255, 0.0) !important", "B")
    }

    #[test]
    fn a_property_replaces_all_that_begin_with_its_name() {
        assert_eq!(style_of("<i>"), "B");
        assert_eq!(style_of("<i style=' ; background-color-x ;a: b;;'>"), "a: b; B");
        let white = "color: #FAFAFA !important; opacity: 1.0 !important";
        // Pieces keep the space around them, and every step adds one.
        assert_eq!(style_of("<p style='a: b; c: d'>"), format!("a: b;    c: d;   B;  {white}"));
        let old = "color-scheme: dark;COLOR: red;opacity:0;border-color:x";
        let new = format!("COLOR: red;   border-color:x;   B;  {white}");
        assert_eq!(style_of(&format!("<p style='{old}'>")), new);
    }

    #[test]
    fn colours_go_from_light_to_dark_and_around() {
        let colors = |offset| [0, 1, 16, 256, 4095].map(|k| color(k, offset).unwrap());
        assert_eq!(colors(0), ["#FAFAFA", "#FAFAEA", "#FAEAFA", "#EAFAFA", "#0A0A0A"]);
        assert_eq!(colors(50), ["#2C2C2C", "#2C2C1C", "#2C1C2C", "#1C2C2C", "#3C3C3C"]);
        assert_eq!(color(4096, 0), None);
    }

    #[test]
    fn there_are_4096_colours() {
        assert!(recolored(&"<p>".repeat(4096), 0).unwrap().contains("#0A0A0A"));
        let error = recolored(&"<p>".repeat(4097), 0).unwrap_err();
        assert_eq!(error.to_string(), "more than 4096 elements need a colour of their own");
    }
}
