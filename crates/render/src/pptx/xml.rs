//! Reading nodes of a parsed part. Names are compared without their namespace: the transitional and
//! the strict form of the format have different ones.

use roxmltree::{Document, ParsingOptions};

pub(super) type Node<'a> = roxmltree::Node<'a, 'a>;

/// Nodes of one part at most.
const MAX_NODES: u32 = 4_000_000;

/// Parses a part. Document types, which no part may have, are refused, so there are no entities.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| e.to_string())
}

pub(super) fn named(node: Node<'_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// The first child element of that name.
pub(super) fn child<'a>(node: Node<'a>, name: &str) -> Option<Node<'a>> {
    node.children().find(|n| named(*n, name))
}

/// All child elements of that name.
pub(super) fn children<'a>(node: Node<'a>, name: &'a str) -> impl Iterator<Item = Node<'a>> {
    node.children().filter(move |n| named(*n, name))
}

/// The descendant at the end of a path of names.
pub(super) fn path<'a>(node: Node<'a>, names: &[&str]) -> Option<Node<'a>> {
    names.iter().try_fold(node, |node, name| child(node, name))
}

/// A whole number within what a length can be; anything else is as if it were not there.
pub(super) fn int(node: Node<'_>, name: &str) -> Option<i64> {
    let value: i64 = node.attribute(name)?.trim().parse().ok()?;
    (value.unsigned_abs() < 1 << 50).then_some(value)
}

/// As [`int`], as a float.
pub(super) fn number(node: Node<'_>, name: &str) -> Option<f64> {
    int(node, name).map(|value| value as f64)
}

/// A share of 1: `90000` thousandths of a percent, or `90%`.
pub(super) fn share(node: Node<'_>, name: &str) -> Option<f64> {
    match node.attribute(name)?.trim().strip_suffix('%') {
        Some(percent) => {
            percent.parse::<f64>().ok().filter(|p| p.is_finite() && p.abs() < 1e9).map(|p| p / 100.0)
        }
        None => number(node, name).map(|value| value / 100_000.0),
    }
}

/// A truth value, if there is one.
pub(super) fn flag(node: Node<'_>, name: &str) -> Option<bool> {
    match node.attribute(name)?.trim() {
        "1" | "true" | "on" => Some(true),
        "0" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// An id that refers to a relationship of the part: `r:id`, `r:embed`, `r:link`.
pub(super) fn relation<'a>(node: Node<'a>, name: &str) -> Option<&'a str> {
    let of_relations = |space: Option<&str>| {
        space.is_some_and(|s| {
            s.ends_with("/officeDocument/2006/relationships") || s.ends_with("/officeDocument/relationships")
        })
    };
    node.attributes().find(|a| a.name() == name && of_relations(a.namespace())).map(|a| a.value())
}

/// Child elements, each choice between forms of contents replaced by the contents of its first
/// form, or of the form for old programs where there is no other.
pub(super) fn contents<'a>(node: Node<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    for element in node.children().filter(Node::is_element) {
        if !named(element, "AlternateContent") {
            found.push(element);
            continue;
        }
        let form = child(element, "Choice").or_else(|| child(element, "Fallback"));
        found.extend(form.into_iter().flat_map(|f| f.children()).filter(Node::is_element));
    }
    found
}
