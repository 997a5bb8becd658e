#![doc = include_str!("overlapping_axes.md")]

use super::{RuleResult, defect};
use crate::geometry::Quad;
use crate::rules::chart::cover::covered;
use crate::rules::chart::panels::{Panel, moved, panels};
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
    let mut found: Vec<Clash> = Vec::new();
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
    let observed = listed(found.iter().map(|clash| clash.words.clone()).collect());
    let defects = found.into_iter().map(|clash| {
        let found = defect(&clash.elements, format!("panels collide: {}", clash.words));
        found.with_help(clash.help.unwrap_or_else(|| LAYOUT.into()))
    });
    RuleResult::counted(defects.collect(), observed)
}

/// What makes room between the panels of a grid.
const LAYOUT: &str = "plt.subplots(layout='constrained'), or fig.tight_layout() after the last plot";

/// Two panels that collide.
struct Clash<'a> {
    elements: Vec<&'a Element>,
    words: String,
    /// What takes them apart, where they are not placed by one grid.
    help: Option<String>,
}

/// Reports an inset that covers its host's data.
fn hides<'a>(scene: &Scene<'a>, host: &Panel<'a>, inset: &Panel<'a>) -> Option<Clash<'a>> {
    let under = covered(scene, inset.region, |e| e.parent.is_none() && host.holds(e));
    (!under.is_empty()).then(|| Clash {
        elements: inset.axes[..1].to_vec(),
        words: format!("an inset covers {under}"),
        help: Some("move the inset to a place without data, or make room with ax.set_ylim".into()),
    })
}

/// Reports plot areas that overlap, or texts of one panel that reach into the other one.
fn collide<'a>(scene: &Scene<'a>, a: &Panel<'a>, b: &Panel<'a>) -> Option<Clash<'a>> {
    let by_hand = a.by_hand() && b.by_hand();
    if deep(a.region, b.region) && !is_ridge(a, b) {
        let help = by_hand.then(|| moved(scene, b.region, apart(b.region, a.region)));
        return Some(Clash {
            elements: vec![a.axes[0], b.axes[0]],
            words: "plot areas overlap".into(),
            help,
        });
    }
    let (texts_a, texts_b) = (labels(scene, a), labels(scene, b));
    let into = |texts: &[&'a Element], owner: &Panel<'a>, panel: &Panel<'a>| {
        let text = texts.iter().find(|t| {
            deep(t.region, panel.region) && Quad::of_text(t).gap(&Quad::upright(panel.region)) < -DEPTH
        })?;
        let help = by_hand
            .then(|| moved(scene, owner.region, back(owner.region, panel.region, text.region, panel.region)));
        let words = format!("{} reaches into a panel", quote(content(text), 20));
        Some(Clash { elements: vec![*text, panel.axes[0]], words, help })
    };
    let met = || {
        let pairs = texts_a.iter().flat_map(|t| texts_b.iter().map(move |u| (*t, *u)));
        let depth = |t: &Element, u: &Element| -Quad::of_text(t).gap(&Quad::of_text(u));
        let (t, u) = pairs.max_by(|x, y| depth(x.0, x.1).total_cmp(&depth(y.0, y.1)))?;
        let words = format!("{} meets {}", quote(content(t), 20), quote(content(u), 20));
        let help = by_hand.then(|| moved(scene, b.region, back(b.region, a.region, u.region, t.region)));
        (depth(t, u) > DEPTH).then(|| Clash { elements: vec![t, u], words, help })
    };
    into(&texts_a, a, b).or_else(|| into(&texts_b, b, a)).or_else(met)
}

/// Pixels between two panels that were taken apart.
const GAP: f32 = 6.0;

/// A box without its part in another one, along the side where that takes least.
fn apart(b: Region, other: Region) -> Region {
    let both = b.intersect(other);
    let (right, below) = (b.center().0 > other.center().0, b.center().1 > other.center().1);
    match (both.width() < both.height(), right, below) {
        (true, true, _) => Region::new(other.x1 + GAP, b.y0, b.x1, b.y1),
        (true, false, _) => Region::new(b.x0, b.y0, other.x0 - GAP, b.y1),
        (false, _, true) => Region::new(b.x0, other.y1 + GAP, b.x1, b.y1),
        (false, _, false) => Region::new(b.x0, b.y0, b.x1, other.y0 - GAP),
    }
}

/// A panel whose side towards its neighbour gave way so far that its text leaves another box.
fn back(panel: Region, neighbour: Region, text: Region, other: Region) -> Region {
    match () {
        () if panel.x0 >= neighbour.x1 => Region { x0: panel.x0 + other.x1 + GAP - text.x0, ..panel },
        () if panel.x1 <= neighbour.x0 => Region { x1: panel.x1 - (text.x1 + GAP - other.x0), ..panel },
        () if panel.y0 >= neighbour.y1 => Region { y0: panel.y0 + other.y1 + GAP - text.y0, ..panel },
        () => Region { y1: panel.y1 - (text.y1 + GAP - other.y0), ..panel },
    }
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
