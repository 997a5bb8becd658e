#![doc = include_str!("escapes_panel.md")]

use super::RuleResult;
use super::clashes;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "something leaves the panel that it stands in";
pub(super) const PROPERTIES: &[&str] = super::TEXTS;

pub(super) fn check(scene: &Scene) -> RuleResult {
    clashes::check(
        scene,
        |view, clash: &Clash| clash.kind == ClashKind::Escape && !clashes::is_own(view, clash),
        |view, clash, max| {
            format!("{} leaves {}", clashes::others(view, clash, max), view.name(clash.element, max))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::{block, words};

    #[test]
    fn a_text_stays_in_its_panel() {
        let slide = |width: f64| {
            let parts = vec![panel(1, [100.0, 100.0, 200.0, 100.0]), line(2, [110.0, 110.0, width, 20.0])];
            let elements = vec![
                block(0, "div", [100.0, 100.0, 300.0, 200.0]).grounded([200; 3]),
                words(1, "A long label", [110.0, 110.0, 110.0 + width as f32, 130.0]).inside(0),
            ];
            (parts, elements)
        };
        expect(check, slide(180.0), "none", &[]);
        expect(check, slide(260.0), "'A long label' leaves <div>", &[&[1, 0]]);
    }
}
