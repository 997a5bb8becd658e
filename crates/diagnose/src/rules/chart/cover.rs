//! Data and notes that a legend or an inset covers.

use crate::geometry::length_inside;
use crate::scene::Scene;
use vsdpo_artifact::{Element, ElementKind, Region};

/// Pixels of a line, and depth of a bar or a note, that a legend may cover: frames have soft edges.
const TOUCH: f32 = 3.0;

/// The elements that lie under a box, of those that `of` accepts, as in `2 lines 1 bar`; empty if
/// there are none.
pub(crate) fn covered(scene: &Scene, region: Region, of: impl Fn(&Element) -> bool) -> String {
    let count = |kind, hidden: &dyn Fn(&Element) -> usize| -> usize {
        scene.of_kind(kind).filter(|e| of(e)).map(hidden).sum()
    };
    let deep = |e: &Element| {
        let inside = region.intersect(e.region);
        inside.width() > TOUCH && inside.height() > TOUCH
    };
    let lines = count(ElementKind::Line, &|e| {
        let crossed = !is_reference(scene, e) && length_under(e, region) > TOUCH;
        usize::from(crossed)
    });
    let bars = count(ElementKind::Bar, &|e| usize::from(deep(e)));
    let points = count(ElementKind::Collection, &|e| {
        let box_ = region.intersect(e.region).grow(-1.0);
        e.points.iter().filter(|p| box_.contains_point(p[0], p[1])).count()
    });
    let notes = count(ElementKind::Text, &|e| usize::from(deep(e)));
    let named = [(lines, "line"), (bars, "bar"), (points, "point"), (notes, "text")];
    let words: Vec<String> = named
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, noun)| format!("{n} {noun}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    words.join(" ")
}

/// Length of a line inside a box, without what the axes clip.
fn length_under(line: &Element, region: Region) -> f32 {
    let visible = region.intersect(line.region);
    if visible.width() < 0.5 || visible.height() < 0.5 {
        return 0.0;
    }
    line.points.windows(2).map(|ab| length_inside(visible, ab[0], ab[1])).sum()
}

/// Whether a line is horizontal or vertical and crosses its whole axes.
fn is_reference(scene: &Scene, line: &Element) -> bool {
    let [a, b] = line.points.as_slice() else { return false };
    let Some(axes) = line.axes.and_then(|id| scene.by_id(id)) else { return false };
    let crosses =
        |from: f32, to: f32, low: f32, high: f32| from.min(to) <= low + 1.0 && from.max(to) >= high - 1.0;
    let (level, upright) = ((a[1] - b[1]).abs() < 0.5, (a[0] - b[0]).abs() < 0.5);
    (level && crosses(a[0], b[0], axes.region.x0, axes.region.x1))
        || (upright && crosses(a[1], b[1], axes.region.y0, axes.region.y1))
}
