#![doc = include_str!("collision.md")]

use super::RuleResult;
use super::clashes;
use super::view::View;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind, Item, ItemKind, Items};
use vsdpo_artifact::{Element, Rect};

pub(super) const SUMMARY: &str = "two things overlap";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// Texts of a deck's slide that are compared at most.
const MOST: usize = 200;
/// The part of the lower frame's height that two frames have in common where one text was put on
/// the other.
const ON: f64 = 1.0 / 3.0;
/// Pixels of common width from which lines stand above each other.
const SHARED: f64 = 2.0;
/// Height of a line, as a multiple of its letters, beyond which it is the frame of a text whose
/// drawn words are not known.
const LINE: f64 = 1.6;
/// Pixels by which arrows of one row differ.
const LIKE: f32 = 4.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let free = !scene.is_rewarded();
    let crowded = if free && view.is_deck() { crowded(&view) } else { Vec::new() };
    let overlaps = scene.collisions().clashes.iter().filter(|clash| clash.kind == ClashKind::Overlap);
    let overlaps = overlaps.filter(|clash| !(free && is_interlocked(&view, clash)));
    clashes::report(&view, &overlaps.chain(&crowded).collect::<Vec<_>>(), |view, clash, max| {
        format!("{} overlaps {}", clashes::others(view, clash, max), view.name(clash.element, max))
    })
}

/// Whether both are arrows of one row, the point of one in the notch of the other.
fn is_interlocked(view: &View, clash: &Clash) -> bool {
    let arrow = |part: &u32| {
        let element: &Element = view.element(*part)?;
        element.layout.filter(|_| element.shape.as_ref().is_some_and(|shape| shape.interlocks))
    };
    let others: Option<Vec<_>> = clash.others.iter().map(arrow).collect();
    let (Some(one), Some(others)) = (arrow(&clash.element), others) else { return false };
    others.iter().all(|other| {
        let row = (one.y0 - other.y0).abs() <= LIKE && (one.y1 - other.y1).abs() <= LIKE;
        // The point is at most half as long as the arrow is high.
        row && one.intersect(*other).width() <= one.height() / 2.0 + LIKE
    })
}

/// Pairs of texts of a deck of which one was put on the other, so that their lines touch although
/// they do not overlap by what D1 of the specification asks for.
fn crowded(view: &View) -> Vec<Clash> {
    let items = Items::new(view.layout);
    let texts: Vec<&Item> =
        items.items.iter().filter(|item| item.kind == ItemKind::Text).take(MOST).collect();
    let known = |a: &Item, b: &Item| {
        view.scene.collisions().clashes.iter().any(|clash| {
            let pair = |x: &Item, y: &Item| {
                clash.element == x.element as u32 && clash.others.contains(&(y.element as u32))
            };
            clash.kind == ClashKind::Overlap && (pair(a, b) || pair(b, a))
        })
    };
    let pairs = texts.iter().enumerate().flat_map(|(i, a)| texts[i + 1..].iter().map(move |b| (*a, *b)));
    let touching = pairs.filter(|(a, b)| is_put_on(view, a, b) && touches(view, a, b) && !known(a, b));
    touching
        .map(|(a, b)| Clash {
            kind: ClashKind::Overlap,
            element: a.element as u32,
            others: vec![b.element as u32],
            area: 0.0,
            severity: 0.0,
        })
        .collect()
}

/// Whether the frames of two texts have a third of the lower one's height in common.
fn is_put_on(view: &View, a: &Item, b: &Item) -> bool {
    let frame = |item: &Item| view.element(item.element as u32)?.layout.map(Rect::from);
    let (Some(a), Some(b)) = (frame(a), frame(b)) else { return false };
    a.meet(b).is_some_and(|common| common.h >= ON * a.h.min(b.h) && common.w > SHARED)
}

/// Whether two lines stand above each other without room between ascent and descent.
fn touches(view: &View, a: &Item, b: &Item) -> bool {
    let lines = |item: &Item| {
        let part = &view.layout.elements[item.element];
        let is_line = |r: &&Rect| r.h <= LINE * part.font_px;
        part.text_rects.iter().filter(is_line).copied().collect::<Vec<Rect>>()
    };
    let (a, b) = (lines(a), lines(b));
    a.iter().any(|r| b.iter().filter_map(|s| r.meet(*s)).any(|common| common.w > SHARED))
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;
    use vsdpo_artifact::{LayoutKind, ShapeFacts};

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

    /// Two shapes of a deck with a line of text each, `line_at` px below the top of its frame.
    fn shapes(second: [f64; 4], line_at: f64, facts: &ShapeFacts) -> usize {
        let frames = [[100.0, 100.0, 300.0, 60.0], second];
        let part = |[x, y, w, _]: [f64; 4]| line(1, [x, y + line_at, w, 20.0]);
        let shape = |(i, [x, y, w, h]): (usize, [f64; 4])| {
            let [x, y, w, h] = [x, y, w, h].map(|v| v as f32);
            let frame = [x, y, x + w, y + h];
            words(i as u32, "Words", frame).laid(frame).shaped(facts.clone())
        };
        let slide = (frames.map(part).to_vec(), frames.into_iter().enumerate().map(shape).collect());
        run_as(LayoutKind::Deck, check, 720.0, slide).defects.len()
    }

    #[test]
    fn a_text_put_on_another_one_may_not_touch_its_lines() {
        let facts = ShapeFacts::default();
        // Frames of 60 px of which the lower 20 are the line's: 1 px of common height, and 41 px of
        // common frames; then none.
        let low = |y: f64| shapes([100.0, y, 300.0, 60.0], 20.0, &facts);
        assert_eq!([low(119.0), low(121.0)], [1, 0]);
    }

    #[test]
    fn arrows_of_a_row_lie_in_each_other() {
        let arrows = |interlocks: bool, x: f64| {
            shapes([x, 100.0, 300.0, 60.0], 20.0, &ShapeFacts { interlocks, ..ShapeFacts::default() })
        };
        assert_eq!([arrows(false, 370.0), arrows(true, 370.0), arrows(true, 350.0)], [1, 0, 1]);
    }

    #[test]
    fn a_page_without_a_layout_is_not_evaluated() {
        let result = crate::testing::with_scene(vec![words(0, "A", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!((result.score, result.observed.as_str()), (None, "no layout"));
    }
}
