#![doc = include_str!("unreadable_colors.md")]

use super::{RuleResult, defect};
use crate::color::{ColorVision, contrast, difference};
use crate::rules::chart::panels::panels;
use crate::scene::{Scene, content, hex, listed, over, quote};
use vsdpo_artifact::{Defect, Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "two series, or a series and its background, have nearly the same colour";

/// Required difference of two series' colours: for normal vision, and for colour blindness. The
/// second is lower because position often distinguishes the series too.
const LEAST: [f32; 2] = [8.0, 5.0];
/// Required difference of a series and its background.
const LEAST_GROUND: f32 = 6.0;
/// Required contrast of a named line with its background: it is thin, so that its hue alone is not
/// seen.
const LEAST_LINE: f32 = 1.15;
/// Alpha from which on a line is meant to be seen by itself.
const OPAQUE: u8 = 128;
/// Pixels by which the handles of a legend of sizes differ.
const SIZE_STEP: f32 = 0.3;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let mut found: Vec<(Defect, String)> = Vec::new();
    let mut closest: Option<(f32, String)> = None;
    for legend in scene.of_kind(ElementKind::Legend) {
        let entries = entries(scene, legend);
        for (i, a) in entries.iter().enumerate() {
            for b in &entries[i + 1..] {
                let Some(pair) = alike(a, b) else { continue };
                let words = pair.words(a, b);
                if pair.margin < 1.0 {
                    found.push((pair.defect(scene, a, b), words.clone()));
                }
                if closest.as_ref().is_none_or(|(least, _)| pair.margin < *least) {
                    closest = Some((pair.margin, words));
                }
            }
        }
    }
    found.extend(lost(scene).map(|(e, words, apart)| {
        let help = "a darker colour, or another one of the default cycle (C0 to C9)";
        let found = defect(&[e], format!("hardly to be seen: {words}")).with_help(help);
        // A nameless line of exactly the colour of its ground was hidden on purpose.
        let hidden = e.label.is_none() && apart == 0.0;
        (if hidden { found.note() } else { found }, words)
    }));
    let observed = match closest {
        Some((_, words)) if found.is_empty() => format!("closest {words}"),
        _ => listed(found.iter().map(|(_, words)| words.clone()).collect()),
    };
    RuleResult::counted(found.into_iter().map(|(defect, _)| defect).collect(), observed)
}

/// How alike two entries of a legend are.
#[derive(Clone, Copy)]
struct Pair {
    /// The colour difference as a multiple of the required one.
    margin: f32,
    difference: f32,
    /// For whom they are most alike.
    vision: ColorVision,
}

impl Pair {
    /// As in `'north' and 'south' for deutan sight 2`.
    fn words(&self, a: &Entry, b: &Entry) -> String {
        let who = match self.vision {
            ColorVision::Normal => String::new(),
            vision => format!(" for {} sight", vision.name()),
        };
        format!("{} and {}{who} {:.0}", a.name(), b.name(), self.difference)
    }

    /// The finding, at the series where the chart shows them: their colours are set there. Colours
    /// that only some people confuse are a note, because the default cycle has such pairs.
    fn defect<'a>(&self, scene: &Scene<'a>, a: &Entry<'a>, b: &Entry<'a>) -> Defect {
        let parts: Vec<&Element> = a.drawn(scene).into_iter().chain(b.drawn(scene)).collect();
        let (a, b) = (a.name(), b.name());
        let message = match self.vision {
            ColorVision::Normal => format!("{a} and {b} have nearly the same colour"),
            vision => format!("{a} and {b} look alike to people with {}", vision.condition()),
        };
        let help = "another linestyle, marker or hatch for one of them, or colours that differ in lightness";
        let found = defect(&parts, message).with_help(help);
        if self.vision == ColorVision::Normal { found } else { found.note() }
    }
}

/// An entry of a legend.
struct Entry<'a> {
    text: &'a Element,
    /// Its handle: the coloured parts in the text's row.
    parts: Vec<&'a Element>,
}

impl<'a> Entry<'a> {
    fn name(&self) -> String {
        quote(content(self.text), 14)
    }

    /// The data of this name in the axes of the legend; its handle where there is none.
    fn drawn(&self, scene: &Scene<'a>) -> Vec<&'a Element> {
        let named = |e: &&Element| e.kind.is_data() && e.label.as_deref() == Some(content(self.text));
        let here = |e: &&Element| self.text.axes.is_none() || e.axes == self.text.axes;
        let data: Vec<&Element> = scene.elements.iter().filter(named).filter(here).collect();
        if data.is_empty() { self.parts.clone() } else { data }
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

/// For entries with handles of one form. `None` if the handles differ in form or, on purpose, in
/// size alone.
fn alike(a: &Entry, b: &Entry) -> Option<Pair> {
    let forms = |e: &Entry| {
        e.parts.iter().map(|p| (p.pattern.clone(), p.color.map(|c| c[3] / 64))).collect::<Vec<_>>()
    };
    let size =
        |e: &Entry| e.parts.iter().map(|p| p.region.height().max(p.region.width())).fold(0.0, f32::max);
    if forms(a) != forms(b) || (size(a) - size(b)).abs() > 2.0 {
        return None;
    }
    let color = |p: &Element| over(p.color.unwrap_or_default(), [255; 3]);
    let edge = |p: &Element| p.edge.map_or(color(p), |edge| over(edge, color(p)));
    let pairs = || a.parts.iter().zip(&b.parts);
    let same = pairs().all(|(p, q)| color(p) == color(q) && edge(p) == edge(q));
    if same && (size(a) - size(b)).abs() > SIZE_STEP {
        return None;
    }
    let apart = |vision| {
        let of = |(p, q): (&&Element, &&Element)| {
            difference(color(p), color(q), vision).max(difference(edge(p), edge(q), vision))
        };
        pairs().map(of).fold(0.0, f32::max)
    };
    let by_vision = ColorVision::ALL.map(|vision| {
        let least = LEAST[usize::from(vision != ColorVision::Normal)];
        Pair { margin: apart(vision) / least, difference: apart(vision), vision }
    });
    // Normal vision comes first: colours too similar for it are not reported for colour blindness.
    by_vision
        .into_iter()
        .find(|pair| pair.margin < 1.0)
        .or_else(|| by_vision.into_iter().min_by(|p, q| p.margin.total_cmp(&q.margin)))
}

/// Curves, and labelled bars and points, with nearly the colour of their axes, and by how much it
/// differs.
fn lost<'a>(scene: &'a Scene<'a>) -> impl Iterator<Item = (&'a Element, String, f32)> {
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
        if stands_on_data(scene, e) {
            return None;
        }
        // Many see-through lines show where they lie close together.
        if e.label.is_none() && e.color.is_some_and(|c| c[3] < OPAQUE) {
            return None;
        }
        let edge = e.edge.map_or(color, |edge| over(edge, ground));
        let apart =
            [color, edge].map(|c| difference(c, ground, ColorVision::Normal)).into_iter().fold(0.0, f32::max);
        let pale = e.kind == Line && e.label.is_some() && contrast(color, ground) < LEAST_LINE;
        let name = e.label.as_deref().map_or("a line".to_string(), |label| quote(label, 14));
        (apart < LEAST_GROUND || pale)
            .then(|| (e, format!("{name} {} on {} {apart:.0}", hex(color), hex(ground)), apart))
    })
}

/// Whether a picture or an area lies under an element, so that its axes are not its ground.
fn stands_on_data(scene: &Scene, e: &Element) -> bool {
    use ElementKind::{Bar, Collection, Image, Patch};
    let under = |o: &&Element| {
        matches!(o.kind, Image | Collection | Patch | Bar)
            && o.axes == e.axes
            && o.order < e.order
            && (o.kind != Collection || o.points.is_empty())
    };
    let hull = scene.elements.iter().filter(under).map(|o| o.region).reduce(Region::hull);
    hull.is_some_and(|hull| e.region.ioa(hull) > 0.9)
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
