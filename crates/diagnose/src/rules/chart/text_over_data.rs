#![doc = include_str!("text_over_data.md")]

use super::{RuleResult, defect, low_contrast};
use crate::color::contrast;
use crate::geometry::length_inside;
use crate::rules::chart::panels::{is_circle, is_round};
use crate::scene::{Scene, and_others, content, distance, grouped, listed, over, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "a line runs through a text";

/// Share of a text's length that a line must run through it, in the middle part of its height.
const STRUCK: f32 = 0.5;
/// Share of the middle of a text that a line covers, however it runs.
const COVERED: f32 = 0.1;
/// The middle part of a text's height.
const MIDDLE: f32 = 0.6;
/// Contrast of a line with the ground from which on it disturbs.
const DISTURBS: f32 = 1.5;
/// Share of the text's box that must have the line's colour: a text on a box of its own, or on a
/// gap that the line leaves for it, has no such pixels.
const SEEN: f32 = 0.04;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let lines: Vec<&Element> = scene.elements.iter().filter(|e| strikes(e) || is_circle(e)).collect();
    let checked = |e: &&Element| {
        matches!(e.kind, ElementKind::Text | ElementKind::TickLabel) && !content(e).trim().is_empty()
    };
    let mut found: Vec<(Vec<&Element>, &Element)> = Vec::new();
    let mut any = false;
    for texts in grouped(scene.texts().filter(checked)).into_values() {
        any = true;
        let mut hit: Vec<&Element> = Vec::new();
        let mut by = None;
        for text in texts {
            // The names of radii stand between the curves, for want of another place.
            let radius =
                text.axis == Some('y') && scene.elements.iter().any(|e| is_round(e) && e.axes == text.axes);
            let struck = |line: &&&Element| match is_circle(line) {
                _ if radius => false,
                true => runs_into(text, line),
                false => is_struck(scene, text, line),
            };
            if let Some(line) = lines.iter().find(struck) {
                hit.push(text);
                by = by.or(Some(*line));
            }
        }
        found.extend(by.filter(|_| !hit.is_empty()).map(|line| (hit, line)));
    }
    if !any {
        return RuleResult::not_evaluated("no text in the axes");
    }
    let observed = listed(found.iter().map(|(texts, _)| quote(content(texts[0]), 14)).collect());
    let defects = found.iter().map(|(texts, line)| {
        let name = and_others(quote(content(texts[0]), 40), texts.len());
        let message = match (&line.label, is_circle(line)) {
            (_, true) => format!("{name} runs into the circle of its axes"),
            (Some(label), false) => format!("the line {} runs through {name}", quote(label, 20)),
            (None, false) => format!("a line runs through {name}"),
        };
        defect(texts, message).with_help(help(texts[0]))
    });
    RuleResult::counted(defects.collect(), observed)
}

fn help(text: &Element) -> &'static str {
    match text.kind {
        ElementKind::TickLabel => "a larger pad, as in ax.tick_params(pad=12), moves the labels off the line",
        _ => {
            "place the text beside the line, as in xytext=(0, 8), textcoords='offset points', or give it \
              bbox=dict(facecolor='white', edgecolor='none')"
        }
    }
}

/// Whether an element is a curve that can disturb a text: an opaque line of data that is not a mere
/// hint.
fn strikes(e: &Element) -> bool {
    e.kind == ElementKind::Line
        && e.parent.is_none()
        && e.points.len() > 1
        && e.pen.is_some_and(|pen| pen >= 1.0)
        && e.color.is_some_and(|c| c[3] >= 128)
}

/// Whether the name of an angle, which stands outside the circle, reaches into it.
fn runs_into(text: &Element, circle: &Element) -> bool {
    /// Share of the name's box inside the circle from which on it runs into it, and up to which it
    /// was not placed inside on purpose.
    const INSIDE: [f32; 2] = [0.15, 0.9];
    const STEPS: (usize, usize) = (24, 6);
    if text.axes != circle.axes || text.axis != Some('x') || circle.region.is_empty() {
        return false;
    }
    let ((cx, cy), (rx, ry)) =
        (circle.region.center(), (circle.region.width() / 2.0, circle.region.height() / 2.0));
    let at = |i: usize, n: usize, low: f32, size: f32| low + (i as f32 + 0.5) / n as f32 * size;
    let places = (0..STEPS.0).flat_map(|i| (0..STEPS.1).map(move |j| (i, j)));
    let inside = places.filter(|&(i, j)| {
        let x = (at(i, STEPS.0, text.region.x0, text.region.width()) - cx) / rx;
        let y = (at(j, STEPS.1, text.region.y0, text.region.height()) - cy) / ry;
        x * x + y * y < 1.0
    });
    let share = inside.count() as f32 / (STEPS.0 * STEPS.1) as f32;
    (INSIDE[0]..INSIDE[1]).contains(&share)
}

/// Whether a line runs through the middle of a text, and can be seen there.
fn is_struck(scene: &Scene, text: &Element, line: &Element) -> bool {
    let upright = text.rotation.unwrap_or(0.0).rem_euclid(180.0) < 1.0;
    let middle = middle(text.region);
    if !upright || line.axes != text.axes || middle.is_empty() || is_grid(line) {
        return false;
    }
    let Some(found) = low_contrast::of(scene, text) else { return false };
    let color = over(line.color.unwrap_or_default(), found.ground);
    if contrast(color, found.ground) < DISTURBS {
        return false;
    }
    let along: f32 = line.points.windows(2).map(|ab| span_inside(middle, ab[0], ab[1])).sum();
    let inside: f32 = line.points.windows(2).map(|ab| length_inside(middle, ab[0], ab[1])).sum();
    let covered = inside * line.pen.unwrap_or(0.0) / middle.area();
    (along >= STRUCK * middle.width() || covered >= COVERED)
        && shows_line(scene, text.region, color, found.ink)
}

/// The part of a box in the middle of its height.
fn middle(r: Region) -> Region {
    let cut = (1.0 - MIDDLE) / 2.0 * r.height();
    Region::new(r.x0, r.y0 + cut, r.x1, r.y1 - cut)
}

/// How far the part of a segment inside a box reaches along x.
fn span_inside(region: Region, a: [f32; 2], b: [f32; 2]) -> f32 {
    let whole = (b[0] - a[0]).hypot(b[1] - a[1]);
    if whole <= 0.0 {
        return 0.0;
    }
    length_inside(region, a, b) / whole * (b[0] - a[0]).abs()
}

/// Whether a line is level and made of two points: a reference, which labels stand on by custom.
fn is_grid(line: &Element) -> bool {
    matches!(line.points.as_slice(), [a, b] if (a[1] - b[1]).abs() < 0.5 || (a[0] - b[0]).abs() < 0.5)
}

/// Whether pixels of the line are seen around the letters. Where letters and line have one colour,
/// the box has more ink than letters alone leave.
fn shows_line(scene: &Scene, region: Region, line: [u8; 3], ink: [u8; 3]) -> bool {
    const ABOUT: u8 = 24;
    /// Share of a text's box that letters alone fill at most, unless they are bold.
    const LETTERS: f32 = 0.12;
    let (mut all, mut alike) = (0usize, 0usize);
    for (_, c) in scene.pixels(region) {
        all += 1;
        alike += usize::from(distance(c, line) <= ABOUT);
    }
    let least = if distance(line, ink) <= 2 * ABOUT { LETTERS } else { SEEN };
    all > 0 && alike as f32 >= least * all as f32
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    /// A text of 40 x 10 pixels in axes, with a curve from `a` to `b` through it, drawn if `seen`.
    fn observed(a: [f32; 2], b: [f32; 2], pen: f32, seen: bool) -> String {
        let mut picture = Picture::new(200, 100, [255; 3]);
        // Letters fill a tenth of the text.
        picture.fill([80, 45, 84, 55], [0; 3]);
        if seen {
            let half = (pen / 2.0) as u32;
            let (x, y) = (a[0].min(b[0]) as u32, a[1].min(b[1]) as u32);
            let (x1, y1) = (a[0].max(b[0]) as u32, a[1].max(b[1]) as u32);
            picture.fill([x.max(half) - half, y.max(half) - half, x1 + half, y1 + half], [200, 0, 0]);
        }
        let middle = [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
        let line = shape(1, Line, [0.0, 0.0, 200.0, 100.0]).on(0, '-').colored([200, 0, 0, 255]);
        let elements = vec![
            shape(0, Axes, [0.0, 0.0, 200.0, 100.0]),
            line.penned(pen).through(&[a, middle, b]),
            text(2, "peak", [80.0, 45.0, 120.0, 55.0]).on(0, '-').colored([0, 0, 0, 255]),
        ];
        picture.with_scene(elements, |scene| check(scene).observed)
    }

    #[test]
    fn a_line_along_a_text_or_a_thick_one_across_it_is_found() {
        assert_eq!(observed([60.0, 50.0], [140.0, 50.0], 2.0, true), "'peak'");
        // 6 of 40 pixels: 15 % of its area; a thin line across covers 5 %.
        assert_eq!(observed([100.0, 20.0], [100.0, 80.0], 6.0, true), "'peak'");
        assert_eq!(observed([100.0, 20.0], [100.0, 80.0], 2.0, true), "none");
    }

    #[test]
    fn a_line_at_the_edge_or_under_the_texts_own_box_is_not() {
        assert_eq!(observed([60.0, 54.0], [140.0, 54.0], 2.0, true), "none");
        assert_eq!(observed([60.0, 50.0], [140.0, 50.0], 2.0, false), "none");
    }

    #[test]
    fn the_name_of_an_angle_runs_into_the_circle() {
        let circle = shape(1, Spine, [50.0, 0.0, 150.0, 100.0]).on(0, '-').named("<circle>");
        let name = |x: f32| text(2, "north", [x, 45.0, x + 40.0, 55.0]).of(TickLabel).on(0, 'x');
        let axes = || shape(0, Axes, [50.0, 0.0, 150.0, 100.0]);
        counts(check, vec![axes(), circle.clone(), name(130.0)], "'north'", &[&[2]]);
        counts(check, vec![axes(), circle, name(152.0)], "none", &[]);
    }
}
