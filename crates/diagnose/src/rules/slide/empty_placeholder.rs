#![doc = include_str!("empty_placeholder.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, called, listed};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a placeholder has no contents";
pub(super) const PROPERTIES: &[&str] = &[];

pub(super) fn check(scene: &Scene) -> RuleResult {
    if !scene.elements.iter().any(|e| e.shape.is_some()) {
        return RuleResult::not_evaluated("no deck");
    }
    let empty = |e: &&Element| e.shape.as_ref().is_some_and(|shape| shape.empty);
    let found: Vec<&Element> = scene.elements.iter().filter(empty).collect();
    let describe = |e: &Element, max| format!("{} is an empty placeholder", called(e, max));
    let observed = listed(found.iter().map(|e| describe(e, 16)).collect());
    RuleResult::counted(found.iter().map(|e| defect(&[e], describe(e, 40))).collect(), observed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{block, with_scene};
    use vsdpo_artifact::{ShapeFacts, ShapeKind};

    #[test]
    fn placeholders_have_contents() {
        let slide = |empty| {
            let facts = ShapeFacts {
                empty,
                name: "Subtitle 2".into(),
                kind: ShapeKind::Text,
                ..ShapeFacts::default()
            };
            with_scene(vec![block(0, "div", [0.0, 0.0, 9.0, 9.0]).shaped(facts)], None, check)
        };
        assert_eq!(slide(false).observed, "none");
        let found = slide(true);
        assert_eq!(found.observed, "the text 'Subtitle 2' is an empty placeholder");
        assert_eq!(found.defects[0].elements, [0]);
        let page = with_scene(vec![block(0, "div", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!(page.score, None);
    }
}
