//! What holds inside a node of a page: its place in the source, what hides, cuts, scales and
//! recolours it.

use super::colours::color;
use super::snapshot::{Layout, Node};
use super::tag::Tagged;
use std::collections::BTreeSet;
use vsdpo_artifact::{Region, Span};

/// Beyond every page, in pixels.
const FAR: f32 = 1e6;

/// What holds inside a node.
#[derive(Clone, Debug)]
pub struct State {
    /// The nearest element of the table.
    pub element: Option<u32>,
    /// The start tag of the nearest element of the source.
    pub tag: Option<Span>,
    /// Not hidden on purpose.
    pub visible: bool,
    /// The opacity of everything around.
    pub opacity: f32,
    /// Switched off on purpose.
    pub disabled: bool,
    /// What cuts, from the outside in.
    pub clips: Vec<Clip>,
    /// Within a drawing (`svg`), whose shapes are no elements.
    pub drawing: bool,
    /// Pixels of the picture per pixel of the style.
    pub scale: f32,
    /// Whether a filter or a blend mode changes the colours.
    pub filtered: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            element: None,
            tag: None,
            visible: true,
            opacity: 1.0,
            disabled: false,
            clips: Vec::new(),
            drawing: false,
            scale: 1.0,
            filtered: false,
        }
    }
}

/// A box that cuts what is inside.
#[derive(Clone, Debug)]
pub struct Clip {
    pub region: Region,
    /// Cut for good, not to be scrolled.
    pub hard: bool,
    /// Whether it also cuts what is placed absolutely, and what is fixed.
    pub holds: [bool; 2],
}

impl State {
    /// The state inside a node, with what it adds. `off` has the labels of controls that are
    /// switched off, by their places among the nodes.
    pub fn inside(mut self, (at, node): (usize, &Node), tagged: &Tagged, off: &BTreeSet<usize>) -> Self {
        if let Some(tag) = node.attribute(&tagged.attribute).and_then(|number| tagged.tag(number)) {
            self.tag = Some(tag);
        }
        let Some(layout) = &node.layout else { return self };
        if node.kind != 1 {
            return self;
        }
        let holds = [layout.style("position") != "static", layout.style("transform") != "none"];
        let holds = [holds[0] || holds[1], holds[1]];
        match layout.style("position") {
            "absolute" => self.clips.retain(|clip| clip.holds[0]),
            "fixed" => self.clips.retain(|clip| clip.holds[1]),
            _ => (),
        }
        // An element that stands still may hold nothing itself, but what is around it still does.
        for clip in &mut self.clips {
            clip.holds = [clip.holds[0] || holds[0], clip.holds[1] || holds[1]];
            // What moves without end, like a ticker, shows everything in time.
            clip.hard &= !moves(node, layout);
        }
        let opacity: f32 = layout.style("opacity").parse().unwrap_or(1.0);
        self.opacity *= opacity.clamp(0.0, 1.0);
        self.scale *= scale(node, layout);
        self.filtered |= !matches!(layout.style("filter"), "none" | "")
            || !matches!(layout.style("mix-blend-mode"), "normal" | "");
        self.disabled |= node.attribute("disabled").is_some()
            || node.attribute("aria-disabled") == Some("true")
            || said_off(node)
            || off.contains(&at);
        let gone = layout.style("clip").starts_with("rect")
            || layout.style("clip-path").contains("(50%)")
            || layout.style("clip-path").contains("(100%)");
        self.visible &= self.opacity > 0.0 && !gone;
        self
    }

    /// Adds what an element cuts of its content. The root's overflow is the window's, which the
    /// picture ignores.
    pub fn cut(&mut self, node: &Node, layout: &Layout) {
        let (across, down) = match node.name {
            "IFRAME" if node.attribute("scrolling") == Some("no") => ("hidden", "hidden"),
            "IFRAME" => ("auto", "auto"),
            _ => (layout.style("overflow-x"), layout.style("overflow-y")),
        };
        let free = matches!((across, down), ("visible" | "", "visible" | ""));
        if free
            || matches!(node.name, "HTML" | "BODY")
            || layout.style("display") == "inline" && node.name != "IFRAME"
        {
            return;
        }
        let Some(client) = layout.client else { return };
        let holds = layout.style("transform") != "none" || node.name == "IFRAME";
        let placed = holds || layout.style("position") != "static";
        // One way may be cut for good while the other can be scrolled or is free.
        let is_hard = |how: &str| matches!(how, "hidden" | "clip");
        for hard in [true, false] {
            let cuts = |how: &str| how != "visible" && is_hard(how) == hard;
            let mut region = Region::new(-FAR, -FAR, FAR, FAR);
            if cuts(across) {
                (region.x0, region.x1) = (client.x0, client.x1);
            }
            if cuts(down) {
                (region.y0, region.y1) = (client.y0, client.y1);
            }
            if cuts(across) || cuts(down) {
                self.clips.push(Clip { region, hard, holds: [placed, holds] });
            }
        }
    }

    /// Adds the window, which cuts at the right for good where the root's overflow is hidden.
    pub fn cut_by_window(&mut self, width: f32) {
        let region = Region::new(-FAR, -FAR, width, FAR);
        self.clips.push(Clip { region, hard: true, holds: [true; 2] });
    }

    /// What the boxes around leave, of those that are asked for.
    pub fn cut_by(&self, which: impl Fn(&Clip) -> bool) -> Option<Region> {
        self.clips.iter().filter(|clip| which(clip)).map(|clip| clip.region).reduce(Region::intersect)
    }

    /// A computed colour with the opacity around it.
    pub fn color(&self, css: &str) -> Option<[u8; 4]> {
        color(css, self.opacity)
    }
}

/// Whether the class of a control, or of the item of a list that holds one, says that it is
/// switched off: `disabled`, `is-disabled`, `btn-disabled`.
fn said_off(node: &Node) -> bool {
    let control = matches!(node.name, "A" | "BUTTON" | "INPUT" | "SELECT" | "TEXTAREA" | "LABEL" | "LI")
        || node.attribute("role").is_some();
    let says = |class: &str| class.rsplit(['-', '_']).next() == Some("disabled");
    control && node.attribute("class").is_some_and(|list| list.split_whitespace().any(says))
}

/// Whether an element moves without end.
fn moves(node: &Node, layout: &Layout) -> bool {
    let endless = layout.style("animation-iteration-count").contains("infinite");
    node.name == "MARQUEE" || endless && !matches!(layout.style("animation-name"), "none" | "")
}

/// By how much an element is drawn larger than its style says: `zoom`, `scale`, `transform`, and
/// the `viewBox` of a drawing.
fn scale(node: &Node, layout: &Layout) -> f32 {
    let numbers = |list: &str| -> Vec<f32> {
        list.split([',', ' ']).filter(|part| !part.is_empty()).filter_map(|part| part.parse().ok()).collect()
    };
    let zoom = layout.style("zoom").parse().unwrap_or(1.0);
    let own = match *numbers(layout.style("scale")) {
        [both] => both,
        [x, y, ..] => (x * y).abs().sqrt(),
        [] => 1.0,
    };
    let matrix = layout.style("transform").strip_prefix("matrix(").and_then(|list| list.strip_suffix(')'));
    let turned = match *matrix.map(numbers).unwrap_or_default() {
        [a, b, c, d, ..] => (a * d - b * c).abs().sqrt(),
        _ => 1.0,
    };
    let drawn = if node.name == "svg" { view_scale(node, layout, &numbers) } else { 1.0 };
    let scale = zoom * own * turned * drawn;
    if scale.is_finite() { scale.clamp(0.0, 1e3) } else { 1.0 }
}

/// The scale of the `viewBox` of a drawing.
fn view_scale(node: &Node, layout: &Layout, numbers: &impl Fn(&str) -> Vec<f32>) -> f32 {
    let Some(view) = node.attribute("viewBox").or_else(|| node.attribute("viewbox")) else { return 1.0 };
    let [_, _, width, height] = *numbers(view) else { return 1.0 };
    if width <= 0.0 || height <= 0.0 {
        return 1.0;
    }
    let room = layout.client.unwrap_or(layout.bounds);
    let (x, y) = (room.width() / width, room.height() / height);
    match node.attribute("preserveAspectRatio").unwrap_or_default() {
        how if how.contains("slice") => x.max(y),
        how if how.contains("none") => (x * y).sqrt(),
        _ => x.min(y),
    }
}
