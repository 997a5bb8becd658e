#![doc = include_str!("invisible_text.md")]

use super::contrast;
use super::overlap::HIDDEN;
use super::visible::{VisiblePage, VisibleText};
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a text is on the page but not visible";
pub(super) const PROPERTIES: [&str; 16] = [
    "color",
    "background-color",
    "background",
    "opacity",
    "z-index",
    "position",
    "top",
    "right",
    "bottom",
    "left",
    "inset",
    "margin",
    "margin-top",
    "margin-bottom",
    "height",
    "transform",
];

pub(super) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    if page.texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    // Every invisible text, with the element that hides it, if one does.
    let found: Vec<(&Element, Option<&Element>)> =
        page.texts.iter().filter(|t| t.has_words()).filter_map(|t| lost(&page, t)).collect();
    // Texts that one element hides are one finding, and so are texts of one colour.
    let mut groups: Vec<Vec<(&Element, Option<&Element>)>> = Vec::new();
    let key = |(e, by): &(&Element, Option<&Element>)| match by {
        Some(by) => (Some(by.id), None),
        None => (None, e.color),
    };
    for one in found {
        match groups.iter_mut().find(|g| key(&g[0]) == key(&one)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let describe = |(e, by): &(&Element, Option<&Element>), max| {
        let how = by.map_or("in the colour of its ground".into(), |by| format!("under {}", name(by)));
        format!("{} {how}", quote(content(e), max))
    };
    let observed = listed(groups.iter().map(|g| and_others(describe(&g[0], 20), g.len())).collect());
    let defects = groups.iter().map(|g| {
        let elements: Vec<&Element> = g.iter().map(|(e, _)| *e).chain(g[0].1).collect();
        defect(&elements, format!("not visible: {}", and_others(describe(&g[0], 40), g.len())))
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The text, and the element that hides it, if the text is not visible.
fn lost<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<(&'a Element, Option<&'a Element>)> {
    if let Some(hidden) = page.hidden(text).filter(|h| h.share >= HIDDEN) {
        return Some((text.element, Some(hidden.by)));
    }
    // Transparent letters may show a gradient (`background-clip: text`), or their shadow.
    let filled = text.facts.painted || text.facts.shadow.is_some();
    let clear = text.element.color.is_some_and(|c| c[3] == 0) && text.is_shown() && !filled;
    let same = contrast::is_invisible(page, text);
    (clear || same).then_some((text.element, None))
}

fn name(e: &Element) -> String {
    e.html.as_ref().map_or("a box".into(), |f| format!("<{}>", f.tag))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn texts_without_colour_or_in_that_of_their_background_are_invisible() {
        let text = |rgba| words(0, "Code", [10.0, 10.0, 90.0, 33.0]).colored(rgba);
        counts(check, vec![text([0, 0, 0, 255])], "none", &[]);
        counts(check, vec![text([255; 4])], "'Code' in the colour of its ground", &[&[0]]);
        counts(check, vec![text([0, 0, 0, 0])], "'Code' in the colour of its ground", &[&[0]]);
    }

    #[test]
    fn an_opaque_box_over_a_text_hides_it() {
        let text = || words(0, "Keys at the desk", [10.0, 40.0, 110.0, 63.0]);
        let cover = |x1: f32| block(1, "div", [0.0, 30.0, x1, 90.0]).grounded([200; 3]).placed("relative");
        counts(check, vec![text(), cover(50.0)], "none", &[]);
        counts(check, vec![text(), cover(120.0)], "'Keys at the desk' under <div>", &[&[0, 1]]);
        // Slides over each other.
        let slide =
            |id| block(id, "div", [0.0, 30.0, 150.0, 90.0]).grounded([200; 3]).placed("absolute").inside(9);
        let root = block(9, "main", [0.0, 0.0, 200.0, 100.0]);
        counts(check, vec![text().inside(2), slide(1), slide(2), root], "none", &[]);
    }
}
