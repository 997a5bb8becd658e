#![doc = include_str!("data_clipped.md")]

use super::{RuleResult, defect};
use crate::rules::chart::panels::panels;
use crate::scene::{Scene, and_others, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "the limits of an axis cut bars";

/// Pixels of a bar that its axes may cut: edges are drawn half outside.
const DEEP: f32 = 4.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let panels = panels(scene);
    let mut observed = Vec::new();
    let mut defects = Vec::new();
    let mut any = false;
    for panel in &panels {
        let bars: Vec<&Element> =
            scene.of_kind(ElementKind::Bar).filter(|e| panel.holds(e) && e.parent.is_none()).collect();
        any |= !bars.is_empty();
        // A broken axis shows the other end of the bars in a panel of its own.
        let broken = panels.len() > 1
            && panels.iter().any(|p| !std::ptr::eq(p, panel) && goes_on(p.region, panel.region));
        let cut: Vec<&Element> =
            bars.iter().copied().filter(|e| !broken && is_cut(e, panel.region)).collect();
        // Limits far inside the data show a part of it on purpose.
        if cut.is_empty() || 2 * cut.len() > bars.len() {
            continue;
        }
        let name =
            cut[0].label.as_ref().map_or("a bar".into(), |label| format!("a bar of {}", quote(label, 20)));
        let words = and_others(name, cut.len());
        observed.push(words.clone());
        let limits = if is_level(cut[0], panel.region) { "ax.set_xlim" } else { "ax.set_ylim" };
        let message = format!("cut by the limits of the axis: {words}");
        defects.push(
            defect(&cut, message).with_help(format!("leave {limits} out, or give it room for the data")),
        );
    }
    match any {
        true => RuleResult::counted(defects, listed(observed)),
        false => RuleResult::not_evaluated("no bars"),
    }
}

/// Whether the far end of a bar lies outside its axes; the near end often does, because a scale may
/// begin above 0.
fn is_cut(e: &Element, room: Region) -> bool {
    let Some(whole) = e.layout else { return false };
    let tall = whole.y0 < room.y0 - DEEP && whole.y1 > room.y0 + DEEP;
    let wide = whole.x1 > room.x1 + DEEP && whole.x0 < room.x1 - DEEP;
    let inside = e.values.first().is_some_and(|v| *v > 0.0);
    inside && (tall || wide)
}

fn is_level(e: &Element, room: Region) -> bool {
    e.layout.is_some_and(|whole| whole.x1 > room.x1 + DEEP)
}

/// Whether a panel stands right above, below or beside another one with the same edges.
fn goes_on(a: Region, b: Region) -> bool {
    const EXACT: f32 = 2.0;
    let column = (a.x0 - b.x0).abs() < EXACT && (a.x1 - b.x1).abs() < EXACT;
    let row = (a.y0 - b.y0).abs() < EXACT && (a.y1 - b.y1).abs() < EXACT;
    column || row
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn bar(id: u32, x: f32, top: f32) -> Made {
        let seen = [x, top.max(20.0), x + 10.0, 80.0];
        shape(id, Bar, seen).on(0, '-').valued(&[5.0]).laid([x, top, x + 10.0, 80.0])
    }

    #[test]
    fn a_bar_that_ends_above_its_axes_is_cut() {
        let axes = shape(0, Axes, [10.0, 20.0, 190.0, 80.0]);
        let bars = vec![axes, bar(1, 20.0, 5.0), bar(2, 40.0, 30.0), bar(3, 60.0, 18.0)];
        counts(check, bars, "a bar", &[&[1]]);
    }

    #[test]
    fn limits_inside_most_bars_are_meant_and_broken_axes_too() {
        let axes = || shape(0, Axes, [10.0, 20.0, 190.0, 80.0]);
        counts(check, vec![axes(), bar(1, 20.0, 5.0), bar(2, 40.0, 5.0), bar(3, 60.0, 30.0)], "none", &[]);
        let above = shape(9, Axes, [10.0, 2.0, 190.0, 18.0]);
        counts(check, vec![axes(), bar(1, 20.0, 5.0), bar(2, 40.0, 30.0), above], "none", &[]);
        counts(check, vec![axes(), bar(1, 20.0, 18.0), bar(2, 40.0, 30.0)], "none", &[]);
    }
}
