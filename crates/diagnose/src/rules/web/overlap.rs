#![doc = include_str!("overlap.md")]

use super::visible::{Line, VisiblePage, VisibleText, is_opaque, is_placed};
use super::{RuleResult, defect};
use crate::geometry::third;
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "texts or controls overlap";
pub(super) const PROPERTIES: [&str; 22] = [
    "position",
    "top",
    "right",
    "bottom",
    "left",
    "inset",
    "transform",
    "translate",
    "margin",
    "margin-top",
    "margin-right",
    "margin-bottom",
    "margin-left",
    "width",
    "height",
    "max-height",
    "line-height",
    "white-space",
    "z-index",
    "grid-template-columns",
    "padding-top",
    "flex",
];

/// Pixels by which texts may overlap.
const DEPTH: f32 = 2.0;
/// Pixels by which a text may reach into a control, or controls into each other: borders and
/// shadows.
const TOUCH: f32 = 3.0;
/// Covered share of a text from which `web/invisible-text` reports it, and this rule does not.
pub(super) const HIDDEN: f32 = 0.5;
/// Overlaps that are reported at most: many texts in one place would give one for each pair.
const REPORTED: usize = 64;

/// Two elements that overlap; twice the same one for a text whose own lines overlap.
type Pair<'a> = [&'a Element; 2];

pub(super) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    if page.texts.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    let mut pairs = tight(&page);
    pairs.extend(crossing(&page));
    pairs.extend(over_controls(&page));
    pairs.extend(half_hidden(&page));
    pairs.truncate(REPORTED);
    let found = findings(pairs);
    let name = |e: &Element, max| match content(e).is_empty() {
        true => e.html.as_ref().map_or("a box".into(), |f| format!("<{}>", f.tag)),
        false => quote(content(e), max),
    };
    let describe = |[a, b]: &Pair, max| match a.id == b.id {
        true => format!("lines of {}", name(a, max)),
        false => format!("{} with {}", name(a, max), name(b, max)),
    };
    let overlaps = found.first().map_or("none".into(), |f| and_others(describe(&f[0], 14), found.len()));
    let at_fault = |e: &Element| found.iter().flatten().flatten().any(|other| other.id == e.id);
    let placed = labels(&page).map(|label| format!("{} {}", name(label, 14), place(&page, label.region)));
    let remedy = labels(&page).find(|label| at_fault(label)).map(|l| format!("free: {}", free(&page, l)));
    let observed = listed([overlaps].into_iter().chain(placed).collect());
    let defects = found.iter().map(|pairs| {
        let mut elements: Vec<&Element> = Vec::new();
        for e in pairs.iter().flatten() {
            if !elements.iter().any(|other| other.id == e.id) {
                elements.push(e);
            }
        }
        defect(&elements, format!("overlap: {}", and_others(describe(&pairs[0], 40), pairs.len())))
    });
    RuleResult { remedy, ..RuleResult::counted(defects.collect(), observed) }
}

/// Texts and controls that are positioned out of the flow.
fn labels<'a>(page: &VisiblePage<'a>) -> impl Iterator<Item = &'a Element> {
    page.texts.iter().filter(|t| t.is_shown()).map(|t| t.element).filter(|e| is_placed(e))
}

/// The place of a box in the window, in the words of style sheets.
fn place(page: &VisiblePage, r: Region) -> String {
    let room = page.window();
    let row = third(r.y0 - room.y0, room.y1 - r.y1, ["top", "center", "bottom"]);
    let column = third(r.x0 - room.x0, room.x1 - r.x1, ["left", "center", "right"]);
    if row == column { row.into() } else { format!("{row} {column}") }
}

/// The corners, as far from the edges as a label is now, that hold no text and no control.
fn free(page: &VisiblePage, label: &Element) -> String {
    let (room, r) = (page.window(), label.region);
    let across = |r: Region| Region { x0: room.x0 + room.x1 - r.x1, x1: room.x0 + room.x1 - r.x0, ..r };
    let down = |r: Region| Region { y0: room.y0 + room.y1 - r.y1, y1: room.y0 + room.y1 - r.y0, ..r };
    let others = || page.texts.iter().filter(|t| t.element.id != label.id);
    let taken = |r: Region| {
        let control = |t: &VisibleText| is_button(t.element) && !r.intersect(t.element.region).is_empty();
        others().any(|t| control(t) || t.shown().any(|line| !r.intersect(line.shown).is_empty()))
    };
    let mut free: Vec<String> = Vec::new();
    for corner in [across(r), down(r), across(down(r))] {
        let name = place(page, corner);
        if !taken(corner) && name != place(page, r) && !free.contains(&name) {
            free.push(name);
        }
    }
    if free.is_empty() { "no corner".into() } else { free.join(", ") }
}

/// Groups pairs by their parents: the items of two lists are one finding, because one move fixes
/// it.
fn findings(pairs: Vec<Pair<'_>>) -> Vec<Vec<Pair<'_>>> {
    let mut found: Vec<Vec<Pair>> = Vec::new();
    let key = |pair: &Pair| pair.map(|e| e.parent);
    for pair in pairs {
        match found.iter_mut().find(|f| key(&f[0]) == key(&pair)) {
            Some(finding) => finding.push(pair),
            None => found.push(vec![pair]),
        }
    }
    found
}

/// Texts whose own lines overlap; not a large initial or sign with the lines beside it.
fn tight<'a>(page: &VisiblePage<'a>) -> Vec<Pair<'a>> {
    let alike = |a: &Line, b: &Line| (a.whole.height() - b.whole.height()).abs() < 0.2 * a.whole.height();
    let run = |a: &Line, b: &Line| alike(a, b) && deeper(a.shown, b.shown, DEPTH);
    let close = |t: &&VisibleText| t.lines.windows(2).any(|two| run(&two[0], &two[1]));
    page.texts.iter().filter(|t| t.has_words()).filter(close).map(|t| [t.element, t.element]).collect()
}

/// Texts that overlap.
fn crossing<'a>(page: &VisiblePage<'a>) -> Vec<Pair<'a>> {
    let mut lines: Vec<(Region, &VisibleText)> = page
        .texts
        .iter()
        .filter(|t| t.has_words() && !t.is_watermark() && t.element.color.is_none_or(|c| c[3] > 0))
        // Where a text stands in a field is an estimate.
        .filter(|t| !matches!(t.facts.tag.as_str(), "input" | "select" | "textarea"))
        .flat_map(|t| t.shown().map(move |line| (line.shown, t)))
        .collect();
    lines.sort_by(|a, b| a.0.y0.total_cmp(&b.0.y0));
    let mut pairs: Vec<Pair> = Vec::new();
    for (i, (a, text_a)) in lines.iter().enumerate() {
        for (b, text_b) in lines[i + 1..].iter().take_while(|(b, _)| b.y0 < a.y1) {
            let (e, f) = (text_a.element, text_b.element);
            let twice = content(e) == content(f) && a.iou(*b) > 0.5;
            if e.id == f.id
                || twice
                || !deeper(*a, *b, DEPTH)
                || is_logo(page, e, f)
                || parted(page, text_a, text_b, a.intersect(*b))
            {
                continue;
            }
            let pair = if e.id < f.id { [e, f] } else { [f, e] };
            if pairs.len() < REPORTED && !pairs.iter().any(|p| p[0].id == pair[0].id && p[1].id == pair[1].id)
            {
                pairs.push(pair);
            }
        }
    }
    pairs.sort_by_key(|pair| (pair[0].id, pair[1].id));
    pairs
}

/// Whether one of two texts is a letter or two that are moved into the other on purpose, as in the
/// name of LaTeX: an inline part of the other, or of the same sentence.
fn is_logo<'a>(page: &VisiblePage<'a>, a: &'a Element, b: &'a Element) -> bool {
    const LETTERS: usize = 3;
    let few = |e: &Element| content(e).chars().count() <= LETTERS;
    let inline = |e: &Element| e.html.as_ref().is_some_and(|f| f.display == "inline" && f.position.is_none());
    let part = |e: &'a Element, whole: &Element| few(e) && inline(e) && page.is_inside(e, whole);
    let beside = a.parent == b.parent && inline(a) && inline(b) && (few(a) || few(b));
    part(a, b) || part(b, a) || beside
}

/// Whether something opaque lies between two texts, so that only one of them is visible.
fn parted(page: &VisiblePage, a: &VisibleText, b: &VisibleText, common: Region) -> bool {
    let hides = |over: &Element| common.ioa(over.region) > 0.5;
    let own = |t: &VisibleText, other: &VisibleText| {
        let grounds = page.around(t.element).take_while(|e| !page.is_inside(other.element, e));
        let later = (t.element.order, t.element.id) > (other.element.order, other.element.id);
        later && grounds.into_iter().any(|e| has_ground(e) && hides(e))
    };
    own(a, b) || own(b, a) || page.over(a).into_iter().chain(page.over(b)).any(|e| is_opaque(e) && hides(e))
}

fn has_ground(e: &Element) -> bool {
    e.html.as_ref().is_some_and(|f| f.painted || f.ground.is_some_and(|g| g[3] > 200))
}

/// Texts that reach into a control, and controls that reach into each other.
fn over_controls<'a>(page: &VisiblePage<'a>) -> Vec<Pair<'a>> {
    const MOST: usize = 400;
    let controls: Vec<&Element> =
        page.scene.elements.iter().filter(|e| is_button(e) && !e.region.is_empty()).take(MOST).collect();
    let mut pairs = Vec::new();
    for (i, a) in controls.iter().enumerate() {
        for b in &controls[i + 1..] {
            let within = a.region.ioa(b.region).max(b.region.ioa(a.region)) > 0.8;
            let kin = page.is_inside(a, b) || page.is_inside(b, a);
            if !kin && !within && deeper(a.region, b.region, TOUCH) && !lies_on(page, [a, b]) {
                pairs.push([*a, *b]);
            }
        }
        for text in
            page.texts.iter().filter(|t| t.has_words() && !is_button(t.element) && !has_ground(t.element))
        {
            let kin = page.is_inside(text.element, a) || page.is_inside(a, text.element);
            let reaches = |line: Region| {
                deeper(line, a.region, TOUCH) && line.ioa(a.region) < 0.9 && !lies_on(page, [a, text.element])
            };
            if !kin && text.shown().any(|line| reaches(line.shown)) {
                pairs.push([text.element, *a]);
            }
        }
    }
    pairs.truncate(REPORTED);
    pairs
}

/// Whether one of two lies on the other on purpose: a part of a menu, or a badge with a background
/// of its own. A button that is positioned by itself is no menu.
fn lies_on<'a>(page: &VisiblePage<'a>, [a, b]: Pair<'a>) -> bool {
    let floats = |e: &'a Element, other: &'a Element| {
        let boxes = page.around(e).skip(usize::from(is_button(e)));
        boxes.into_iter().any(|x| is_placed(x) && has_ground(x) && !page.is_inside(other, x))
    };
    floats(a, b) || floats(b, a)
}

/// Whether an element is a control, or a link with the visible edges of one.
fn is_button(e: &Element) -> bool {
    let link =
        |e: &Element| e.html.as_ref().is_some_and(|f| f.tag == "a" && f.framed && !content(e).is_empty());
    e.kind == ElementKind::Control || link(e)
}

/// Texts of which less than [`HIDDEN`] is covered, and those that a box with words covers.
fn half_hidden<'a>(page: &VisiblePage<'a>) -> Vec<Pair<'a>> {
    let part = |t: &VisibleText<'a>| {
        let hidden = page.hidden(t)?;
        let partly = t.has_words() && hidden.length > t.font();
        let partly = partly && (hidden.share < HIDDEN || page.is_worded(hidden.by));
        partly.then_some([t.element, hidden.by])
    };
    page.texts.iter().filter_map(part).collect()
}

/// Whether the common part of two boxes is wider and higher than `depth`.
fn deeper(a: Region, b: Region, depth: f32) -> bool {
    let common = a.intersect(b);
    common.width() > depth && common.height() > depth
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind;

    #[test]
    fn letters_may_not_share_pixels() {
        let first = || words(0, "Harbour", [10.0, 10.0, 100.0, 33.0]);
        let second = |y: f32| words(1, "Bread", [20.0, y, 90.0, y + 23.0]);
        // Of boxes 23 px high the letters take the middle 16: 13.45 to 29.55.
        counts(check, vec![first(), second(25.0)], "none", &[]);
        counts(check, vec![first(), second(23.0)], "'Harbour' with 'Bread'", &[&[0, 1]]);
        let pale = first().colored([0, 0, 0, 20]).sized(60.0);
        counts(check, vec![pale, second(12.0)], "none", &[]);
    }

    #[test]
    fn labels_are_reported_with_their_place_and_the_free_corners() {
        let title = || words(0, "Timetable", [5.0, 5.0, 150.0, 28.0]);
        let label = |x: f32| words(1, "New", [x, 5.0, x + 30.0, 28.0]).placed("absolute");
        let button =
            || words(2, "Buy", [160.0, 72.0, 195.0, 95.0]).of(ElementKind::Control).placed("absolute");
        let observed = "none; 'New' top right; 'Buy' bottom right";
        counts(check, vec![title(), label(165.0), button()], observed, &[]);
        let observed =
            "'Timetable' with 'New'; 'New' top left; 'Buy' bottom right, free: top right, bottom left";
        counts(check, vec![title(), label(5.0), button()], observed, &[&[0, 1]]);
    }

    #[test]
    fn lines_of_one_text_need_room() {
        let two = |pitch: f32| {
            let line = |y: f32| [10.0, y, 150.0, y + 23.0];
            words(0, "A long heading", line(10.0)).lines(&[line(10.0), line(10.0 + pitch)])
        };
        counts(check, vec![two(16.0)], "none", &[]);
        counts(check, vec![two(9.0)], "lines of 'A long heading'", &[&[0]]);
    }

    #[test]
    fn a_menu_may_lie_over_a_text_and_a_box_may_not() {
        let text = || words(0, "A sentence of some length", [10.0, 40.0, 190.0, 63.0]);
        let cover = |id| block(id, "div", [20.0, 30.0, 90.0, 90.0]).grounded([200; 3]).placed("absolute");
        counts(check, vec![text(), cover(1)], "'A sentence o..' with <div>", &[&[0, 1]]);
        let entry = words(2, "Menu", [24.0, 40.0, 60.0, 63.0]).inside(1).placed("relative");
        counts(check, vec![text(), cover(1), entry], "none", &[]);
    }

    #[test]
    fn buttons_keep_apart_and_fields_hold_their_texts() {
        let button = |id, x: f32| block(id, "button", [x, 10.0, x + 60.0, 40.0]);
        let label = |x: f32| words(9, "Label", [x, 14.0, x + 40.0, 37.0]);
        counts(check, vec![button(0, 10.0), button(1, 68.0), label(140.0)], "none", &[]);
        counts(
            check,
            vec![button(0, 10.0), button(1, 60.0), label(140.0)],
            "<button> with <button>",
            &[&[0, 1]],
        );
        counts(check, vec![button(0, 10.0), label(50.0)], "'Label' with <button>", &[&[9, 0]]);
        counts(check, vec![button(0, 10.0), label(15.0)], "none", &[]);
    }
}
