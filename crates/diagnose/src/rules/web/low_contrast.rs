#![doc = include_str!("low_contrast.md")]

use super::{Judgement, defect};
use crate::page::Page;
use crate::scene::{Scene, and_others, content, listed, quote};
use crate::seen::Seen;
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a text hardly differs from what is behind it";
pub(super) const PROPERTIES: [&str; 8] = [
    "color", "background-color", "background", "background-image", "opacity", "-webkit-text-fill-color", "font-size",
    "font-weight",
];

pub(super) fn check(scene: &Scene) -> Judgement {
    let page = Page::of(scene);
    let mut seen: Vec<Seen> = page.texts.iter().filter_map(|t| Seen::of(&page, t)).collect();
    if seen.is_empty() {
        return Judgement::not_judged("no text");
    }
    seen.sort_by(|a, b| a.margin().total_cmp(&b.margin()));
    // Texts of one colour on one ground are one finding: one style sets them.
    let mut groups: Vec<(&Seen, Vec<&Element>)> = Vec::new();
    for s in &seen {
        match groups.iter_mut().find(|(first, _)| (first.ink, first.ground, first.fails()) == (s.ink, s.ground, s.fails())) {
            Some((_, texts)) => texts.push(s.element),
            None => groups.push((s, vec![s.element])),
        }
    }
    let failing: Vec<&(&Seen, Vec<&Element>)> = groups.iter().filter(|(s, _)| s.fails()).collect();
    let told = |(s, texts): &(&Seen, Vec<&Element>), max| {
        format!("{} {}", and_others(quote(content(s.element), max), texts.len()), s.colours())
    };
    let observed = match failing.is_empty() {
        true => groups.iter().take(1).map(|g| told(g, 12)).collect(),
        false => listed(failing.iter().map(|g| told(g, 12)).collect()),
    };
    let defects = failing.iter().map(|g| defect(&g.1, format!("low contrast: {}", told(g, 40))));
    Judgement::counted(defects.collect(), observed)
}
