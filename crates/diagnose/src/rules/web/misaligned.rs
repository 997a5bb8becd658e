#![doc = include_str!("misaligned.md")]

use super::visible::{VisiblePage, is_placed};
use super::{RuleResult, defect};
use crate::geometry::off_shared;
use crate::scene::{Scene, called, listed};
use std::collections::{BTreeMap, BTreeSet};
use vsdpo_artifact::{Element, ElementKind, Region, ShapeFacts, ShapeKind};

pub(super) const SUMMARY: &str = "one of several similar boxes is a few pixels out of line";
pub(in crate::rules) const PROPERTIES: [&str; 16] = [
    "margin",
    "margin-top",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "padding",
    "padding-left",
    "padding-top",
    "position",
    "top",
    "left",
    "transform",
    "align-self",
    "align-items",
    "vertical-align",
    "text-indent",
];

/// Pixels by which edges may differ: rounding, and differences too small to notice.
const EXACT: f32 = 1.6;
/// Pixels by which the edges of texts may differ: letters have room at their sides.
const LOOSE: f32 = 2.5;
/// Pixels up to which a difference counts as a mistake; a larger one is taken for intended.
const MISTAKE: f32 = 24.0;
/// Pixels by which sizes of shapes of a deck are told apart.
const SIZE: f32 = 4.0;
/// Boxes of one family that are compared at most.
const MOST: usize = 400;

pub(in crate::rules) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    let (led, inline) = (led(scene), inline(&page));
    let mut families: BTreeMap<Key, Vec<Peer>> = BTreeMap::new();
    for e in scene.elements.iter().filter(|e| is_solid(e)) {
        for key in keys(&page, e) {
            let family = families.entry(key).or_default();
            if family.len() < MOST
                && let Some(peer) = Peer::of(&page, e, led.contains(&e.id), inline.get(&e.id))
            {
                family.push(peer);
            }
        }
    }
    let mut found: Vec<(Vec<&Element>, String)> = Vec::new();
    for family in families.values().filter(|f| f.len() > 1) {
        for (off, words) in rows(family).chain(columns(family)) {
            if !found.iter().any(|(known, _)| known.iter().any(|e| e.id == off.id || page.is_inside(off, e)))
            {
                found.push((vec![off], words));
            }
        }
    }
    found.sort_by_key(|(elements, _)| elements[0].id);
    let off = found.iter().map(|(e, words)| format!("{} {words}", called(e[0], 16)));
    let none = found.is_empty().then(|| "none".to_string());
    let observed = listed(longest_row(families.values()).into_iter().chain(none).chain(off).collect());
    let defects =
        found.iter().map(|(e, words)| defect(e, format!("out of line: {} {words}", called(e[0], 40))));
    RuleResult::counted(defects.collect(), observed)
}

/// The longest row of siblings that have edges: how many, and where they begin.
fn longest_row<'a>(families: impl Iterator<Item = &'a Vec<Peer<'a>>>) -> Option<String> {
    let framed = |p: &&Peer| p.element.html.as_ref().is_some_and(|f| f.framed);
    let row = |family: &'a Vec<Peer<'a>>| {
        let first = family.iter().find(framed)?.edges;
        let beside = |p: &&Peer| p.edges.y0 < first.y1 && p.edges.y1 > first.y0;
        let tops: Vec<f32> = family.iter().filter(framed).filter(beside).map(|p| p.edges.y0).collect();
        (tops.len() > 1).then_some((tops, family[0].element.html.as_ref()?.tag.as_str()))
    };
    let (tops, tag) = families.filter_map(row).max_by_key(|(tops, _)| tops.len())?;
    let (least, most) = tops.iter().fold((f32::MAX, f32::MIN), |(a, b), &y| (a.min(y), b.max(y)));
    let at = if most - least <= EXACT {
        "in line".to_string()
    } else {
        format!("from {least:.0} to {most:.0} px")
    };
    Some(format!("{} <{tag}> begin {at}", tops.len()))
}

/// The texts behind something else on their first line: a picture, a control, or a box with edges.
fn led(scene: &Scene) -> BTreeSet<u32> {
    let behind = |e: &Element| {
        let parent = scene.by_id(e.parent?)?;
        let line = parent.html.as_ref()?.lines.first()?;
        let edges = matches!(e.kind, ElementKind::Image | ElementKind::Control)
            || e.html.as_ref().is_some_and(|f| f.framed || f.painted);
        let first = e.region.x1 <= line.x0 + EXACT && e.region.y0 < line.y1 && e.region.y1 > line.y0;
        (edges && first).then_some(parent.id)
    };
    scene.elements.iter().filter_map(behind).collect()
}

/// How far the inline parts of texts reach, by the element that they are parts of: a line may begin
/// or end with a link.
fn inline(page: &VisiblePage) -> BTreeMap<u32, Region> {
    let is_inline = |e: &Element| e.html.as_ref().is_some_and(|f| f.display.starts_with("inline"));
    let mut reach: BTreeMap<u32, Region> = BTreeMap::new();
    for e in page.scene.elements.iter().filter(|e| is_inline(e) && !is_placed(e)) {
        let hull = e.html.as_ref().and_then(|f| f.lines.iter().copied().reduce(Region::hull));
        let host = page.around(e).find(|around| !is_inline(around));
        if let (Some(hull), Some(host)) = (hull, host) {
            reach.entry(host.id).and_modify(|known| *known = known.hull(hull)).or_insert(hull);
        }
    }
    reach
}

/// A box of a family, with its visible edges.
#[derive(Clone, Copy)]
struct Peer<'a> {
    element: &'a Element,
    edges: Region,
    /// Whether these are the edges of its box, and not those of its text.
    boxed: bool,
    /// Whether its text stands behind something else on its line.
    led: bool,
    /// The box of the element around it, and whether that has visible edges.
    around: (Region, bool),
}

impl<'a> Peer<'a> {
    /// The box if it has visible edges, else the hull of its lines of text, which begins where the
    /// box does if the text is led. `inline` is how far the parts of its text reach.
    fn of(page: &VisiblePage<'a>, element: &'a Element, led: bool, inline: Option<&Region>) -> Option<Self> {
        let facts = element.html.as_ref()?;
        let group = element.shape.as_ref().is_some_and(|shape| shape.kind == ShapeKind::Group);
        let boxed =
            facts.framed || group || matches!(element.kind, ElementKind::Control | ElementKind::Image);
        let lines = facts.lines.iter().copied().reduce(Region::hull);
        let lines = lines.map(|own| match inline {
            Some(parts) => Region { x0: own.x0.min(parts.x0), x1: own.x1.max(parts.x1), ..own },
            None => own,
        });
        let edges = if boxed { element.layout } else { lines }?;
        let led = led && !boxed;
        let edges = match element.layout.filter(|_| led) {
            Some(whole) => Region { x0: whole.x0, x1: whole.x1, ..edges },
            None => edges,
        };
        let parent = page.parent(element)?;
        let around = (parent.layout?, parent.html.as_ref()?.framed);
        (edges.width() >= 4.0 && edges.height() >= 4.0).then_some(Peer { element, edges, boxed, led, around })
    }

    /// Whether both have edges of one kind, and what is around the other is like what is around
    /// this: one of the two sides is as long, and both have edges or none.
    fn is_cousin(&self, other: &Peer) -> bool {
        if self.boxed != other.boxed {
            return false;
        }
        let ((a, framed), (b, other_framed)) = (self.around, other.around);
        let like = |a: f32, b: f32| (a - b).abs() <= EXACT;
        framed == other_framed && (like(a.width(), b.width()) || like(a.height(), b.height()))
    }
}

/// Whether an element is in the flow and not an inline part of a sentence.
fn is_solid(e: &Element) -> bool {
    let Some(facts) = &e.html else { return false };
    let piece = facts.display == "inline" && e.kind != ElementKind::Image && e.kind != ElementKind::Control;
    !e.region.is_empty() && !is_placed(e) && !piece && e.kind != ElementKind::Page
}

/// What the boxes of a family have in common: how they are related, what is around them, the tags,
/// and in a deck the size of the frame.
type Key<'a> = (u8, u32, [&'a str; 2], [i32; 2]);

/// The families of a box: its siblings, and the same parts of its parent's siblings. All shapes of
/// a slide are siblings, so that only those of one size belong together: a title is no card.
fn keys<'a>(page: &VisiblePage<'a>, e: &'a Element) -> Vec<Key<'a>> {
    let tag = |e: &'a Element| e.html.as_ref().map_or("", |f| f.tag.as_str());
    let Some(parent) = page.parent(e) else { return Vec::new() };
    let size =
        |shape: &ShapeFacts| [shape.frame.width(), shape.frame.height()].map(|v| (v / SIZE).round() as i32);
    let size = e.shape.as_deref().map_or([0; 2], size);
    let mut keys = vec![(0, parent.id, ["", tag(e)], size)];
    if let Some(grand) = page.parent(parent) {
        keys.push((1, grand.id, [tag(parent), tag(e)], size));
    }
    keys
}

/// The boxes that are higher or lower than the other boxes of their row.
fn rows<'a>(family: &[Peer<'a>]) -> impl Iterator<Item = (&'a Element, String)> {
    let mut found = Vec::new();
    for (i, peer) in family.iter().enumerate() {
        let beside = |other: &Peer| {
            let (a, b) = (peer.edges, other.edges);
            let shared = a.y1.min(b.y1) - a.y0.max(b.y0);
            let apart = a.x0.max(b.x0) >= a.x1.min(b.x1) - EXACT;
            let level = peer.is_cousin(other) && (peer.around.0.y0 - other.around.0.y0).abs() <= EXACT;
            level
                && apart
                && shared > 0.3 * a.height().max(b.height())
                && (a.height() - b.height()).abs() <= EXACT
        };
        let row: Vec<Region> =
            family.iter().enumerate().filter(|(j, p)| *j != i && beside(p)).map(|(_, p)| p.edges).collect();
        if let Some(off) = off_line(peer.edges.y0, row.iter().map(|r| r.y0)) {
            let how = if off > 0.0 { "lower" } else { "higher" };
            found.push((peer.element, format!("{:.0} px {how}", off.abs())));
        }
    }
    found.into_iter()
}

/// The boxes that begin further left or right than the other boxes of their column.
fn columns<'a>(family: &[Peer<'a>]) -> impl Iterator<Item = (&'a Element, String)> {
    let mut found = Vec::new();
    for (i, peer) in family.iter().enumerate() {
        let flows = flows(peer, family);
        let below = |other: &Peer| {
            let (a, b) = (peer.edges, other.edges);
            let shared = a.x1.min(b.x1) - a.x0.max(b.x0);
            let apart = a.y0.max(b.y0) >= a.y1.min(b.y1) - EXACT;
            let level = peer.is_cousin(other) && (peer.around.0.x0 - other.around.0.x0).abs() <= EXACT;
            let alike = peer.led == other.led && (!flows || (a.width() - b.width()).abs() <= EXACT);
            level && alike && apart && shared > 0.5 * a.width().min(b.width())
        };
        let column: Vec<Region> =
            family.iter().enumerate().filter(|(j, p)| *j != i && below(p)).map(|(_, p)| p.edges).collect();
        let lines = [
            off_line(peer.edges.x0, column.iter().map(|r| r.x0)),
            off_line(peer.edges.x1, column.iter().map(|r| r.x1)),
            off_line(peer.edges.center().0, column.iter().map(|r| r.center().0)),
        ];
        // The boxes of a column share at least one line: left, right or middle.
        let [Some(left), right, middle] = lines else { continue };
        let keeps = |off: Option<f32>, at: fn(&Region) -> f32, own: f32| {
            off.is_none() && column.iter().filter(|r| (at(r) - own).abs() <= EXACT).count() * 2 > column.len()
        };
        let kept =
            keeps(right, |r| r.x1, peer.edges.x1) || keeps(middle, |r| r.center().0, peer.edges.center().0);
        let slight = !peer.boxed && left.abs() <= LOOSE;
        if !kept && !slight {
            let how = if left > 0.0 { "right" } else { "left" };
            found.push((peer.element, format!("{:.0} px {how}", left.abs())));
        }
    }
    found.into_iter()
}

/// Whether where a box begins follows from the widths of those before it in its line, as of buttons
/// in a sentence.
fn flows(peer: &Peer, family: &[Peer]) -> bool {
    let inline = peer.element.html.as_ref().is_some_and(|f| f.display.starts_with("inline"));
    let before = |other: &Peer| {
        let (a, b) = (peer.edges, other.edges);
        b.x1 <= a.x0 + EXACT && b.y0 < a.y1 && b.y1 > a.y0
    };
    peer.boxed && inline && family.iter().any(before)
}

/// Difference in pixels between a value and the one that the others share. `None` if there are
/// fewer than two others, if less than three quarters of them agree, or if the difference is below
/// [`EXACT`] or above [`MISTAKE`].
fn off_line(own: f32, others: impl ExactSizeIterator<Item = f32>) -> Option<f32> {
    if others.len() < 2 {
        return None;
    }
    let off = off_shared(f64::from(own), others.map(f64::from), f64::from(EXACT))? as f32;
    (off.abs() > EXACT && off.abs() <= MISTAKE).then_some(off)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    fn card(id: u32, x: f32, y: f32) -> Made {
        block(id, "div", [x, y, x + 40.0, y + 30.0]).grounded([220; 3]).inside(90)
    }

    fn root() -> Made {
        block(90, "main", [0.0, 0.0, 200.0, 100.0])
    }

    #[test]
    fn shapes_of_a_deck_are_compared_with_those_of_their_size() {
        let shape = |card: Made, width: f32| {
            let frame = vsdpo_artifact::Region::new(0.0, 0.0, width, 30.0);
            card.shaped(vsdpo_artifact::ShapeFacts { frame, ..Default::default() })
        };
        let row = |width: f32| {
            let widths = [40.0, width, 40.0];
            let at =
                |i: usize| shape(card(i as u32, [10.0, 60.0, 110.0][i], [10.0, 13.0, 10.0][i]), widths[i]);
            (0..3).map(at).chain([root()]).collect::<Vec<_>>()
        };
        counts(check, row(40.0), "3 <div> begin from 10 to 13 px; the shape 3 px lower", &[&[1]]);
        counts(check, row(60.0), "2 <div> begin in line; none", &[]);
    }

    #[test]
    fn boxes_of_a_row_begin_at_one_height() {
        let row = |y: f32| vec![card(0, 10.0, 10.0), card(1, 60.0, y), card(2, 110.0, 10.0), root()];
        counts(check, row(11.5), "3 <div> begin in line; none", &[]);
        counts(check, row(17.0), "3 <div> begin from 10 to 17 px; <div> 7 px lower", &[&[1]]);
        counts(check, row(38.0), "3 <div> begin from 10 to 38 px; none", &[]);
    }

    #[test]
    fn boxes_of_a_column_share_an_edge_or_their_middle() {
        let item = |id, x0: f32, x1: f32, y: f32| {
            block(id, "div", [x0, y, x1, y + 20.0]).grounded([220; 3]).inside(90)
        };
        let left =
            vec![item(0, 10.0, 100.0, 0.0), item(1, 16.0, 80.0, 30.0), item(2, 10.0, 90.0, 60.0), root()];
        counts(check, left, "<div> 6 px right", &[&[1]]);
        let middle =
            vec![item(0, 10.0, 100.0, 0.0), item(1, 16.0, 94.0, 30.0), item(2, 10.0, 100.0, 60.0), root()];
        counts(check, middle, "none", &[]);
        let far =
            vec![item(0, 10.0, 100.0, 0.0), item(1, 50.0, 100.0, 30.0), item(2, 10.0, 90.0, 60.0), root()];
        counts(check, far, "none", &[]);
    }

    #[test]
    fn a_line_may_begin_with_a_link() {
        let line = |id: u32, x: f32, y: f32| {
            words(id, "of the harbour", [x, y, 100.0 + 30.0 * id as f32, y + 18.0]).inside(90)
        };
        let texts = |x: f32| vec![line(0, 10.0, 0.0), line(1, x, 30.0), line(2, 10.0, 60.0), root()];
        counts(check, texts(22.0), "'of the harbour' 12 px right", &[&[1]]);
        counts(check, texts(12.0), "none", &[]);
        counts(check, texts(13.0), "'of the harbour' 3 px right", &[&[1]]);
        let link = words(3, "A", [10.0, 30.0, 20.0, 48.0]).spanning().inside(1);
        counts(check, texts(22.0).into_iter().chain([link]).collect(), "none", &[]);
    }

    #[test]
    fn buttons_in_lines_of_text_make_no_columns() {
        let sizes = [(0.0, 16.0, vec![10.0, 30.0, 50.0]), (30.0, 10.0, vec![10.0, 30.0, 50.0])];
        let line = |(y, side, starts): &(f32, f32, Vec<f32>), first: u32| -> Vec<Made> {
            let button = |(x, id)| block(id, "button", [x, *y, x + side, y + side]).spanning().inside(90);
            starts.iter().copied().zip(first..).map(button).collect()
        };
        let large = line(&(60.0, 26.0, vec![10.0, 40.0]), 20);
        let all = [line(&sizes[0], 0), line(&sizes[1], 10), large, vec![root()]].concat();
        counts(check, all, "none", &[]);
    }
}
