//! The box tree that visual imbalance is measured on: docs/specs/aeslides.md, 4.

use super::family::Family;
use vsdpo_artifact::{Rect, SlideElement, SlideLayout, Visibility};

/// Elements that are pictures.
const PICTURES: [&str; 5] = ["img", "picture", "canvas", "video", "svg"];
/// Elements that are text as soon as there is text in them.
const TEXTS: [&str; 15] =
    ["p", "span", "h1", "h2", "h3", "h4", "h5", "h6", "small", "strong", "label", "li", "td", "th", "a"];
/// Boxes of lines kept of one element.
const MAX_LINES: usize = 12;
/// Text of so many characters makes any element a text.
const LONG: u32 = 24;
/// Characters of the text of an icon in an `i` at most.
const ICON_TEXT: u32 = 16;

/// A box of the tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub tag: String,
    /// The element's box, cut to the slide.
    pub rect: Rect,
    pub opacity: f64,
    pub text_len: u32,
    /// Boxes of lines, cut to the slide.
    pub lines: Vec<Rect>,
    pub text_like: bool,
    pub image_like: bool,
    pub icon_like: bool,
    pub background_image: bool,
    /// Positions of the boxes inside.
    pub children: Vec<usize>,
}

/// The boxes of a slide that are drawn or hold one that is, each before those inside it.
pub(super) fn tree(layout: &SlideLayout) -> Vec<Node> {
    let elements = &layout.elements;
    let parents = Family::new(elements).parents;
    let slide = Rect::new(0.0, 0.0, layout.width, layout.height);
    let mut drawn = Vec::with_capacity(elements.len());
    for (element, parent) in elements.iter().zip(&parents) {
        let own = element.visibility != Visibility::Hidden && element.opacity > 0.0;
        drawn.push(own && parent.is_none_or(|parent| drawn[parent]));
    }
    let cut = |r: Rect| r.meet(slide);
    let mut kept: Vec<bool> =
        elements.iter().zip(drawn).map(|(e, drawn)| drawn && cut(e.rect).is_some()).collect();
    for (i, parent) in parents.iter().enumerate().rev() {
        if let (true, Some(parent)) = (kept[i], parent) {
            kept[*parent] = true;
        }
    }
    let (mut nodes, mut places): (Vec<Node>, Vec<usize>) = (Vec::new(), vec![0; elements.len()]);
    for (i, element) in elements.iter().enumerate().filter(|(i, _)| kept[*i]) {
        places[i] = nodes.len();
        if let Some(parent) = parents[i] {
            let place = nodes.len();
            nodes[places[parent]].children.push(place);
        }
        nodes.push(node(element, cut));
    }
    nodes
}

fn node(element: &SlideElement, cut: impl Fn(Rect) -> Option<Rect>) -> Node {
    let tag = element.tag.as_str();
    let lines: Vec<Rect> = element.text_rects.iter().filter_map(|r| cut(*r)).take(MAX_LINES).collect();
    let classed = element.classes.to_lowercase().contains("icon");
    let short = tag == "i" && element.text_len <= ICON_TEXT;
    let worded = TEXTS.contains(&tag) || tag == "button" || !lines.is_empty() || element.text_len >= LONG;
    Node {
        tag: tag.to_owned(),
        rect: cut(element.rect).unwrap_or_default(),
        opacity: element.opacity,
        text_len: element.text_len,
        text_like: element.text_len > 0 && worded,
        lines,
        image_like: PICTURES.contains(&tag),
        icon_like: classed || element.icon_font || short,
        background_image: element.background_image,
        children: Vec::new(),
    }
}
