#![doc = include_str!("text_clipped.md")]

use super::{RuleResult, defect};
use crate::geometry::Letters;
use crate::scene::{Scene, and_others, content, grouped, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "a text is cut at an edge of the picture";

/// Pixels that a layout box may reach outside.
const OUTSIDE: f32 = 1.0;
/// Pixels that may be lost of a text that can still be read.
const SLIVER: f32 = 2.5;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let texts: Vec<&Element> = scene.texts().filter(|e| e.layout.is_some()).collect();
    if texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    let mut found = cuts(&texts, |e| cut(e, scene.bounds()));
    found.extend(cuts(&texts, |e| cut_by_axes(scene, e)));
    let name = |(e, cut): &(&Element, Cut), max| format!("{} {}", described(e, max), cut.sides);
    let observed = observed(&found, &texts);
    let defects = found.iter().map(|cuts| {
        let elements: Vec<&Element> = cuts.iter().map(|(e, _)| *e).collect();
        let message = format!("{} by {:.0} px", name(&cuts[0], 40), cuts[0].1.lost);
        let found = defect(&elements, format!("cut off: {}", and_others(message, cuts.len())));
        let found = found.with_help(help(&cuts[0]));
        if cuts[0].1.lost < SLIVER { found.note() } else { found }
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The cut texts of each group; the worst text and the worst group come first.
fn cuts<'a>(texts: &[&'a Element], cut: impl Fn(&Element) -> Option<Cut>) -> Vec<Vec<(&'a Element, Cut)>> {
    let mut found: Vec<Vec<(&Element, Cut)>> = grouped(texts.iter().copied())
        .into_values()
        .map(|group| group.into_iter().filter_map(|e| Some((e, cut(e)?))).collect())
        .filter(|cuts: &Vec<(&Element, Cut)>| !cuts.is_empty())
        .collect();
    found.iter_mut().for_each(|cuts| cuts.sort_by(|a, b| b.1.lost.total_cmp(&a.1.lost)));
    found.sort_by(|a, b| b[0].1.lost.total_cmp(&a[0].1.lost));
    found
}

/// The texts that are cut, then the alignment of the free texts (`ax.text`, annotations) that are
/// not: alignment decides whether such a text reaches an edge.
fn observed(found: &[Vec<(&Element, Cut)>], texts: &[&Element]) -> String {
    let cut = found.iter().map(|cuts| {
        let (e, cut) = &cuts[0];
        and_others(format!("{} {}", described(e, 20), cut.sides), cuts.len())
    });
    let whole = |e: &&&Element| e.align.is_some() && !found.iter().flatten().any(|(cut, _)| cut.id == e.id);
    let free = texts.iter().filter(whole).map(|e| format!("inside {}", described(e, 20)));
    let none = found.is_empty().then(|| "none".to_string());
    listed(none.into_iter().chain(cut).chain(free).collect())
}

/// The text, with its alignment if it has one.
fn described(e: &Element, max: usize) -> String {
    let align = e.align.map_or(String::new(), |align| format!(" ha='{}'", align.name()));
    format!("{}{align}", quote(content(e), max))
}

/// A change that shows the whole text.
fn help((e, cut): &(&Element, Cut)) -> String {
    let whole = e.layout.unwrap_or(e.region);
    let shown = whole.intersect(e.region);
    let size = (shown.width() / whole.width()).min(shown.height() / whole.height());
    match (cut.by_axes, e.kind) {
        (true, _) => "leave clip_on=True out, or move the text away from the edge of its axes".into(),
        (_, ElementKind::Title) if size.is_finite() && size > 0.0 => {
            format!("break the text into lines, or use {:.0} % of its font size", (90.0 * size).floor())
        }
        (_, ElementKind::Text) => "move the text inwards, or save with bbox_inches='tight'".into(),
        _ => "plt.subplots(layout='constrained'), or save with bbox_inches='tight'".into(),
    }
}

/// Where a text is cut.
struct Cut {
    /// Whether its axes cut it, and not the picture.
    by_axes: bool,
    /// Names of the sides.
    sides: String,
    /// Pixels outside, at the worst side.
    lost: f32,
}

/// Where the edge of the picture cuts a text.
fn cut(e: &Element, bounds: Region) -> Option<Cut> {
    let gaps = Gaps::of(e);
    cut_at(e, e.layout?, bounds, |out, outside, rest| {
        outside > OUTSIDE + gaps.room(out) && rest <= gaps.reach(out)
    })
}

/// Where the axes of a free text cut it (`clip_on=True`): its ink ends at their edge, and its box
/// does not.
fn cut_by_axes(scene: &Scene, e: &Element) -> Option<Cut> {
    /// Pixels between the ink and the edge of the axes.
    const AT_EDGE: f32 = 1.5;
    let axes = e.axes.filter(|_| e.kind == ElementKind::Text).and_then(|id| scene.by_id(id))?;
    let gaps = Gaps::of(e);
    // A letter's width: the box of a text is wider than its ink.
    let letter = 0.5 * e.font_px.unwrap_or(0.0);
    let inside = e.layout?.intersect(scene.bounds());
    let cut = cut_at(e, inside, axes.region, |out, outside, rest| {
        outside > OUTSIDE + letter + gaps.room(out) && rest.abs() <= AT_EDGE
    })?;
    Some(Cut { by_axes: true, sides: format!("{} by its axes", cut.sides), ..cut })
}

/// The sides of `edges` at which a text is cut, given the box that it asked for. `is_cut` is asked
/// with an outward direction, the pixels outside, and those between the ink and the edge.
fn cut_at(
    e: &Element,
    whole: Region,
    edges: Region,
    is_cut: impl Fn([f32; 2], f32, f32) -> bool,
) -> Option<Cut> {
    let sides = [
        ("left", [-1.0, 0.0], edges.x0 - whole.x0, e.region.x0 - edges.x0),
        ("right", [1.0, 0.0], whole.x1 - edges.x1, edges.x1 - e.region.x1),
        ("top", [0.0, -1.0], edges.y0 - whole.y0, e.region.y0 - edges.y0),
        ("bottom", [0.0, 1.0], whole.y1 - edges.y1, edges.y1 - e.region.y1),
    ];
    let cut: Vec<_> = sides.iter().filter(|(_, out, outside, rest)| is_cut(*out, *outside, *rest)).collect();
    let lost = cut.iter().map(|(_, _, outside, _)| *outside).reduce(f32::max)?;
    let sides = cut.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(" ");
    Some(Cut { by_axes: false, sides, lost })
}

/// Parts of a text's box that have no ink although nothing is cut.
struct Gaps {
    /// The direction of writing and the direction down through the line, in the image.
    along: [f32; 2],
    down: [f32; 2],
    /// Empty room above and below the letters, and the widest gap between letters or words, in
    /// pixels.
    above: f32,
    below: f32,
    between: f32,
}

impl Gaps {
    fn of(e: &Element) -> Self {
        let (sin, cos) = e.rotation.unwrap_or(0.0).to_radians().sin_cos();
        let font = e.font_px.unwrap_or(0.0);
        let letters = Letters::of(content(e));
        Gaps {
            along: [cos, -sin],
            down: [sin, cos],
            above: font * (Letters::HIGH - letters.top),
            below: font * (Letters::DEEP - letters.bottom),
            between: 0.6 * font,
        }
    }

    /// Empty room of the box on the side with this outward direction.
    fn room(&self, out: [f32; 2]) -> f32 {
        let down = out[0] * self.down[0] + out[1] * self.down[1];
        self.below * down.max(0.0) + self.above * (-down).max(0.0)
    }

    /// How far from an edge the ink of a text that is cut there may end: the cut may fall into the
    /// gap between two letters or words, but only in the direction of writing.
    fn reach(&self, out: [f32; 2]) -> f32 {
        let along = out[0] * self.along[0] + out[1] * self.along[1];
        (self.between * along.abs()).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::Align;
    use vsdpo_artifact::ElementKind::*;

    fn expect(elements: Vec<Made>, observed: &str, score: f32) {
        let result = with_scene(elements, None, check); // 200 x 100 pixels
        assert_eq!(result.observed, observed);
        assert_eq!(result.score, Some(score));
    }

    #[test]
    fn a_layout_box_may_end_a_pixel_outside() {
        let t =
            |x1| text(0, "Best quarter", [120.0, 10.0, 200.0, 20.0]).laid([120.0, 9.0, x1, 22.0]).sized(10.0);
        expect(vec![t(200.0)], "none", 1.0);
        expect(vec![t(201.0)], "none", 1.0);
        expect(vec![t(201.5)], "'Best quarter' right", 0.5);
    }

    #[test]
    fn empty_room_of_the_box_may_be_cut() {
        // Capitals have no descenders: the box ends below the picture, the ink does not reach its
        // edge.
        let bottom =
            |ink: f32| text(0, "TOTAL", [20.0, 88.0, 60.0, ink]).laid([20.0, 86.0, 60.0, 103.0]).sized(14.0);
        expect(vec![bottom(100.0)], "none", 1.0);
        let lower =
            |y1: f32| text(0, "TOTAL", [20.0, 90.0, 60.0, 100.0]).laid([20.0, 88.0, 60.0, y1]).sized(14.0);
        expect(vec![lower(104.1)], "none", 1.0);
        expect(vec![lower(104.2)], "'TOTAL' bottom", 0.5);
        let deep = text(0, "Total, p", [20.0, 88.0, 60.0, 100.0]).laid([20.0, 86.0, 60.0, 103.0]).sized(14.0);
        expect(vec![deep], "'Total, p' bottom", 0.5);
        let inside =
            text(0, "Total, p", [20.0, 84.0, 60.0, 98.5]).laid([20.0, 82.0, 60.0, 103.0]).sized(14.0);
        expect(vec![inside], "none", 1.0);
        // Along the line the cut may fall between two words, but not farther away.
        let right =
            |ink: f32| text(0, "to be", [150.0, 8.0, ink, 20.0]).laid([150.0, 6.0, 220.0, 20.0]).sized(10.0);
        expect(vec![right(194.0)], "'to be' right", 0.5);
        expect(vec![right(193.0)], "none", 1.0);
        let turned = text(0, "to be", [8.0, 0.0, 18.0, 95.0]).laid([5.0, 0.0, 18.0, 130.0]);
        expect(vec![turned.rotated(90.0).sized(10.0)], "'to be' bottom", 0.5);
    }

    #[test]
    fn sides_are_named_and_groups_count_once() {
        let wide = text(0, "Wide", [0.0, 0.0, 200.0, 12.0]).laid([-30.0, -4.0, 220.0, 12.0]).sized(10.0);
        let label = |id, y: f32| {
            let t = text(id, "label", [0.0, y, 20.0, y + 10.0]).laid([-12.0, y, 20.0, y + 10.0]).sized(10.0);
            t.of(TickLabel).on(9, 'y')
        };
        let both = "'Wide' left right top; 'label' left +1";
        expect(vec![wide, label(1, 30.0), label(2, 50.0)], both, 1.0 / 3.0);
        expect(vec![label(1, 30.0), label(2, 50.0)], "'label' left +1", 0.5);
    }

    #[test]
    fn free_texts_are_reported_with_their_alignment() {
        let note = |id, x1: f32| {
            let note = text(id, "peak", [x1 - 60.0, 10.0, x1.min(200.0), 20.0]).sized(10.0);
            note.laid([x1 - 60.0, 9.0, x1, 22.0]).aligned(Align::Center)
        };
        expect(vec![note(0, 190.0)], "none; inside 'peak' ha='center'", 1.0);
        let one = "'peak' ha='center' right; inside 'peak' ha='center'";
        expect(vec![note(0, 190.0), note(1, 220.0)], one, 0.5);
        let all = "none; inside 'peak' ha='center'; inside 'peak' ha='center'; 2 more";
        expect((0..4).map(|id| note(id, 100.0)).collect(), all, 1.0);
    }

    #[test]
    fn without_layout_nothing_is_checked() {
        let result = with_scene(vec![text(0, "A", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!(result.score, None);
    }
}
