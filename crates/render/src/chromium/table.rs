//! The table of a page: what is asked of the browser once the page has come to rest.

use super::browser::none;
use super::cdp::CdpError;
use super::elements::{Laid, elements};
use super::page::{PageError, Visit};
use super::remarks::Unjudged;
use super::snapshot::{Node, STYLES, Snapshot};
use super::store::ORIGIN;
use super::styles::Decided;
use super::tag::Tagged;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vsdpo_artifact::{Element, StyleRule};

/// Elements whose style rules are read at most; further ones are credited to their tag alone.
const MAX_STYLED: usize = 1_000;
/// Elements that are asked for before the first answer is read.
const AHEAD: usize = 32;
/// Characters of sheets that are not the page's own from which these are switched off while rules
/// are read: what the browser does for each element takes as long as all sheets together.
const HEAVY: u64 = 40_000;
/// Characters of sheets times elements at most, for the same reason.
const WORK: u64 = 40_000_000;

/// The numbers (values of the attribute that is put for `NAME`) of pictures that did not load, and
/// the colours of placeholders by number.
const LOOK: &str = r#"(() => {
    const number = (node) => node.getAttribute('NAME') || '';
    const broken = [...document.images].filter((i) => i.complete && i.naturalWidth === 0 && i.hasAttribute('src'));
    const empty = [...document.querySelectorAll('[placeholder]')].slice(0, 1000);
    const color = (field) => [number(field), getComputedStyle(field, '::placeholder').color];
    return { broken: broken.map(number), placeholders: Object.fromEntries(empty.map(color)) };
})()"#;

/// Switches off all style sheets but those of the page's folder and of its own elements, or, with
/// `false` for `OFF`, on again.
const SWITCH: &str = r#"(() => {
    window.__off = OFF ? [...document.styleSheets].filter((sheet) => !sheet.disabled
        && !(sheet.href ? sheet.href.startsWith('ORIGIN') : sheet.ownerNode?.hasAttribute('NAME'))) : window.__off;
    for (const sheet of window.__off) sheet.disabled = OFF;
})()"#;

/// The computed values of properties of elements, given by their numbers.
const VALUES: &str = r#"(ASKED).map(([number, properties]) => {
    const node = document.querySelector(`[NAME="${number}"]`);
    if (!node) return properties.map(() => '');
    const [map, style] = [node.computedStyleMap(), getComputedStyle(node)];
    const value = (name) => { try { return map.get(name) } catch { return null } };
    return properties.map((name) => String(value(name) ?? style.getPropertyValue(name)));
})"#;

/// What the page's own process says.
#[derive(Deserialize, Default)]
struct Looks {
    broken: BTreeSet<String>,
    placeholders: BTreeMap<String, String>,
}

/// The size of the picture and of the window.
pub struct Room {
    pub size: (u64, u64),
    pub window: (u32, u32),
    /// Whether the root hides what is beyond the window at the right.
    pub cut: bool,
}

/// What is on a page.
pub struct Table {
    /// Its elements.
    pub elements: Vec<Element>,
    /// The rules of its style sheets.
    pub styles: Vec<StyleRule>,
    /// Every element of the document in its order: the name in lower case, and the element of the
    /// table that it is.
    pub order: Vec<(String, Option<u32>)>,
    /// What it shows that no rule looks at.
    pub unjudged: Unjudged,
    /// The browser's names of the elements, and the numbers of their tags.
    nodes: Vec<(i64, Option<String>)>,
    /// The numbers of the tags of its style elements, by the browser's names.
    sheets: BTreeMap<i64, String>,
    /// Whether it links style sheets.
    links: bool,
}

impl Visit<'_> {
    /// What is on the page. The rules of its style sheets are for [`Self::styles`].
    pub fn table(&mut self, world: &Value, tagged: &Tagged, room: &Room) -> Result<Table, PageError> {
        let looks = self.evaluate(world, &LOOK.replace("NAME", &tagged.attribute))?;
        let looks: Looks = serde_json::from_value(looks).unwrap_or_default();
        let ask = json!({ "computedStyles": STYLES[..], "includePaintOrder": true, "includeDOMRects": true });
        let answer = self.call("DOMSnapshot.captureSnapshot", ask)?;
        let snapshot: Snapshot = serde_json::from_value(answer)
            .map_err(|e| CdpError::Refused(format!("sent a snapshot that is none: {e}")))?;
        let nodes = snapshot.nodes();
        let laid = Laid {
            nodes: &nodes,
            tagged,
            size: (room.size.0 as f32, room.size.1 as f32),
            window: room.window.0 as f32,
            broken: &looks.broken,
            placeholders: &looks.placeholders,
            cut: room.cut,
        };
        let (elements, backends) = elements(&laid);
        let number = |node: &Node| node.attribute(&tagged.attribute).map(str::to_owned);
        let numbers: BTreeMap<i64, Option<String>> =
            nodes.iter().map(|node| (node.backend, number(node))).collect();
        let sheet = |node: &Node| Some((node.backend, number(node).filter(|_| node.name == "STYLE")?));
        let order = order(&nodes, &backends);
        let of = |backend: i64| (backend, numbers.get(&backend).cloned().flatten());
        Ok(Table {
            elements,
            styles: Vec::new(),
            order,
            unjudged: Unjudged::of(&nodes),
            nodes: backends.into_iter().map(of).collect(),
            sheets: nodes.iter().filter_map(sheet).collect(),
            links: nodes.iter().any(|node| node.name == "LINK"),
        })
    }

    /// The rules of the page's own style sheets, and of those beside it, that decide something at
    /// the elements of the table.
    pub fn styles(
        &mut self,
        world: &Value,
        table: &Table,
        tagged: &Tagged,
    ) -> Result<Vec<StyleRule>, PageError> {
        if table.sheets.is_empty() && !table.links {
            return Ok(Vec::new());
        }
        self.call("DOM.enable", none())?;
        self.call("CSS.enable", none())?;
        let rules = self.matched(world, table, tagged);
        // Another page may follow in this context.
        self.call("CSS.disable", none())?;
        self.call("DOM.disable", none())?;
        rules
    }

    fn matched(
        &mut self,
        world: &Value,
        table: &Table,
        tagged: &Tagged,
    ) -> Result<Vec<StyleRule>, PageError> {
        self.call("DOM.getDocument", json!({ "depth": 0 }))?;
        let source = std::mem::take(&mut self.sheets);
        let mut decided = Decided::new(tagged, &source, |owner| table.sheets.get(&owner).cloned());
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let (own, others) = decided.lengths(&source);
        let most = (WORK / own.max(1)).clamp(30, MAX_STYLED as u64) as usize;
        let heavy = others > HEAVY;
        if heavy {
            self.switch(world, tagged, true)?;
        }
        let backends: Vec<i64> = table.nodes.iter().take(most).map(|(backend, _)| *backend).collect();
        let ids = self.call("DOM.pushNodesByBackendIdsToFrontend", json!({ "backendNodeIds": backends }))?;
        let ids = ids["nodeIds"].as_array().cloned().unwrap_or_default();
        for (part, ids) in ids.chunks(AHEAD).enumerate() {
            let asks = ids.iter().map(|id| json!({ "nodeId": id })).collect();
            for (i, answer) in self.call_all("CSS.getMatchedStylesForNode", asks)?.iter().enumerate() {
                decided.add((part * AHEAD + i) as u32, answer);
            }
        }
        let rules = decided.rules();
        if heavy { self.effective(world, table, tagged, rules) } else { Ok(rules) }
    }

    /// What is left of what rules decide once the sheets that were switched off are on again: the
    /// values that stay as they are.
    fn effective(
        &mut self,
        world: &Value,
        table: &Table,
        tagged: &Tagged,
        mut rules: Vec<StyleRule>,
    ) -> Result<Vec<StyleRule>, PageError> {
        let mut asked: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for (property, ids) in rules.iter().flat_map(|rule| &rule.decides) {
            for id in ids {
                asked.entry(*id).or_default().insert(property);
            }
        }
        let number = |id: u32| table.nodes.get(id as usize).and_then(|(_, number)| number.clone());
        let ask: Vec<(String, Vec<&str>)> = asked
            .iter()
            .map(|(id, properties)| (number(*id).unwrap_or_default(), properties.iter().copied().collect()))
            .collect();
        let list = serde_json::to_string(&ask).unwrap_or_default();
        let script = VALUES.replace("NAME", &tagged.attribute).replace("ASKED", &list);
        let values = |visit: &mut Self| -> Result<Vec<Vec<String>>, PageError> {
            Ok(serde_json::from_value(visit.evaluate(world, &script)?).unwrap_or_default())
        };
        let before = values(self)?;
        self.switch(world, tagged, false)?;
        let after = values(self)?;
        let mut kept: BTreeSet<(u32, String)> = BTreeSet::new();
        for (((id, properties), before), after) in asked.iter().zip(&before).zip(&after) {
            for ((property, before), after) in properties.iter().zip(before).zip(after) {
                if before == after && !before.is_empty() {
                    kept.insert((*id, (*property).to_owned()));
                }
            }
        }
        for rule in &mut rules {
            for (property, ids) in &mut rule.decides {
                ids.retain(|id| kept.contains(&(*id, property.clone())));
            }
            rule.decides.retain(|(_, ids)| !ids.is_empty());
        }
        rules.retain(|rule| !rule.decides.is_empty());
        Ok(rules)
    }

    fn switch(&mut self, world: &Value, tagged: &Tagged, off: bool) -> Result<(), PageError> {
        let off = if off { "true" } else { "false" };
        let script = SWITCH.replace("NAME", &tagged.attribute).replace("ORIGIN", ORIGIN).replace("OFF", off);
        self.evaluate(world, &script).map(drop)
    }
}

/// The elements of the document itself: neither pseudo-elements nor what is in a shadow tree or in
/// a frame.
fn order(nodes: &[Node], backends: &[i64]) -> Vec<(String, Option<u32>)> {
    // Elements of the table are in the order of their nodes.
    let mut listed = backends.iter().zip(0..).peekable();
    let mut order = Vec::new();
    for node in nodes {
        let element = listed.next_if(|(backend, _)| **backend == node.backend).map(|(_, id)| id);
        if node.kind == 1 && !node.shadow && !node.framed && !node.name.starts_with("::") {
            order.push((node.name.to_ascii_lowercase(), element));
        }
    }
    order
}
