#![doc = include_str!("text_clipped.md")]

use super::visible::{VisiblePage, VisibleText};
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "a text is cut off, or sticks out of its box";
pub(super) const PROPERTIES: [&str; 19] = [
    "overflow",
    "overflow-x",
    "overflow-y",
    "text-overflow",
    "white-space",
    "width",
    "max-width",
    "min-width",
    "height",
    "max-height",
    "-webkit-line-clamp",
    "line-clamp",
    "line-height",
    "font-size",
    "padding",
    "word-break",
    "overflow-wrap",
    "flex",
    "grid-template-columns",
];

/// Share of a line's height that may be cut above or below.
const SLICE: f32 = 0.2;
/// Multiples of the font size by which a text may be cut, or stick out, sideways; and stick out
/// below or above.
const SIDE: f32 = 0.3;
const DOWN: f32 = 0.15;

/// A text that is cut, or sticks out of its box.
struct Overflow<'a> {
    text: &'a Element,
    /// The box that is too small, where one is known.
    by: Option<&'a Element>,
    /// What happens, and at which side.
    words: &'static str,
    /// Pixels that are cut or stick out.
    lost: f32,
}

pub(super) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    let shown = || page.texts.iter().filter(|t| t.is_shown() && t.has_words());
    if shown().next().is_none() {
        return RuleResult::not_evaluated("no text");
    }
    let mut found: Vec<Overflow> =
        shown().filter_map(|t| cut(&page, t).or_else(|| sticking_out(&page, t))).collect();
    found.sort_by(|a, b| b.lost.total_cmp(&a.lost));
    let describe = |h: &Overflow, max| format!("{} {}", quote(content(h.text), max), h.words);
    let groups = by_box(found);
    let overflows = groups.iter().map(|g| and_others(describe(&g[0], 20), g.len()));
    let none = groups.is_empty().then(|| "none".to_string());
    let observed = listed(fullest(&page).into_iter().chain(none).chain(overflows).collect());
    let defects = groups.iter().map(|g| {
        let elements: Vec<&Element> = g.iter().map(|h| h.text).chain(g[0].by).collect();
        let message = and_others(format!("{} by {:.0} px", describe(&g[0], 40), g[0].lost), g.len());
        defect(&unique(elements), message)
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The text that fills its box most from side to side, with its width and the room in the box.
fn fullest(page: &VisiblePage) -> Option<String> {
    let filled = |t: &VisibleText| {
        let frame = page.frame(t.element).filter(|e| e.kind != ElementKind::Control)?;
        let width = t.lines.iter().map(|line| line.whole.width()).fold(0.0, f32::max);
        let room = frame.layout.filter(|r| r.width() > 0.0)?.width();
        let description = format!("{} {width:.0} of {room:.0} px", quote(content(t.element), 14));
        Some((width / room, description))
    };
    let texts = page.texts.iter().filter(|t| t.is_shown() && t.has_words()).filter_map(filled);
    texts.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, description)| description)
}

/// Groups texts that overflow one box into one finding.
fn by_box(found: Vec<Overflow<'_>>) -> Vec<Vec<Overflow<'_>>> {
    let mut groups: Vec<Vec<Overflow>> = Vec::new();
    for overflow in found {
        let same = |g: &&mut Vec<Overflow>| {
            overflow.by.is_some() && g[0].by.map(|e| e.id) == overflow.by.map(|e| e.id)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(overflow),
            None => groups.push(vec![overflow]),
        }
    }
    groups
}

fn unique(elements: Vec<&Element>) -> Vec<&Element> {
    let mut kept: Vec<&Element> = Vec::new();
    for e in elements {
        if !kept.iter().any(|other| other.id == e.id) {
            kept.push(e);
        }
    }
    kept
}

/// A text of which a part is clipped, and cannot be scrolled to.
fn cut<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<Overflow<'a>> {
    let clip = text.facts.clip?;
    let side = (SIDE * text.font()).max(2.0);
    let lines = text.lines.iter().map(|line| line.core);
    let left = |r: Region| r.intersect(clip);
    // The next slide of a carousel is not cut: some of the text must be visible.
    if !lines.clone().any(|r| left(r).width() > side && left(r).height() > 0.5 * r.height()) {
        return None;
    }
    let sideways = lines.clone().map(|r| (clip.x0 - r.x0).max(r.x1 - clip.x1)).fold(0.0, f32::max);
    let down = lines.clone().map(|r| (clip.y0 - r.y0).max(r.y1 - clip.y1)).fold(0.0, f32::max);
    let sliced = lines.clone().any(|r| left(r).height() < (1.0 - SLICE) * r.height());
    let (words, lost) = match (sideways > side, sliced) {
        (true, _) => ("cut at the side", sideways),
        (false, true) => ("cut below or above", down),
        (false, false) => return None,
    };
    let hull = lines.reduce(Region::hull).unwrap_or_default();
    let by = page.around(text.element).find(|e| !e.layout.is_none_or(|l| within(hull, l, side)));
    Some(Overflow { text: text.element, by, words, lost })
}

/// A text that reaches over the visible edge of its box.
fn sticking_out<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<Overflow<'a>> {
    let frame = page.frame(text.element)?;
    let room = frame.layout?;
    let side = (SIDE * text.font()).max(2.0);
    let shown: Vec<Region> = text.shown().map(|line| line.shown).collect();
    let sideways = shown.iter().map(|r| (room.x0 - r.x0).max(r.x1 - room.x1)).fold(0.0, f32::max);
    let down = shown.iter().map(|r| (room.y0 - r.y0).max(r.y1 - room.y1)).fold(0.0, f32::max);
    let (words, lost) = match (sideways > side, down > (DOWN * text.font()).max(2.0)) {
        (true, _) => ("sticks out at the side", sideways),
        (false, true) => ("sticks out below or above", down),
        (false, false) => return None,
    };
    Some(Overflow { text: text.element, by: Some(frame), words, lost })
}

fn within(r: Region, room: Region, slack: f32) -> bool {
    room.grow(slack).contains(r)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn texts_that_overflow_hides_are_cut() {
        let line = [10.0, 10.0, 110.0, 33.0];
        let text = |clip: [f32; 4]| words(0, "Open until six", line).clipped(clip);
        counts(check, vec![text([0.0, 0.0, 108.0, 50.0])], "none", &[]);
        counts(check, vec![text([0.0, 0.0, 80.0, 50.0])], "'Open until six' cut at the side", &[&[0]]);
        counts(check, vec![text([0.0, 0.0, 200.0, 22.0])], "'Open until six' cut below or above", &[&[0]]);
        // The next slide waits outside.
        let shown = words(1, "First slide", [10.0, 60.0, 90.0, 83.0]);
        counts(check, vec![text([120.0, 0.0, 200.0, 50.0]), shown], "none", &[]);
        // A list that scrolls hides nothing.
        counts(check, vec![words(0, "Open until six", line).scrolled([0.0, 0.0, 80.0, 50.0])], "none", &[]);
    }

    #[test]
    fn texts_stay_in_their_boxes() {
        let pill = |x1: f32| block(0, "span", [10.0, 8.0, x1, 36.0]).grounded([220; 3]);
        let text = || words(1, "Limited", [14.0, 10.0, 84.0, 33.0]).inside(0);
        counts(check, vec![pill(88.0), text()], "'Limited' 70 of 78 px; none", &[]);
        let observed = "'Limited' 70 of 50 px; 'Limited' sticks out at the side";
        counts(check, vec![pill(60.0), text()], observed, &[&[1, 0]]);
        counts(check, vec![pill(60.0), text().placed("absolute")], "none", &[]);
    }
}
