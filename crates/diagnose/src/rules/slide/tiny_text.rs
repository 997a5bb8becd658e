#![doc = include_str!("tiny_text.md")]

use super::{RuleResult, defect};
use crate::rules::web::visible::{VisiblePage, VisibleText};
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a text is too small for a slide";
pub(super) const PROPERTIES: &[&str] = &["font-size", "font", "transform", "zoom"];

/// The smallest letters that are read from a seat, as a share of the slide's width: 12 px of 1280,
/// 9 points on a slide 13.33 inches wide.
const LEAST: f32 = 12.0 / 1280.0;
/// A raised or lowered sign may be smaller by this factor.
const SIGN: f32 = 0.7;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    let least = LEAST * scene.bounds().width();
    let mut texts: Vec<&VisibleText> = page.texts.iter().filter(|t| t.is_shown() && t.has_words()).collect();
    if texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    texts.sort_by(|a, b| a.font().total_cmp(&b.font()));
    let describe = |t: &VisibleText, max| format!("{} {:.1} px", quote(content(t.element), max), t.font());
    let is_tiny = |t: &VisibleText| {
        let sign = matches!(t.facts.tag.as_str(), "sup" | "sub");
        t.font() < if sign { SIGN * least } else { least }
    };
    // Texts of one size are one finding.
    let mut small: Vec<Vec<&VisibleText>> = Vec::new();
    for text in texts.iter().filter(|t| is_tiny(t)) {
        match small.iter_mut().find(|g| g[0].font() == text.font()) {
            Some(group) => group.push(text),
            None => small.push(vec![text]),
        }
    }
    let observed = match small.is_empty() {
        true => format!("smallest {}", describe(texts[0], 20)),
        false => listed(small.iter().map(|g| and_others(describe(g[0], 20), g.len())).collect()),
    };
    let defects = small.iter().map(|g| {
        let elements: Vec<&Element> = g.iter().map(|t| t.element).collect();
        let what = and_others(describe(g[0], 40), g.len());
        defect(&elements, format!("too small: {what}, {least:.0} px are needed"))
    });
    RuleResult::counted(defects.collect(), observed)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn twelve_pixels_of_1280_are_enough() {
        let slide = |size: f32| {
            let text = words(0, "Source", [100.0, 100.0, 200.0, 120.0]).sized(size);
            (vec![line(1, [100.0, 100.0, 100.0, 20.0])], vec![text])
        };
        expect(check, slide(12.0), "smallest 'Source' 12.0 px", &[]);
        expect(check, slide(11.9), "'Source' 11.9 px", &[&[0]]);
    }
}
