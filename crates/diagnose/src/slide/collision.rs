//! Collisions: items that overlap, leave their panel, are cut off, or leave the slide.
//! docs/specs/aeslides.md, 6.

use super::items::{Item, ItemKind, Items};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vsdpo_artifact::{Rect, SlideLayout};

/// Overlaps and protrusions up to so many pixels do not count.
const EPSILON: f64 = 2.0;
/// The share of an item that is full severity.
const FULL: f64 = 0.25;
/// The share of an item that must lie on another to be laid on it on purpose.
const WITHIN: f64 = 0.95;
/// A badge covers at most this share of what it is put on.
const BADGE: f64 = 0.1;

/// How elements collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClashKind {
    /// D1: two items of unrelated elements overlap.
    Overlap,
    /// D2: content leaves the panel that it stands in.
    Escape,
    /// D3: text is cut off.
    Cut,
    /// D4: an item leaves the slide.
    OffSlide,
}

/// One collision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clash {
    /// How.
    pub kind: ClashKind,
    /// The first of an overlap, the panel that is left, the element that cuts, or the one that
    /// leaves the slide; a position in [`SlideLayout::elements`].
    pub element: u32,
    /// The second of an overlap; the elements that leave the panel or whose text is cut.
    pub others: Vec<u32>,
    /// Square pixels that overlap, protrude or are cut.
    pub area: f64,
    /// From 0 to 1.
    pub severity: f64,
}

/// All collisions of a slide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Collision {
    /// In the order of their kinds.
    pub clashes: Vec<Clash>,
    /// C: the sum of the severities.
    pub cost: f64,
}

impl Collision {
    /// 1 / (1 + C).
    pub fn score(&self) -> f64 {
        1.0 / (1.0 + self.cost)
    }
}

/// The collisions of a slide.
pub fn collision(layout: &SlideLayout) -> Collision {
    collide(layout).1
}

/// The items of a slide, and their collisions.
pub(super) fn collide(layout: &SlideLayout) -> (Items<'_>, Collision) {
    let items = Items::new(layout);
    let mut clashes = overlaps(&items);
    clashes.extend(escapes(&items));
    clashes.extend(cuts(&items));
    clashes.extend(departures(&items));
    let cost = clashes.iter().map(|clash| clash.severity).sum();
    (items, Collision { clashes, cost })
}

fn severity(area: f64, base: f64) -> f64 {
    (area / (FULL * base)).min(1.0)
}

/// How far a box reaches beyond another, at most.
fn protrusion(r: Rect, beyond: Rect) -> f64 {
    let right = r.x + r.w - beyond.x - beyond.w;
    let below = r.y + r.h - beyond.y - beyond.h;
    (beyond.x - r.x).max(beyond.y - r.y).max(right).max(below)
}

/// The area of protruding boxes outside another box.
fn outside(boxes: &[Rect], of: Rect) -> f64 {
    let protruding = boxes.iter().filter(|r| protrusion(**r, of) > EPSILON);
    // A box turned inside out lets nothing through.
    let open = of.w > 0.0 && of.h > 0.0;
    protruding.map(|r| r.area() - r.meet(of).filter(|_| open).map_or(0.0, Rect::area)).sum()
}

/// Pairs of elements below which overlaps are the fault of the pair: bits by the numbers of the
/// family.
struct Silenced {
    side: usize,
    bits: Vec<u64>,
}

impl Silenced {
    fn add(&mut self, items: &Items, (a, b): (usize, usize)) {
        self.side = items.layout.elements.len();
        let words = self.side.div_ceil(64);
        self.bits.resize(self.side * words, 0);
        for (rows, columns) in [(a, b), (b, a)] {
            for row in items.family.range(rows) {
                items.family.range(columns).for_each(|at| self.bits[row * words + at / 64] |= 1 << (at % 64));
            }
        }
    }

    fn has(&self, items: &Items, (a, b): (usize, usize)) -> bool {
        let (row, at) = (items.family.number(a), items.family.number(b));
        let word = self.bits.get(row * self.side.div_ceil(64) + at / 64);
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// D1.
fn overlaps(items: &Items) -> Vec<Clash> {
    let (mut clashes, mut silenced) = (Vec::new(), Silenced { side: 0, bits: Vec::new() });
    for (a, b) in pairs(&items.items) {
        let (a, b) = (&items.items[a], &items.items[b]);
        let pair = (a.element, b.element);
        if items.family.holds(pair.0, pair.1) || items.family.holds(pair.1, pair.0) {
            continue;
        }
        let area = common(a, b).min(a.seen_area.min(b.seen_area));
        if area <= 0.0 || silenced.has(items, pair) {
            continue;
        }
        match verdict(items, a, b, area) {
            Verdict::Laid => continue,
            Verdict::Badge => (),
            Verdict::Defect => clashes.push(Clash {
                kind: ClashKind::Overlap,
                element: a.element as u32,
                others: vec![b.element as u32],
                area,
                severity: severity(area, a.seen_area.min(b.seen_area)),
            }),
        }
        silenced.add(items, pair);
    }
    clashes
}

/// All pairs of items, in the order of their summed depth, then of the items.
fn pairs(items: &[Item]) -> impl Iterator<Item = (usize, usize)> {
    let mut depths: BTreeMap<usize, std::ops::Range<usize>> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        depths.entry(item.depth).or_insert(i..i).end = i + 1;
    }
    let mut both = Vec::new();
    for (one, first) in &depths {
        for (two, second) in depths.range(one..) {
            both.push((one + two, first.clone(), second.clone()));
        }
    }
    both.sort_by_key(|(sum, first, _)| (*sum, first.start));
    both.into_iter().flat_map(|(_, first, second)| {
        first.flat_map(move |a| (second.start.max(a + 1)..second.end).map(move |b| (a, b)))
    })
}

/// The area that two items have in common.
fn common(a: &Item, b: &Item) -> f64 {
    let mut area = 0.0;
    for r in &a.seen {
        let wide = b.seen.iter().filter_map(|s| r.meet(*s)).filter(|m| m.w > EPSILON && m.h > EPSILON);
        area += wide.map(Rect::area).sum::<f64>();
    }
    area
}

enum Verdict {
    /// One is laid on the other.
    Laid,
    /// A badge on the corner of something.
    Badge,
    Defect,
}

fn verdict(items: &Items, a: &Item, b: &Item, area: f64) -> Verdict {
    let is_text = |item: &Item| item.kind == ItemKind::Text;
    let (small, large) = if a.seen_area <= b.seen_area { (a, b) } else { (b, a) };
    match (is_text(a), is_text(b)) {
        (true, true) => Verdict::Defect,
        (true, false) if area >= WITHIN * a.seen_area => Verdict::Laid,
        (false, true) if area >= WITHIN * b.seen_area => Verdict::Laid,
        (true, false) | (false, true) => Verdict::Defect,
        (false, false) if area >= WITHIN * small.seen_area => Verdict::Laid,
        (false, false) if small.seen_area > BADGE * large.seen_area => Verdict::Defect,
        (false, false) => {
            if items.layout.is_deck() {
                // Every shape of a deck is placed.
                return Verdict::Badge;
            }
            let family = &items.family;
            let mut own = family.chain(small.element).take_while(|at| !family.holds(*at, large.element));
            let placed = own.any(|at| items.layout.elements[at].placed);
            if placed { Verdict::Badge } else { Verdict::Defect }
        }
    }
}

/// What leaves a panel, or is cut: the elements with their areas and severities, by the element
/// that is left or cuts.
type Faults = BTreeMap<usize, Vec<(usize, f64, f64)>>;

/// One clash for each panel or each element that cuts.
fn merged(kind: ClashKind, faults: Faults) -> impl Iterator<Item = Clash> {
    faults.into_iter().map(move |(element, parts)| Clash {
        kind,
        element: element as u32,
        others: parts.iter().map(|(element, ..)| *element as u32).collect(),
        area: parts.iter().map(|(_, area, _)| area).sum(),
        severity: parts.iter().map(|(.., severity)| severity).sum::<f64>().min(1.0),
    })
}

/// D2.
fn escapes(items: &Items) -> impl Iterator<Item = Clash> {
    let elements = &items.layout.elements;
    let mut panels = vec![false; elements.len()];
    let panel = |item: &&Item| item.kind == ItemKind::Panel;
    items.items.iter().filter(panel).for_each(|item| panels[item.element] = true);
    let deck = items.layout.is_deck();
    let mut faults = Faults::new();
    for item in items.items.iter().filter(|item| deck || !panel(item)) {
        // A panel does not leave itself.
        let mut chain = items.family.chain(item.element).skip(usize::from(panel(&item)));
        let Some(around) = chain.find(|at| panels[*at]) else { continue };
        let mut between = items.family.chain(item.element).take_while(|at| *at != around);
        let stays = match deck {
            true => stands_within(items.layout, item, around),
            false => between.any(|at| elements[at].placed),
        };
        if stays {
            continue;
        }
        let area = outside(&item.seen, elements[around].rect);
        if area > 0.0 {
            faults.entry(around).or_default().push((item.element, area, severity(area, item.area)));
        }
    }
    merged(ClashKind::Escape, faults)
}

/// Whether what stands on a shape of a deck lies in it, as far as one asks: all of the shape's own
/// text must, of other things 95 %. docs/specs/aeslides.md, 11.
fn stands_within(layout: &SlideLayout, item: &Item, around: usize) -> bool {
    let own = |at: usize| layout.elements[at].element;
    if item.kind == ItemKind::Text && own(item.element) == own(around) {
        return false;
    }
    let within = item.boxes.iter().filter_map(|r| r.meet(layout.elements[around].rect));
    within.map(Rect::area).sum::<f64>() >= WITHIN * item.area
}

/// D3.
fn cuts(items: &Items) -> impl Iterator<Item = Clash> {
    let mut faults = Faults::new();
    for item in items.items.iter().filter(|item| item.kind == ItemKind::Text) {
        let area = outside(&item.boxes, item.clip);
        let cuts = |at: &usize| *at != items.body && items.layout.elements[*at].clips != [false; 2];
        let cutter = items.family.chain(item.element).find(cuts);
        if let (true, Some(cutter)) = (area > 0.0, cutter) {
            faults.entry(cutter).or_default().push((item.element, area, severity(area, item.area)));
        }
    }
    merged(ClashKind::Cut, faults)
}

/// D4.
fn departures(items: &Items) -> Vec<Clash> {
    let slide = Rect::new(0.0, 0.0, items.layout.width, items.layout.height);
    let mut clashes: Vec<Clash> = Vec::new();
    let mut gone = vec![false; items.layout.elements.len()];
    for item in &items.items {
        if items.family.chain(item.element).any(|at| gone[at]) {
            continue;
        }
        let area = outside(&item.seen, slide);
        if area > 0.0 {
            gone[item.element] = true;
            clashes.push(Clash {
                kind: ClashKind::OffSlide,
                element: item.element as u32,
                others: Vec::new(),
                area,
                severity: severity(area, item.area),
            });
        }
    }
    clashes
}
