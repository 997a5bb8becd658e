//! The collisions of a slide as findings: one rule for each of their kinds.

use super::view::View;
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others};
use crate::slide::Clash;

/// Findings of one rule at most.
const REPORTED: usize = 64;

/// Those collisions of a slide that are wanted, each described in a few words with names of at most
/// so many characters.
pub(super) fn check(
    scene: &Scene,
    wanted: fn(&View, &Clash) -> bool,
    describe: fn(&View, &Clash, usize) -> String,
) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    found(&view, wanted, describe)
}

/// As [`check`], on a slide that need not be drawn.
pub(super) fn found(
    view: &View,
    wanted: fn(&View, &Clash) -> bool,
    describe: fn(&View, &Clash, usize) -> String,
) -> RuleResult {
    report(
        view,
        &view.scene.collisions().clashes.iter().filter(|c| wanted(view, c)).collect::<Vec<_>>(),
        describe,
    )
}

/// These collisions of a slide.
pub(super) fn report(
    view: &View,
    found: &[&Clash],
    describe: fn(&View, &Clash, usize) -> String,
) -> RuleResult {
    let first = found.first().map(|clash| and_others(describe(view, clash, 16), found.len()));
    let defects = found.iter().take(REPORTED).map(|clash| {
        // What stands in the wrong place comes before what it stands in.
        let parts = clash.others.iter().copied().chain([clash.element]);
        defect(&view.elements(parts), describe(view, clash, 40))
    });
    RuleResult::counted(defects.collect(), first.unwrap_or_else(|| "none".into()))
}

/// The names of the parts that stand in the wrong place: the first, and how many others.
pub(super) fn others(view: &View, clash: &Clash, max: usize) -> String {
    let first = clash.others.first().map_or_else(|| "a text".into(), |at| view.name(*at, max));
    and_others(first, clash.others.len())
}

/// Whether a text leaves the panel that is its own element.
pub(super) fn is_own(view: &View, clash: &Clash) -> bool {
    let element = |part: u32| view.layout.elements.get(part as usize).and_then(|e| e.element);
    let same = |other: u32| view.is_deck() && element(other) == element(clash.element);
    clash.others.iter().all(|other| *other == clash.element || same(*other))
}
