#![doc = include_str!("missing_content.md")]

use super::visible::{is_readable, is_shown, large_enough};
use super::{RuleResult, low_contrast};
use crate::requirements::{COLOUR, Coverage, Requirement, Unmet};
use crate::rules::one_line;
use crate::scene::{Scene, content, distance, over, quote};
use std::collections::BTreeMap;
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "a required text, series or colour is missing";

/// The renderer reports this many values of an element at most; a longer line is thinned evenly.
const VALUES: usize = 64;

pub(super) fn check(scene: &Scene) -> RuleResult {
    coverage(scene).map_or_else(|| RuleResult::not_evaluated("no requirements"), Coverage::result)
}

/// The task's requirements on this chart; `None` if there are none.
fn coverage(scene: &Scene) -> Option<Coverage> {
    let r = scene.requirements?;
    let all = r.texts.len()
        + r.series.len()
        + usize::from(r.background.is_some())
        + usize::from(!r.legend.is_empty())
        + usize::from(!r.ticks.is_empty())
        + r.grounds.len();
    let large = large_enough(scene);
    let readable: Vec<&Element> = scene.texts().filter(|e| large && is_readable(scene, e)).collect();
    let drawn: Vec<String> = readable.iter().map(|e| one_line(content(e))).collect();
    let mut unmet: Vec<Unmet> =
        r.texts.iter().filter(|t| !drawn.contains(&one_line(t))).map(|t| no_text(t)).collect();
    unmet.extend(missing_role(&readable, &r.legend, ElementKind::LegendText));
    unmet.extend(missing_role(&readable, &r.ticks, ElementKind::TickLabel));
    let shown = shown_series(scene);
    for (i, series) in r.series.iter().enumerate().filter(|(_, s)| !shown.iter().any(|v| v.shows(s))) {
        let short = format!("no series {}", i + 1);
        let sentence = format!("series {} ({}) is not shown", i + 1, listed(series));
        unmet.push(Unmet { requirement: Requirement::Series, short, sentence });
    }
    if let Some(wanted) = r.background
        && let Some(other) = backgrounds(scene).into_iter().find(|&c| distance(c, wanted) > COLOUR)
    {
        unmet.push(Unmet::background(other, wanted));
    }
    for (text, wanted) in &r.grounds {
        let drawn = readable.iter().filter(|e| one_line(content(e)) == one_line(text));
        let grounds: Vec<[u8; 3]> = drawn.filter_map(|e| Some(low_contrast::of(scene, e)?.ground)).collect();
        unmet.extend(Unmet::ground(text, &grounds, *wanted));
    }
    (all > 0).then_some(Coverage { all, unmet })
}

fn no_text(text: &str) -> Unmet {
    let sentence = format!("the text {} is not drawn, or cannot be read", quote(text, 60));
    Unmet { requirement: Requirement::Text, short: format!("no {}", quote(text, 24)), sentence }
}

/// The requirement that texts of a role show these words, if one is missing.
fn missing_role(readable: &[&Element], words: &[String], role: ElementKind) -> Option<Unmet> {
    let (requirement, short, name) = match role {
        ElementKind::LegendText => (Requirement::Legend, "no legend", "legend"),
        _ => (Requirement::Ticks, "no ticks", "tick labels"),
    };
    let shown =
        |word: &&String| readable.iter().any(|e| e.kind == role && one_line(content(e)) == one_line(word));
    let word = words.iter().find(|word| !shown(word))?;
    let sentence = format!("{} is not in the {name}", quote(word, 60));
    Some(Unmet { requirement, short: format!("{short} {}", quote(word, 24)), sentence })
}

fn listed(series: &[f64]) -> String {
    let first: Vec<String> = series.iter().take(6).map(|v| v.to_string()).collect();
    first.join(", ") + if series.len() > 6 { ", ..." } else { "" }
}

/// Values that the chart shows as one series.
struct Shown {
    values: Vec<f64>,
    /// Whether the values are those of single bars, which a loop may have drawn series after
    /// series.
    bars: bool,
}

impl Shown {
    fn shows(&self, series: &[f64]) -> bool {
        let same = |a: &[f64]| a.len() == series.len() && a.iter().zip(series).all(|(x, y)| close(*x, *y));
        if self.bars {
            let blocks = !series.is_empty() && self.values.len().is_multiple_of(series.len());
            return blocks && self.values.chunks(series.len()).any(same);
        }
        same(&self.values) || (series.len() > VALUES && self.thinned_from(series))
    }

    /// Whether these are [`VALUES`] values of `series` in order, from its first to its last.
    fn thinned_from(&self, series: &[f64]) -> bool {
        let mut rest = series.iter();
        let in_order = self.values.iter().all(|&v| rest.any(|&s| close(v, s)));
        let ends = |v: Option<&f64>, s: Option<&f64>| v.zip(s).is_some_and(|(&v, &s)| close(v, s));
        self.values.len() == VALUES
            && in_order
            && ends(self.values.first(), series.first())
            && ends(self.values.last(), series.last())
    }
}

/// Equal up to the rounding of 32-bit arithmetic.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-6)
}

/// Every series that the chart shows: the values of each data element, and those of single bars
/// that belong together by their label, by the statement that drew them, or by their axes, in
/// drawing order.
fn shown_series(scene: &Scene) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut bars: BTreeMap<(u8, Option<u32>, String), Vec<f64>> = BTreeMap::new();
    if !large_enough(scene) {
        return shown;
    }
    let data = scene.elements.iter().filter(|e| e.kind.is_data() && e.parent.is_none());
    let mut data: Vec<&Element> = data.filter(|e| is_shown(scene, e)).collect();
    data.sort_by_key(|e| (e.order, e.id));
    for e in data {
        shown.push(Shown { values: e.values.clone(), bars: false });
        if let (ElementKind::Bar | ElementKind::Patch, [value]) = (e.kind, e.values.as_slice()) {
            let stack = e.stack.iter().map(|s| format!("{}-{} ", s.start, s.end)).collect::<String>();
            let label = e.label.clone().unwrap_or_default();
            let keys = [(0, label.clone()), (1, format!("{label} {stack}")), (2, stack), (3, String::new())];
            for (way, key) in keys {
                bars.entry((way, e.axes, key)).or_default().push(*value);
            }
        }
    }
    shown.extend(bars.into_values().map(|values| Shown { values, bars: true }));
    shown
}

/// The colours behind the data: of each large axes, or of the figure where no axes has a colour.
fn backgrounds(scene: &Scene) -> Vec<[u8; 3]> {
    let colored = |kind| scene.of_kind(kind).filter_map(|e| e.color.map(|c| (e.region, c)));
    let figure = colored(ElementKind::Figure).next().map(|(_, c)| over(c, [255; 3]));
    let figure = figure.or_else(|| scene.pixels(Region::new(0.0, 0.0, 1.0, 1.0)).next().map(|(_, c)| c));
    let ground = figure.unwrap_or([255; 3]);
    // A second axes in the same place (`twinx`) is transparent.
    let axes: Vec<(Region, [u8; 4])> = colored(ElementKind::Axes).filter(|(_, c)| c[3] > 0).collect();
    // Colour bars and insets are small axes; the requirement does not apply to them.
    let largest = axes.iter().map(|(r, _)| r.area()).fold(0.0, f32::max);
    let large = axes.iter().filter(|(r, _)| r.area() * 2.0 >= largest);
    let colours: Vec<[u8; 3]> = large.map(|(_, c)| over(*c, ground)).collect();
    if colours.is_empty() { vec![ground] } else { colours }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;
    use vsdpo_artifact::Requirements;

    const AREA: [f32; 4] = [20.0, 10.0, 180.0, 90.0];

    fn required(texts: &[&str], series: &[&[f64]], background: Option<[u8; 3]>) -> Requirements {
        let texts = texts.iter().map(|t| t.to_string()).collect();
        Requirements {
            texts,
            series: series.iter().map(|s| s.to_vec()).collect(),
            background,
            ..Requirements::default()
        }
    }

    fn expect(elements: Vec<Made>, required: Requirements, observed: &str, score: f32) {
        let result = with_scene(elements, Some(&required), check);
        assert_eq!((result.observed.as_str(), result.score), (observed, Some(score)));
        assert!(result.defects.iter().all(|d| d.elements.is_empty() && d.regions.is_empty()));
        assert_eq!(result.defects.is_empty(), observed == "all");
    }

    #[test]
    fn texts_must_be_whole() {
        let title = || vec![text(0, "Visitors\nper day", AREA).of(Title)];
        expect(title(), required(&["Visitors per day"], &[], None), "all", 1.0);
        expect(title(), required(&["Visitors"], &[], None), "no 'Visitors'", 0.0);
        expect(
            title(),
            required(&["visitors per day", "North", "Visitors per day"], &[], None),
            "no 'visitors per day' +1",
            1.0 / 3.0,
        );
        let hidden = vec![text(0, "North", AREA).colored([0, 0, 0, 0])];
        expect(hidden, required(&["North"], &[], None), "no 'North'", 0.0);
    }

    #[test]
    fn lines_show_their_values_in_order() {
        let line = || vec![shape(0, Line, AREA).valued(&[3.0, 5.0, 4.0])];
        expect(line(), required(&[], &[&[3.0, 5.0, 4.0]], None), "all", 1.0);
        expect(line(), required(&[], &[&[3.0, 5.000_001, 4.0]], None), "all", 1.0);
        expect(line(), required(&[], &[&[3.0, 4.0, 5.0]], None), "no series 1", 0.0);
        expect(line(), required(&[], &[&[3.0, 5.0]], None), "no series 1", 0.0);
        expect(line(), required(&[], &[&[3.0, 5.0, 4.0], &[3.0, 5.01, 4.0]], None), "no series 2", 0.5);
        let long: Vec<f64> = (0..100).map(f64::from).collect();
        expect(
            vec![shape(0, Line, AREA).valued(&long[..64])],
            required(&[], &[&long], None),
            "no series 1",
            0.0,
        );
        let thin: Vec<f64> = (0..64).map(|i| long[i * 99 / 63]).collect();
        expect(vec![shape(0, Line, AREA).valued(&thin)], required(&[], &[&long], None), "all", 1.0);
        expect(
            vec![shape(0, LegendPart, AREA).valued(&[1.0, 2.0])],
            required(&[], &[&[1.0, 2.0]], None),
            "no series 1",
            0.0,
        );
    }

    #[test]
    fn bars_are_gathered_by_label_by_statement_or_by_axes() {
        let bar = |id, value: f64| shape(id, Bar, AREA).on(9, '-').valued(&[value]);
        let wanted = || required(&[], &[&[3.0, 5.0], &[4.0, 8.0]], None);
        let by_label = [3.0, 4.0, 5.0, 8.0]
            .iter()
            .zip(0..)
            .map(|(&v, id)| bar(id, v).named(["a", "b"][id as usize % 2]));
        expect(by_label.collect(), wanted(), "all", 1.0);
        let by_call =
            [3.0, 5.0, 4.0, 8.0].iter().zip(0..).map(|(&v, id)| bar(id, v).drawn_at(id as usize / 2));
        expect(by_call.collect(), wanted(), "all", 1.0);
        let one_loop = [3.0, 5.0, 4.0, 8.0].iter().zip(0..).map(|(&v, id)| bar(id, v).drawn_at(7));
        expect(one_loop.collect(), wanted(), "all", 1.0);
        let singly = [3.0, 5.0].iter().zip(0..).map(|(&v, id)| bar(id, v).drawn_at(id as usize));
        expect(singly.collect(), required(&[], &[&[3.0, 5.0]], None), "all", 1.0);
        let shifted = [9.0, 3.0, 5.0].iter().zip(0..).map(|(&v, id)| bar(id, v).drawn_at(1));
        expect(shifted.collect(), required(&[], &[&[3.0, 5.0]], None), "no series 1", 0.0);
    }

    #[test]
    fn the_background_is_the_one_behind_the_data() {
        let chart = |axes: [u8; 4]| {
            let figure = shape(0, Figure, [0.0, 0.0, 200.0, 100.0]).colored([255; 4]);
            vec![figure, shape(1, Axes, AREA).colored(axes)]
        };
        let dark = || required(&[], &[], Some([0x20, 0x20, 0x20]));
        expect(chart([0x28, 0x20, 0x18, 255]), dark(), "all", 1.0);
        expect(chart([0x29, 0x20, 0x20, 255]), dark(), "background #292020", 0.0);
        expect(chart([0x20, 0x20, 0x20, 0]), required(&[], &[], Some([255; 3])), "all", 1.0);
        let bar = shape(2, Axes, [190.0, 10.0, 195.0, 90.0]).colored([255; 4]);
        expect([chart([0x20, 0x20, 0x20, 255]), vec![bar]].concat(), dark(), "all", 1.0);
        expect(vec![text(0, "no background element", AREA)], dark(), "background #ffffff", 0.0);
    }

    #[test]
    fn without_requirements_nothing_is_checked() {
        assert_eq!(with_scene(vec![shape(0, Line, AREA)], None, check).score, None);
        let none = Requirements::default();
        assert_eq!(with_scene(vec![shape(0, Line, AREA)], Some(&none), check).score, None);
    }
}
