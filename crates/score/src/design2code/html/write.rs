//! Writes a page, as BeautifulSoup's `decode` does.

use super::tree::is_void;
use super::{Content, Document, Kind};
use std::collections::BTreeMap;
use std::ops::Range;

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written().0)
    }
}

impl Document {
    /// The page as text, and the byte range of each node in it.
    pub(in crate::design2code) fn written(&self) -> (String, Vec<Range<usize>>) {
        let mut writer = Writer::default();
        for (at, node) in self.nodes.iter().enumerate() {
            writer.close(node.depth);
            let start = writer.out.len();
            match &node.content {
                Content::Element { name, attributes } => {
                    let filled = self.nodes.get(at + 1).is_some_and(|next| next.depth > node.depth);
                    writer.start(at, name, attributes, is_void(name) && !filled);
                }
                Content::Text(kind, text) => writer.string(*kind, text),
            }
            writer.places.push(start..writer.out.len());
        }
        writer.close(0);
        (writer.out, writer.places)
    }
}

#[derive(Default)]
struct Writer<'a> {
    out: String,
    places: Vec<Range<usize>>,
    /// The open elements: which node, and its name.
    open: Vec<(usize, &'a str)>,
}

impl<'a> Writer<'a> {
    fn start(&mut self, at: usize, name: &'a str, attributes: &BTreeMap<String, String>, empty: bool) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.extend([" ", attribute, "="]);
            self.out.push_str(&quoted(escaped(value)));
        }
        self.out.push_str(if empty { "/>" } else { ">" });
        if !empty {
            self.open.push((at, name));
        }
    }

    /// Closes all but this many elements.
    fn close(&mut self, depth: usize) {
        while self.open.len() > depth {
            if let Some((at, name)) = self.open.pop() {
                self.out.extend(["</", name, ">"]);
                self.places[at].end = self.out.len();
            }
        }
    }

    fn string(&mut self, kind: Kind, text: &str) {
        let (before, after) = match kind {
            Kind::Plain => ("", ""),
            Kind::Comment => ("<!--", "-->"),
            Kind::Doctype => ("<!DOCTYPE ", ">\n"),
            Kind::Instruction => ("<?", ">"),
            Kind::Cdata => ("<![CDATA[", "]]>"),
            Kind::Declaration => ("<?", "?>"),
        };
        let raw = self.open.last().is_some_and(|(_, name)| matches!(*name, "script" | "style"));
        if kind == Kind::Plain && !raw {
            self.out.push_str(&escaped(text));
        } else {
            self.out.extend([before, text, after]);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn quoted(value: String) -> String {
    match (value.contains('"'), value.contains('\'')) {
        (true, true) => format!("\"{}\"", value.replace('"', "&quot;")),
        (true, false) => format!("'{value}'"),
        _ => format!("\"{value}\""),
    }
}
