//! What a page shows that no rule looks at, and why a page shows nothing: in words for a person.

use super::page::Drawn;
use super::snapshot::Node;
use crate::text::clean_line;

/// Characters of an address in a remark.
const MAX_NOTE: usize = 200;
/// Addresses that a remark names.
const NAMED: usize = 3;
/// Least side in pixels of a frame or a canvas that a reader sees.
const LEAST: f32 = 16.0;

/// What a page shows that no rule looks at.
#[derive(Default)]
pub struct Unjudged {
    /// Addresses of frames.
    frames: Vec<String>,
    /// Number of canvases.
    canvases: usize,
    /// Whether the page is nothing but a set of frames.
    frameset: bool,
}

impl Unjudged {
    pub fn of(nodes: &[Node]) -> Self {
        let mut found = Self::default();
        for node in nodes.iter().filter(|node| node.kind == 1) {
            let seen = node.layout.as_ref().is_some_and(|layout| {
                let wide = layout.bounds.width() >= LEAST && layout.bounds.height() >= LEAST;
                wide && layout.style("visibility") == "visible" && layout.style("opacity") != "0"
            });
            match node.name {
                "FRAMESET" => found.frameset = true,
                "FRAME" => found.frames.push(address(node)),
                "IFRAME" | "OBJECT" | "EMBED" if seen && !node.read => found.frames.push(address(node)),
                "CANVAS" if seen => found.canvases += 1,
                _ => (),
            }
        }
        found
    }
}

fn address(node: &Node) -> String {
    let given = ["src", "data"].iter().find_map(|name| node.attribute(name));
    given.map_or("a frame without an address".into(), |address| clean_line(address, MAX_NOTE))
}

/// The first few addresses, and how many more there are.
fn named(addresses: &[String]) -> String {
    let first: Vec<&str> = addresses.iter().take(NAMED).map(String::as_str).collect();
    let more = addresses.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

/// What a reader of the findings should know about the page.
pub fn notes(drawn: &Drawn) -> Vec<String> {
    let none = Unjudged::default();
    let unjudged = drawn.table.as_ref().map_or(&none, |table| &table.unjudged);
    let mut notes = Vec::new();
    if let Some(onward) = &drawn.onward {
        let to = clean_line(onward, MAX_NOTE);
        notes.push(format!(
            "the page sends its readers on to {to}, which is not judged; it is drawn as it is before that"
        ));
    }
    let told = |url: &&String| !unjudged.frames.contains(url);
    notes.extend(
        drawn.unmet.iter().filter(told).map(|url| format!("no answer for {}", clean_line(url, MAX_NOTE))),
    );
    if !unjudged.frames.is_empty() {
        let frames = named(&unjudged.frames);
        notes.push(format!(
            "not judged: what is in frames ({frames}); check the pages that they show by themselves"
        ));
    }
    if unjudged.canvases > 0 {
        let count = unjudged.canvases;
        notes.push(format!(
            "not judged: what scripts draw on {count} canvas element(s); texts there have no boxes"
        ));
    }
    notes
}

/// Why nothing is visible, and what to do about it.
pub fn nothing(drawn: &Drawn) -> String {
    let unjudged = drawn.table.as_ref().map(|table| &table.unjudged);
    if let Some(frames) = unjudged.filter(|unjudged| unjudged.frameset).map(|unjudged| &unjudged.frames) {
        return format!(
            "the page is a set of frames and shows nothing of its own; \
             help: check the pages that they show: {}",
            named(frames)
        );
    }
    if !drawn.scripts.is_empty() {
        return format!(
            "the page shows nothing, because scripts that it needs were not loaded: {}; \
             pages are drawn without a network; \
             help: save these scripts beside the page and refer to them by relative paths, \
             or check the page as it is built",
            named(&drawn.scripts)
        );
    }
    if let Some(onward) = &drawn.onward {
        return sends_on(onward);
    }
    "the page shows nothing; help: give the body a text, a picture or a background".into()
}

/// What to do about a page that sends its readers on before it shows anything.
pub fn sends_on(to: &str) -> String {
    let to = clean_line(to, MAX_NOTE);
    format!("the page shows nothing and sends its readers on to {to}; help: check that page")
}
