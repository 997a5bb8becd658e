#![doc = include_str!("element_outside_canvas.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, content, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "a text, legend or panel lies outside the picture";

/// Pixels of a legend or a panel that may be outside: frames have soft edges.
const OUTSIDE: f32 = 2.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let bounds = scene.bounds();
    let mut found: Vec<(String, Vec<&Element>)> = Vec::new();
    for e in scene.elements {
        let Some((what, side)) = outside(e, bounds) else { continue };
        let words = format!("{what} {side}");
        // The entries of a legend that is outside are one finding with it.
        let part_of = |others: &Vec<&Element>| {
            others.iter().any(|o| {
                Some(o.id) == e.parent || Some(o.id) == e.axes || (o.parent.is_some() && o.parent == e.parent)
            })
        };
        match found.iter_mut().find(|(_, others)| part_of(others)) {
            Some((_, others)) => others.push(e),
            None => found.push((words, vec![e])),
        }
    }
    let observed = listed(found.iter().map(|(words, _)| words.clone()).collect());
    let defects = found.iter().map(|(words, elements)| {
        let found = defect(elements, format!("outside the picture: {words}"));
        found.with_help("plt.subplots(layout='constrained'), or save with bbox_inches='tight'")
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The name of an element that lies outside, and the side.
fn outside(e: &Element, bounds: Region) -> Option<(String, &'static str)> {
    let layout = e.layout?;
    let (what, allowed) = match e.kind {
        // `chart/text-clipped` checks texts that are partly inside. Tick labels outside are
        // common: they belong to values beyond the limits.
        ElementKind::TickLabel => return None,
        kind if kind.is_text() => {
            let hidden = layout.intersect(bounds).is_empty();
            (hidden && !content(e).trim().is_empty()).then(|| (quote(content(e), 20), 0.0))?
        }
        ElementKind::Legend => ("legend".to_string(), OUTSIDE),
        ElementKind::Axes => ("panel".to_string(), OUTSIDE),
        _ => return None,
    };
    let sides = [
        ("left", bounds.x0 - layout.x0),
        ("right", layout.x1 - bounds.x1),
        ("above", bounds.y0 - layout.y0),
        ("below", layout.y1 - bounds.y1),
    ];
    // A text that is longer than the picture reaches over several edges; it lies on the side from
    // which nothing of it is inside.
    let beyond = [
        ("left", bounds.x0 - layout.x1),
        ("right", layout.x0 - bounds.x1),
        ("above", bounds.y0 - layout.y1),
        ("below", layout.y0 - bounds.y1),
    ];
    let apart = beyond.into_iter().find(|(_, gap)| e.kind.is_text() && *gap >= 0.0);
    let widest = || sides.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (side, by) = apart.map(|(side, gap)| (side, gap + 1.0)).or_else(widest)?;
    (by > allowed).then_some((what, side))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    #[test]
    fn legends_and_panels_may_not_cross_the_edge() {
        let legend = |x1| shape(0, Legend, [150.0, 10.0, 200.0, 40.0]).laid([150.0, 10.0, x1, 40.0]);
        counts(check, vec![legend(202.0)], "none", &[]);
        counts(check, vec![legend(230.0)], "legend right", &[&[0]]);
        let panel = shape(0, Axes, [0.0, 10.0, 200.0, 100.0]).laid([0.0, 10.0, 200.0, 130.0]);
        counts(check, vec![panel], "panel below", &[&[0]]);
    }

    #[test]
    fn texts_count_when_they_lie_wholly_outside() {
        let note =
            |x: f32| text(0, "note", [x.min(199.0), 10.0, 200.0, 20.0]).laid([x, 10.0, x + 30.0, 20.0]);
        counts(check, vec![note(190.0)], "none", &[]);
        counts(check, vec![note(201.0)], "'note' right", &[&[0]]);
        counts(check, vec![note(201.0).of(TickLabel)], "none", &[]);
    }

    #[test]
    fn a_legend_and_its_entries_are_one_finding() {
        let legend = shape(0, Legend, [199.0, 10.0, 200.0, 40.0]).laid([210.0, 10.0, 260.0, 40.0]);
        let entry = |id, y: f32| {
            let t = text(id, "north", [199.0, y, 200.0, y + 9.0]).laid([220.0, y, 250.0, y + 9.0]);
            t.of(LegendText).inside(0)
        };
        counts(check, vec![legend, entry(1, 12.0), entry(2, 25.0)], "legend right", &[&[0, 1, 2]]);
        counts(check, vec![text(0, "x", [0.0, 0.0, 5.0, 5.0])], "none", &[]);
    }
}
