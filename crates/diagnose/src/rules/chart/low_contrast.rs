#![doc = include_str!("low_contrast.md")]

use super::visible::is_double;
use super::{RuleResult, defect};
use crate::contrast::{Contrast, LARGE};
use crate::geometry::Quad;
use crate::scene::{Scene, and_others, content, distance, grouped, listed, over, quote};
use std::collections::BTreeMap;
use vsdpo_artifact::{Defect, Element, ElementKind, Level};

pub(super) const SUMMARY: &str = "a text has too little contrast with its background";

/// Ratio from which on letters can be read whose colour follows from that of data.
const LEGIBLE: f32 = 2.0;
/// The alpha of a watermark at most.
const WATERMARK: u8 = 128;

pub(super) fn check(scene: &Scene) -> RuleResult {
    // The worst text of each group, with the group's texts that fail.
    let mut groups: Vec<(Contrast, Vec<&Element>)> = Vec::new();
    for texts in
        grouped(scene.texts().filter(|e| !is_watermark(e) && !under_its_double(scene, e))).into_values()
    {
        let mut found: Vec<Contrast> = texts.into_iter().filter_map(|e| of(scene, e)).collect();
        let failing = found.iter().filter(|s| s.fails()).map(|s| s.element).collect();
        found.sort_by(|a, b| a.margin().total_cmp(&b.margin()));
        groups.extend(found.into_iter().next().map(|worst| (worst, failing)));
    }
    groups.sort_by(|a, b| a.0.margin().total_cmp(&b.0.margin()));
    if groups.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    let failing = groups.iter().filter(|(_, failing)| !failing.is_empty());
    let defects = failing.map(|(worst, failing)| {
        let text = and_others(quote(content(worst.element), 40), failing.len());
        let found = defect(failing, format!("{text}: contrast {}", worst.colours()));
        let chosen = on_colormap(scene, worst) || names_series(scene, worst);
        let level = if chosen { Level::Note } else { worst.level() };
        Defect { level, help: worst.help().map(|colour| help(worst.element, &colour)), ..found }
    });
    RuleResult::counted(defects.collect(), observed(&groups))
}

/// What gives a text another colour; that of tick labels is no argument of the call that drew them.
fn help(text: &Element, colour: &str) -> String {
    match (text.kind, text.axis, colour.split(' ').next()) {
        (ElementKind::TickLabel, Some(axis @ ('x' | 'y')), Some(hex)) => {
            format!("ax.tick_params(axis='{axis}', labelcolor='{hex}'), as {colour}")
        }
        _ => colour.to_owned(),
    }
}

/// Whether the same words are drawn over a text, so that it is a shadow or a halo.
fn under_its_double(scene: &Scene, e: &Element) -> bool {
    scene.texts().any(|other| other.order > e.order && is_double(e, other))
}

/// Whether a text that can be read stands on a cell of a coloured table: its library chose the
/// colour of the letters by the colour of the cell.
fn on_colormap(scene: &Scene, text: &Contrast) -> bool {
    let e = text.element;
    let cells =
        |c: &Element| c.axes == e.axes && c.region.ioa(e.region) < 1.0 && e.region.ioa(c.region) > 0.9;
    let mesh = scene.of_kind(ElementKind::Collection).filter(|c| c.points.is_empty());
    let mut cells_under = mesh.chain(scene.of_kind(ElementKind::Image)).filter(|c| cells(c));
    text.ratio >= LEGIBLE && e.kind == ElementKind::Text && cells_under.next().is_some()
}

/// Whether a text that can be read has the colour of a series, to say that it belongs to it.
fn names_series(scene: &Scene, text: &Contrast) -> bool {
    let e = text.element;
    let alike = |s: &Element| s.kind.is_data() && s.parent.is_none() && s.color == e.color;
    text.ratio >= LEGIBLE && scene.elements.iter().any(alike)
}

/// Whether a text is a watermark: large, pale on purpose, and on the figure as a whole.
fn is_watermark(e: &Element) -> bool {
    let pale = e.color.is_some_and(|c| c[3] > 0 && c[3] <= WATERMARK);
    pale && e.kind == ElementKind::Text && e.font_px.is_some_and(|size| size >= 1.5 * LARGE)
}

/// Each pair of colours with the first text that has it, the lowest contrast first.
fn observed(groups: &[(Contrast, Vec<&Element>)]) -> String {
    let mut listed_pairs: Vec<&Contrast> = Vec::new();
    for (text, _) in groups {
        if !listed_pairs.iter().any(|t| (t.ink, t.ground) == (text.ink, text.ground)) {
            listed_pairs.push(text);
        }
    }
    let one = |text: &&Contrast| format!("{} {}", quote(content(text.element), 12), text.colours());
    listed(listed_pairs.iter().map(one).collect())
}

/// `None` if the text has no colour or its box is tiny.
pub(super) fn of<'a>(scene: &Scene, element: &'a Element) -> Option<Contrast<'a>> {
    let color = element.color?;
    if element.region.width() < 3.0 || element.region.height() < 3.0 {
        return None;
    }
    let behind = ground(scene, element, color)?;
    // Outlined letters stand on their outline.
    let ground = element.edge.map_or(behind, |outline| over(outline, behind));
    Some(Contrast::new(element, color, ground, element.font_px.is_some_and(|size| size >= LARGE)))
}

/// The colour behind a text: the most frequent one of its box that is not the text's own. Where
/// most of the box has the text's colour (solid letters never cover so much), text and background
/// are the same.
pub(super) fn ground(scene: &Scene, e: &Element, color: [u8; 4]) -> Option<[u8; 3]> {
    let quad = Quad::of_text(e);
    let own = |c: [u8; 3]| distance(c, over(color, c)) <= 2;
    let mut counts: BTreeMap<[u8; 3], (usize, [u8; 3])> = BTreeMap::new();
    let (mut all, mut alike) = (0usize, BTreeMap::<[u8; 3], usize>::new());
    for (at, c) in scene.pixels(e.region.grow(1.0)) {
        if !quad.is_upright() && !quad.contains_point(at) {
            continue;
        }
        all += 1;
        if own(c) {
            *alike.entry(c).or_default() += 1;
        } else {
            // Nearly equal colours count together, so that a gradient has a mode too.
            let bin = counts.entry(c.map(|v| v >> 3)).or_insert((0, c));
            bin.0 += 1;
        }
    }
    let most_alike = alike.into_iter().max_by_key(|(_, n)| *n);
    if let Some((c, n)) = most_alike
        && n * 10 > all * 7
    {
        return Some(c);
    }
    counts.into_values().max_by_key(|(n, _)| *n).map(|(_, c)| c).or(most_alike.map(|(c, _)| c))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    /// A text of one colour on a background: a third of its box is inked.
    fn expect(ink: [u8; 3], ground: [u8; 3], size: f32, observed: &str, score: f32) {
        let mut picture = Picture::new(100, 50, ground);
        picture.fill([12, 10, 18, 30], ink);
        let [r, g, b] = ink;
        let sales = text(0, "Sales", [10.0, 10.0, 28.0, 30.0]).colored([r, g, b, 255]).sized(size);
        let result = picture.with_scene(vec![sales], check);
        assert_eq!((result.observed.as_str(), result.score), (observed, Some(score)));
    }

    #[test]
    fn text_needs_4_5_and_large_text_3() {
        expect([0; 3], [255; 3], 12.0, "'Sales' #000000 on #ffffff 21.0", 1.0);
        expect([0x76; 3], [255; 3], 12.0, "'Sales' #767676 on #ffffff 4.5", 1.0);
        expect([0x77; 3], [255; 3], 12.0, "'Sales' #777777 on #ffffff 4.4", 0.5);
        expect([0x77; 3], [255; 3], 24.0, "'Sales' #777777 on #ffffff 4.4", 1.0);
        expect([0x77; 3], [255; 3], 23.9, "'Sales' #777777 on #ffffff 4.4", 0.5);
        expect([0xee; 3], [255; 3], 30.0, "'Sales' #eeeeee on #ffffff 1.1", 0.5);
        expect([0x20; 3], [0x10; 3], 12.0, "'Sales' #202020 on #101010 1.1", 0.5);
    }

    #[test]
    fn text_of_its_backgrounds_colour_is_invisible() {
        expect([255; 3], [255; 3], 12.0, "'Sales' #ffffff on #ffffff 1.0", 0.5);
        // A grid line through its box does not make it visible.
        let mut picture = Picture::new(100, 50, [255; 3]);
        picture.fill([0, 15, 100, 16], [0; 3]);
        let sales = text(0, "Sales", [10.0, 10.0, 28.0, 30.0]).colored([255; 4]);
        let result = picture.with_scene(vec![sales], check);
        assert_eq!(result.observed, "'Sales' #ffffff on #ffffff 1.0");
    }

    #[test]
    fn the_background_is_read_from_the_pixels_and_not_from_the_figure() {
        let mut picture = Picture::new(100, 50, [255; 3]);
        picture.fill([5, 5, 40, 40], [0, 0, 80]);
        picture.fill([12, 12, 15, 28], [0; 3]);
        let sales = text(0, "Sales", [10.0, 10.0, 30.0, 30.0]).colored([0, 0, 0, 255]);
        let result = picture.with_scene(vec![sales], check);
        assert_eq!(result.observed, "'Sales' #000000 on #000050 1.1");
    }

    #[test]
    fn transparent_text_is_mixed_with_its_background() {
        let picture = Picture::new(100, 50, [255; 3]);
        let sales = text(0, "Sales", [10.0, 10.0, 28.0, 30.0]).colored([0, 0, 0, 51]);
        let result = picture.with_scene(vec![sales], check);
        assert_eq!(result.observed, "'Sales' #cccccc on #ffffff 1.6");
    }

    #[test]
    fn labels_of_one_axis_are_one_finding() {
        let picture = Picture::new(100, 50, [255; 3]);
        let tick = |id, x: f32| {
            let label = text(id, "1", [x, 40.0, x + 10.0, 48.0]).of(TickLabel).on(9, 'x');
            label.colored([250, 250, 250, 255])
        };
        let title = text(2, "Title", [10.0, 2.0, 40.0, 10.0]).of(Title).colored([240, 240, 240, 255]);
        let result = picture.with_scene(vec![tick(0, 10.0), tick(1, 30.0), title], check);
        let involved: Vec<_> = result.defects.iter().map(|d| d.elements.clone()).collect();
        assert_eq!(involved, [vec![0, 1], vec![2]]);
        assert_eq!(result.observed, "'1' #fafafa on #ffffff 1.0; 'Title' #f0f0f0 on #ffffff 1.1");
        assert_eq!(result.score, Some(1.0 / 3.0));
    }

    #[test]
    fn tiny_and_colourless_texts_are_not_checked() {
        let picture = Picture::new(100, 50, [255; 3]);
        let tiny = text(0, "a", [10.0, 10.0, 12.5, 20.0]).colored([255; 4]);
        let plain = text(1, "a", [10.0, 10.0, 20.0, 20.0]);
        let outside = text(2, "a", [210.0, 10.0, 230.0, 20.0]).colored([255; 4]);
        assert_eq!(picture.with_scene(vec![tiny, plain, outside], check).score, None);
    }
}
