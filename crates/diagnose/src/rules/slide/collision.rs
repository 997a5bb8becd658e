#![doc = include_str!("collision.md")]

use super::RuleResult;
use super::clashes;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "two things overlap";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

pub(super) fn check(scene: &Scene) -> RuleResult {
    clashes::check(
        scene,
        |_, clash: &Clash| clash.kind == ClashKind::Overlap,
        |view, clash, max| {
            format!("{} overlaps {}", clashes::others(view, clash, max), view.name(clash.element, max))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn texts_may_not_overlap() {
        let slide = |y: f64| {
            let boxes = [[100.0, 100.0, 300.0, 20.0], [150.0, y, 300.0, 20.0]];
            let at = |[x, y, w, h]: [f64; 4]| [x as f32, y as f32, (x + w) as f32, (y + h) as f32];
            let elements = vec![words(0, "Revenue", at(boxes[0])), words(1, "Margin", at(boxes[1]))];
            (boxes.map(|b| line(1, b)).to_vec(), elements)
        };
        expect(check, slide(130.0), "none", &[]);
        // 2 px of overlap are allowed.
        expect(check, slide(118.0), "none", &[]);
        expect(check, slide(110.0), "'Margin' overlaps 'Revenue'", &[&[1, 0]]);
    }

    #[test]
    fn a_page_without_a_layout_is_not_evaluated() {
        let result = crate::testing::with_scene(vec![words(0, "A", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!((result.score, result.observed.as_str()), (None, "no layout"));
    }
}
