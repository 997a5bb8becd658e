//! Texts that stand elsewhere in their card than the texts of the other cards of one size do.

use super::view::View;
use crate::geometry::off_shared;
use crate::slide::{Item, ItemKind, Items};
use std::collections::BTreeMap;
use vsdpo_artifact::Rect;

/// Pixels by which places may differ: rounding, and differences too small to notice.
const EXACT: f64 = 1.6;
/// Pixels up to which a difference is a mistake; a larger one is taken for intended.
const MISTAKE: f64 = 24.0;
/// Pixels by which the sizes of cards that are alike differ.
const SIZE: f64 = 4.0;
/// Cards that are compared at least, and at most.
const LEAST: usize = 3;
const MOST: usize = 100;

/// Pixels by which the room at both sides of a centred text differs.
const CENTRED: f64 = 4.0;

/// A text in a card.
#[derive(Clone, Copy)]
struct Text {
    /// A part of the layout.
    part: u32,
    /// Its box, relative to the card's corner.
    place: Rect,
    /// Which of left, middle and right of its box show where its lines stand.
    aligned: [bool; 3],
}

/// The texts that are out of place by a few pixels, and in which direction.
pub(super) fn strays(view: &View) -> Vec<(u32, String)> {
    let items = Items::new(view.layout);
    let mut found = Vec::new();
    for cards in families(view, &items) {
        let texts: Vec<Vec<Text>> = cards.iter().map(|card| texts(view, &items, card)).collect();
        // Cards that hold the same number of texts are compared text by text.
        let mut alike: BTreeMap<usize, Vec<&Vec<Text>>> = BTreeMap::new();
        texts.iter().for_each(|texts| alike.entry(texts.len()).or_default().push(texts));
        for (count, cards) in alike.into_iter().filter(|(_, cards)| cards.len() >= LEAST) {
            for place in 0..count {
                let row: Vec<Text> = cards.iter().map(|texts| texts[place]).collect();
                found.extend(out_of(&row, view.is_deck()));
            }
        }
    }
    found.sort();
    found.dedup_by_key(|(part, _)| *part);
    found
}

/// The painted boxes of one size that stand on the same thing.
fn families<'a>(view: &View, items: &'a Items) -> Vec<Vec<&'a Item>> {
    let mut families: Vec<Vec<&Item>> = Vec::new();
    let parent = |item: &Item| view.layout.elements[item.element].parent;
    for item in items.items.iter().filter(|item| item.kind == ItemKind::Panel) {
        let Some(own) = item.boxes.first() else { continue };
        let fits = |family: &&mut Vec<&Item>| {
            let alike = |r: &Rect| (r.w - own.w).abs() <= SIZE && (r.h - own.h).abs() <= SIZE;
            family.len() < MOST
                && parent(family[0]) == parent(item)
                && family[0].boxes.first().is_some_and(alike)
        };
        match families.iter_mut().find(fits) {
            Some(family) => family.push(item),
            None => families.push(vec![item]),
        }
    }
    families.retain(|family| family.len() >= LEAST);
    families
}

/// The texts that stand on a card itself, from top to bottom. In a deck they are shapes of their
/// own; the text of the card's own shape stands where its anchor says.
fn texts(view: &View, items: &Items, card: &Item) -> Vec<Text> {
    let elements = &view.layout.elements;
    let corner = elements[card.element].rect;
    let on = |item: &&Item| item.kind == ItemKind::Text && item.element != card.element;
    let own = |item: &&Item| elements[item.element].parent == Some(card.element as u32);
    let other = |item: &&Item| elements[item.element].element != elements[card.element].element;
    let inside = |item: &Item| {
        let r = elements[item.element].rect;
        let place = Rect { x: r.x - corner.x, y: r.y - corner.y, ..r };
        Text { part: item.element as u32, place, aligned: aligned(r, &item.boxes) }
    };
    let mut texts: Vec<Text> = items.items.iter().filter(on).filter(own).filter(other).map(inside).collect();
    texts.sort_by(|Text { place: a, .. }, Text { place: b, .. }| {
        a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x))
    });
    texts
}

/// Which of left, middle and right of a box its lines are aligned to; all where they fill it.
fn aligned(frame: Rect, lines: &[Rect]) -> [bool; 3] {
    let Some(all) = lines.iter().copied().reduce(Rect::hull) else { return [true; 3] };
    let [before, after] = [all.x - frame.x, frame.x + frame.w - all.x - all.w];
    if before.max(after) <= CENTRED {
        [true; 3]
    } else if (before - after).abs() <= CENTRED {
        [false, true, false]
    } else {
        [before < after, false, before > after]
    }
}

/// Those of a row of texts that are out of the line of the others; across, by the side that their
/// lines are aligned to, and down in a deck, where no text pushes another one down.
fn out_of(row: &[Text], deck: bool) -> Vec<(u32, String)> {
    let across: [fn(&Text) -> f64; 3] =
        [|t| t.place.x, |t| t.place.x + t.place.w / 2.0, |t| t.place.x + t.place.w];
    let down: [fn(&Text) -> f64; 3] =
        [|t| t.place.y, |t| t.place.y + t.place.h / 2.0, |t| t.place.y + t.place.h];
    let mut found = Vec::new();
    for (i, own) in row.iter().enumerate() {
        let others = || row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, text)| text);
        let off = |at: [fn(&Text) -> f64; 3], counts: [bool; 3]| {
            let offs = at.iter().zip(counts).filter(|(_, counts)| *counts);
            let offs: Option<Vec<f64>> =
                offs.map(|(at, _)| off_shared(at(own), others().map(at), EXACT)).collect();
            let least = offs?.into_iter().reduce(|a, b| if b.abs() < a.abs() { b } else { a })?;
            (EXACT..=MISTAKE).contains(&least.abs()).then_some(least)
        };
        let lower = off(down, [true; 3]).filter(|_| deck);
        let how = match (off(across, own.aligned), lower) {
            (Some(by), _) => format!("{:.0} px {}", by.abs(), if by > 0.0 { "right" } else { "left" }),
            (_, Some(by)) => format!("{:.0} px {}", by.abs(), if by > 0.0 { "lower" } else { "higher" }),
            _ => continue,
        };
        found.push((own.part, how));
    }
    found
}
