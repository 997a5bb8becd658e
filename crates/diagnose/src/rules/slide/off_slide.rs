#![doc = include_str!("off_slide.md")]

use super::RuleResult;
use super::clashes;
use super::view::View;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "something leaves the slide";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Shapes leave a slide also where nothing was drawn; where their texts end is not known then.
pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some(view) = View::of(scene) else {
        return RuleResult::not_evaluated("no layout");
    };
    clashes::found(
        &view,
        |view, clash: &Clash| clash.kind == ClashKind::OffSlide && (view.is_drawn() || !is_text(view, clash)),
        |view, clash, max| format!("{} leaves the slide", view.name(clash.element, max)),
    )
}

fn is_text(view: &View, clash: &Clash) -> bool {
    view.layout.elements.get(clash.element as usize).is_some_and(|part| part.tag == "p")
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn nothing_reaches_beyond_the_edges() {
        let slide = |x: f64| {
            let text = words(0, "Source", [x as f32, 690.0, x as f32 + 100.0, 710.0]);
            (vec![line(1, [x, 690.0, 100.0, 20.0])], vec![text])
        };
        expect(check, slide(1180.0), "none", &[]);
        expect(check, slide(1200.0), "'Source' leaves the slide", &[&[0]]);
    }
}
