//! From the nodes of a page to its table of elements.
//!
//! One element for every HTML element that has a box and is not hidden on purpose (`visibility`,
//! zero opacity, clipped to nothing). Texts belong to the element right around them, `::before` and
//! `::after` to their host, unless they differ from it in colour or size. What a script made is
//! charged to the nearest element of the source around it, and so is what a frame shows.

use super::colours::color;
use super::fields::{self, Field};
use super::snapshot::{Layout, Node};
use super::state::State;
use super::tag::Tagged;
use crate::config::MAX_ELEMENTS;
use crate::text::clean_line;
use std::collections::{BTreeMap, BTreeSet};
use vsdpo_artifact::{Element, ElementKind, HtmlFacts, Region};

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
    /// Colours of the placeholders, by the numbers of their fields.
    pub placeholders: &'a BTreeMap<String, String>,
    /// Whether the root hides what is beyond the window at the right.
    pub cut: bool,
}

/// The table of elements, and for each the browser's number of its node.
pub fn elements(laid: &Laid) -> (Vec<Element>, Vec<i64>) {
    let off = fields::labels_switched_off(laid.nodes);
    let mut states: Vec<State> = Vec::with_capacity(laid.nodes.len());
    let mut table = Table::default();
    for (at, node) in laid.nodes.iter().enumerate() {
        let around = node.parent.map(|parent| states[parent].clone()).unwrap_or_else(|| root(laid));
        let mut state = around.inside((at, node), laid.tagged, &off);
        if let (Some(layout), true) = (&node.layout, state.visible) {
            if is_text(node) {
                table.text(node, layout, &state, laid);
            } else if node.name == "BR" {
                if let Some(host) = state.element {
                    table.elements[host as usize].text.get_or_insert_default().push('\n');
                }
            } else if node.kind == 1 {
                let uncut = state.cut_by(|_| true);
                state.cut(node, layout);
                if shown(node.name, layout, &state) {
                    table.add(node, (layout, fields::field(laid, at)), (&mut state, uncut), laid);
                }
                state.drawing |= node.name == "svg";
            }
        }
        states.push(state);
    }
    table.elements.iter_mut().for_each(finish);
    (table.elements, table.backends)
}

/// What holds in the document itself.
fn root(laid: &Laid) -> State {
    let mut state = State::default();
    if laid.cut {
        state.cut_by_window(laid.window);
    }
    state
}

/// The elements so far.
#[derive(Default)]
struct Table {
    elements: Vec<Element>,
    backends: Vec<i64>,
}

impl Table {
    /// Adds an element, with what stands in it if it is a field.
    fn add(
        &mut self,
        node: &Node,
        (layout, field): (&Layout, Option<Field>),
        (state, uncut): (&mut State, Option<Region>),
        laid: &Laid,
    ) {
        if self.elements.len() >= MAX_ELEMENTS {
            return;
        }
        let id = self.elements.len() as u32;
        let mut element = make(id, node, layout, (state, uncut), laid);
        if let Some(field) = field {
            field.write(&mut element, state.opacity);
        }
        state.element = Some(id);
        self.elements.push(element);
        self.backends.push(node.backend);
    }

    /// Gives a text to the element around it. A `::before` that looks different is an element of
    /// its own.
    fn text(&mut self, node: &Node, layout: &Layout, state: &State, laid: &Laid) {
        let Some(host) = state.element.filter(|_| visible(layout) && !is_icon(layout, state.scale)) else {
            return;
        };
        let host = &mut self.elements[host as usize];
        let words = layout.text.chars().any(char::is_alphanumeric);
        if node.name.starts_with("::") && words && self.backends.len() < MAX_ELEMENTS {
            let made = make(self.backends.len() as u32, node, layout, (state, state.cut_by(|_| true)), laid);
            if (made.color, made.font_px) != (host.color, host.font_px) {
                self.elements.push(made);
                self.backends.push(node.backend);
                if let Some(own) = self.elements.last_mut() {
                    add_text(own, layout, &layout.lines);
                }
                return;
            }
        }
        // In a drawing the boxes of lines are scaled twice; a text there has one line.
        let lines = if state.drawing { std::slice::from_ref(&layout.bounds) } else { &layout.lines[..] };
        add_text(host, layout, lines);
    }
}

/// Texts of the page, and what style sheets put before and after elements; not the marks of lists.
fn is_text(node: &Node) -> bool {
    node.kind == 3 || matches!(node.name, "::before" | "::after")
}

/// Whether a word is drawn as one sign: fonts of icons have a ligature for each name. Where the
/// font is missing the name itself is read, which is several times as wide.
fn is_icon(layout: &Layout, scale: f32) -> bool {
    let family = layout.style("font-family").to_ascii_lowercase();
    let named = ["material icons", "material symbols"].iter().any(|name| family.contains(name));
    let size = layout.pixels("font-size");
    named && size.is_some_and(|size| layout.lines.iter().all(|line| line.width() <= 1.3 * scale * size))
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
    // A frame shows another document, whose root is a box of this one.
    let kind = if node.framed && tag == "html" { ElementKind::Block } else { kind(&tag) };
    let (bounds, picture) = (laid.bounded(layout.bounds), Region::new(0.0, 0.0, laid.size.0, laid.size.1));
    let visible = upright(uncut.map_or(bounds, |clip| bounds.intersect(clip)).intersect(picture));
    let page = kind == ElementKind::Page;
    let mut element = Element::new(id, kind, if page { picture } else { visible });
    element.stack = state.tag.into_iter().collect();
    element.order = layout.order;
    element.parent = state.element;
    element.layout = Some(if page { Region { x1: laid.window, ..picture } } else { bounds });
    element.color = letters(layout, state);
    element.font_px = layout.pixels("font-size").map(|size| size * state.scale);
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
        ground: state.color(layout.style("background-color")).filter(|color| color[3] > 0),
        framed: framed(layout),
        painted: layout.style("background-image") != "none",
        position: (position != "static").then(|| position.to_owned()),
        display: layout.style("display").to_owned(),
        bold: layout.style("font-weight").parse().is_ok_and(|weight: f32| weight >= 700.0),
        disabled: state.disabled,
        raised: raised(node, layout),
        shadow: shadow(layout).and_then(|css| state.color(css)).filter(|color| color[3] > 0),
        spacing: layout.pixels("letter-spacing").filter(|s| *s != 0.0).map(|s| s * state.scale),
        inked: layout.style("background-clip").split(", ").any(|part| part == "text"),
        filtered: state.filtered,
        unmet: broken.then(|| clean_line(node.attribute("src").unwrap_or_default(), MAX_URL)),
    });
    element
}

/// The colour of an element's letters. In a drawing they have the colour of a fill.
fn letters(layout: &Layout, state: &State) -> Option<[u8; 4]> {
    if !state.drawing {
        return state.color(layout.style("-webkit-text-fill-color"));
    }
    let opacity: f32 = layout.style("fill-opacity").parse().unwrap_or(1.0);
    color(layout.style("fill"), state.opacity * opacity.clamp(0.0, 1.0))
}

/// The strongest colour of the shadows of an element's letters.
fn shadow<'a>(layout: &Layout<'a>) -> Option<&'a str> {
    let css = layout.style("text-shadow");
    let colour = |end: usize| {
        let open = css[..end].rfind('(')?;
        let name = css[..open].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
        css.get(name.len()..=end)
    };
    let colours = css.match_indices(')').filter_map(|(end, _)| colour(end));
    colours.max_by_key(|css| color(css, 1.0).map_or(0, |color| color[3]))
}

/// Whether an element is meant to lie over others.
fn raised(node: &Node, layout: &Layout) -> bool {
    const ROLES: [&str; 6] = ["dialog", "alertdialog", "menu", "listbox", "tooltip", "alert"];
    const NAMES: [&str; 9] =
        ["menu", "dropdown", "popup", "popover", "tooltip", "modal", "dialog", "toast", "overlay"];
    let role = node.attribute("role").is_some_and(|role| ROLES.contains(&role));
    let class = node.attribute("class").unwrap_or_default().to_ascii_lowercase();
    let lifted = layout.style("z-index").parse().is_ok_and(|level: f32| level >= 1.0)
        || !matches!(layout.style("box-shadow"), "none" | "");
    let said = node.name == "DIALOG"
        || role
        || node.attribute("popover").is_some()
        || node.attribute("aria-modal") == Some("true")
        || NAMES.iter().any(|name| class.contains(name));
    said || lifted
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
fn add_text(element: &mut Element, layout: &Layout, lines: &[Region]) {
    let Some(facts) = &mut element.html else { return };
    let room = MAX_LINES.saturating_sub(facts.lines.len());
    facts.lines.extend(lines.iter().filter(|line| !line.is_empty()).take(room));
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
