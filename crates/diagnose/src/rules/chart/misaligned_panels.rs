#![doc = include_str!("misaligned_panels.md")]

use super::{RuleResult, defect};
use crate::rules::chart::panels::{Panel, moved, panels};
use crate::scene::{Scene, listed};
use vsdpo_artifact::{Element, Region};

pub(super) const SUMMARY: &str = "panels that should line up do not";

/// Pixels by which edges may differ: rounding to whole pixels.
const EXACT: f32 = 1.5;
/// Two panels stand in one row if they share this much of the lower one's height; columns alike.
const SAME_ROW: f32 = 0.7;

/// What lines up the panels of a grid.
const GRID: &str = "plt.subplots(layout='constrained'), or one GridSpec for all panels";

pub(super) fn check(scene: &Scene) -> RuleResult {
    let all = panels(scene);
    let panels: Vec<&Panel> = all.iter().filter(|p| !p.colorbar && p.host.is_none()).collect();
    if panels.len() < 2 {
        return RuleResult::counted(vec![], "one panel".into());
    }
    let mut found: Vec<([&Element; 2], String, bool, Option<String>)> = Vec::new();
    for (i, a) in panels.iter().enumerate() {
        for b in &panels[i + 1..] {
            if comparable(a, b)
                && let Some(words) = misalignment(a.region, b.region)
            {
                let beside = |p: &&Panel| all.iter().any(|bar| bar.colorbar && touches(bar.region, p.region));
                let place = b.by_hand().then(|| moved(scene, b.region, aligned(a.region, b.region)));
                found.push(([a.axes[0], b.axes[0]], words, [*a, *b].iter().any(beside), place));
            }
        }
    }
    let observed = match found.is_empty() {
        true => format!("{} panels in line", panels.len()),
        false => listed(found.iter().map(|(_, words, ..)| words.clone()).collect()),
    };
    let defects = found.into_iter().map(|(pair, words, beside, place)| {
        let found = defect(&pair, format!("panels out of line: {words}"));
        let found = found.with_help(place.unwrap_or_else(|| GRID.into()));
        // A colour bar takes its room from one panel of a row or column: many leave it so.
        if beside { found.note() } else { found }
    });
    RuleResult::counted(defects.collect(), observed)
}

/// Whether two panels should line up: each of two grids has its own layout. Axes that were placed
/// by hand belong to none.
fn comparable(a: &Panel, b: &Panel) -> bool {
    let of = |panel: &Panel| panel.axes[0].grid;
    of(a).is_none() || of(b).is_none() || of(a) == of(b)
}

/// Whether a colour bar stands beside, below or above a panel, along most of its side.
fn touches(bar: Region, panel: Region) -> bool {
    const ALONG: f32 = 0.5;
    const AWAY: f32 = 0.2;
    let shared = |a0: f32, a1: f32, b0: f32, b1: f32| a1.min(b1) - a0.max(b0);
    let gap = |a0: f32, a1: f32, b0: f32, b1: f32| (a0 - b1).max(b0 - a1);
    let tall = shared(bar.y0, bar.y1, panel.y0, panel.y1) > ALONG * panel.height();
    let wide = shared(bar.x0, bar.x1, panel.x0, panel.x1) > ALONG * panel.width();
    (tall && gap(bar.x0, bar.x1, panel.x0, panel.x1) < AWAY * panel.width())
        || (wide && gap(bar.y0, bar.y1, panel.y0, panel.y1) < AWAY * panel.height())
}

/// How the edges of two panels in one row or in one column differ.
fn misalignment(a: Region, b: Region) -> Option<String> {
    row(a, b, ["tops", "bottoms"])
        .or_else(|| row(transposed(a), transposed(b), ["left edges", "right edges"]))
}

/// Where the second of two panels that are out of line would stand in line with the first.
fn aligned(a: Region, b: Region) -> Region {
    match row(a, b, [""; 2]) {
        Some(_) => Region::new(b.x0, a.y0, b.x1, a.y1),
        None => Region::new(a.x0, b.y0, a.x1, b.y1),
    }
}

/// For panels of one row; a column is a row of the transposed picture.
fn row(a: Region, b: Region, names: [&str; 2]) -> Option<String> {
    let shared = a.y1.min(b.y1) - a.y0.max(b.y0);
    let apart = a.x0.max(b.x0) >= a.x1.min(b.x1) - EXACT;
    if !apart || shared < SAME_ROW * a.height().max(b.height()) {
        return None;
    }
    let offs = [(a.y0 - b.y0).abs(), (a.y1 - b.y1).abs()];
    // Panels with a fixed aspect ratio (pictures, maps, pies) may be aligned by their middles.
    let centred = ((a.y0 + a.y1) - (b.y0 + b.y1)).abs() <= 2.0 * EXACT;
    let off = usize::from(offs[1] > offs[0]);
    (offs[off] > EXACT && !centred).then(|| format!("{} differ by {:.0} px", names[off], offs[off]))
}

fn transposed(r: Region) -> Region {
    Region::new(r.y0, r.x0, r.y1, r.x1)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn expect(b: [f32; 4], observed: &str, involved: &[&[u32]]) {
        let elements = vec![shape(0, Axes, [10.0, 10.0, 60.0, 60.0]), shape(1, Axes, b)];
        counts(check, elements, observed, involved);
    }

    #[test]
    fn edges_of_a_row_and_of_a_column_agree() {
        expect([70.0, 10.0, 120.0, 60.0], "2 panels in line", &[]);
        expect([70.0, 11.5, 120.0, 60.0], "2 panels in line", &[]);
        expect([70.0, 15.0, 120.0, 60.0], "tops differ by 5 px", &[&[0, 1]]);
        expect([70.0, 14.0, 120.0, 66.0], "bottoms differ by 6 px", &[&[0, 1]]);
        expect([18.0, 70.0, 68.0, 95.0], "left edges differ by 8 px", &[&[0, 1]]);
    }

    #[test]
    fn panels_of_two_grids_are_not_compared() {
        let of = |grids: [Option<u32>; 2]| {
            let first = shape(0, Axes, [10.0, 10.0, 60.0, 60.0]).placed_by(grids[0]);
            vec![first, shape(1, Axes, [70.0, 15.0, 120.0, 60.0]).placed_by(grids[1])]
        };
        counts(check, of([Some(0), Some(1)]), "2 panels in line", &[]);
        counts(check, of([Some(0), Some(0)]), "tops differ by 5 px", &[&[0, 1]]);
        counts(check, of([Some(0), None]), "tops differ by 5 px", &[&[0, 1]]);
    }

    #[test]
    fn other_arrangements_are_allowed() {
        expect([70.0, 10.0, 120.0, 95.0], "2 panels in line", &[]); // spans two rows
        expect([70.0, 15.0, 120.0, 55.0], "2 panels in line", &[]); // smaller, in the middle
        expect([20.0, 20.0, 50.0, 50.0], "one panel", &[]); // an inset
    }
}
