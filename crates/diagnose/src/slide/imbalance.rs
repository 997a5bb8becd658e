//! Visual imbalance: how far the centre of visual weight is from the middle of the slide.
//! docs/specs/aeslides.md, 5.

use super::tree::{Node, tree};
use serde::{Deserialize, Serialize};
use vsdpo_artifact::{Rect, SlideLayout};

/// Tolerances, as shares of width and height, of the released program.
const CODE: [f64; 2] = [0.0075, 0.145];
/// The tolerances that the paper names.
const PAPER: [f64; 2] = [0.05, 0.15];
/// Square pixels of a box at least.
const LEAST: f64 = 4.0;
/// Square pixels of a line at least.
const LEAST_LINE: f64 = 2.0;
/// Opacity at least.
const FAINT: f64 = 0.05;
/// Longer texts weigh by their lines, shorter ones by the element's box.
const LONG: u32 = 40;
/// The weight of an icon for each square pixel.
const ICON: f64 = 0.5;
/// Boxes inside an element whose background image has a weight at most.
const MAX_INSIDE: usize = 12;
/// Shares of the slide between which a background image has a weight.
const BACKGROUND: [f64; 2] = [0.002, 0.75];
/// The share of a background that must be free to have a weight.
const FREE: f64 = 0.08;
/// Elements that weigh without text, picture or content.
const ATOMS: [&str; 15] = [
    "svg", "img", "picture", "canvas", "video", "iframe", "object", "embed", "button", "input", "textarea",
    "select", "option", "progress", "meter",
];

/// Where the visual weight of a slide lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imbalance {
    /// The centre's distance from the middle, as shares of width and height; positive to the right
    /// and down.
    pub offset: [f64; 2],
    /// The distance in the released program's tolerances; above 1 is out of balance.
    pub code: f64,
    /// The distance in the paper's tolerances; above 1 is out of balance.
    pub paper: f64,
}

/// Where the visual weight of a slide lies; `None` if nothing has a weight.
pub fn imbalance(layout: &SlideLayout) -> Option<Imbalance> {
    of_tree(&tree(layout), [layout.width, layout.height])
}

/// Where the visual weight of a deck's slide lies without the box around all shapes, which stands
/// for the wrapper that pages have: docs/specs/aeslides.md, 11. `None` also for a page.
pub fn without_wrapper(layout: &SlideLayout) -> Option<Imbalance> {
    if !layout.is_deck() {
        return None;
    }
    let mut bare = layout.clone();
    let wrapper = bare.elements.iter_mut().find(|e| e.tag == "div" && e.element.is_none());
    wrapper?.rect = Rect::default();
    imbalance(&bare)
}

/// Where the visual weight of a tree lies, in a view of this size in pixels.
pub(super) fn of_tree(nodes: &[Node], [width, height]: [f64; 2]) -> Option<Imbalance> {
    let mut sum = Weight::default();
    for node in nodes {
        let area = node.rect.area();
        if area < LEAST || node.opacity < FAINT || matches!(node.tag.as_str(), "html" | "body") {
            continue;
        }
        sum.content(node);
        if node.background_image && !node.image_like {
            sum.background(nodes, node, area / (width * height));
        }
    }
    if sum.weight <= 0.0 {
        return None;
    }
    let [x, y] = sum.moment.map(|moment| moment / sum.weight);
    let offset = [(x - width / 2.0) / width, (y - height / 2.0) / height];
    let distance = |[across, down]: [f64; 2]| (offset[0].abs() / across).hypot(offset[1].abs() / down);
    Some(Imbalance { offset, code: distance(CODE), paper: distance(PAPER) })
}

/// Weight and moments so far.
#[derive(Default)]
struct Weight {
    weight: f64,
    moment: [f64; 2],
}

impl Weight {
    fn add(&mut self, at: Rect, weight: f64) {
        self.weight += weight;
        self.moment[0] += weight * (at.x + at.w / 2.0);
        self.moment[1] += weight * (at.y + at.h / 2.0);
    }

    /// What a box weighs by its text, and by its picture.
    fn content(&mut self, node: &Node) {
        let (rect, area) = (node.rect, node.rect.area());
        let text = node.text_like || node.text_len > 0;
        if text && node.text_len > LONG && !node.lines.is_empty() {
            let heavy = node.lines.iter().filter(|line| line.area() >= LEAST_LINE);
            heavy.for_each(|line| self.add(*line, line.area()));
        } else if text {
            self.add(rect, area);
        }
        let atom = !text && node.children.is_empty() && ATOMS.contains(&node.tag.as_str());
        if node.image_like {
            self.add(rect, area);
        } else if node.icon_like {
            self.add(rect, ICON * area);
        } else if atom {
            self.add(rect, area);
        }
    }

    /// What the free part of a background image weighs; `share` is that of the slide which the box
    /// takes.
    fn background(&mut self, nodes: &[Node], node: &Node, share: f64) {
        let [least, most] = BACKGROUND;
        if node.children.len() > MAX_INSIDE || share < least || share > most {
            return;
        }
        let area = node.rect.area();
        let inside = node.children.iter().map(|child| nodes[*child].rect);
        let taken = inside.chain(node.lines.iter().copied()).filter_map(|r| node.rect.meet(r));
        let free = area - area.min(taken.map(Rect::area).sum());
        if free >= LEAST && free / area >= FREE {
            self.add(node.rect, free);
        }
    }
}
