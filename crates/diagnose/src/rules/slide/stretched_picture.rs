#![doc = include_str!("stretched_picture.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, called, listed};
use vsdpo_artifact::{Element, ShapeFacts};

pub(super) const SUMMARY: &str = "a picture is wider or higher than its file says";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// The factor by which one side may be longer than the other one asks for.
const SLACK: f32 = 1.05;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let known: Vec<(&Element, f32)> =
        scene.elements.iter().filter_map(|e| Some((e, stretch(e.shape.as_deref()?)?))).collect();
    if known.is_empty() {
        return RuleResult::not_evaluated("no picture of known size");
    }
    let found: Vec<&(&Element, f32)> =
        known.iter().filter(|(_, wide)| wide.max(1.0 / wide) > SLACK).collect();
    let describe = |(e, wide): &(&Element, f32), max| {
        let (factor, side) = if *wide > 1.0 { (*wide, "width") } else { (1.0 / wide, "height") };
        format!("{} is stretched in {side}, {factor:.2} times", called(e, max))
    };
    let observed = listed(found.iter().map(|f| describe(f, 16)).collect());
    let defects = found.iter().map(|f| defect(&[f.0], describe(f, 40)));
    RuleResult::counted(defects.collect(), observed)
}

/// How much wider a picture is shown than its file asks for, for its height; the part that is cut
/// away does not count.
fn stretch(shape: &ShapeFacts) -> Option<f32> {
    let [width, height] = shape.natural?.map(|side| side as f32);
    let [left, top, right, bottom] = shape.crop;
    let (width, height) = (width * (1.0 - left - right), height * (1.0 - top - bottom));
    let (shown_width, shown_height) = (shape.frame.width(), shape.frame.height());
    let whole = [width, height, shown_width, shown_height].iter().all(|side| *side > 1.0);
    whole.then(|| shown_width * height / (shown_height * width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{block, with_scene};
    use vsdpo_artifact::{Region, ShapeKind};

    #[test]
    fn sides_keep_their_ratio_apart_from_what_is_cut_away() {
        let picture = |frame: [f32; 4], crop: [f32; 4]| {
            let facts = ShapeFacts {
                frame: Region::from(frame),
                natural: Some([400, 200]),
                crop,
                name: "Picture 3".into(),
                kind: ShapeKind::Picture,
                ..ShapeFacts::default()
            };
            with_scene(vec![block(0, "img", frame).shaped(facts)], None, check)
        };
        let none = [0.0; 4];
        assert_eq!(picture([0.0, 0.0, 100.0, 50.0], none).score, Some(1.0));
        // 104 px for 50 are 4 % too wide.
        assert_eq!(picture([0.0, 0.0, 104.0, 50.0], none).score, Some(1.0));
        let wide = picture([0.0, 0.0, 150.0, 50.0], none);
        assert_eq!(wide.observed, "the picture 'Picture 3' is stretched in width, 1.50 times");
        // A quarter is cut away at each side: what is left is square.
        assert_eq!(picture([0.0, 0.0, 60.0, 60.0], [0.25, 0.0, 0.25, 0.0]).score, Some(1.0));
        let high = picture([0.0, 0.0, 60.0, 60.0], none);
        assert_eq!(high.observed, "the picture 'Picture 3' is stretched in height, 2.00 times");
    }
}
