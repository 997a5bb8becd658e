//! What Chromium says about a laid-out page: `DOMSnapshot.captureSnapshot`, read into one list of
//! nodes.
//!
//! The browser takes the snapshot, so a page's script cannot answer in its place. It is still a
//! claim of the process that runs the page: numbers must be finite and indices inside their lists,
//! and what is not is left out.

use serde::Deserialize;
use std::collections::BTreeMap;
use vsdpo_artifact::Region;

/// The computed styles that are asked for, in the order of [`Style`].
pub const STYLES: [&str; 42] = [
    "display",
    "visibility",
    "opacity",
    "position",
    "overflow-x",
    "overflow-y",
    "color",
    "background-color",
    "background-image",
    "font-size",
    "border-top-width",
    "border-right-width",
    "border-bottom-width",
    "border-left-width",
    "border-top-color",
    "border-right-color",
    "border-bottom-color",
    "border-left-color",
    "box-shadow",
    "transform",
    "clip",
    "clip-path",
    "font-weight",
    "-webkit-text-fill-color",
    "background-clip",
    "text-shadow",
    "filter",
    "mix-blend-mode",
    "z-index",
    "zoom",
    "scale",
    "fill",
    "fill-opacity",
    "animation-name",
    "animation-iteration-count",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "direction",
    "letter-spacing",
    "font-family",
];
/// Documents of frames that are read at most.
const MAX_FRAMES: usize = 32;

/// One laid-out node.
#[derive(Debug)]
pub struct Node<'a> {
    /// The node around it, an index of the list; `None` for the document.
    pub parent: Option<usize>,
    /// 1 for elements, 3 for texts, as in the DOM.
    pub kind: i64,
    /// `DIV`, `#text`, `::before`.
    pub name: &'a str,
    /// Its name in the browser's protocol.
    pub backend: i64,
    attributes: Vec<&'a str>,
    /// What stands in a field.
    pub value: &'a str,
    /// The text of a text node.
    pub words: &'a str,
    /// Whether it is the option that a selection shows.
    pub selected: bool,
    /// Whether it belongs to a shadow tree, and not to the document itself.
    pub shadow: bool,
    /// Whether it belongs to the document of a frame.
    pub framed: bool,
    /// Of a frame, whether what it shows is among the nodes.
    pub read: bool,
    /// Where it is on the page; `None` if it has no box.
    pub layout: Option<Layout<'a>>,
}

/// A node's boxes and styles.
#[derive(Debug)]
pub struct Layout<'a> {
    /// Its border box.
    pub bounds: Region,
    /// Its padding box without scroll bars.
    pub client: Option<Region>,
    /// Its place in the order of painting.
    pub order: u32,
    styles: Vec<&'a str>,
    /// The text of a text node as it was laid out.
    pub text: &'a str,
    /// The boxes of its text, line by line.
    pub lines: Vec<Region>,
}

impl Node<'_> {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1])
    }
}

impl<'a> Layout<'a> {
    /// The computed value of one of [`STYLES`]; empty for another property.
    pub fn style(&self, property: &str) -> &'a str {
        let at = STYLES.iter().position(|name| *name == property);
        at.and_then(|at| self.styles.get(at)).copied().unwrap_or_default()
    }

    /// The value of one of [`STYLES`] in pixels, if it is a length.
    pub fn pixels(&self, property: &str) -> Option<f32> {
        self.style(property).strip_suffix("px")?.parse().ok()
    }
}

/// The answer of the browser: columns of indices, and the strings that they mean.
#[derive(Deserialize)]
pub struct Snapshot {
    documents: Vec<Document>,
    strings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "documentURL", default)]
    url: i64,
    #[serde(default)]
    scroll_offset_x: f64,
    #[serde(default)]
    scroll_offset_y: f64,
    nodes: Nodes,
    layout: Boxes,
    text_boxes: TextBoxes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    parent_index: Vec<i64>,
    node_type: Vec<i64>,
    node_name: Vec<i64>,
    backend_node_id: Vec<i64>,
    attributes: Vec<Vec<i64>>,
    text_value: Rare,
    input_value: Rare,
    shadow_root_type: Rare,
    #[serde(default)]
    node_value: Vec<i64>,
    #[serde(default)]
    option_selected: Marked,
    #[serde(default)]
    content_document_index: Rare,
}

/// The nodes of which something holds.
#[derive(Deserialize, Default)]
struct Marked {
    index: Vec<usize>,
}

/// A column that most nodes have nothing in.
#[derive(Deserialize, Default)]
struct Rare {
    index: Vec<usize>,
    value: Vec<i64>,
}

impl Rare {
    fn get(&self, node: usize) -> Option<&i64> {
        self.value.get(self.index.binary_search(&node).ok()?)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Boxes {
    node_index: Vec<usize>,
    styles: Vec<Vec<i64>>,
    bounds: Vec<Vec<f64>>,
    text: Vec<i64>,
    #[serde(default)]
    paint_orders: Vec<i64>,
    #[serde(default)]
    client_rects: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TextBoxes {
    layout_index: Vec<usize>,
    bounds: Vec<Vec<f64>>,
}

impl Snapshot {
    /// The nodes of the page itself, in the order of the source, then those of its frames whose
    /// source stands in the page; other frames are boxes and no more.
    pub fn nodes(&self) -> Vec<Node<'_>> {
        let mut nodes = Vec::new();
        let Some(document) = self.documents.first() else { return nodes };
        self.read(document, None, &mut nodes);
        let mut waiting = vec![(document, 0)];
        let mut frames = 0;
        while let Some((document, first)) = waiting.pop() {
            let columns = &document.nodes.content_document_index;
            for (&at, index) in columns.index.iter().zip(&columns.value) {
                let inner = usize::try_from(*index).ok().filter(|index| *index > 0);
                let Some(inner) = inner.and_then(|index| self.documents.get(index)) else { continue };
                let own = matches!(self.string(Some(&inner.url)), "about:srcdoc" | "about:blank");
                let frame = nodes.get(first + at).and_then(|node| node.layout.as_ref());
                let Some(frame) = frame.filter(|_| own && frames < MAX_FRAMES) else { continue };
                let room = frame.client.unwrap_or(frame.bounds);
                let (x, y) = (f64::from(room.x0), f64::from(room.y0));
                let shift = [x - inner.scroll_offset_x, y - inner.scroll_offset_y];
                let (begin, order) = (nodes.len(), frame.order);
                self.read(inner, Some((first + at, shift, order)), &mut nodes);
                nodes[first + at].read = true;
                waiting.push((inner, begin));
                frames += 1;
            }
        }
        nodes
    }

    /// Adds the nodes of a document; of a frame those inside the node of the frame, moved by
    /// `shift` and painted with it.
    fn read<'a>(
        &'a self,
        document: &'a Document,
        frame: Option<(usize, [f64; 2], u32)>,
        nodes: &mut Vec<Node<'a>>,
    ) {
        let columns = &document.nodes;
        let first = nodes.len();
        for (i, &parent) in columns.parent_index.iter().enumerate() {
            let parent = usize::try_from(parent).ok().filter(|&parent| parent < i);
            let attributes = columns.attributes.get(i).map(Vec::as_slice).unwrap_or_default();
            nodes.push(Node {
                parent: parent.map(|parent| first + parent).or(frame.map(|(at, ..)| at)),
                kind: columns.node_type.get(i).copied().unwrap_or_default(),
                name: self.string(columns.node_name.get(i)),
                backend: columns.backend_node_id.get(i).copied().unwrap_or_default(),
                attributes: attributes.iter().map(|at| self.string(Some(at))).collect(),
                value: self.string(columns.input_value.get(i).or_else(|| columns.text_value.get(i))),
                words: self.string(columns.node_value.get(i)),
                selected: columns.option_selected.index.binary_search(&i).is_ok(),
                shadow: columns.shadow_root_type.get(i).is_some(),
                framed: frame.is_some(),
                read: false,
                layout: None,
            });
        }
        let (_, shift, order) = frame.unwrap_or_default();
        self.place(document, &mut nodes[first..], shift);
        if frame.is_some() {
            nodes[first..]
                .iter_mut()
                .flat_map(|node| &mut node.layout)
                .for_each(|layout| layout.order = order);
        }
    }

    /// Gives the nodes their boxes.
    fn place<'a>(&'a self, document: &Document, nodes: &mut [Node<'a>], shift: [f64; 2]) {
        let boxes = &document.layout;
        let region = |numbers: &[f64]| region(numbers, shift);
        let mut lines: BTreeMap<usize, Vec<Region>> = BTreeMap::new();
        for (at, bounds) in document.text_boxes.layout_index.iter().zip(&document.text_boxes.bounds) {
            lines.entry(*at).or_default().extend(region(bounds));
        }
        for (at, node) in boxes.node_index.iter().enumerate() {
            let bounds = boxes.bounds.get(at);
            let Some((bounds, numbers)) = bounds.and_then(|bounds| Some((region(bounds)?, bounds))) else {
                continue;
            };
            let Some(node) = nodes.get_mut(*node) else { continue };
            let (text, lines) = (self.string(boxes.text.get(at)), lines.remove(&at).unwrap_or_default());
            // The text of a pseudo-element is a second box of the same node.
            if let Some(layout) = &mut node.layout {
                if layout.text.is_empty() {
                    (layout.text, layout.lines) = (text, lines);
                }
                continue;
            }
            let client = boxes.client_rects.get(at).filter(|client| client.len() == 4);
            node.layout = Some(Layout {
                bounds,
                client: client.and_then(|c| region(&[numbers[0] + c[0], numbers[1] + c[1], c[2], c[3]])),
                order: boxes.paint_orders.get(at).and_then(|&order| u32::try_from(order).ok()).unwrap_or(0),
                styles: boxes.styles.get(at).into_iter().flatten().map(|at| self.string(Some(at))).collect(),
                text,
                lines,
            });
        }
    }

    /// The string of an index; the browser writes -1 for none.
    fn string(&self, at: Option<&i64>) -> &str {
        let at = at.and_then(|&at| usize::try_from(at).ok());
        at.and_then(|at| self.strings.get(at)).map(String::as_str).unwrap_or_default()
    }
}

/// A box from left, top, width and height, moved by `shift`; `None` if it is no box.
fn region(numbers: &[f64], shift: [f64; 2]) -> Option<Region> {
    let [x, y, width, height] = *numbers else { return None };
    let right =
        [x, y, width, height].iter().all(|number| number.is_finite()) && width >= 0.0 && height >= 0.0;
    let (x, y) = (x + shift[0], y + shift[1]);
    right.then(|| Region::new(x as f32, y as f32, (x + width) as f32, (y + height) as f32))
}
