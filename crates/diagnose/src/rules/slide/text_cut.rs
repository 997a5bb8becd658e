#![doc = include_str!("text_cut.md")]

use super::RuleResult;
use super::clashes;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "a text is cut off";
pub(super) const PROPERTIES: &[&str] = super::TEXTS;

pub(super) fn check(scene: &Scene) -> RuleResult {
    clashes::check(
        scene,
        |_, clash: &Clash| clash.kind == ClashKind::Cut,
        |view, clash, max| {
            let by = match clashes::is_own(view, clash) {
                true => "its own box".into(),
                false => view.name(clash.element, max),
            };
            format!("{} is cut by {by}", clashes::others(view, clash, max))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::{block, words};
    use vsdpo_artifact::SlideElement;

    #[test]
    fn a_box_that_hides_overflow_cuts_the_text_in_it() {
        let slide = |height: f64| {
            let cutter = SlideElement { clips: [true; 2], ..part("div", 1, [100.0, 100.0, 200.0, height]) };
            let parts = vec![cutter, line(2, [100.0, 140.0, 150.0, 20.0])];
            let elements = vec![
                block(0, "div", [100.0, 100.0, 300.0, 100.0 + height as f32]),
                words(1, "The last line", [100.0, 140.0, 250.0, 160.0]).inside(0),
            ];
            (parts, elements)
        };
        expect(check, slide(60.0), "none", &[]);
        expect(check, slide(50.0), "'The last line' is cut by <div>", &[&[1, 0]]);
    }
}
