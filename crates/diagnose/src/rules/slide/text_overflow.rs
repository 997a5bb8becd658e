#![doc = include_str!("text_overflow.md")]

use super::clashes;
use super::view::View;
use super::{RuleResult, defect};
use crate::scene::{Scene, called};
use crate::slide::{Clash, ClashKind};
use vsdpo_artifact::{Autofit, Element, Region, ShapeKind};

pub(super) const SUMMARY: &str = "a text is larger than its own shape";
pub(super) const PROPERTIES: &[&str] = super::TEXTS;

/// Share of the largest letters by which a text may reach over the frame of a shape without paint,
/// whose end nobody sees.
const UNSEEN: f32 = 0.5;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let mut result = clashes::found(
        &view,
        |view, clash: &Clash| clash.kind == ClashKind::Escape && clashes::is_own(view, clash),
        |view, clash, max| format!("{} is larger than its shape", view.name(clash.element, max)),
    );
    let known: Vec<u32> = result.defects.iter().flat_map(|d| d.elements.iter().copied()).collect();
    let unseen = scene.elements.iter().filter(|e| !known.contains(&e.id) && leaves_frame(e));
    let more: Vec<_> =
        unseen.map(|e| defect(&[e], format!("{} is larger than its frame", called(e, 40)))).collect();
    if more.is_empty() {
        return result;
    }
    if result.defects.is_empty() {
        result.observed = more[0].message.clone();
    }
    result.defects.extend(more);
    RuleResult::counted(result.defects, result.observed)
}

/// Whether a text that breaks its lines reaches over the upper or lower edge of its frame. A frame
/// that grows with its text is as high as the text when somebody edits it.
fn leaves_frame(e: &Element) -> bool {
    let (Some(shape), Some(facts)) = (e.shape.as_deref(), e.html.as_ref()) else { return false };
    let textual = matches!(shape.kind, ShapeKind::Text | ShapeKind::Shape) && e.text.is_some();
    if !textual || !shape.wrap || e.rotation.is_some() || shape.autofit == Autofit::Grow {
        return false;
    }
    let slack = UNSEEN * e.font_px.unwrap_or(0.0).max(4.0);
    let lines = facts.lines.iter().copied().reduce(Region::hull).unwrap_or(shape.frame);
    lines.y1 > shape.frame.y1 + slack || lines.y0 < shape.frame.y0 - slack
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
