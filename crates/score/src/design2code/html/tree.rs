//! Nests the tokens of a page, as BeautifulSoup does.

use super::tokens::Token;
use super::{Content, Document, Kind, Node};
use crate::python::is_space;
use std::collections::{BTreeMap, HashMap};

/// Whether elements of this name have no content.
pub(super) fn is_void(name: &str) -> bool {
    const VOID: &str = "area base br col embed hr img input keygen link menuitem meta param source track wbr \
                        basefont bgsound command frame image isindex nextid spacer";
    VOID.split(' ').any(|void| void == name)
}

pub(super) fn build(tokens: Vec<Token<'_>>) -> Document {
    let mut builder = Builder::default();
    for token in tokens {
        match token {
            Token::Start { name, attributes, closed } => builder.start(name, attributes, closed),
            Token::End(name) => builder.end(&name),
            Token::Text(text) => builder.text.push_str(&text),
            Token::Note(kind, text) => builder.note(kind, text),
        }
    }
    builder.end_text();
    Document { nodes: builder.nodes }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    /// Names of the open elements, and how many there are of each.
    open: Vec<String>,
    count: HashMap<String, usize>,
    /// End tags to ignore: those of elements without content, which are closed at once.
    ignored: HashMap<String, usize>,
    /// The text since the last tag or note.
    text: String,
}

impl Builder {
    fn start(&mut self, name: String, attributes: Vec<(String, String)>, closed: bool) {
        self.end_text();
        let listed = |(a, v): (String, String)| if is_list(&name, &a) { (a, joined(&v)) } else { (a, v) };
        let mut attributes: BTreeMap<String, String> = attributes.into_iter().map(listed).collect();
        if name == "meta" {
            name_utf8(&mut attributes);
        }
        self.push(Content::Element { name: name.clone(), attributes });
        if is_void(&name) && !closed {
            *self.ignored.entry(name).or_default() += 1;
            return;
        }
        *self.count.entry(name.clone()).or_default() += 1;
        self.open.push(name.clone());
        if closed {
            self.end(&name);
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(ignored) = self.ignored.get_mut(name).filter(|n| **n > 0) {
            *ignored -= 1;
            return;
        }
        self.end_text();
        if self.opened(name) {
            while let Some(last) = self.open.pop() {
                self.count.entry(last.clone()).and_modify(|n| *n -= 1);
                if last == name {
                    break;
                }
            }
        }
    }

    fn opened(&self, name: &str) -> bool {
        self.count.get(name).is_some_and(|n| *n > 0)
    }

    fn note(&mut self, kind: Kind, text: &str) {
        self.end_text();
        self.string(kind, text.to_owned());
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.string(Kind::Plain, text);
        }
    }

    /// A string of only space becomes one character, and so does an empty one.
    fn string(&mut self, kind: Kind, mut text: String) {
        let blank = text.chars().all(|c| matches!(c, ' ' | '\n' | '\t' | '\x0c' | '\r'));
        if blank && !self.opened("pre") && !self.opened("textarea") {
            text = if text.contains('\n') { "\n" } else { " " }.to_owned();
        }
        self.push(Content::Text(kind, text));
    }

    fn push(&mut self, content: Content) {
        self.nodes.push(Node { depth: self.open.len(), content });
    }
}

/// Whether the value of an attribute is a list.
fn is_list(element: &str, attribute: &str) -> bool {
    matches!(
        (element, attribute),
        (_, "class" | "accesskey" | "dropzone")
            | ("a" | "link", "rel" | "rev")
            | ("td" | "th", "headers")
            | ("form", "accept-charset")
            | ("object", "archive")
            | ("area", "rel")
            | ("icon", "sizes")
            | ("iframe", "sandbox")
            | ("output", "for")
    )
}

/// A list with one space between its entries.
fn joined(list: &str) -> String {
    let entries: Vec<&str> = list.split(is_space).filter(|entry| !entry.is_empty()).collect();
    entries.join(" ")
}

/// A `meta` element that names the page's encoding gets the name of the output encoding.
fn name_utf8(attributes: &mut BTreeMap<String, String>) {
    if let Some(charset) = attributes.get_mut("charset") {
        *charset = "utf-8".to_owned();
        return;
    }
    let typed = attributes.get("http-equiv").is_some_and(|v| v.eq_ignore_ascii_case("content-type"));
    if let Some(content) = attributes.get_mut("content").filter(|_| typed) {
        let parts: Vec<String> = content.split(';').map(part_in_utf8).collect();
        *content = parts.join(";");
    }
}

/// A part between semicolons, where `charset=` counts at the beginning of any of its lines.
fn part_in_utf8(part: &str) -> String {
    let lines = part.match_indices('\n').map(|(at, _)| at + 1);
    let name = std::iter::once(0).chain(lines).find_map(|line| {
        let rest = part[line..].trim_start_matches(is_space);
        rest.starts_with("charset=").then_some(part.len() - rest.len() + "charset=".len())
    });
    name.map_or(part.to_owned(), |end| format!("{}utf-8", &part[..end]))
}
