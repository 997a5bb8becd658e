#![doc = include_str!("imbalance.md")]

use super::empty_area::{Reading, contents, inner, is_cover};
use super::view::View;
use super::{RuleResult, defect};
use crate::scene::Scene;
use crate::slide::{Item, ItemKind, Items};
use vsdpo_artifact::Rect;

pub(super) const SUMMARY: &str = "all contents stand in one half of the slide";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Elements of the full half that are named.
const NAMED: usize = 3;

/// Share of the width by which the room at the left and at the right of all contents may differ,
/// boxes of texts taken as they are: with the title, and without it. A title over the whole width
/// balances a little.
const UNEVEN: [f64; 2] = [0.2, 0.3];

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let (items, read) = (Items::new(view.layout), Reading::of(scene));
    if is_cover(&items, read) {
        return RuleResult::counted(Vec::new(), "few texts".into());
    }
    // An empty placeholder has a rule of its own, and takes its place on the slide.
    let holders = scene.elements.iter().filter(|e| e.shape.as_ref().is_some_and(|shape| shape.empty));
    let holders: Vec<Rect> = holders.map(|e| Rect::from(e.layout.unwrap_or(e.region))).collect();
    let inner = inner(view.layout);
    let seen = || contents(&items, read).into_iter().chain(holders.iter().copied());
    let Some(drawn) = seen().filter_map(|r| r.meet(inner)).reduce(Rect::hull) else {
        return RuleResult::not_evaluated("nothing but titles and margins");
    };
    let (width, height) = (view.layout.width, view.layout.height);
    let [left, right] = [drawn.x, drawn.x + drawn.w];
    let observed = format!("from {:.0} to {:.0} % of the width", 100.0 * left / width, 100.0 * right / width);
    let place = match width / 2.0 {
        middle if right <= middle => Some("left half"),
        middle if left >= middle => Some("right half"),
        _ if read == Reading::Lines => None,
        _ if drawn.y >= height / 2.0 => Some("lower half"),
        _ => one_side(&items, &seen().filter(|r| r.meet(inner).is_some()).collect::<Vec<_>>(), inner),
    };
    let Some(place) = place else { return RuleResult::counted(Vec::new(), observed) };
    let counted =
        |item: &&Item| item.kind != ItemKind::Panel && item.seen.iter().any(|r| r.meet(inner).is_some());
    let mut heavy: Vec<&Item> = items.items.iter().filter(counted).collect();
    heavy.sort_by(|a, b| b.seen_area.total_cmp(&a.seen_area).then(a.element.cmp(&b.element)));
    let parts = heavy.iter().take(NAMED).map(|item| item.element as u32);
    let message = format!("out of balance: all contents stand in the {place} of the slide");
    RuleResult::counted(vec![defect(&view.elements(parts), message)], observed)
}

/// The side at which contents stand, boxes of texts included: the room on the other side is much
/// larger. A slide that was made wider than its layout looks so.
fn one_side(items: &Items, seen: &[Rect], inner: Rect) -> Option<&'static str> {
    let width = items.layout.width;
    let texts = || items.items.iter().filter(|item| item.kind == ItemKind::Text);
    let frame = |item: &Item| items.layout.elements[item.element].rect;
    let stands = |item: &&Item| item.seen.iter().any(|r| r.meet(inner).is_some());
    let above = |item: &&Item| item.seen.iter().all(|r| r.y + r.h <= inner.y);
    let contents = seen.iter().copied().chain(texts().filter(stands).map(frame)).reduce(Rect::hull)?;
    let whole = texts().filter(above).map(frame).fold(contents, Rect::hull);
    let side = |all: Rect, uneven: f64| {
        let [before, after] = [all.x.max(0.0), (width - all.x - all.w).max(0.0)];
        match (after - before) / width {
            room if room >= uneven => Some("left part"),
            room if room <= -uneven => Some("right part"),
            _ => None,
        }
    };
    side(whole, UNEVEN[0]).or_else(|| side(contents, UNEVEN[1]))
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

    const THREE: &[&[u32]] = &[&[1, 2, 3]];

    #[test]
    fn contents_stand_in_both_halves() {
        // Lines from 340 to 640 are in the left half of 1280 px, lines from 341 reach into the
        // right one, and have 23 % of the width more room at the right than at the left.
        expect(check, slide(341.0), "from 27 to 50 % of the width", &[]);
        expect(check, slide(340.0), "from 27 to 50 % of the width", THREE);
        expect(check, slide(640.0), "from 50 to 73 % of the width", THREE);
        // Margins of 10 % do not count.
        expect(check, slide(64.0), "from 10 to 28 % of the width", THREE);
    }

    #[test]
    fn contents_do_not_leave_a_side_free() {
        // From 64 to 834 or 824 px, with a title over the whole slide: at the right 29.8 and 30.6 %
        // of the width are free beyond what is free at the left; 30 % are allowed.
        let wide = |w: f64, title: f64| {
            let (mut parts, elements) = slide(64.0);
            parts[1].rect.w = w;
            parts[1].text_rects[0].w = w;
            parts[0].rect.w = title;
            parts[0].text_rects[0].w = title;
            run(check, 720.0, (parts, elements)).defects.len()
        };
        assert_eq!([wide(770.0, 1152.0), wide(760.0, 1152.0)], [0, 1]);
        // With a title that ends where the contents do 20 % are allowed.
        assert_eq!([wide(900.0, 900.0), wide(890.0, 890.0)], [0, 1]);
    }

    #[test]
    fn the_box_of_a_text_is_its_place() {
        // Short lines of letters of 20 px in boxes over the whole slide, of letters of 32 px too.
        let boxes = |font: f64| {
            let (mut parts, elements) = slide(64.0);
            for part in &mut parts[1..] {
                (part.rect.w, part.font_px) = (1152.0, font);
            }
            run(check, 720.0, (parts, elements)).defects.len()
        };
        assert_eq!([31.0, 32.0].map(boxes), [1, 0]);
    }

    #[test]
    fn contents_do_not_hang_at_the_bottom() {
        let low = |y: f64| {
            let (mut parts, elements) = slide(64.0);
            for (i, part) in parts[1..].iter_mut().enumerate() {
                let at = [64.0, y + 30.0 * i as f64, 1152.0, 20.0].into();
                (part.rect, part.text_rects) = (at, vec![at]);
            }
            run(check, 720.0, (parts, elements)).defects.iter().map(|d| d.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(low(358.0), Vec::<String>::new());
        assert_eq!(low(362.0), ["out of balance: all contents stand in the lower half of the slide"]);
    }

    #[test]
    fn a_picture_on_the_other_side_balances() {
        let (mut parts, mut elements) = slide(200.0);
        parts.push(part("img", 1, [800.0, 300.0, 200.0, 200.0]));
        elements.push(words(7, "", [800.0, 300.0, 1000.0, 500.0]));
        expect(check, (parts, elements), "from 16 to 78 % of the width", &[]);
    }
}
