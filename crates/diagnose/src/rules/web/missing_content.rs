#![doc = include_str!("missing_content.md")]

use super::RuleResult;
use super::arrangement;
use super::contrast;
use super::visible::{VisiblePage, VisibleText};
use crate::requirements::{COLOUR, Coverage, Requirement, Unmet};
use crate::rules::one_line;
use crate::scene::{Scene, content, distance, quote};
use std::collections::BTreeMap;
use vsdpo_artifact::{ElementKind, Region};

pub(super) const SUMMARY: &str = "a required text, colour, place, arrangement or picture is missing";
pub(in crate::rules) const PROPERTIES: [&str; 3] = ["display", "visibility", "content"];

/// Share of a text's area that must be visible inside the width of the window.
const VISIBLE: f32 = 0.75;
/// Share of a text that something may cover.
const COVERED: f32 = 0.5;
/// Texts in a row that can show one required text together.
const MOST_PARTS: usize = 4;
/// Height of a letter's line in pixels below which nothing can be read. (`web/tiny-text` reports
/// larger ones.)
const LEAST_LINE: f32 = 7.0;
/// Share of the window that a picture covers at least.
const LEAST_PICTURE: f32 = 0.005;
/// How far the shape of a picture may be from the required one.
const SHAPE: f32 = 0.03;
pub(in crate::rules) fn check(scene: &Scene) -> RuleResult {
    coverage(scene).map_or_else(|| RuleResult::not_evaluated("no requirements"), Coverage::result)
}

/// The task's requirements on this page; `None` if there are none.
fn coverage(scene: &Scene) -> Option<Coverage> {
    let required = scene.requirements?;
    let all = required.texts.len()
        + usize::from(required.background.is_some())
        + required.grounds.len()
        + required.places.len()
        + required.pictures.len()
        + required.rows.len()
        + required.letters.len();
    let page = VisiblePage::of(scene);
    let shown = ShownTexts::of(&page);
    let mut unmet: Vec<Unmet> = required.texts.iter().filter_map(|text| shown.missing(text)).collect();
    if let Some((wanted, shown)) = required.background.zip(background(scene))
        && distance(shown, wanted) > COLOUR
    {
        unmet.push(Unmet::background(shown, wanted));
    }
    for (text, wanted) in &required.grounds {
        let grounds: Vec<[u8; 3]> = shown.alone(text).filter_map(|t| contrast::ground(&page, t)).collect();
        unmet.extend(Unmet::ground(text, &grounds, *wanted));
    }
    for (text, part) in &required.places {
        if !shown.alone(text).any(|t| middle(&page, t).is_some_and(|[x, y]| part.contains_point(x, y))) {
            unmet.push(in_another_place(text, part));
        }
    }
    let shapes: Vec<f32> = pictures(&page).map(|r| r.width() / r.height()).collect();
    let lacking =
        required.pictures.iter().filter(|wanted| !shapes.iter().any(|shape| alike(*shape, **wanted)));
    unmet.extend(lacking.map(|wanted| no_picture(*wanted)));
    unmet.extend(required.rows.iter().filter_map(|row| arrangement::row(&shown, row)));
    unmet.extend(required.letters.iter().filter_map(|letters| arrangement::letters(&shown, letters)));
    (all > 0).then_some(Coverage { all, unmet })
}

/// The texts of a page that can be read.
pub(super) struct ShownTexts<'p, 'a> {
    pub(super) page: &'p VisiblePage<'a>,
    texts: Vec<&'p VisibleText<'a>>,
    /// Their words, as [`plain`] writes them.
    words: Vec<String>,
}

impl<'p, 'a> ShownTexts<'p, 'a> {
    fn of(page: &'p VisiblePage<'a>) -> Self {
        let texts: Vec<&VisibleText> = page.texts.iter().filter(|t| is_visible(page, t)).collect();
        let words = texts.iter().map(|t| plain(content(t.element))).collect();
        Self { page, texts, words }
    }

    /// The requirement that a text is shown, alone, with its neighbours or with the inline elements
    /// inside it; `None` if it is.
    fn missing(&self, text: &str) -> Option<Unmet> {
        let wanted = plain(text);
        let divided = |t: &&VisibleText<'a>| has_words_of(self.page, t, &self.texts, &wanted);
        if shows(&self.words, &wanted) || self.texts.iter().any(divided) {
            return None;
        }
        Some(Unmet {
            requirement: Requirement::Text,
            short: format!("no {}", quote(text, 24)),
            sentence: format!("the text {} is not visible, or too small to read", quote(text, 60)),
        })
    }

    /// The texts that show a required text and little else, those that show nothing else first.
    pub(super) fn alone(&self, text: &str) -> impl Iterator<Item = &'p VisibleText<'a>> {
        let wanted = plain(text);
        let with = |rest: bool| {
            let wanted = wanted.clone();
            let of = move |words: &str| shows_alone(words, &wanted) && (words != wanted) == rest;
            self.texts.iter().zip(&self.words).filter(move |(_, words)| of(words)).map(|(text, _)| *text)
        };
        with(false).chain(with(true))
    }
}

/// The boxes of the pictures that are not tiny and mostly in the window.
fn pictures<'a>(page: &VisiblePage<'a>) -> impl Iterator<Item = Region> {
    let window = page.window();
    let boxes = page.scene.of_kind(ElementKind::Image).map(|e| e.layout.unwrap_or(e.region));
    boxes.filter(move |r| {
        let shown = r.intersect(window).area();
        shown >= LEAST_PICTURE * window.area() && shown >= VISIBLE * r.area()
    })
}

/// Whether two shapes of a picture are the same up to rounding.
fn alike(shape: f32, wanted: f32) -> bool {
    (shape / wanted - 1.0).abs() <= SHAPE
}

fn no_picture(wanted: f32) -> Unmet {
    let short = format!("no picture of {wanted:.2} to 1");
    let sentence = format!("no picture is {wanted:.2} times as wide as high");
    Unmet { requirement: Requirement::Picture, short, sentence }
}

/// Whether a text, or some texts in a row, show a required text. A text that holds much more does
/// not: the prompt, copied, would show everything.
fn shows(texts: &[String], wanted: &str) -> bool {
    let most = most_words(wanted);
    (0..texts.len()).any(|first| {
        let mut joined = String::new();
        texts[first..].iter().take(MOST_PARTS).any(|text| {
            joined = format!("{joined} {text}");
            joined.split_whitespace().count() <= most && joined.contains(wanted)
        })
    })
}

/// Whether one text shows a required text.
fn shows_alone(text: &str, wanted: &str) -> bool {
    text.split_whitespace().count() <= most_words(wanted) && text.contains(wanted)
}

fn in_another_place(text: &str, part: &Region) -> Unmet {
    let [x0, x1, y0, y1] = [part.x0, part.x1, part.y0, part.y1].map(|v| (100.0 * v).round());
    let part = format!("{x0} to {x1} % across and {y0} to {y1} % down");
    Unmet {
        requirement: Requirement::Place,
        short: format!("{} not at its place", quote(text, 24)),
        sentence: format!("the middle of the text {} is not at {part} of the window", quote(text, 60)),
    }
}

/// The middle of a text, in fractions of the window's sides.
fn middle(page: &VisiblePage, text: &VisibleText) -> Option<[f32; 2]> {
    let around = text.lines.iter().map(|l| l.whole).reduce(|a, b| a.hull(b))?;
    let window = page.window();
    let at = |from: f32, to: f32, start: f32, length: f32| ((from + to) / 2.0 - start) / length.max(1.0);
    Some([
        at(around.x0, around.x1, window.x0, window.width()),
        at(around.y0, around.y1, window.y0, window.height()),
    ])
}

/// Words of a text that shows a required text, at most.
fn most_words(wanted: &str) -> usize {
    2 * wanted.split_whitespace().count() + 2
}

/// The colour that most of the page has.
fn background(scene: &Scene) -> Option<[u8; 3]> {
    let mut counts: BTreeMap<[u8; 3], u32> = BTreeMap::new();
    scene.pixels(scene.bounds()).for_each(|(_, c)| *counts.entry(c).or_default() += 1);
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(c, _)| c)
}

/// A text in lower case with single spaces: style sheets may set a text in capitals.
fn plain(text: &str) -> String {
    one_line(text).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text, together with the inline elements inside it, has all words of a required text.
fn has_words_of<'a>(
    page: &VisiblePage<'a>,
    text: &VisibleText<'a>,
    visible: &[&VisibleText<'a>],
    wanted: &str,
) -> bool {
    let inline = |t: &&&VisibleText<'a>| {
        t.element.id != text.element.id
            && t.facts.display.starts_with("inline")
            && page.is_inside(t.element, text.element)
    };
    let own = plain(content(text.element));
    let mut left: Vec<String> = own.split_whitespace().map(str::to_owned).collect();
    if left.len() > most_words(wanted) || !left.iter().any(|word| wanted.contains(word)) {
        return false;
    }
    let inner = visible.iter().filter(inline).map(|t| plain(content(t.element)));
    left.extend(inner.flat_map(|t| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
    wanted
        .split_whitespace()
        .all(|word| left.iter().position(|l| l == word).map(|i| left.swap_remove(i)).is_some())
}

fn is_visible(page: &VisiblePage, text: &VisibleText) -> bool {
    let window = page.window();
    let within = |r: Region| r.intersect(Region { y0: r.y0, y1: r.y1, ..window });
    let area = |shown: bool| -> f32 {
        text.lines.iter().map(|l| if shown { within(l.shown).area() } else { l.core.area() }).sum()
    };
    let colored = text.element.color.is_none_or(|c| c[3] > 0) || text.facts.painted;
    let high = text.lines.iter().any(|l| l.whole.height() >= LEAST_LINE) && text.font() >= LEAST_LINE;
    let faded = contrast::is_invisible(page, text);
    let covered = page.hidden(text).is_some_and(|h| h.share > COVERED);
    colored && high && !faded && !covered && area(true) >= VISIBLE * area(false)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::scene::Scene;
    use crate::testing::*;
    use vsdpo_artifact::{Region, Requirements};

    fn expect(elements: Vec<Made>, text: &str, observed: &str) {
        let required = Requirements { texts: vec![text.into()], ..Requirements::default() };
        let result = with_scene(elements, Some(&required), check);
        assert_eq!(result.observed, observed);
        assert_eq!(result.score, Some(if observed == "all" { 1.0 } else { 0.0 }));
    }

    #[test]
    fn required_texts_must_be_visible() {
        let heading = || words(0, "OPENING hours", [10.0, 10.0, 90.0, 33.0]);
        expect(vec![heading()], "Opening  hours", "all");
        expect(vec![heading()], "Prices", "no 'Prices'");
        expect(vec![heading().clipped([0.0, 0.0, 30.0, 50.0])], "Opening hours", "no 'Opening hours'");
        expect(vec![heading().colored([0; 4])], "Opening hours", "no 'Opening hours'");
    }

    #[test]
    fn most_of_the_page_has_the_required_background() {
        let mut picture = Picture::new(200, 100, [0, 0, 128]);
        picture.fill([10, 10, 90, 90], [255; 3]);
        let expect = |background, observed: &str, score| {
            let required = Requirements { background: Some(background), ..Requirements::default() };
            let rendered = picture.rendered(vec![]);
            let result = check(&Scene::new(&rendered, 0, Some(&required)));
            assert_eq!((result.observed.as_str(), result.score), (observed, Some(score)));
        };
        expect([0, 0, 128], "all", 1.0);
        expect([0, 5, 130], "all", 1.0);
        expect([255; 3], "background #000080", 0.0);
    }

    #[test]
    fn a_text_stands_on_its_ground_and_at_its_place() {
        let mut picture = Picture::new(200, 100, [0, 128, 0]);
        picture.fill([100, 50, 200, 100], [0, 0, 128]);
        // Letters.
        picture.fill([112, 64, 118, 78], [255, 255, 0]);
        picture.fill([12, 14, 18, 28], [255, 255, 0]);
        let expect = |at: [f32; 4], color: [u8; 3], part: [f32; 4], observed: &str, score| {
            let text = words(0, "681", at).colored([255, 255, 0, 255]);
            let [x0, y0, x1, y1] = part;
            let required = Requirements {
                texts: vec!["681".into()],
                grounds: vec![("681".into(), color)],
                places: vec![("681".into(), Region::new(x0, y0, x1, y1))],
                ..Requirements::default()
            };
            let rendered = picture.rendered(vec![text]);
            let result = check(&Scene::new(&rendered, 0, Some(&required)));
            assert_eq!((result.observed.as_str(), result.score), (observed, Some(score)));
        };
        let (low, right) = ([110.0, 60.0, 150.0, 80.0], [0.5, 0.5, 1.0, 1.0]);
        expect(low, [0, 0, 128], right, "all", 1.0);
        expect(low, [128, 0, 0], right, "'681' on #000080", 2.0 / 3.0);
        // The middle is at 65 % across and 70 % down.
        expect(low, [0, 0, 128], [0.0, 0.5, 0.6, 1.0], "'681' not at its place", 2.0 / 3.0);
        let high = [10.0, 10.0, 50.0, 30.0];
        expect(high, [0, 0, 128], right, "'681' on #008000 +1", 1.0 / 3.0);
    }

    #[test]
    fn inline_elements_may_divide_a_text() {
        let sentence = words(0, "Call today", [10.0, 10.0, 150.0, 33.0]);
        let inline = words(1, "us", [50.0, 10.0, 70.0, 33.0]).inside(0).spanning();
        expect(vec![sentence.clone(), inline], "Call us today", "all");
        expect(vec![sentence], "Call us today", "no 'Call us today'");
    }
}
