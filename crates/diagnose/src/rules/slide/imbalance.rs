#![doc = include_str!("imbalance.md")]

use super::view::View;
use super::{RuleResult, defect};
use crate::scene::Scene;
use crate::slide::{Item, ItemKind, Items, imbalance};

pub(super) const SUMMARY: &str = "the visual weight is not in the middle";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Elements on the heavy side that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let Some(found) = imbalance(view.layout) else {
        return RuleResult::not_evaluated("nothing has a weight");
    };
    let [across, down] = found.offset;
    // The side that deviates more, each in its own tolerance of 5 and 15 %.
    let aside = across.abs() * 3.0 >= down.abs();
    let (offset, side) = match aside {
        true => (across, if across > 0.0 { "right" } else { "left" }),
        false => (down, if down > 0.0 { "low" } else { "high" }),
    };
    let observed = format!("{:.0} % {side}", 100.0 * offset.abs());
    if found.paper <= 1.0 {
        return RuleResult::counted(Vec::new(), observed);
    }
    let (width, height) = (view.layout.width, view.layout.height);
    let heavy = |item: &Item| {
        let center = |r: &vsdpo_artifact::Rect| match aside {
            true => (r.x + r.w / 2.0 - width / 2.0) * across,
            false => (r.y + r.h / 2.0 - height / 2.0) * down,
        };
        item.kind != ItemKind::Panel && item.seen.iter().map(center).sum::<f64>() > 0.0
    };
    let mut items: Vec<Item> = Items::new(view.layout).items.into_iter().filter(heavy).collect();
    items.sort_by(|a, b| b.seen_area.total_cmp(&a.seen_area).then(a.element.cmp(&b.element)));
    let parts = items.iter().take(NAMED).map(|item| item.element as u32);
    let message = format!("out of balance: the weight lies {:.0} % {side}", 100.0 * offset.abs());
    RuleResult::counted(vec![defect(&view.elements(parts), message)], observed)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn the_weight_lies_in_the_middle() {
        let slide = |x: f64| {
            let text = words(0, "Words", [x as f32, 350.0, x as f32 + 200.0, 370.0]);
            (vec![line(1, [x, 350.0, 200.0, 20.0])], vec![text])
        };
        expect(check, slide(540.0), "0 % left", &[]);
        // 604 + 100 - 640 = 64 px are 5 %, the tolerance.
        expect(check, slide(604.0), "5 % right", &[]);
        expect(check, slide(700.0), "12 % right", &[&[0]]);
    }
}
