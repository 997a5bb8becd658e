#![doc = include_str!("missing_content.md")]

use super::RuleResult;
use super::contrast;
use super::visible::{VisiblePage, VisibleText};
use crate::requirements::{Coverage, Requirement, Unmet};
use crate::rules::one_line;
use crate::scene::{Scene, content, distance, quote};
use std::collections::BTreeMap;
use vsdpo_artifact::Region;

pub(super) const SUMMARY: &str = "a required text or background is not visible";
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
/// Steps of a channel by which a background may differ.
const COLOUR: u8 = 8;

pub(in crate::rules) fn check(scene: &Scene) -> RuleResult {
    coverage(scene).map_or_else(|| RuleResult::not_evaluated("no requirements"), Coverage::result)
}

/// The task's requirements on this page; `None` if there are none.
fn coverage(scene: &Scene) -> Option<Coverage> {
    let required = scene.requirements?;
    let all = required.texts.len() + usize::from(required.background.is_some());
    let page = VisiblePage::of(scene);
    let visible: Vec<&VisibleText> = page.texts.iter().filter(|t| is_visible(&page, t)).collect();
    let words: Vec<String> = visible.iter().map(|t| plain(content(t.element))).collect();
    let met =
        |text: &str| shows(&words, text) || visible.iter().any(|t| has_words_of(&page, t, &visible, text));
    let missing = required.texts.iter().filter(|text| !met(&plain(text)));
    let describe = |text: &String| Unmet {
        requirement: Requirement::Text,
        short: format!("no {}", quote(text, 24)),
        sentence: format!("the text {} is not visible, or too small to read", quote(text, 60)),
    };
    let mut unmet: Vec<Unmet> = missing.map(describe).collect();
    if let Some((wanted, shown)) = required.background.zip(background(scene))
        && distance(shown, wanted) > COLOUR
    {
        unmet.push(Unmet::background(shown, wanted));
    }
    (all > 0).then_some(Coverage { all, unmet })
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
    let faded = contrast::of(page, text).is_some_and(|c| contrast::is_invisible(&c));
    let covered = page.hidden(text).is_some_and(|h| h.share > COVERED);
    colored && high && !faded && !covered && area(true) >= VISIBLE * area(false)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::scene::Scene;
    use crate::testing::*;
    use vsdpo_artifact::Requirements;

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
    fn inline_elements_may_divide_a_text() {
        let sentence = words(0, "Call today", [10.0, 10.0, 150.0, 33.0]);
        let inline = words(1, "us", [50.0, 10.0, 70.0, 33.0]).inside(0).spanning();
        expect(vec![sentence.clone(), inline], "Call us today", "all");
        expect(vec![sentence], "Call us today", "no 'Call us today'");
    }
}
