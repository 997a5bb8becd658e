#![doc = include_str!("tiny_text.md")]

use super::visible::{VisiblePage, VisibleText};
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a text is too small to read";
pub(super) const PROPERTIES: [&str; 4] = ["font-size", "font", "transform", "zoom"];

/// The smallest font size in pixels that can be read without zooming; a raised or lowered sign, and
/// the reading of another, may be smaller.
const LEAST: f32 = 9.0;
const LEAST_SIGN: f32 = 6.5;

pub(super) fn check(scene: &Scene) -> RuleResult {
    smaller_than(scene, [LEAST, LEAST_SIGN], "")
}

/// The texts that are smaller than the first size in pixels, or as a raised or lowered sign smaller
/// than the second. `needed` ends the message of each finding.
pub(in crate::rules) fn smaller_than(scene: &Scene, least: [f32; 2], needed: &str) -> RuleResult {
    let page = VisiblePage::of(scene);
    let mut texts: Vec<&VisibleText> = page.texts.iter().filter(|t| t.is_shown() && t.has_words()).collect();
    if texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    texts.sort_by(|a, b| a.font().total_cmp(&b.font()));
    let describe = |t: &VisibleText, max| format!("{} {:.1} px", quote(content(t.element), max), t.font());
    // Texts of one size are one finding.
    let mut small: Vec<Vec<&VisibleText>> = Vec::new();
    for text in texts.iter().filter(|t| is_tiny(t, least)) {
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
        let what = and_others(format!("too small: {}", describe(g[0], 40)), g.len());
        let [text, sign] = least;
        let least = if is_sign(g[0]) { sign } else { text };
        let help = format!("font-size: {:.0}px or more, as it is drawn", least.ceil());
        defect(&elements, format!("{what}{needed}")).with_help(help)
    });
    RuleResult::counted(defects.collect(), observed)
}

fn is_tiny(text: &VisibleText, [least, least_sign]: [f32; 2]) -> bool {
    text.font() < if is_sign(text) { least_sign } else { least }
}

/// Whether a text is a raised or lowered sign, or says beside other signs how they are read.
fn is_sign(text: &VisibleText) -> bool {
    matches!(text.facts.tag.as_str(), "sup" | "sub" | "rt")
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn nine_pixels_are_enough() {
        let text = |id, size| words(id, "Terms", [0.0, 10.0, 60.0, 20.0]).sized(size);
        counts(check, vec![text(0, 9.0), text(1, 16.0)], "smallest 'Terms' 9.0 px", &[]);
        counts(check, vec![text(0, 8.9), text(1, 8.9)], "'Terms' 8.9 px +1", &[&[0, 1]]);
        let sign = words(0, "2", [0.0, 10.0, 8.0, 18.0]).sized(7.0);
        counts(check, vec![sign.clone()], "'2' 7.0 px", &[&[0]]);
        for tag in ["sup", "rt"] {
            counts(check, vec![sign.clone().tagged(tag)], "smallest '2' 7.0 px", &[]);
        }
    }
}
