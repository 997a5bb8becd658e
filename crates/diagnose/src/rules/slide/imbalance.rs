#![doc = include_str!("imbalance.md")]

use super::empty_area::{contents, inner, is_cover};
use super::view::View;
use super::{RuleResult, defect};
use crate::scene::Scene;
use crate::slide::{Item, ItemKind, Items};
use vsdpo_artifact::Rect;

pub(super) const SUMMARY: &str = "all contents stand in one half of the slide";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Elements of the full half that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let items = Items::new(view.layout);
    if is_cover(&items) {
        return RuleResult::counted(Vec::new(), "few texts".into());
    }
    // An empty placeholder has a rule of its own, and takes its place on the slide.
    let holders = scene.elements.iter().filter(|e| e.shape.as_ref().is_some_and(|shape| shape.empty));
    let holders = holders.map(|e| Rect::from(e.layout.unwrap_or(e.region)));
    let inner = inner(view.layout);
    let seen = contents(&items).into_iter().chain(holders);
    let spans = seen.filter_map(|r| r.meet(inner)).map(|r| [r.x, r.x + r.w]);
    let Some([left, right]) = spans.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]) else {
        return RuleResult::not_evaluated("nothing but titles and margins");
    };
    let width = view.layout.width;
    let observed = format!("from {:.0} to {:.0} % of the width", 100.0 * left / width, 100.0 * right / width);
    let side = match width / 2.0 {
        middle if right <= middle => "left",
        middle if left >= middle => "right",
        _ => return RuleResult::counted(Vec::new(), observed),
    };
    let counted =
        |item: &&Item| item.kind != ItemKind::Panel && item.seen.iter().any(|r| r.meet(inner).is_some());
    let mut heavy: Vec<&Item> = items.items.iter().filter(counted).collect();
    heavy.sort_by(|a, b| b.seen_area.total_cmp(&a.seen_area).then(a.element.cmp(&b.element)));
    let parts = heavy.iter().take(NAMED).map(|item| item.element as u32);
    let message = format!("out of balance: all contents stand in the {side} half of the slide");
    RuleResult::counted(vec![defect(&view.elements(parts), message)], observed)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::{Made, words};
    use vsdpo_artifact::SlideElement;

    /// Six lines of 300 px from `x` and a title over the whole slide.
    fn slide(x: f64) -> (Vec<SlideElement>, Vec<Made>) {
        let rects = (0..6).map(|i| [x, 200.0 + 60.0 * i as f64, 300.0, 20.0]);
        let rects: Vec<[f64; 4]> = [[64.0, 40.0, 1152.0, 40.0]].into_iter().chain(rects).collect();
        let text = |(i, r): (usize, &[f64; 4])| {
            let [x, y, w, h] = r.map(|v| v as f32);
            words(i as u32, "Words", [x, y, x + w, y + h])
        };
        let elements = rects.iter().enumerate().map(text).collect();
        (rects.into_iter().map(|r| line(1, r)).collect(), elements)
    }

    #[test]
    fn contents_stand_in_both_halves() {
        // The half of 1280 px ends at 640: lines from 340 to 640 are in the left one, lines from
        // 341 reach into the right one.
        expect(check, slide(341.0), "from 27 to 50 % of the width", &[]);
        expect(check, slide(340.0), "from 27 to 50 % of the width", &[&[1, 2, 3]]);
        expect(check, slide(640.0), "from 50 to 73 % of the width", &[&[1, 2, 3]]);
        // Margins of 10 % do not count.
        expect(check, slide(64.0), "from 10 to 28 % of the width", &[&[1, 2, 3]]);
    }

    #[test]
    fn a_picture_on_the_other_side_balances() {
        let (mut parts, mut elements) = slide(200.0);
        parts.push(part("img", 1, [800.0, 300.0, 200.0, 200.0]));
        elements.push(words(7, "", [800.0, 300.0, 1000.0, 500.0]));
        expect(check, (parts, elements), "from 16 to 78 % of the width", &[]);
    }
}
