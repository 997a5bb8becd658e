#![doc = include_str!("missing_content.md")]

use super::RuleResult;
use super::visible::{VisiblePage, VisibleText};
use crate::rules::{demanded, one_line};
use crate::scene::{Scene, content, distance, hex, quote};
use std::collections::BTreeMap;

pub(super) const SUMMARY: &str = "a demanded text or background is not to be seen";
pub(super) const PROPERTIES: [&str; 3] = ["display", "visibility", "content"];

/// Share of a text that must be left to be seen.
const SEEN: f32 = 0.5;
/// Steps of a channel by which a background may differ.
const COLOUR: u8 = 8;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some(demands) = scene.requirements else { return RuleResult::not_evaluated("no demands") };
    let all = demands.texts.len() + usize::from(demands.background.is_some());
    if all == 0 {
        return RuleResult::not_evaluated("no demands");
    }
    let page = VisiblePage::of(scene);
    let seen: Vec<&VisibleText> = page.texts.iter().filter(|t| is_seen(&page, t)).collect();
    let words = plain(&seen.iter().map(|t| content(t.element)).collect::<Vec<_>>().join(" "));
    let met = |text: &str| words.contains(text) || seen.iter().any(|t| is_said(&page, t, &seen, text));
    let missing = demands.texts.iter().filter(|text| !met(&plain(text)));
    let told = |text: &String| {
        (format!("no {}", quote(text, 24)), format!("the text {} is not to be seen", quote(text, 60)))
    };
    let mut missing: Vec<(String, String)> = missing.map(told).collect();
    if let Some((wanted, seen)) = demands.background.zip(background(scene))
        && distance(seen, wanted) > COLOUR
    {
        let sentence = format!("the background is {}, not {}", hex(seen), hex(wanted));
        missing.push((format!("background {}", hex(seen)), sentence));
    }
    demanded(all, missing)
}

/// The colour that most of the page has.
fn background(scene: &Scene) -> Option<[u8; 3]> {
    let mut counts: BTreeMap<[u8; 3], u32> = BTreeMap::new();
    scene.pixels(scene.bounds()).for_each(|(_, c)| *counts.entry(c).or_default() += 1);
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(c, _)| c)
}

/// As it is compared: style sheets may set a text in capitals.
fn plain(text: &str) -> String {
    one_line(text).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text together with the inline elements inside it, which cut it into pieces, has all
/// words of a demand.
fn is_said<'a>(
    page: &VisiblePage<'a>,
    text: &VisibleText<'a>,
    seen: &[&VisibleText<'a>],
    demand: &str,
) -> bool {
    let inline = |t: &&&VisibleText<'a>| {
        t.element.id != text.element.id
            && t.facts.display.starts_with("inline")
            && page.is_inside(t.element, text.element)
    };
    let own = plain(content(text.element));
    let mut left: Vec<String> = own.split_whitespace().map(str::to_owned).collect();
    if !left.iter().any(|word| demand.contains(word)) {
        return false;
    }
    let inner = seen.iter().filter(inline).map(|t| plain(content(t.element)));
    left.extend(inner.flat_map(|t| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>()));
    demand
        .split_whitespace()
        .all(|word| left.iter().position(|l| l == word).map(|i| left.swap_remove(i)).is_some())
}

fn is_seen(page: &VisiblePage, text: &VisibleText) -> bool {
    let area = |shown: bool| -> f32 {
        text.lines.iter().map(|l| if shown { l.shown.area() } else { l.core.area() }).sum()
    };
    let colored = text.element.color.is_none_or(|c| c[3] > 0) || text.facts.painted;
    colored && area(true) >= SEEN * area(false) && !page.hidden(text).is_some_and(|h| h.share > SEEN)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::scene::Scene;
    use crate::testing::*;
    use vsdpo_artifact::Requirements;

    fn judge(elements: Vec<Made>, text: &str, observed: &str) {
        let demands = Requirements { texts: vec![text.into()], ..Requirements::default() };
        let result = with_scene(elements, Some(&demands), check);
        assert_eq!(result.observed, observed);
        assert_eq!(result.score, Some(if observed == "all" { 1.0 } else { 0.0 }));
    }

    #[test]
    fn demanded_texts_must_be_seen() {
        let heading = || words(0, "OPENING hours", [10.0, 10.0, 90.0, 33.0]);
        judge(vec![heading()], "Opening  hours", "all");
        judge(vec![heading()], "Prices", "no 'Prices'");
        judge(vec![heading().clipped([0.0, 0.0, 30.0, 50.0])], "Opening hours", "no 'Opening hours'");
        judge(vec![heading().colored([0; 4])], "Opening hours", "no 'Opening hours'");
    }

    #[test]
    fn the_page_at_large_has_the_demanded_colour() {
        let mut picture = Picture::new(200, 100, [0, 0, 128]);
        picture.fill([10, 10, 90, 90], [255; 3]);
        let judge = |background, observed: &str, score| {
            let demands = Requirements { background: Some(background), ..Requirements::default() };
            let rendered = picture.rendered(vec![]);
            let result = check(&Scene::new(&rendered, 0, Some(&demands)));
            assert_eq!((result.observed.as_str(), result.score), (observed, Some(score)));
        };
        judge([0, 0, 128], "all", 1.0);
        judge([0, 5, 130], "all", 1.0);
        judge([255; 3], "background #000080", 0.0);
    }

    #[test]
    fn inline_elements_may_divide_a_text() {
        let sentence = words(0, "Call today", [10.0, 10.0, 150.0, 33.0]);
        let inline = words(1, "us", [50.0, 10.0, 70.0, 33.0]).inside(0).spanning();
        judge(vec![sentence.clone(), inline], "Call us today", "all");
        judge(vec![sentence], "Call us today", "no 'Call us today'");
    }
}
