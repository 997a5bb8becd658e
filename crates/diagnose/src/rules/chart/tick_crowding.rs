#![doc = include_str!("tick_crowding.md")]

use super::{RuleResult, defect};
use crate::geometry::Quad;
use crate::rules::chart::panels::is_round;
use crate::scene::{Group, Scene};
use std::collections::BTreeMap;
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "tick labels of an axis have too little room between them";

/// Pixels that neighbours need between them.
const GAP: f32 = 2.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let axes: Vec<Crowd> =
        scene.ticks().into_iter().map(|(group, labels)| Crowd::of(group, &labels)).collect();
    if axes.is_empty() {
        return RuleResult::not_evaluated("no tick labels");
    }
    let mut worst: BTreeMap<Option<char>, &Crowd> = BTreeMap::new();
    for crowd in &axes {
        let entry = worst.entry(crowd.axis).or_insert(crowd);
        if crowd.gap < entry.gap {
            *entry = crowd;
        }
    }
    let observed = worst.values().map(|crowd| crowd.observed()).collect::<Vec<_>>().join("; ");
    let crowded = axes.iter().filter(|crowd| !crowd.close.is_empty());
    let defects = crowded.map(|crowd| {
        let message = format!(
            "{} of {} tick labels are crowded ({})",
            crowd.close.len(),
            crowd.count,
            crowd.observed()
        );
        let found = defect(&crowd.close, message).with_help(crowd.help());
        // The library places the labels of angles, radii and depths by itself.
        let own = crowd.close.iter().any(|e| is_round_or_deep(scene, e));
        if crowd.gap >= 0.0 || own { found.note() } else { found }
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The tick labels of one axis.
struct Crowd<'a> {
    axis: Option<char>,
    count: usize,
    rotation: f32,
    /// Smallest gap in pixels; infinite for a single label.
    gap: f32,
    /// Labels that are too close to another one, in drawing order.
    close: Vec<&'a Element>,
}

impl<'a> Crowd<'a> {
    fn of(group: Group, labels: &[&'a Element]) -> Self {
        let axis = if let Group::Ticks(_, axis) = group { axis } else { None };
        let boxes: Vec<Quad> = labels.iter().map(|e| Quad::of_text(e)).collect();
        let mut smallest = f32::INFINITY;
        let mut is_close = vec![false; labels.len()];
        for i in 0..labels.len() {
            for j in i + 1..labels.len() {
                let gap = gap((labels[i], &boxes[i]), (labels[j], &boxes[j]), axis);
                smallest = smallest.min(gap);
                if gap < GAP {
                    (is_close[i], is_close[j]) = (true, true);
                }
            }
        }
        let close = labels.iter().zip(is_close).filter(|(_, close)| *close).map(|(e, _)| *e).collect();
        let rotation = labels[0].rotation.unwrap_or(0.0);
        Crowd { axis, count: labels.len(), rotation, gap: smallest, close }
    }

    /// Turned labels need the height of a line each; where even that is missing, fewer labels do.
    fn help(&self) -> String {
        let name = self.axis.unwrap_or('x');
        match self.axis {
            Some('x') if self.rotation.abs() < 1.0 => "plt.xticks(rotation=90)".into(),
            _ => format!("fewer labels, as in ax.locator_params(axis='{name}', nbins=6), or a larger figure"),
        }
    }

    /// As in `x 5 rotation=45 gap 9`. The gap is rounded down, so that a printed 2 passes.
    fn observed(&self) -> String {
        let name = self.axis.unwrap_or('?');
        let turned = self.axis == Some('x') || self.rotation.round() != 0.0;
        let rotation =
            if turned { format!(" rotation={}", self.rotation.round() as i32) } else { String::new() };
        let gap =
            if self.gap.is_finite() { format!(" gap {}", self.gap.floor() as i32) } else { String::new() };
        format!("{name} {}{rotation}{gap}", self.count)
    }
}

/// Whether a label belongs to polar or to 3D axes.
fn is_round_or_deep(scene: &Scene, label: &Element) -> bool {
    scene.elements.iter().any(|e| e.axes == label.axes && (is_round(e) || e.axis == Some('z')))
}

/// Pixels between two labels. Along the axis if both are upright and side by side; then an overlap
/// counts in full length, however flat the labels are. The labels of an axis that runs aslant (of
/// 3D axes, of a radius) are not side by side.
fn gap(a: (&Element, &Quad), b: (&Element, &Quad), axis: Option<char>) -> f32 {
    if !(a.1.is_upright() && b.1.is_upright()) {
        return a.1.gap(b.1);
    }
    let (r, s) = (a.0.region, b.0.region);
    let dx = (r.x0 - s.x1).max(s.x0 - r.x1);
    let dy = (r.y0 - s.y1).max(s.y0 - r.y1);
    let (row, column) = (in_line((r.y0, r.y1), (s.y0, s.y1)), in_line((r.x0, r.x1), (s.x0, s.x1)));
    match axis {
        Some('x') if dy < 0.0 && row => dx,
        Some('y') if dx < 0.0 && column => dy,
        _ => dx.max(dy),
    }
}

/// Whether two labels have an edge or their middles in line, given their extents across the axis.
fn in_line(a: (f32, f32), b: (f32, f32)) -> bool {
    const EXACT: f32 = 3.0;
    let middle = (a.0 + a.1 - b.0 - b.1).abs() / 2.0;
    (a.0 - b.0).abs().min((a.1 - b.1).abs()).min(middle) <= EXACT
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn tick(id: u32, region: [f32; 4], axis: char) -> Made {
        text(id, "label", region).of(TickLabel).on(9, axis).sized(10.0)
    }

    /// Labels along x, 20 px wide, that begin at these columns.
    fn row(starts: &[f32]) -> Vec<Made> {
        (0..).zip(starts).map(|(id, &x)| tick(id, [x, 80.0, x + 20.0, 90.0], 'x')).collect()
    }

    fn expect(elements: Vec<Made>, observed: &str, involved: &[&[u32]]) {
        counts(check, elements, observed, involved);
    }

    #[test]
    fn neighbours_need_two_pixels() {
        expect(row(&[0.0, 30.0, 60.0]), "x 3 rotation=0 gap 10", &[]);
        expect(row(&[0.0, 30.0, 52.0]), "x 3 rotation=0 gap 2", &[]);
        expect(row(&[0.0, 30.0, 51.5]), "x 3 rotation=0 gap 1", &[&[1, 2]]);
        expect(row(&[0.0, 18.0, 36.0]), "x 3 rotation=0 gap -2", &[&[0, 1, 2]]);
        expect(row(&[0.0]), "x 1 rotation=0", &[]);
    }

    #[test]
    fn an_overlap_counts_along_the_axis() {
        // The labels are 10 px high, yet overlap by 15 px of their length.
        expect(row(&[0.0, 5.0]), "x 2 rotation=0 gap -15", &[&[0, 1]]);
        // Staggered labels overlap in x, but lie in two rows.
        let staggered = vec![tick(0, [0.0, 70.0, 20.0, 80.0], 'x'), tick(1, [10.0, 84.0, 30.0, 94.0], 'x')];
        expect(staggered, "x 2 rotation=0 gap 4", &[]);
    }

    #[test]
    fn both_axes_are_reported_and_each_is_one_finding() {
        let column = |y: f32, id| tick(id, [2.0, y, 20.0, y + 8.0], 'y');
        let all = |third: f32| {
            [row(&[30.0, 60.0]), vec![column(0.0, 2), column(20.0, 3), column(third, 4)]].concat()
        };
        expect(all(40.0), "x 2 rotation=0 gap 10; y 3 gap 12", &[]);
        expect(all(26.0), "x 2 rotation=0 gap 10; y 3 gap -2", &[&[3, 4]]);
        let other = |id, x: f32| text(id, "b", [x, 80.0, x + 20.0, 90.0]).of(TickLabel).on(8, 'x');
        let two = [row(&[0.0, 15.0]), vec![other(2, 0.0), other(3, 12.0)]].concat();
        expect(two, "x 2 rotation=0 gap -8", &[&[2, 3], &[0, 1]]);
    }

    #[test]
    fn slanted_labels_are_measured_across() {
        // 40 px apart at 45 degrees: 28.3 px across, less the height of 10 px letters with
        // ascenders.
        let slanted = |id, x: f32| tick(id, [x, 40.0, x + 60.0, 100.0], 'x').rotated(45.0);
        expect(vec![slanted(0, 0.0), slanted(1, 40.0)], "x 2 rotation=45 gap 20", &[]);
        expect(vec![slanted(0, 0.0), slanted(1, 12.0)], "x 2 rotation=45 gap 0", &[&[0, 1]]);
        let turned = |id, x: f32| tick(id, [x, 40.0, x + 10.0, 100.0], 'x').rotated(90.0);
        expect(vec![turned(0, 0.0), turned(1, 15.0)], "x 2 rotation=90 gap 5", &[]);
    }

    #[test]
    fn without_tick_labels_nothing_is_checked() {
        let result = with_scene(vec![text(0, "A", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!(result.score, None);
    }
}
