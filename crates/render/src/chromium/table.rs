//! The table of a page: what is asked of the browser once the page has come to rest.

use super::browser::none;
use super::cdp::CdpError;
use super::elements::{Laid, elements};
use super::page::{PageError, Visit};
use super::snapshot::{Node, STYLES, Snapshot};
use super::styles::Decided;
use super::tag::Tagged;
use serde_json::{Value, json};
use vsdpo_artifact::{Element, StyleRule};

/// Elements whose style rules are read at most; further ones are credited to their tag alone.
const MAX_STYLED: usize = 1_000;
/// Elements that are asked for before the first answer is read.
const AHEAD: usize = 32;

/// The numbers (values of the attribute that is put for `NAME`) of pictures that did not load.
const BROKEN: &str = "[...document.images].filter((i) => i.complete && i.naturalWidth === 0 && i.hasAttribute('src'))\
    .map((i) => i.getAttribute('NAME') || '')";

/// What is on a page.
pub struct Table {
    /// Its elements.
    pub elements: Vec<Element>,
    /// The rules of its style sheets.
    pub styles: Vec<StyleRule>,
    /// Every element of the document in its order: the name in lower case, and the element of the
    /// table that it is.
    pub order: Vec<(String, Option<u32>)>,
}

impl Visit<'_> {
    /// What is on the page, and which rules of its style sheets decide it.
    pub fn table(
        &mut self,
        world: &Value,
        tagged: &Tagged,
        size: (u64, u64),
        window: (u32, u32),
    ) -> Result<Table, PageError> {
        let broken = self.evaluate(world, &BROKEN.replace("NAME", &tagged.attribute))?;
        let broken = serde_json::from_value(broken).unwrap_or_default();
        let ask = json!({ "computedStyles": STYLES, "includePaintOrder": true, "includeDOMRects": true });
        let answer = self.call("DOMSnapshot.captureSnapshot", ask)?;
        let snapshot: Snapshot = serde_json::from_value(answer)
            .map_err(|e| CdpError::Refused(format!("sent a snapshot that is none: {e}")))?;
        let nodes = snapshot.nodes();
        let size = (size.0 as f32, size.1 as f32);
        let laid = Laid { nodes: &nodes, tagged, size, window: window.0 as f32, broken: &broken };
        let (elements, backends) = elements(&laid);
        let styles = self.styles(&backends, &nodes, tagged)?;
        Ok(Table { elements, styles, order: order(&nodes, &backends) })
    }

    /// The rules of the page's own style sheets that decide something at these nodes.
    fn styles(
        &mut self,
        backends: &[i64],
        nodes: &[Node],
        tagged: &Tagged,
    ) -> Result<Vec<StyleRule>, PageError> {
        if !nodes.iter().any(|node| node.name == "STYLE") {
            return Ok(Vec::new());
        }
        self.call("DOM.enable", none())?;
        self.call("CSS.enable", none())?;
        let rules = self.matched(backends, nodes, tagged);
        // Another page may follow in this context.
        self.call("CSS.disable", none())?;
        self.call("DOM.disable", none())?;
        rules
    }

    fn matched(
        &mut self,
        backends: &[i64],
        nodes: &[Node],
        tagged: &Tagged,
    ) -> Result<Vec<StyleRule>, PageError> {
        self.call("DOM.getDocument", json!({ "depth": 0 }))?;
        let tag = |backend: i64| {
            let node = nodes.iter().find(|node| node.backend == backend)?;
            node.attribute(&tagged.attribute).map(str::to_owned)
        };
        let source = std::mem::take(&mut self.sheets);
        let mut decided = Decided::new(tagged.source, &source, tagged, tag);
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let backends = &backends[..backends.len().min(MAX_STYLED)];
        let ids = self.call("DOM.pushNodesByBackendIdsToFrontend", json!({ "backendNodeIds": backends }))?;
        let ids = ids["nodeIds"].as_array().cloned().unwrap_or_default();
        for (part, ids) in ids.chunks(AHEAD).enumerate() {
            let asks = ids.iter().map(|id| json!({ "nodeId": id })).collect();
            for (i, answer) in self.call_all("CSS.getMatchedStylesForNode", asks)?.iter().enumerate() {
                decided.add((part * AHEAD + i) as u32, answer);
            }
        }
        Ok(decided.rules())
    }
}

/// The elements of the document itself: neither pseudo-elements nor what is in a shadow tree.
fn order(nodes: &[Node], backends: &[i64]) -> Vec<(String, Option<u32>)> {
    // Elements of the table are in the order of their nodes.
    let mut listed = backends.iter().zip(0..).peekable();
    let mut order = Vec::new();
    for node in nodes {
        let element = listed.next_if(|(backend, _)| **backend == node.backend).map(|(_, id)| id);
        if node.kind == 1 && !node.shadow && !node.name.starts_with("::") {
            order.push((node.name.to_ascii_lowercase(), element));
        }
    }
    order
}
