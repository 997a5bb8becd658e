//! From the nodes of a page to its table of elements.
//!
//! One element for every HTML element that has a box and is not hidden on purpose (`visibility`,
//! zero opacity, clipped to nothing). Texts belong to the element right around them, `::before` and
//! `::after` to their host. What a script made is charged to the nearest element of the source
//! around it.

use super::snapshot::{Layout, Node};
use super::tag::Tagged;
use crate::config::MAX_ELEMENTS;
use crate::text::clean_line;
use std::collections::BTreeSet;
use vsdpo_artifact::{Element, ElementKind, HtmlFacts, Region, Span};

/// Characters of an element's text.
const MAX_TEXT: usize = 2_000;
/// Lines of an element's text.
const MAX_LINES: usize = 64;
/// Characters of an address that did not answer.
const MAX_URL: usize = 200;
/// Boxes reach at most this many pictures beyond the picture.
const BEYOND: f32 = 4.0;

/// What the elements are made from.
pub struct Laid<'a> {
    /// The nodes of the snapshot.
    pub nodes: &'a [Node<'a>],
    /// Their places in the source.
    pub tagged: &'a Tagged<'a>,
    /// Width and height of the picture.
    pub size: (f32, f32),
    /// Width of the window.
    pub window: f32,
    /// Numbers of the pictures that did not load.
    pub broken: &'a BTreeSet<String>,
}

/// The table of elements, and for each the browser's number of its node.
pub fn elements(laid: &Laid) -> (Vec<Element>, Vec<i64>) {
    let mut states: Vec<State> = Vec::with_capacity(laid.nodes.len());
    let (mut elements, mut backends) = (Vec::new(), Vec::new());
    for node in laid.nodes {
        let around = node.parent.map(|parent| states[parent].clone()).unwrap_or_default();
        let mut state = around.inside(node, laid);
        if let (Some(layout), true) = (&node.layout, state.visible) {
            if is_text(node) {
                if let Some(host) = state.element.filter(|_| visible(layout)) {
                    add_text(&mut elements[host as usize], layout);
                }
            } else if node.name == "BR" {
                if let Some(host) = state.element {
                    elements[host as usize].text.get_or_insert_default().push('\n');
                }
            } else if node.kind == 1 {
                let uncut = state.cut_by(|_| true);
                state.cut(node.name, layout);
                if shown(node.name, layout, &state) && elements.len() < MAX_ELEMENTS {
                    let element = make(elements.len() as u32, node, layout, (&state, uncut), laid);
                    state.element = Some(element.id);
                    elements.push(element);
                    backends.push(node.backend);
                }
                state.drawing |= node.name == "svg";
            }
        }
        states.push(state);
    }
    elements.iter_mut().for_each(finish);
    (elements, backends)
}

/// What holds inside a node.
#[derive(Clone, Debug)]
struct State {
    /// The nearest element of the table.
    element: Option<u32>,
    /// The start tag of the nearest element of the source.
    tag: Option<Span>,
    /// Not hidden on purpose.
    visible: bool,
    opacity: f32,
    /// Switched off on purpose.
    disabled: bool,
    /// What cuts, from the outside in.
    clips: Vec<Clip>,
    /// Within a drawing (`svg`), whose shapes are no elements.
    drawing: bool,
}

impl Default for State {
    fn default() -> Self {
        let (visible, opacity, disabled, drawing) = (true, 1.0, false, false);
        Self { element: None, tag: None, visible, opacity, disabled, clips: Vec::new(), drawing }
    }
}

/// A box that cuts what is inside.
#[derive(Clone, Debug)]
struct Clip {
    region: Region,
    /// Cut for good, not to be scrolled.
    hard: bool,
    /// Whether it also cuts what is placed absolutely, and what is fixed.
    holds: [bool; 2],
}

impl State {
    /// The state inside a node, with what it adds.
    fn inside(mut self, node: &Node, laid: &Laid) -> Self {
        if let Some(tag) = node.attribute(&laid.tagged.attribute).and_then(|number| laid.tagged.tag(number)) {
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
        }
        let opacity: f32 = layout.style("opacity").parse().unwrap_or(1.0);
        self.opacity *= opacity.clamp(0.0, 1.0);
        self.disabled |=
            node.attribute("disabled").is_some() || node.attribute("aria-disabled") == Some("true");
        let gone = layout.style("clip").starts_with("rect")
            || layout.style("clip-path").contains("(50%)")
            || layout.style("clip-path").contains("(100%)");
        self.visible &= self.opacity > 0.0 && !gone;
        self
    }

    /// Adds what an element cuts of its content. The root's overflow is the window's, which the
    /// picture ignores.
    fn cut(&mut self, name: &str, layout: &Layout) {
        let (across, down) = (layout.style("overflow-x"), layout.style("overflow-y"));
        let free = matches!((across, down), ("visible" | "", "visible" | ""));
        if free || matches!(name, "HTML" | "BODY") || layout.style("display") == "inline" {
            return;
        }
        let Some(client) = layout.client else { return };
        let holds = layout.style("transform") != "none";
        let placed = holds || layout.style("position") != "static";
        // One way may be cut for good while the other can be scrolled or is free.
        let far = 1e6;
        let is_hard = |how: &str| matches!(how, "hidden" | "clip");
        for hard in [true, false] {
            let cuts = |how: &str| how != "visible" && is_hard(how) == hard;
            let mut region = Region::new(-far, -far, far, far);
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

    fn cut_by(&self, which: impl Fn(&Clip) -> bool) -> Option<Region> {
        self.clips.iter().filter(|clip| which(clip)).map(|clip| clip.region).reduce(Region::intersect)
    }
}

/// Texts of the page, and what style sheets put before and after elements; not the marks of lists.
fn is_text(node: &Node) -> bool {
    node.kind == 3 || matches!(node.name, "::before" | "::after")
}

fn visible(layout: &Layout) -> bool {
    layout.style("visibility") == "visible"
}

/// Whether a node becomes an element.
fn shown(name: &str, layout: &Layout, state: &State) -> bool {
    let drawn = !state.drawing || name == "text";
    drawn && visible(layout) && !name.starts_with("::") && name != "WBR"
}

/// The element of a node, its texts still to come. `uncut` is what the elements around it leave of
/// it.
fn make(
    id: u32,
    node: &Node,
    layout: &Layout,
    (state, uncut): (&State, Option<Region>),
    laid: &Laid,
) -> Element {
    let tag = node.name.to_ascii_lowercase();
    let kind = kind(&tag);
    let (bounds, picture) = (laid.bounded(layout.bounds), Region::new(0.0, 0.0, laid.size.0, laid.size.1));
    let visible = upright(uncut.map_or(bounds, |clip| bounds.intersect(clip)).intersect(picture));
    let page = kind == ElementKind::Page;
    let mut element = Element::new(id, kind, if page { picture } else { visible });
    element.stack = state.tag.into_iter().collect();
    element.order = layout.order;
    element.parent = state.element;
    element.layout = Some(if page { Region { x1: laid.window, ..picture } } else { bounds });
    element.color = color(layout.style("-webkit-text-fill-color"), state.opacity);
    element.font_px = layout.style("font-size").strip_suffix("px").and_then(|size| size.parse().ok());
    let typed = [node.value, node.attribute("placeholder").unwrap_or_default()];
    let typed = typed.into_iter().find(|text| !text.trim().is_empty() && kind == ElementKind::Control);
    element.text = typed.map(str::to_owned);
    let position = layout.style("position");
    let broken = node.attribute(&laid.tagged.attribute).is_some_and(|number| laid.broken.contains(number));
    element.html = Some(HtmlFacts {
        tag,
        lines: Vec::new(),
        clip: state.cut_by(|clip| clip.hard).map(|clip| laid.bounded(upright(clip))),
        scroll: state.cut_by(|clip| !clip.hard).map(|clip| laid.bounded(upright(clip))),
        ground: color(layout.style("background-color"), state.opacity).filter(|color| color[3] > 0),
        framed: framed(layout),
        painted: layout.style("background-image") != "none",
        position: (position != "static").then(|| position.to_owned()),
        display: layout.style("display").to_owned(),
        bold: layout.style("font-weight").parse().is_ok_and(|weight: f32| weight >= 700.0),
        disabled: state.disabled,
        unmet: broken.then(|| clean_line(node.attribute("src").unwrap_or_default(), MAX_URL)),
    });
    element
}

fn kind(tag: &str) -> ElementKind {
    match tag {
        "html" => ElementKind::Page,
        "img" | "svg" | "canvas" | "video" => ElementKind::Image,
        "button" | "input" | "select" | "textarea" => ElementKind::Control,
        _ => ElementKind::Block,
    }
}

/// Gives an element the text of one of its children.
fn add_text(element: &mut Element, layout: &Layout) {
    let Some(facts) = &mut element.html else { return };
    let room = MAX_LINES.saturating_sub(facts.lines.len());
    facts.lines.extend(layout.lines.iter().filter(|line| !line.is_empty()).take(room));
    element.text.get_or_insert_default().push_str(layout.text);
}

/// Once all its texts are there: what it is, and its text on one line.
fn finish(element: &mut Element) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    element.text = element.text.take().map(|text| clean_line(&words(&text), MAX_TEXT));
    element.text = element.text.take().filter(|text| !text.is_empty());
    let Some(facts) = &mut element.html else { return };
    if element.text.is_none() {
        facts.lines.clear();
    }
    if element.kind == ElementKind::Block && !facts.lines.is_empty() {
        let heading = matches!(facts.tag.as_str(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
        element.kind = if heading { ElementKind::Title } else { ElementKind::Text };
    }
}

impl Laid<'_> {
    /// The part of a box that lies within some pictures of the picture.
    fn bounded(&self, r: Region) -> Region {
        let within = |v: f32, side: f32| v.clamp(-BEYOND * side, (1.0 + BEYOND) * side);
        let ((w, h), Region { x0, y0, x1, y1 }) = (self.size, r);
        Region::new(within(x0, w), within(y0, h), within(x1, w), within(y1, h))
    }
}

/// A box that ends no earlier than it begins.
fn upright(r: Region) -> Region {
    Region { x1: r.x1.max(r.x0), y1: r.y1.max(r.y0), ..r }
}

/// Whether a reader sees where an element's box ends.
fn framed(layout: &Layout) -> bool {
    let clear = |property: &str| color(layout.style(property), 1.0).is_some_and(|color| color[3] == 0);
    let border = ["top", "right", "bottom", "left"].iter().any(|side| {
        let width = layout.style(&format!("border-{side}-width"));
        !matches!(width, "0px" | "") && !clear(&format!("border-{side}-color"))
    });
    border || !clear("background-color") || !matches!(layout.style("box-shadow"), "none" | "")
}

/// A computed colour, its alpha times the opacity around it: `rgb(1, 2, 3)`, `rgba(1, 2, 3, 0.4)`
/// or `color(srgb 0.1 0.2 0.3 / 0.4)`; `None` for those of wider spaces.
fn color(css: &str, opacity: f32) -> Option<[u8; 4]> {
    let (function, list) = css.strip_suffix(')')?.split_once('(')?;
    let (list, full) = match function {
        "rgb" | "rgba" => (list, 1.0),
        "color" => (list.strip_prefix("srgb ")?, 255.0),
        _ => return None,
    };
    let numbers = list.split([' ', ',', '/']).filter(|part| !part.is_empty());
    let numbers: Vec<f32> = numbers.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (rgb, alpha) = match *numbers.as_slice() {
        [r, g, b] => ([r, g, b], 1.0),
        [r, g, b, alpha] => ([r, g, b], alpha),
        _ => return None,
    };
    let [r, g, b] = rgb.map(|channel| (channel * full).round() as u8);
    Some([r, g, b, (alpha * opacity * 255.0).round() as u8])
}
