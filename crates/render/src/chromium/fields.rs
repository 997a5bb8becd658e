//! What stands in fields, which browsers draw in trees of their own, and labels of controls that
//! are switched off.

use super::colours::color;
use super::elements::Laid;
use super::snapshot::{Layout, Node};
use std::collections::BTreeSet;
use vsdpo_artifact::{Element, Region};

/// Types of `input` whose value is drawn as text.
const TEXTS: [&str; 10] =
    ["", "text", "search", "email", "url", "tel", "number", "submit", "button", "reset"];
/// Width of a letter, and height of a line, as multiples of the font size: the box of a text in a
/// field is not reported and has to be estimated.
const LETTER: f32 = 0.5;
const LINE: f32 = 1.15;
/// Characters of a text at most.
const MAX_TEXT: usize = 400;

/// The text in a field.
pub struct Field {
    text: String,
    /// The computed colour of a placeholder; absent for a value.
    color: Option<String>,
    layout: Region,
    /// Where the text begins: room at the left, right and top.
    room: [f32; 3],
    /// Whether it is in the middle or at the right.
    align: Align,
    /// Whether it begins at the top of a field of several lines.
    top: bool,
}

enum Align {
    Left,
    Center,
    Right,
}

/// The text in the node at this place; `None` for what is no field, or shows no text.
pub fn field(laid: &Laid, at: usize) -> Option<Field> {
    let node = &laid.nodes[at];
    let layout = node.layout.as_ref()?;
    let typed = match node.name {
        "INPUT" if !TEXTS.contains(&node.attribute("type").unwrap_or_default()) => return None,
        "INPUT" | "TEXTAREA" => node.value.to_owned(),
        "SELECT" if node.attribute("multiple").is_none() && node.attribute("size").is_none() => {
            option(laid.nodes, at)
        }
        _ => return None,
    };
    let (text, color) = if typed.trim().is_empty() {
        let number = node.attribute(&laid.tagged.attribute)?;
        let css = laid.placeholders.get(number)?;
        // A label often lies over a placeholder without colour.
        color(css, 1.0).filter(|color| color[3] > 0)?;
        (node.attribute("placeholder")?.to_owned(), Some(css.clone()))
    } else {
        (typed, None)
    };
    let pixels = |property| layout.pixels(property).unwrap_or(0.0);
    Some(Field {
        text: text.trim().chars().take(MAX_TEXT).collect(),
        color,
        layout: layout.client.unwrap_or(layout.bounds),
        room: ["padding-left", "padding-right", "padding-top"].map(pixels),
        align: align(layout),
        top: node.name == "TEXTAREA",
    })
}

fn align(layout: &Layout) -> Align {
    let reversed = layout.style("direction") == "rtl";
    match layout.style("text-align") {
        "center" | "-webkit-center" => Align::Center,
        "right" | "-webkit-right" => Align::Right,
        "end" if !reversed => Align::Right,
        "start" | "auto" | "" if reversed => Align::Right,
        _ => Align::Left,
    }
}

impl Field {
    /// Gives an element the text, its line, and its colour.
    pub fn write(self, element: &mut Element, opacity: f32) {
        let Some(facts) = &mut element.html else { return };
        let size = element.font_px.unwrap_or(16.0);
        let [left, right, top] = self.room;
        let inner = Region { x0: self.layout.x0 + left, x1: self.layout.x1 - right, ..self.layout };
        let width = (LETTER * size * self.text.chars().count() as f32).min(inner.width());
        let height = (LINE * size).min(self.layout.height());
        if width <= 0.0 || height <= 0.0 {
            return;
        }
        let x0 = match self.align {
            Align::Left => inner.x0,
            Align::Center => inner.center().0 - width / 2.0,
            Align::Right => inner.x1 - width,
        };
        let y0 = if self.top { self.layout.y0 + top } else { inner.center().1 - height / 2.0 };
        facts.lines = vec![Region::new(x0, y0, x0 + width, y0 + height)];
        if let Some(css) = &self.color {
            element.color = color(css, opacity);
        }
        element.text = Some(self.text);
    }
}

/// The text of the option that a selection shows.
fn option(nodes: &[Node], select: usize) -> String {
    let mut shown = None;
    let mut text = String::new();
    for (at, node) in nodes.iter().enumerate().skip(select + 1) {
        if node.parent.is_none_or(|parent| parent < select) {
            break;
        }
        shown = if node.selected { Some(at) } else { shown };
        if node.kind == 3 && node.parent == shown && shown.is_some() && text.len() < MAX_TEXT {
            text.push_str(node.words);
        }
    }
    text
}

/// The labels of controls that are switched off, by their places among the nodes: those around
/// such a control, those that name it, and those that it names.
pub fn labels_switched_off(nodes: &[Node]) -> BTreeSet<usize> {
    let around = |at: usize| std::iter::successors(nodes[at].parent, |&at| nodes[at].parent).take(64);
    let is_off =
        |node: &Node| node.attribute("disabled").is_some() || node.attribute("aria-disabled") == Some("true");
    let control = |name: &str| matches!(name, "INPUT" | "SELECT" | "TEXTAREA" | "BUTTON");
    let (mut off, mut named, mut naming) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| control(node.name)) {
        let within = || around(at).any(|at| nodes[at].name == "FIELDSET" && is_off(&nodes[at]));
        if !is_off(node) && !within() {
            continue;
        }
        off.extend(around(at).filter(|&at| nodes[at].name == "LABEL"));
        named.extend(node.attribute("id"));
        naming.extend(node.attribute("aria-labelledby").unwrap_or_default().split_whitespace());
    }
    if named.is_empty() && naming.is_empty() {
        return off;
    }
    let named =
        |node: &Node| node.name == "LABEL" && node.attribute("for").is_some_and(|id| named.contains(id));
    let naming = |node: &Node| node.attribute("id").is_some_and(|id| naming.contains(id));
    off.extend(nodes.iter().enumerate().filter(|(_, node)| named(node) || naming(node)).map(|(at, _)| at));
    off
}
