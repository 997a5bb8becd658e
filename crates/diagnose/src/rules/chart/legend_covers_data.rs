#![doc = include_str!("legend_covers_data.md")]

use super::{RuleResult, defect};
use crate::geometry::third;
use crate::rules::chart::cover::covered;
use crate::scene::Scene;
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "the legend lies over data";

/// Pixels between a legend and the edge of its axes, at most: half a line of text, as matplotlib
/// leaves.
const MAX_PAD: f32 = 5.0;
/// Pixels around a legend that must also be free for a place to count as free.
const SPARE: f32 = 2.0;
/// Places of a legend, and the shares of the free room to the left of it and above it.
const PLACES: [(&str, f32, f32); 9] = [
    ("upper left", 0.0, 0.0),
    ("upper center", 0.5, 0.0),
    ("upper right", 1.0, 0.0),
    ("center left", 0.0, 0.5),
    ("center", 0.5, 0.5),
    ("center right", 1.0, 0.5),
    ("lower left", 0.0, 1.0),
    ("lower center", 0.5, 1.0),
    ("lower right", 1.0, 1.0),
];

pub(super) fn check(scene: &Scene) -> RuleResult {
    let mut defects = Vec::new();
    let mut observed = Vec::new();
    let mut remedy = None;
    for legend in scene.of_kind(ElementKind::Legend) {
        let covered = covered(scene, legend.region, on_its_own);
        let place = place(scene, legend);
        let described = match place.starts_with("outside") {
            true => format!("legend {place}"),
            // In the script's words, so that the reader of the report can copy it.
            false => format!("legend loc='{place}'"),
        };
        if covered.is_empty() {
            observed.push(described);
            continue;
        }
        let places = free_places(scene, legend);
        let free = places.as_deref().map(|free| match free.is_empty() {
            true => "free: no place".to_string(),
            false => format!("free: '{}'", free.join("', '")),
        });
        let help = free_help(places.as_deref(), is_anchored(scene, legend));
        let more = free.as_ref().map(|free| format!(", {free}")).unwrap_or_default();
        remedy = remedy.or(free);
        let found = defect(&[legend], format!("the legend at {place} covers {covered}{more}"));
        defects.push(found.with_help(help));
        // Legends that cover data come first.
        observed.insert(defects.len() - 1, format!("{described}, covers {covered}"));
    }
    let observed = if observed.is_empty() { "none".to_string() } else { observed.join("; ") };
    RuleResult { remedy, ..RuleResult::counted(defects, observed) }
}

/// The arguments of `legend` that free the data.
fn free_help(free: Option<&[&str]>, anchored: bool) -> String {
    match free {
        Some([place, ..]) if anchored => format!("loc='{place}', without bbox_to_anchor"),
        Some([place, ..]) => format!("loc='{place}'"),
        Some([]) => "bbox_to_anchor=(1.02, 1), loc='upper left', and save with bbox_inches='tight'".into(),
        None => "loc='outside right upper', with plt.subplots(layout='constrained')".into(),
    }
}

/// The places of `legend(loc=...)` where this legend would cover nothing; `None` for a legend of no
/// axes.
fn free_places(scene: &Scene, legend: &Element) -> Option<Vec<&'static str>> {
    let places = places(scene, legend)?;
    let fits = |(_, place): &(&str, Region)| covered(scene, place.grow(SPARE), on_its_own).is_empty();
    Some(places.into_iter().filter(fits).map(|(name, _)| name).collect())
}

/// Where this legend would stand at each place of `legend(loc=...)`; nowhere if it is larger than
/// its axes, `None` for a legend of no axes.
fn places(scene: &Scene, legend: &Element) -> Option<Vec<(&'static str, Region)>> {
    let room = room(scene, legend)?;
    let r = legend.region;
    let gaps = [r.x0 - room.x0, room.x1 - r.x1, r.y0 - room.y0, room.y1 - r.y1];
    let pad = gaps.into_iter().fold(MAX_PAD, f32::min).max(0.0);
    let inner = room.grow(-pad);
    let (dx, dy) = (inner.width() - r.width(), inner.height() - r.height());
    if dx < 0.0 || dy < 0.0 {
        return Some(Vec::new());
    }
    let at = |(name, fx, fy)| {
        let (x, y) = (inner.x0 + fx * dx, inner.y0 + fy * dy);
        (name, Region::new(x, y, x + r.width(), y + r.height()))
    };
    Some(PLACES.into_iter().map(at).collect())
}

/// Whether a legend stands at none of these places, so that something else than `loc` places it.
fn is_anchored(scene: &Scene, legend: &Element) -> bool {
    const NEAR: f32 = 4.0;
    let near = |place: &Region| {
        (place.x0 - legend.region.x0).abs() < NEAR && (place.y0 - legend.region.y0).abs() < NEAR
    };
    let places = places(scene, legend).unwrap_or_default();
    !places.is_empty() && !places.iter().any(|(_, place)| near(place))
}

/// Whether an element is not a part of a legend or a table.
fn on_its_own(e: &Element) -> bool {
    e.parent.is_none()
}

/// The box of the axes of a legend.
fn room(scene: &Scene, legend: &Element) -> Option<Region> {
    legend.axes.and_then(|id| scene.by_id(id)).map(|e| e.region).filter(|r| !r.is_empty())
}

/// The place of a legend in its axes, in the words of `legend(loc=...)`, or the side on which it
/// lies outside.
fn place(scene: &Scene, legend: &Element) -> String {
    let room = room(scene, legend).unwrap_or_else(|| scene.bounds());
    let (x, y) = legend.region.center();
    let side = match () {
        () if x > room.x1 => "outside right",
        () if x < room.x0 => "outside left",
        () if y < room.y0 => "outside above",
        () if y > room.y1 => "outside below",
        () => "",
    };
    if !side.is_empty() {
        return side.into();
    }
    let r = legend.region;
    let column = third(r.x0 - room.x0, room.x1 - r.x1, ["left", "center", "right"]);
    let row = third(r.y0 - room.y0, room.y1 - r.y1, ["upper", "center", "lower"]);
    if row == column { row.into() } else { format!("{row} {column}") }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    /// The observed value for a line along the upper row of places.
    const UPPER_ROW_COVERED: &str = "legend loc='upper right', covers 1 line, free: 'center left', 'center', 'center right', 'lower left', 'lower center', 'lower right'";

    fn expect(others: Vec<Made>, legend: [f32; 4], observed: &str) {
        let mut elements = vec![shape(0, Axes, [10.0, 10.0, 110.0, 110.0])];
        elements.push(shape(1, Legend, legend).on(0, '-'));
        elements.extend(others);
        let result = with_scene(elements, None, check);
        assert_eq!(with_remedy(&result), observed);
        let clean = !observed.contains("covers");
        assert_eq!(result.score, Some(if clean { 1.0 } else { 0.5 }));
        assert!(result.defects.iter().all(|d| d.elements == [1] && d.regions == [legend.into()]));
    }

    #[test]
    fn the_place_is_named_as_matplotlib_names_it() {
        let check = |x: f32, y: f32, want| expect(vec![], [x, y, x + 30.0, y + 20.0], want);
        check(13.0, 13.0, "legend loc='upper left'");
        check(45.0, 13.0, "legend loc='upper center'");
        check(77.0, 13.0, "legend loc='upper right'");
        check(13.0, 50.0, "legend loc='center left'");
        check(45.0, 50.0, "legend loc='center'");
        check(77.0, 50.0, "legend loc='center right'");
        check(13.0, 87.0, "legend loc='lower left'");
        check(45.0, 87.0, "legend loc='lower center'");
        check(77.0, 87.0, "legend loc='lower right'");
        expect(vec![], [14.0, 13.0, 105.0, 33.0], "legend loc='upper center'");
        expect(vec![], [13.0, 13.0, 93.0, 33.0], "legend loc='upper left'");
        expect(vec![], [115.0, 13.0, 140.0, 33.0], "legend outside right");
        expect(vec![], [10.0, 0.0, 60.0, 8.0], "legend outside above");
        expect(vec![], [0.0, 0.0, 200.0, 200.0], "legend loc='center'");
    }

    #[test]
    fn lines_count_by_their_length_inside() {
        let line =
            |points: &[[f32; 2]]| shape(2, Line, [10.0, 10.0, 110.0, 110.0]).on(0, '-').through(points);
        let legend = [70.0, 13.0, 107.0, 33.0];
        expect(vec![line(&[[20.0, 100.0], [72.0, 31.0]])], legend, "legend loc='upper right'");
        expect(vec![line(&[[20.0, 20.0], [72.9, 20.0]])], legend, "legend loc='upper right'");
        expect(vec![line(&[[20.0, 20.0], [73.5, 20.0]])], legend, UPPER_ROW_COVERED);
        // Crossing between two vertices counts as well.
        let want = "legend loc='upper right', covers 1 line, free: 'upper left', 'center left', 'center right', 'lower left', 'lower center', 'lower right'";
        expect(vec![line(&[[60.0, 50.0], [105.0, 11.0]])], legend, want);
        expect(vec![line(&[])], legend, "legend loc='upper right'");
        // A line that the axes clip before the legend is not under it.
        let clipped = shape(2, Line, [10.0, 40.0, 110.0, 110.0]).through(&[[20.0, 100.0], [100.0, 0.0]]);
        expect(vec![clipped], legend, "legend loc='upper right'");
    }

    #[test]
    fn lines_across_the_whole_axes_are_references() {
        let legend = [70.0, 13.0, 107.0, 33.0];
        let across = |a, b| shape(2, Line, [10.0, 10.0, 110.0, 110.0]).on(0, '-').through(&[a, b]);
        expect(vec![across([10.0, 20.0], [110.0, 20.0])], legend, "legend loc='upper right'");
        expect(vec![across([90.0, 110.0], [90.0, 10.0])], legend, "legend loc='upper right'");
        expect(vec![across([15.0, 20.0], [105.0, 20.0])], legend, UPPER_ROW_COVERED);
    }

    #[test]
    fn bars_points_and_notes_count() {
        let legend = [70.0, 13.0, 107.0, 33.0];
        let bar = |top: f32| shape(2, Bar, [80.0, top, 95.0, 110.0]);
        expect(vec![bar(30.0)], legend, "legend loc='upper right'");
        let want = "legend loc='upper right', covers 1 bar, free: 'upper left', 'upper center', 'center left', 'center', 'lower left', 'lower center'";
        expect(vec![bar(29.5)], legend, want);
        let dots = shape(3, Collection, [10.0, 10.0, 110.0, 110.0]);
        let dots = dots.through(&[[80.0, 20.0], [71.5, 20.0], [70.5, 20.0], [50.0, 50.0]]);
        let want = "legend loc='upper right', covers 1 bar 2 points, free: 'upper left', 'lower left', 'lower center'";
        expect(vec![bar(20.0), dots], legend, want);
        let want = "legend loc='upper right', covers 1 text, free: 'upper left', 'center left', 'center', 'center right', 'lower left', 'lower center', 'lower right'";
        expect(vec![text(2, "note", [60.0, 20.0, 90.0, 30.0])], legend, want);
        let own = shape(2, Line, [75.0, 20.0, 85.0, 20.0]).inside(1).through(&[[75.0, 20.0], [85.0, 20.0]]);
        expect(vec![own], legend, "legend loc='upper right'");
    }

    #[test]
    fn free_places_are_named() {
        // Axes of 100 x 100 and a legend of 37 x 20 that keeps 3 px from the edges. Its places
        // begin at 13, 41.5 and 70 from the left and at 13, 50 and 87 from above, each with 2 px to
        // spare.
        let observed = |others: Vec<Made>| {
            let mut elements = vec![shape(0, Axes, [10.0, 10.0, 110.0, 110.0])];
            elements.push(shape(1, Legend, [70.0, 13.0, 107.0, 33.0]).on(0, '-'));
            elements.extend(others);
            with_remedy(&with_scene(elements, None, check))
        };
        let high = shape(2, Bar, [12.0, 20.0, 108.0, 110.0]);
        assert_eq!(observed(vec![high]), "legend loc='upper right', covers 1 bar, free: no place");
        let bar = |id, x0: f32, x1: f32| shape(id, Bar, [x0, 20.0, x1, 110.0]);
        let two = vec![bar(2, 60.0, 65.0), bar(3, 90.0, 100.0)];
        assert_eq!(
            observed(two),
            "legend loc='upper right', covers 1 bar, free: 'upper left', 'center left', 'lower left'"
        );
        let line = shape(2, Line, [10.0, 10.0, 110.0, 110.0]).through(&[[12.0, 20.0], [108.0, 20.0]]);
        assert_eq!(observed(vec![line]), UPPER_ROW_COVERED);
        // A legend of the figure has no axes whose places could be named.
        let of_figure = shape(0, Legend, [70.0, 13.0, 107.0, 33.0]);
        let under = shape(1, Bar, [80.0, 20.0, 95.0, 90.0]);
        assert_eq!(
            with_scene(vec![of_figure, under], None, check).observed,
            "legend loc='upper center', covers 1 bar"
        );
    }

    #[test]
    fn a_chart_without_legend_passes_and_two_legends_are_listed() {
        let result = with_scene(vec![shape(0, Axes, [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!((result.observed.as_str(), result.score), ("none", Some(1.0)));
        let second = shape(2, Legend, [12.0, 90.0, 40.0, 108.0]).on(0, '-');
        expect(vec![second], [77.0, 13.0, 107.0, 33.0], "legend loc='upper right'; legend loc='lower left'");
    }
}
