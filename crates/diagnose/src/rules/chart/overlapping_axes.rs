#![doc = include_str!("overlapping_axes.md")]

use super::{RuleResult, defect};
use crate::geometry::Quad;
use crate::rules::chart::cover::covered;
use crate::rules::chart::panels::{Panel, panels};
use crate::scene::{Scene, content, listed, quote};
use vsdpo_artifact::{Element, Region};

pub(super) const SUMMARY: &str = "two panels overlap";

/// Pixels that two panels may share: frames and the soft edges of letters.
const DEPTH: f32 = 2.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let panels = panels(scene);
    if panels.len() < 2 {
        return RuleResult::counted(vec![], "one panel".into());
    }
    let mut found: Vec<(Vec<&Element>, String)> = Vec::new();
    for (i, a) in panels.iter().enumerate() {
        for (j, b) in panels.iter().enumerate().skip(i + 1) {
            let nested = |p: &Panel, host: usize| p.host == Some(host);
            let clash = match () {
                () if nested(b, i) => hides(scene, a, b),
                () if nested(a, j) => hides(scene, b, a),
                () => collide(scene, a, b),
            };
            found.extend(clash);
        }
    }
    let observed = listed(found.iter().map(|(_, words)| words.clone()).collect());
    let defects = found.iter().map(|(elements, words)| {
        let found = defect(elements, format!("panels collide: {words}"));
        found.with_help("plt.subplots(layout='constrained'), or fig.tight_layout() after the last plot")
    });
    RuleResult::counted(defects.collect(), observed)
}

/// Reports an inset that covers its host's data.
fn hides<'a>(scene: &Scene<'a>, host: &Panel<'a>, inset: &Panel<'a>) -> Option<(Vec<&'a Element>, String)> {
    let under = covered(scene, inset.region, |e| e.parent.is_none() && host.holds(e));
    (!under.is_empty()).then(|| (inset.axes[..1].to_vec(), format!("an inset covers {under}")))
}

/// Reports plot areas that overlap, or texts of one panel that reach into the other one.
fn collide<'a>(scene: &Scene<'a>, a: &Panel<'a>, b: &Panel<'a>) -> Option<(Vec<&'a Element>, String)> {
    if deep(a.region, b.region) && !is_ridge(a, b) {
        return Some((vec![a.axes[0], b.axes[0]], "plot areas overlap".into()));
    }
    let (texts_a, texts_b) = (labels(scene, a), labels(scene, b));
    let into = |texts: &[&'a Element], panel: &Panel<'a>| {
        let text = texts.iter().find(|t| {
            deep(t.region, panel.region) && Quad::of_text(t).gap(&Quad::upright(panel.region)) < -DEPTH
        })?;
        Some((vec![*text, panel.axes[0]], format!("{} reaches into a panel", quote(content(text), 20))))
    };
    let met = || {
        let pairs = texts_a.iter().flat_map(|t| texts_b.iter().map(move |u| (*t, *u)));
        let depth = |t: &Element, u: &Element| -Quad::of_text(t).gap(&Quad::of_text(u));
        let (t, u) = pairs.max_by(|x, y| depth(x.0, x.1).total_cmp(&depth(y.0, y.1)))?;
        let words = format!("{} meets {}", quote(content(t), 20), quote(content(u), 20));
        (depth(t, u) > DEPTH).then(|| (vec![t, u], words))
    };
    into(&texts_a, b).or_else(|| into(&texts_b, a)).or_else(met)
}

/// Whether two panels are rows of a ridge plot: one column, overlapping on purpose, and the upper
/// one seen through the lower one.
fn is_ridge(a: &Panel, b: &Panel) -> bool {
    const EXACT: f32 = 2.0;
    let (r, s) = (a.region, b.region);
    let column = (r.x0 - s.x0).abs() < EXACT && (r.x1 - s.x1).abs() < EXACT;
    let clear = |p: &Panel| p.axes.iter().all(|axes| axes.color.is_none_or(|c| c[3] < 26));
    column && clear(a) && clear(b)
}

/// Tick labels, axis labels and titles of a panel.
fn labels<'a>(scene: &Scene<'a>, panel: &Panel<'a>) -> Vec<&'a Element> {
    use vsdpo_artifact::ElementKind::{AxisLabel, TickLabel, Title};
    scene.texts().filter(|e| matches!(e.kind, TickLabel | AxisLabel | Title) && panel.holds(e)).collect()
}

fn deep(a: Region, b: Region) -> bool {
    let both = a.intersect(b);
    both.width() > DEPTH && both.height() > DEPTH
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn two(x: f32, extra: Vec<Made>) -> Vec<Made> {
        let mut elements =
            vec![shape(0, Axes, [10.0, 10.0, 90.0, 90.0]), shape(1, Axes, [x, 10.0, x + 80.0, 90.0])];
        elements.extend(extra);
        elements
    }

    #[test]
    fn plot_areas_may_touch() {
        counts(check, two(90.0, vec![]), "none", &[]);
        counts(check, two(88.0, vec![]), "none", &[]);
        counts(check, two(87.0, vec![]), "plot areas overlap", &[&[0, 1]]);
    }

    #[test]
    fn labels_must_stay_out_of_the_neighbour() {
        let label = |x0: f32| text(2, "100", [x0, 40.0, 108.0, 50.0]).of(TickLabel).on(1, 'y');
        counts(check, two(110.0, vec![label(89.0)]), "none", &[]);
        counts(check, two(110.0, vec![label(80.0)]), "'100' reaches into a panel", &[&[2, 0]]);
        let title = text(3, "Left", [60.0, 44.0, 99.0, 54.0]).of(Title).on(0, '-');
        let both = vec![label(94.0), title];
        counts(check, two(110.0, both), "'Left' meets '100'", &[&[3, 2]]);
    }

    #[test]
    fn an_inset_may_not_cover_data() {
        let inset = |line: [[f32; 2]; 2]| {
            vec![
                shape(0, Axes, [10.0, 10.0, 190.0, 90.0]),
                shape(1, Axes, [100.0, 20.0, 180.0, 50.0]),
                shape(2, Line, [10.0, 10.0, 190.0, 90.0]).on(0, '-').through(&line),
                shape(3, Line, [100.0, 20.0, 180.0, 50.0])
                    .on(1, '-')
                    .through(&[[100.0, 20.0], [180.0, 50.0]]),
            ]
        };
        counts(check, inset([[20.0, 80.0], [180.0, 70.0]]), "none", &[]);
        counts(check, inset([[20.0, 80.0], [180.0, 20.0]]), "an inset covers 1 line", &[&[1]]);
        counts(check, vec![shape(0, Axes, [10.0, 10.0, 190.0, 90.0])], "one panel", &[]);
    }
}
