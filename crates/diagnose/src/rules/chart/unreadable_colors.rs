#![doc = include_str!("unreadable_colors.md")]

use super::{RuleResult, defect};
use crate::color::{ColorVision, difference};
use crate::rules::chart::panels::panels;
use crate::scene::{Scene, content, hex, listed, over, quote};
use vsdpo_artifact::{Element, ElementKind};

pub(super) const SUMMARY: &str = "two series, or a series and its background, have nearly the same colour";

/// Required difference of two series' colours: for normal vision, and for colour blindness. The
/// second is lower because position often distinguishes the series too.
const LEAST: [f32; 2] = [8.0, 5.0];
/// Required difference of a series and its background.
const LEAST_GROUND: f32 = 6.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let mut found: Vec<(Vec<&Element>, String)> = Vec::new();
    let mut closest: Option<(f32, String)> = None;
    for legend in scene.of_kind(ElementKind::Legend) {
        let entries = entries(scene, legend);
        for (i, a) in entries.iter().enumerate() {
            for b in &entries[i + 1..] {
                let Some((margin, difference, vision)) = alike(a, b) else { continue };
                let who = if vision == ColorVision::Normal {
                    String::new()
                } else {
                    format!(" for {} sight", vision.name())
                };
                let words = format!("{} and {}{who} {difference:.0}", a.name(), b.name());
                if margin < 1.0 {
                    found.push((a.parts.iter().chain(&b.parts).copied().collect(), words.clone()));
                }
                if closest.as_ref().is_none_or(|(least, _)| margin < *least) {
                    closest = Some((margin, words));
                }
            }
        }
    }
    found.extend(lost(scene).map(|(e, words)| (vec![e], words)));
    let observed = match closest {
        Some((_, words)) if found.is_empty() => format!("closest {words}"),
        _ => listed(found.iter().map(|(_, words)| words.clone()).collect()),
    };
    let defects = found.iter().map(|(parts, words)| defect(parts, format!("colours too similar: {words}")));
    RuleResult::counted(defects.collect(), observed)
}

/// An entry of a legend.
struct Entry<'a> {
    text: &'a Element,
    /// Its handle: the coloured parts in the text's row.
    parts: Vec<&'a Element>,
}

impl Entry<'_> {
    fn name(&self) -> String {
        quote(content(self.text), 14)
    }
}

fn entries<'a>(scene: &Scene<'a>, legend: &Element) -> Vec<Entry<'a>> {
    let of = |kind| scene.of_kind(kind).filter(|e| e.parent == Some(legend.id));
    let mut entries: Vec<Entry> =
        of(ElementKind::LegendText).map(|text| Entry { text, parts: Vec::new() }).collect();
    // The frame is a part too: it is as large as the legend.
    let frame = |e: &Element| e.region.iou(legend.region) > 0.8;
    for part in of(ElementKind::LegendPart).filter(|e| e.color.is_some_and(|c| c[3] > 0) && !frame(e)) {
        // The text in the part's row that begins next after it.
        let (_, y) = part.region.center();
        let gap = |e: &Entry| {
            let row = (e.text.region.center().1 - y).abs() < 0.8 * e.text.region.height().max(8.0);
            let gap = e.text.region.x0 - part.region.x1;
            if row && gap > -1.0 { gap } else { f32::INFINITY }
        };
        let nearest = entries.iter_mut().min_by(|a, b| gap(a).total_cmp(&gap(b)));
        if let Some(entry) = nearest.filter(|e| gap(e).is_finite()) {
            entry.parts.push(part);
        }
    }
    entries.retain(|e| !e.parts.is_empty());
    entries
}

/// For entries with handles of one form: the colour difference as a multiple of the required one,
/// the difference itself, and the kind of vision. `None` if the handles differ in form.
fn alike(a: &Entry, b: &Entry) -> Option<(f32, f32, ColorVision)> {
    let forms = |e: &Entry| {
        e.parts.iter().map(|p| (p.pattern.clone(), p.color.map(|c| c[3] / 64))).collect::<Vec<_>>()
    };
    let size =
        |e: &Entry| e.parts.iter().map(|p| p.region.height().max(p.region.width())).fold(0.0, f32::max);
    if forms(a) != forms(b) || (size(a) - size(b)).abs() > 2.0 {
        return None;
    }
    let color = |p: &Element| over(p.color.unwrap_or_default(), [255; 3]);
    let apart = |vision| {
        let pairs = a.parts.iter().zip(&b.parts);
        pairs.map(|(p, q)| difference(color(p), color(q), vision)).fold(0.0, f32::max)
    };
    let by_vision = ColorVision::ALL.map(|vision| {
        let least = LEAST[usize::from(vision != ColorVision::Normal)];
        (apart(vision) / least, apart(vision), vision)
    });
    // Normal vision comes first: colours too similar for it are not reported for colour blindness.
    by_vision
        .into_iter()
        .find(|j| j.0 < 1.0)
        .or_else(|| by_vision.into_iter().min_by(|x, y| x.0.total_cmp(&y.0)))
}

/// Curves, and labelled bars and points, with nearly the colour of their axes.
fn lost<'a>(scene: &'a Scene<'a>) -> impl Iterator<Item = (&'a Element, String)> {
    let panels = panels(scene);
    scene.elements.iter().filter_map(move |e| {
        use ElementKind::{Bar, Collection, Line};
        // A curve counts without a label too; short lines, bars and points may be pale on purpose.
        let curve = e.kind == Line && e.points.len() > 4;
        let named = matches!(e.kind, Line | Bar | Collection) && e.label.is_some();
        let shown = (curve || named) && !e.region.is_empty();
        let ground =
            panels.iter().find(|p| p.holds(e))?.axes.iter().find_map(|axes| axes.color.filter(|c| c[3] > 0));
        let ground = over(ground?, [255; 3]);
        let color = over(e.color.filter(|c| shown && c[3] > 0)?, ground);
        let apart = difference(color, ground, ColorVision::Normal);
        let name = e.label.as_deref().map_or("a line".to_string(), |label| quote(label, 14));
        (apart < LEAST_GROUND).then(|| (e, format!("{name} {} on {} {apart:.0}", hex(color), hex(ground))))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn legend(colors: [[u8; 4]; 2], patterns: [&str; 2]) -> Vec<Made> {
        let mut elements = vec![shape(0, Legend, [10.0, 10.0, 90.0, 50.0])];
        let rows = [15.0, 32.0];
        for i in 0..2 {
            let id = 1 + 2 * i as u32;
            let y = rows[i];
            let handle = shape(id, LegendPart, [14.0, y + 3.0, 34.0, y + 6.0]).inside(0).colored(colors[i]);
            elements.push(handle.patterned(patterns[i]));
            let name = ["north", "south"][i];
            elements.push(text(id + 1, name, [40.0, y, 80.0, y + 10.0]).of(LegendText).inside(0));
        }
        elements
    }

    #[test]
    fn entries_of_one_form_need_different_colours() {
        let (blue, sky, orange) = ([31, 119, 180, 255], [36, 122, 176, 255], [255, 127, 14, 255]);
        counts(check, legend([blue, sky], ["-", "-"]), "'north' and 'south' 1", &[&[1, 3]]);
        counts(check, legend([blue, sky], ["-", "--"]), "none", &[]);
        counts(check, legend([blue, orange], ["-", "-"]), "closest 'north' and 'south' 36", &[]);
    }

    #[test]
    fn red_and_green_of_one_lightness_are_similar_with_colour_blindness() {
        let (red, green) = ([190, 90, 50, 255], [120, 125, 40, 255]);
        let observed = "'north' and 'south' for deutan sight 2";
        counts(check, legend([red, green], ["-", "-"]), observed, &[&[1, 3]]);
    }

    #[test]
    fn a_series_must_stand_out_from_its_axes() {
        let on = |color| {
            vec![
                shape(0, Axes, [0.0, 0.0, 100.0, 90.0]).colored([255; 4]),
                shape(1, Line, [0.0, 0.0, 100.0, 90.0]).on(0, '-').colored(color).named("sum"),
            ]
        };
        counts(check, on([250, 250, 245, 255]), "'sum' #fafaf5 on #ffffff 2", &[&[1]]);
        counts(check, on([31, 119, 180, 255]), "none", &[]);
    }
}
