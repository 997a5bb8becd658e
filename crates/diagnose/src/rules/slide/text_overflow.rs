#![doc = include_str!("text_overflow.md")]

use super::RuleResult;
use super::clashes;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "a text is larger than its own shape";
pub(super) const PROPERTIES: &[&str] = super::TEXTS;

pub(super) fn check(scene: &Scene) -> RuleResult {
    clashes::check(
        scene,
        |clash: &Clash| clash.kind == ClashKind::Escape && clashes::is_own(clash),
        |view, clash, max| format!("{} is larger than its shape", view.name(clash.element, max)),
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;
    use vsdpo_artifact::SlideElement;

    #[test]
    fn a_text_fits_into_its_own_shape() {
        let slide = |lines: usize| {
            let rects = (0..lines).map(|i| [110.0, 100.0 + 25.0 * i as f64, 180.0, 20.0].into()).collect();
            let shape = panel(1, [100.0, 100.0, 200.0, 50.0]);
            let text = SlideElement { text_len: 60, text_rects: rects, ..shape };
            (vec![text], vec![words(0, "Three lines of text", [100.0, 100.0, 300.0, 150.0])])
        };
        expect(check, slide(2), "none", &[]);
        expect(check, slide(3), "'Three lines of..' is larger than its shape", &[&[0]]);
    }
}
