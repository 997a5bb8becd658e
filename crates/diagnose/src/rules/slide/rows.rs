//! Rows and columns of boxes of one size, and where their gaps are not equal.

use super::view::View;
use crate::slide::{ItemKind, Items};
use std::collections::BTreeMap;
use vsdpo_artifact::Rect;

/// Sizes of boxes that are alike differ by this share at most.
const ALIKE: f64 = 0.1;
/// Pixels by which gaps may differ, or this share of the larger one.
const EXACT: f64 = 6.0;
const SHARE: f64 = 0.15;
/// Pixels within which a box stands in line with another one.
const IN_LINE: f64 = 1.6;
/// Pixels up to which a box out of line is a mistake.
const MISTAKE: f64 = 24.0;
/// Boxes that are this share of their own side apart are groups on purpose.
const GROUPS: f64 = 0.5;

/// A box, with the part of the layout that it is.
type Peer = (u32, Rect);

/// A row or a column with unequal gaps.
pub(super) struct Uneven {
    /// The boxes, as parts of the layout.
    pub parts: Vec<u32>,
    /// The gaps in words.
    pub words: String,
    /// The box that would make the gaps equal in line with a box of another row or column, and by
    /// how many pixels it is out of that line, to the right or down.
    pub displaced: Option<(u32, f64)>,
}

/// All rows and columns with unequal gaps, sorted.
pub(super) fn uneven_lines(view: &View) -> Vec<Uneven> {
    let mut families: BTreeMap<(Option<u32>, bool), Vec<Peer>> = BTreeMap::new();
    for item in Items::new(view.layout).items.iter().filter(|item| item.kind != ItemKind::Text) {
        let parent = view.layout.elements[item.element].parent;
        let key = (parent, item.kind == ItemKind::Media);
        families.entry(key).or_default().extend(item.boxes.first().map(|r| (item.element as u32, *r)));
    }
    let mut found: Vec<Uneven> = Vec::new();
    for family in families.values() {
        for across in [true, false] {
            found.extend(lines(family, across).iter().filter_map(|line| uneven(line, family, across)));
        }
    }
    found.sort_by(|a, b| a.parts.cmp(&b.parts).then_with(|| a.words.cmp(&b.words)));
    found
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

/// The boxes of a line whose gaps differ, and the gaps.
fn uneven(line: &[Peer], family: &[Peer], across: bool) -> Option<Uneven> {
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
    Some(Uneven {
        parts: line.iter().map(|(part, _)| *part).collect(),
        words: format!("{words} px in a {direction}"),
        displaced: displaced(line, family, across),
    })
}

/// The inner box of a line that is out of the line in which boxes of other lines stand: there, the
/// gaps at its sides would be equal.
fn displaced(line: &[Peer], family: &[Peer], across: bool) -> Option<(u32, f64)> {
    let place = |peer: &Peer| along(peer.1, across).0;
    let off = |three: &[Peer]| {
        let [before, own, after] = [0, 1, 2].map(|i| place(&three[i]));
        let even = (before[0] + before[1] + after[0] - own[1]) / 2.0;
        let out = own[0] - even;
        let elsewhere = |peer: &&Peer| line.iter().all(|(part, _)| *part != peer.0);
        let shown = family.iter().filter(elsewhere).any(|peer| (place(peer)[0] - even).abs() <= IN_LINE);
        (shown && (IN_LINE..=MISTAKE).contains(&out.abs())).then_some((three[1].0, out))
    };
    line.windows(3).find_map(off)
}
