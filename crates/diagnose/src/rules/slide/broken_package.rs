#![doc = include_str!("broken_package.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, listed};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "the file is damaged, so that PowerPoint offers to repair it";
pub(super) const PROPERTIES: &[&str] = &[];

/// The faults are those that the reader of the file met; it has read the rest all the same.
pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some((root, shape)) = scene.elements.iter().find_map(|e| Some((e, e.shape.as_ref()?))) else {
        return RuleResult::not_evaluated("no deck");
    };
    let found: Vec<&String> = shape.faults.iter().collect();
    let observed = listed(found.iter().map(|fault| (*fault).clone()).collect());
    let at: &[&Element] = &[root];
    RuleResult::counted(found.iter().map(|fault| defect(at, (*fault).clone())).collect(), observed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{block, with_scene};
    use vsdpo_artifact::{ShapeFacts, ShapeKind};

    #[test]
    fn each_fault_is_a_finding_of_its_slide() {
        let fault = "ppt/media/image1.png is missing";
        let facts =
            ShapeFacts { faults: vec![fault.into()], kind: ShapeKind::Frame, ..ShapeFacts::default() };
        let result = with_scene(vec![block(0, "section", [0.0, 0.0, 9.0, 9.0]).shaped(facts)], None, check);
        assert_eq!(result.defects.len(), 1);
        assert_eq!((result.observed.as_str(), result.defects[0].message.as_str()), (fault, fault));
    }
}
