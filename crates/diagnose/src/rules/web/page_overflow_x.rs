#![doc = include_str!("page_overflow_x.md")]

use super::visible::{VisiblePage, VisibleText};
use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, quote};
use vsdpo_artifact::{Defect, Element, ElementKind};

pub(super) const SUMMARY: &str = "the page is wider than the window";
pub(super) const PROPERTIES: [&str; 18] = [
    "width",
    "min-width",
    "max-width",
    "margin",
    "margin-left",
    "margin-right",
    "left",
    "right",
    "position",
    "transform",
    "white-space",
    "flex-wrap",
    "flex",
    "flex-shrink",
    "grid-template-columns",
    "padding",
    "font-size",
    "overflow-x",
];

/// Pixels by which a page may be too wide: rounding.
const ROUNDING: f32 = 1.5;
/// Elements that a finding names at most.
const NAMED: usize = 8;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let window = scene.of_kind(ElementKind::Page).find_map(|e| e.layout).map(|l| l.x1);
    let Some(window) = window.filter(|w| *w > 0.0) else { return RuleResult::not_evaluated("no window") };
    let too_wide = scene.bounds().x1 - window;
    let page = VisiblePage::of(scene);
    let heading = heading(&page);
    if too_wide.is_nan() || too_wide <= ROUNDING {
        return RuleResult::counted(vec![], format!("{window:.0} px, fits{heading}"));
    }
    let out = |e: &Element| {
        let text = e.html.iter().flat_map(|f| &f.lines).any(|l| l.x1 > window + ROUNDING);
        e.kind != ElementKind::Page && (e.region.x1 > window + ROUNDING || text)
    };
    // Of nested elements the outermost is at fault: it does not fit its parent.
    let first = |e: &&Element| out(e) && !page.parent(e).is_some_and(out);
    let mut at_fault: Vec<&Element> = scene.elements.iter().filter(first).collect();
    at_fault.sort_by(|a, b| b.region.x1.total_cmp(&a.region.x1));
    let name = at_fault.first().map_or(String::new(), |e| {
        let tag = e.html.as_ref().map_or("", |f| f.tag.as_str());
        let text = if content(e).is_empty() { String::new() } else { format!(" {}", quote(content(e), 20)) };
        and_others(format!(": <{tag}>{text}"), at_fault.len())
    });
    let help = at_fault.first().map(|e| {
        let tag = e.html.as_ref().map_or("", |f| f.tag.as_str());
        let room = (window - e.layout.unwrap_or(e.region).x0).clamp(0.0, window);
        format!("<{tag}> has room for {room:.0} px: max-width: {room:.0}px, or overflow-wrap: anywhere")
    });
    at_fault.truncate(NAMED);
    let observed = format!("{too_wide:.0} px too wide{name}{heading}");
    let message = format!("the page is {too_wide:.0} px wider than the window{name}");
    RuleResult::counted(vec![Defect { help, ..defect(&at_fault, message) }], observed)
}

/// Size and width of the widest heading, as the rest of the observed value.
fn heading(page: &VisiblePage) -> String {
    let width = |t: &VisibleText| t.lines.iter().map(|line| line.whole.width()).fold(0.0, f32::max);
    let headings = page.texts.iter().filter(|t| matches!(t.facts.tag.as_str(), "h1" | "h2" | "h3"));
    let widest = headings.max_by(|a, b| width(a).total_cmp(&width(b)));
    let describe = |t: &VisibleText| format!("; <{}> {:.0} px, {:.0} wide", t.facts.tag, t.font(), width(t));
    widest.map_or(String::new(), describe)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn the_outermost_box_is_at_fault() {
        let root = |window: f32| block(0, "html", [0.0, 0.0, window, 100.0]);
        let band = || block(1, "section", [0.0, 10.0, 200.0, 50.0]).inside(0);
        let inner = || words(2, "Timetable", [120.0, 10.0, 190.0, 33.0]).inside(1);
        counts(check, vec![root(200.0), band(), inner()], "200 px, fits", &[]);
        counts(check, vec![root(160.0), band(), inner()], "40 px too wide: <section>", &[&[1]]);
        let title = words(3, "Trams", [10.0, 60.0, 150.0, 90.0]).tagged("h1").sized(24.0);
        counts(check, vec![root(200.0), title], "200 px, fits; <h1> 24 px, 140 wide", &[]);
        assert_eq!(with_scene(vec![band()], None, check).score, None);
    }
}
