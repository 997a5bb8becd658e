#![doc = include_str!("uneven_gaps.md")]

use super::view::View;
use super::{RuleResult, defect};
use crate::scene::{Scene, listed};
use crate::slide::{ItemKind, Items};
use std::collections::BTreeMap;
use vsdpo_artifact::Rect;

pub(super) const SUMMARY: &str = "the gaps between similar boxes are not equal";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Sizes of boxes that are alike differ by this share at most.
const ALIKE: f64 = 0.1;
/// Pixels by which gaps may differ, or this share of the larger one.
const EXACT: f64 = 6.0;
const SHARE: f64 = 0.15;
/// Boxes that are this share of their own side apart are groups on purpose.
const GROUPS: f64 = 0.5;

/// A box, with the part of the layout that it is.
type Peer = (u32, Rect);

pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some(view) = View::of(scene) else {
        return RuleResult::not_evaluated("no layout");
    };
    let mut families: BTreeMap<(Option<u32>, bool), Vec<Peer>> = BTreeMap::new();
    for item in Items::new(view.layout).items.iter().filter(|item| item.kind != ItemKind::Text) {
        let parent = view.layout.elements[item.element].parent;
        let key = (parent, item.kind == ItemKind::Media);
        families.entry(key).or_default().extend(item.boxes.first().map(|r| (item.element as u32, *r)));
    }
    let mut found: Vec<(Vec<u32>, String)> = Vec::new();
    for family in families.values() {
        for across in [true, false] {
            found.extend(lines(family, across).iter().filter_map(|line| uneven(line, across)));
        }
    }
    found.sort();
    let observed = listed(found.iter().map(|(_, words)| words.clone()).collect());
    let defects = found
        .iter()
        .map(|(parts, words)| defect(&view.elements(parts.iter().copied()), format!("uneven gaps: {words}")));
    RuleResult::counted(defects.collect(), observed)
}

/// Start and length of a box in the direction of a line, and across it.
fn along(r: Rect, across: bool) -> ([f64; 2], [f64; 2]) {
    if across { ([r.x, r.w], [r.y, r.h]) } else { ([r.y, r.h], [r.x, r.w]) }
}

/// Rows, or columns, of three or more boxes of one size.
fn lines(family: &[Peer], across: bool) -> Vec<Vec<Peer>> {
    let like = |a: f64, b: f64| (a - b).abs() <= ALIKE * a.max(b);
    let mut lines: Vec<Vec<Peer>> = Vec::new();
    for peer in family {
        let (own, side) = along(peer.1, across);
        let fits = |line: &&mut Vec<Peer>| {
            let (first, other) = along(line[0].1, across);
            like(own[1], first[1]) && like(side[1], other[1]) && (side[0] - other[0]).abs() <= EXACT
        };
        match lines.iter_mut().find(fits) {
            Some(line) => line.push(*peer),
            None => lines.push(vec![*peer]),
        }
    }
    lines.retain(|line| line.len() > 2);
    for line in &mut lines {
        line.sort_by(|a, b| along(a.1, across).0[0].total_cmp(&along(b.1, across).0[0]));
    }
    lines
}

/// The boxes beside gaps that differ, and the gaps.
fn uneven(line: &[Peer], across: bool) -> Option<(Vec<u32>, String)> {
    let gap = |two: &[Peer]| {
        let ([start, length], [next, _]) = (along(two[0].1, across).0, along(two[1].1, across).0);
        next - start - length
    };
    let gaps: Vec<f64> = line.windows(2).map(gap).collect();
    let (least, most) = gaps.iter().fold((f64::MAX, f64::MIN), |(a, b), g| (a.min(*g), b.max(*g)));
    let length = along(line[0].1, across).0[1];
    // Boxes that overlap are another rule's matter.
    if least < 0.0 || most - least <= EXACT.max(SHARE * most) || most > GROUPS * length {
        return None;
    }
    let words = gaps.iter().map(|g| format!("{g:.0}")).collect::<Vec<_>>().join(", ");
    let direction = if across { "row" } else { "column" };
    Some((line.iter().map(|(part, _)| *part).collect(), format!("{words} px in a {direction}")))
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::block;

    #[test]
    fn gaps_of_a_row_are_equal() {
        let slide = |third: f64| {
            let xs = [100.0, 420.0, third];
            let mut parts: Vec<_> = xs.iter().map(|x| panel(1, [*x, 200.0, 300.0, 200.0])).collect();
            // A panel holds something.
            parts.extend((0..3).map(|i| line(2 + i, [xs[i as usize] + 10.0, 220.0, 100.0, 20.0])));
            let made = |i: usize| {
                let [x, y, w, h] = <[f64; 4]>::from(parts[i].rect).map(|v| v as f32);
                block(i as u32, "div", [x, y, x + w, y + h]).grounded([200; 3])
            };
            let elements = (0..6).map(made).collect();
            (parts, elements)
        };
        expect(check, slide(740.0), "none", &[]);
        expect(check, slide(746.0), "none", &[]);
        expect(check, slide(770.0), "20, 50 px in a row", &[&[0, 1, 2]]);
        // So far away that it is a group of its own.
        expect(check, slide(900.0), "none", &[]);
    }
}
