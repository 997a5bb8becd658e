#![doc = include_str!("text_overlap.md")]

use super::visible::is_double;
use super::{RuleResult, defect};
use crate::geometry::Quad;
use crate::scene::{Group, Scene, and_others, content, quote};
use vsdpo_artifact::{Element, ElementKind};

pub(super) const SUMMARY: &str = "two texts overlap";

/// Pixels by which ink boxes may overlap: they are a pixel too large on every side.
const DEPTH: f32 = 2.0;
/// Pixels of overlap up to which two texts touch and can still be read.
const TOUCH: f32 = 3.5;

/// Overlaps that are reported at most, the deepest first: many texts in one place would give one
/// for each pair.
const REPORTED: usize = 64;

/// Texts of two groups that overlap: one finding, because one move fixes it.
struct Finding<'a> {
    groups: [Group; 2],
    /// The deepest overlap in pixels, and its texts.
    worst: (f32, &'a Element, &'a Element),
    /// All texts of the overlap.
    elements: Vec<&'a Element>,
}

pub(super) fn check(scene: &Scene) -> RuleResult {
    let texts: Vec<(&Element, Quad)> = scene.texts().map(|e| (e, Quad::of_text(e))).collect();
    if texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    let mut pairs: Vec<(f32, &Element, &Element)> = Vec::new();
    for (i, (a, box_a)) in texts.iter().enumerate() {
        for (b, box_b) in &texts[i + 1..] {
            let depth = -box_a.gap(box_b);
            if depth > DEPTH && comparable(a, b) {
                pairs.push((depth, a, b));
            }
        }
    }
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0));
    pairs.truncate(REPORTED);
    let found = findings(&pairs);
    let observed = found.first().map_or("none".to_string(), |f| {
        let (_, a, b) = f.worst;
        and_others(format!("{} with {}", quote(content(a), 14), quote(content(b), 14)), found.len())
    });
    let defects = found.iter().map(|f| {
        let (depth, a, b) = f.worst;
        let (first, second) = (quote(content(a), 40), quote(content(b), 40));
        let message = format!("{first} and {second} overlap by {depth:.0} px");
        let found = defect(&f.elements, and_others(message, f.elements.len() - 1)).with_help(help(f.worst));
        if depth < TOUCH || is_watermark(a, b) || is_watermark(b, a) { found.note() } else { found }
    });
    RuleResult::counted(defects.collect(), observed)
}

/// A change that takes two texts apart.
fn help((depth, a, b): (f32, &Element, &Element)) -> String {
    use ElementKind::{AxisLabel, TickLabel, Title};
    let placed = |e: &Element| matches!(e.kind, TickLabel | AxisLabel | Title);
    match placed(a) && placed(b) {
        true => "plt.subplots(layout='constrained'), or fig.tight_layout() after the last plot".into(),
        false => format!("move one of the texts by {:.0} px, or make it smaller", depth.ceil() + 2.0),
    }
}

/// Groups pairs, of which the deepest comes first, by the groups of their texts.
fn findings<'a>(pairs: &[(f32, &'a Element, &'a Element)]) -> Vec<Finding<'a>> {
    let mut found: Vec<Finding> = Vec::new();
    for &(depth, a, b) in pairs {
        let mut groups = [Group::of(a), Group::of(b)];
        groups.sort_unstable();
        let at = found.iter().position(|f| f.groups == groups).unwrap_or_else(|| {
            found.push(Finding { groups, worst: (depth, a, b), elements: Vec::new() });
            found.len() - 1
        });
        for e in [a, b] {
            if !found[at].elements.iter().any(|other| other.id == e.id) {
                found[at].elements.push(e);
            }
        }
    }
    found
}

/// Whether a text is a watermark to another one: see-through, and much larger.
fn is_watermark(a: &Element, b: &Element) -> bool {
    const ALPHA: u8 = 160;
    const LARGER: f32 = 2.0;
    let size = |e: &Element| e.font_px.unwrap_or(0.0);
    a.color.is_some_and(|c| c[3] < ALPHA) && size(a) >= LARGER * size(b).max(1.0)
}

/// Whether this rule checks the overlap of the two.
fn comparable(a: &Element, b: &Element) -> bool {
    let ticks = a.kind == ElementKind::TickLabel && Group::of(a) == Group::of(b);
    let legend =
        a.kind == ElementKind::LegendText && b.kind == ElementKind::LegendText && a.parent == b.parent;
    let twice = content(a) == content(b) && a.region.iou(b.region) > 0.9;
    !ticks && !legend && !twice && !is_double(a, b)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn expect(elements: Vec<Made>, observed: &str, involved: &[&[u32]]) {
        counts(check, elements, observed, involved);
    }

    #[test]
    fn texts_overlap_by_more_than_their_soft_edges() {
        let a = || text(0, "Left", [10.0, 10.0, 50.0, 20.0]);
        expect(vec![a(), text(1, "Right", [48.0, 10.0, 90.0, 20.0])], "none", &[]);
        expect(vec![a(), text(1, "Right", [47.5, 10.0, 90.0, 20.0])], "'Left' with 'Right'", &[&[0, 1]]);
        expect(vec![a(), text(1, "Right", [20.0, 18.0, 90.0, 30.0])], "none", &[]);
        expect(vec![a()], "none", &[]);
    }

    #[test]
    fn the_deepest_pair_is_named_and_the_others_counted() {
        let elements = vec![
            text(0, "A", [10.0, 10.0, 50.0, 20.0]),
            text(1, "B", [46.0, 10.0, 80.0, 20.0]),
            text(2, "A very long remark", [74.0, 10.0, 99.0, 20.0]),
        ];
        expect(elements, "'B' with 'A very long..' +1", &[&[1, 2], &[0, 1]]);
    }

    #[test]
    fn neighbours_of_one_axis_or_legend_are_left_to_other_rules() {
        let at = |x: f32| [x, 10.0, x + 20.0, 20.0];
        let tick = |id, x, axis| text(id, "tick", at(x)).of(TickLabel).on(9, axis);
        expect(vec![tick(0, 10.0, 'x'), tick(1, 20.0, 'x')], "none", &[]);
        expect(vec![tick(0, 10.0, 'x'), tick(1, 20.0, 'y')], "'tick' with 'tick'", &[&[0, 1]]);
        let entry = |id, x, parent| text(id, "entry", at(x)).of(LegendText).inside(parent);
        expect(vec![entry(0, 10.0, 7), entry(1, 20.0, 7)], "none", &[]);
        expect(vec![entry(0, 10.0, 7), entry(1, 20.0, 8)], "'entry' with 'entry'", &[&[0, 1]]);
        expect(vec![tick(0, 10.0, 'x'), text(1, "note", at(20.0))], "'tick' with 'note'", &[&[0, 1]]);
        expect(vec![text(0, "same", at(10.0)), text(1, "same", at(10.0))], "none", &[]);
    }

    #[test]
    fn labels_of_one_axis_under_one_text_are_one_finding() {
        let tick = |id, x: f32| text(id, "tick", [x, 10.0, x + 20.0, 20.0]).of(TickLabel).on(9, 'x');
        let note = text(2, "source", [0.0, 12.0, 99.0, 22.0]);
        expect(vec![tick(0, 10.0), tick(1, 40.0), note], "'tick' with 'source'", &[&[0, 2, 1]]);
    }

    #[test]
    fn slanted_texts_are_compared_by_their_own_boxes() {
        // Two parallel slanted labels whose upright boxes overlap a lot.
        let label = |id, x: f32| text(id, "Label", [x, 0.0, x + 60.0, 60.0]).rotated(45.0).sized(12.0);
        expect(vec![label(0, 0.0), label(1, 30.0)], "none", &[]);
        expect(vec![label(0, 0.0), label(1, 6.0)], "'Label' with 'Label'", &[&[0, 1]]);
    }

    #[test]
    fn invisible_texts_do_not_count() {
        let hidden = text(1, "B", [10.0, 10.0, 50.0, 20.0]).colored([0, 0, 0, 0]);
        expect(vec![text(0, "A", [10.0, 10.0, 50.0, 20.0]), hidden], "none", &[]);
        let empty = text(1, "B", [10.0, 10.0, 10.0, 20.0]);
        expect(vec![text(0, "A", [0.0, 10.0, 50.0, 20.0]), empty], "none", &[]);
        let blank = text(1, "  ", [10.0, 10.0, 50.0, 20.0]);
        expect(vec![text(0, "A", [0.0, 10.0, 50.0, 20.0]), blank], "none", &[]);
    }

    #[test]
    fn without_text_nothing_is_checked() {
        let result = with_scene(vec![shape(0, Line, [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!(result.score, None);
    }
}
