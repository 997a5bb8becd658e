#![doc = include_str!("too_tall.md")]

use super::view::View;
use super::{RuleResult, defect};
use crate::scene::Scene;
use crate::slide::compliant;
use vsdpo_artifact::{Element, ElementKind};

pub(super) const SUMMARY: &str = "the slide is not 16:9";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Elements that are named at most.
const REPORTED: usize = 32;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some(view) = View::of(scene) else {
        return RuleResult::not_evaluated("no layout");
    };
    let (width, height) = (view.layout.width, view.layout.full_height);
    let wanted = width * 9.0 / 16.0;
    let observed = format!("{height:.0} px high, {wanted:.0} wanted");
    if compliant(width, height) {
        return RuleResult::counted(Vec::new(), observed);
    }
    // What lies below the limit makes the slide too tall; a low slide has nothing at fault but
    // itself.
    let below = |e: &&Element| e.layout.unwrap_or(e.region).y1 > wanted as f32 + 1.0;
    let low = |e: &&Element| e.kind == ElementKind::Page;
    // The size of a deck's slides is its own, whatever lies on them.
    let mut at_fault: Vec<&Element> = match height > wanted && !view.is_deck() {
        true => scene.elements.iter().filter(|e| below(e) && !low(e)).take(REPORTED).collect(),
        false => scene.elements.iter().filter(low).collect(),
    };
    if at_fault.is_empty() {
        at_fault = scene.elements.iter().take(1).collect();
    }
    let message = format!("the slide is {height:.0} px high; 16:9 is {wanted:.0}");
    RuleResult::counted(vec![defect(&at_fault, message)], observed)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn a_slide_is_16_to_9() {
        let slide = || {
            let boxes = [[100.0, 100.0, 200.0, 20.0], [100.0, 760.0, 200.0, 20.0]];
            let text = |i: usize, [x, y, w, h]: [f64; 4]| {
                words(i as u32, "Words", [x, y, x + w, y + h].map(|v| v as f32))
            };
            let elements = boxes.iter().enumerate().map(|(i, b)| text(i, *b)).collect();
            (boxes.map(|b| line(1, b)).to_vec(), elements)
        };
        let result = run(check, 721.0, slide());
        assert_eq!((result.score, result.observed.as_str()), (Some(1.0), "721 px high, 720 wanted"));
        let result = run(check, 800.0, slide());
        assert_eq!(result.defects[0].elements, [1]);
        assert_eq!(result.defects[0].message, "the slide is 800 px high; 16:9 is 720");
    }
}
