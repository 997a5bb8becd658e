#![doc = include_str!("outside_viewport.md")]

use super::visible::{VisiblePage, VisibleText};
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::{Element, ElementKind, Region};

pub(super) const SUMMARY: &str = "something lies left of or above the page, where the page does not scroll";
pub(super) const PROPERTIES: [&str; 15] = [
    "position",
    "left",
    "top",
    "inset",
    "transform",
    "translate",
    "margin",
    "margin-left",
    "margin-top",
    "text-indent",
    "width",
    "min-width",
    "justify-content",
    "align-items",
    "float",
];

/// Pixels outside the page from which a position is taken for intended, as of texts for screen
/// readers.
const FAR: f32 = 900.0;
/// Multiple of the font size by which a text may reach outside.
const REACH: f32 = 0.4;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    let texts = page.texts.iter().filter_map(|t| Some((t.element, lost_text(&page, t)?)));
    let pictures = scene.elements.iter().filter_map(|e| Some((e, lost_picture(&page, e)?)));
    let found: Vec<(&Element, &str)> = texts.chain(pictures).collect();
    let describe = |(e, side): &(&Element, &str), max| match content(e).is_empty() {
        true => format!("picture {side}"),
        false => format!("{} {side}", quote(content(e), max)),
    };
    // Elements of one box that leave on one side are one finding.
    let mut groups: Vec<Vec<(&Element, &str)>> = Vec::new();
    for one in found {
        match groups.iter_mut().find(|g| (g[0].0.parent, g[0].1) == (one.0.parent, one.1)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let observed = listed(groups.iter().map(|g| and_others(describe(&g[0], 20), g.len())).collect());
    let defects = groups.iter().map(|g| {
        let elements: Vec<&Element> = g.iter().map(|(e, _)| *e).collect();
        defect(&elements, and_others(format!("beyond the page: {}", describe(&g[0], 40)), g.len()))
    });
    RuleResult::counted(defects.collect(), observed)
}

/// The side on which a text leaves the page.
fn lost_text<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<&'static str> {
    let cuts = [text.facts.clip, text.facts.scroll];
    let lines = text.lines.iter().map(|l| cuts.iter().flatten().fold(l.core, |r, cut| r.intersect(*cut)));
    let hull = lines.filter(|r| !r.is_empty()).reduce(Region::hull)?;
    side(page, text.element, hull, (REACH * text.font()).max(3.0))
}

/// The side on which a picture or a field in the flow leaves the page; positioned ones may decorate
/// an edge.
fn lost_picture<'a>(page: &VisiblePage<'a>, e: &'a Element) -> Option<&'static str> {
    let pictured = matches!(e.kind, ElementKind::Image | ElementKind::Control) && content(e).is_empty();
    if !pictured || page.placed(e).is_some() {
        return None;
    }
    // What a carousel keeps outside its window is no loss of the page.
    let facts = e.html.as_ref()?;
    let cuts = [facts.clip, facts.scroll];
    let layout = cuts.iter().flatten().fold(e.layout?, |r, cut| r.intersect(*cut));
    if layout.is_empty() {
        return None;
    }
    side(page, e, layout, 8f32.max(0.1 * layout.width().min(layout.height())))
}

fn side<'a>(page: &VisiblePage<'a>, e: &'a Element, r: Region, slack: f32) -> Option<&'static str> {
    let gone = r.x1 <= 1.0 || r.y1 <= 1.0;
    let meant = gone && (page.placed(e).is_some() || r.x0 < -FAR || r.y0 < -FAR);
    match (meant, r.x0 < -slack, r.y0 < -slack) {
        (true, ..) | (_, false, false) => None,
        (_, true, _) => Some("on the left"),
        (_, false, true) => Some("above"),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn texts_left_of_the_page_or_above_it_are_found() {
        let text = |x: f32| words(0, "Welcome", [x, 10.0, x + 90.0, 33.0]);
        counts(check, vec![text(-4.0)], "none", &[]);
        counts(check, vec![text(-20.0)], "'Welcome' on the left", &[&[0]]);
        counts(check, vec![text(-100.0)], "'Welcome' on the left", &[&[0]]);
        counts(check, vec![text(-9999.0)], "none", &[]);
        counts(check, vec![text(-100.0).placed("fixed")], "none", &[]);
        counts(check, vec![text(-20.0).placed("absolute")], "'Welcome' on the left", &[&[0]]);
        counts(check, vec![text(-20.0).clipped([5.0, 0.0, 200.0, 100.0])], "none", &[]);
        counts(check, vec![words(0, "Top", [9.0, -15.0, 60.0, 8.0])], "'Top' above", &[&[0]]);
    }

    #[test]
    fn a_placed_picture_may_decorate_an_edge() {
        let picture = || block(0, "img", [-40.0, 10.0, 60.0, 90.0]);
        counts(check, vec![picture()], "picture on the left", &[&[0]]);
        counts(check, vec![picture().placed("absolute")], "none", &[]);
        counts(check, vec![picture().clipped([70.0, 0.0, 200.0, 100.0])], "none", &[]);
    }
}
