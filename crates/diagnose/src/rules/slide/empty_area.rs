#![doc = include_str!("empty_area.md")]

use super::view::View;
use super::{RuleResult, defect};
use crate::geometry::third;
use crate::scene::Scene;
use crate::slide::{Item, ItemKind, Items, marks};
use vsdpo_artifact::{Rect, SlideLayout};

pub(super) const SUMMARY: &str = "a large part of the slide is empty";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

/// The inner part of a slide: what is left without the strips at the left, top, right and bottom,
/// as shares of its sides. Whitespace is measured there too (docs/specs/aeslides.md, 3).
const STRIPS: [f64; 4] = [0.10, 0.15, 0.10, 0.10];
/// Side of the cells in pixels in which empty parts are looked for.
const CELL: f64 = 20.0;
/// Share of the inner part that may be empty in one rectangle.
const MOST: f64 = 0.6;
/// A slide with so few texts, in so few lines, and no picture is a cover, a divider or a quotation.
const COVER: [usize; 2] = [3, 5];
/// A panel of at most this share of the slide is seen as a thing, so that it fills its place; a
/// larger one is the ground on which things stand.
const THING: f64 = 0.5;
/// Height of letters, as a share of the slide's width, from which a line of text is read as a row
/// that takes the whole width of its box: 24 points on a slide of 13.33 inches.
const LARGE: f64 = 1.0 / 40.0;
/// Elements beside the empty part that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let view = match View::drawn(scene) {
        Ok(view) => view,
        Err(skipped) => return skipped,
    };
    let inner = inner(view.layout);
    if !(inner.w >= CELL && inner.h >= CELL) {
        return RuleResult::not_evaluated("the slide is too small");
    }
    let (items, read) = (Items::new(view.layout), Reading::of(scene));
    if is_cover(&items, read) {
        return RuleResult::counted(Vec::new(), "few texts".into());
    }
    let empty = largest_empty(inner, &contents(&items, read));
    let share = empty.area() / inner.area();
    let row = third((empty.y - inner.y) as f32, (inner.y + inner.h - empty.y - empty.h) as f32, ROWS);
    let column = third((empty.x - inner.x) as f32, (inner.x + inner.w - empty.x - empty.w) as f32, COLUMNS);
    let place = if row == column { row.to_owned() } else { format!("{row} {column}") };
    let observed = format!("{:.0} % {place}", 100.0 * share);
    if share <= MOST {
        return RuleResult::counted(Vec::new(), observed);
    }
    let message = format!("empty: {:.0} % of the slide's inner part in one piece, {place}", 100.0 * share);
    let beside = view.elements(nearest(&items, empty));
    RuleResult::counted(vec![defect(&beside, message)], observed)
}

const ROWS: [&str; 3] = ["top", "center", "bottom"];
const COLUMNS: [&str; 3] = ["left", "center", "right"];

pub(super) fn inner(layout: &SlideLayout) -> Rect {
    let (w, h) = (layout.width, layout.height);
    let [left, top, right, bottom] = STRIPS;
    Rect::new(left * w, top * h, (1.0 - left - right) * w, (1.0 - top - bottom) * h)
}

/// What a text takes of a slide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The boxes of its lines: the definition of the reward of tasks.
    Lines,
    /// As people see it: lines of large letters take the width of their box.
    Rows,
}

impl Reading {
    pub(super) fn of(scene: &Scene) -> Self {
        if scene.is_rewarded() { Reading::Lines } else { Reading::Rows }
    }
}

pub(super) fn is_cover(all: &Items, read: Reading) -> bool {
    if read == Reading::Rows && has_title(all) {
        return false;
    }
    let items = &all.items;
    let media = items.iter().any(|item| item.kind == ItemKind::Media);
    let texts: Vec<usize> =
        items.iter().filter(|item| item.kind == ItemKind::Text).map(|item| item.boxes.len()).collect();
    !media && texts.len() <= COVER[0] && texts.iter().sum::<usize>() <= COVER[1]
}

/// Whether the largest letters stand in the strip at the top, above other texts: what follows is
/// no cover, however short it is.
fn has_title(all: &Items) -> bool {
    let strip = STRIPS[1] * all.layout.height;
    let font = |item: &Item| all.layout.elements[item.element].font_px;
    let texts = || all.items.iter().filter(|item| item.kind == ItemKind::Text);
    let above = |item: &&Item| item.boxes.iter().all(|r| r.y + r.h <= strip);
    let most = |items: &mut dyn Iterator<Item = &Item>| items.map(font).fold(0.0, f64::max);
    let below = most(&mut texts().filter(|item| !above(item)));
    below > 0.0 && most(&mut texts().filter(above)) >= below
}

/// What fills its place: marks, the panels that are no ground, and the rows of large letters.
pub(super) fn contents(all: &Items, read: Reading) -> Vec<Rect> {
    let large = |item: &&Item| {
        let font = all.layout.elements[item.element].font_px;
        read == Reading::Rows && item.kind == ItemKind::Text && font >= LARGE * all.layout.width
    };
    let rows = all.items.iter().filter(large).flat_map(|item| {
        let frame = all.layout.elements[item.element].rect;
        item.seen.iter().map(move |line| Rect { x: frame.x, w: frame.w, ..*line })
    });
    let most = THING * all.layout.width * all.layout.height;
    let panels = all.items.iter().filter(|item| item.kind == ItemKind::Panel);
    let things = panels.flat_map(|item| item.seen.iter().copied()).filter(|r| r.area() <= most);
    marks(all).into_iter().chain(things).chain(rows).collect()
}

/// The largest rectangle of whole cells in which nothing lies.
fn largest_empty(inner: Rect, marks: &[Rect]) -> Rect {
    let count = |length: f64| (length / CELL).ceil().min(1024.0) as usize;
    let (columns, rows) = (count(inner.w), count(inner.h));
    let cell = |row: usize, column: usize| {
        let whole = Rect::new(inner.x + column as f64 * CELL, inner.y + row as f64 * CELL, CELL, CELL);
        whole.meet(inner).unwrap_or_default()
    };
    let mut best = Rect::default();
    // Empty cells above each cell of a row, its own included.
    let mut heights = vec![0usize; columns];
    for row in 0..rows {
        for (column, height) in heights.iter_mut().enumerate() {
            let here = cell(row, column);
            let taken = marks.iter().any(|mark| mark.meet(here).is_some());
            *height = if taken { 0 } else { *height + 1 };
        }
        for left in 0..columns {
            let mut height = heights[left];
            for (right, above) in heights.iter().enumerate().skip(left) {
                height = height.min(*above);
                if height == 0 {
                    break;
                }
                let (first, last) = (cell(row + 1 - height, left), cell(row, right));
                let (w, h) = (last.x + last.w - first.x, last.y + last.h - first.y);
                if w * h > best.area() {
                    best = Rect::new(first.x, first.y, w, h);
                }
            }
        }
    }
    best
}

/// The parts of the layout that are nearest to a rectangle.
fn nearest(all: &Items, empty: Rect) -> Vec<u32> {
    let items = &all.items;
    let gap = |r: &Rect| {
        let across = (r.x - empty.x - empty.w).max(empty.x - r.x - r.w).max(0.0);
        let down = (r.y - empty.y - empty.h).max(empty.y - r.y - r.h).max(0.0);
        across.hypot(down)
    };
    let mut found: Vec<(f64, u32)> = items
        .iter()
        .filter(|item| item.kind != ItemKind::Panel)
        .filter_map(|item| Some((item.seen.iter().map(gap).reduce(f64::min)?, item.element as u32)))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.into_iter().take(NAMED).map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::{check, largest_empty};
    use crate::testing::{Made, words};
    use vsdpo_artifact::{Rect, SlideElement};

    /// Lines of text, one every 60 px, from the top of the slide.
    fn slide(lines: usize, width: f64) -> (Vec<SlideElement>, Vec<Made>) {
        let rect = |i: usize| [128.0, 108.0 + 60.0 * i as f64, width, 40.0];
        let text = |i: usize| {
            let [x, y, w, h] = rect(i).map(|v| v as f32);
            words(i as u32, "A line", [x, y, x + w, y + h])
        };
        ((0..lines).map(|i| line(1, rect(i))).collect(), (0..lines).map(text).collect())
    }

    #[test]
    fn no_large_part_is_empty() {
        // Lines over the whole inner part of 1024 x 540.
        expect(check, slide(9, 1024.0), "4 % top center", &[]);
        // Four lines end at 328, so that 320 of 540 px are free below: 59 %.
        expect(check, slide(4, 1024.0), "59 % bottom center", &[]);
        // Lines of 400 px end at 528, so that 624 of 1024 px are free at the right: 61 %.
        let result = run(check, 720.0, slide(9, 400.0));
        assert!(result.observed.ends_with("% center right"), "{}", result.observed);
        assert_eq!(result.defects.len(), 1);
    }

    #[test]
    fn a_cover_may_be_empty() {
        expect(check, slide(3, 400.0), "few texts", &[]);
        // Three texts of six lines are no cover.
        let (mut parts, elements) = slide(3, 400.0);
        for part in &mut parts {
            part.text_rects.push(part.rect);
        }
        assert_ne!(run(check, 720.0, (parts, elements)).observed, "few texts");
    }

    #[test]
    fn what_follows_a_title_is_no_cover() {
        // A text of 40 px at the top, and two lines of 20 px below it: of 540 px 108 to 288 are
        // free above, 308 to 648 below, which is 63 %.
        let under = |y: f64| {
            let (mut parts, elements) = slide(3, 1024.0);
            for (part, y) in parts.iter_mut().zip([y, 288.0, 288.0]) {
                let at = [128.0, y, 1024.0, 20.0].into();
                (part.rect, part.text_rects) = (at, vec![at]);
            }
            parts[0].font_px = 40.0;
            run(check, 720.0, (parts, elements)).observed
        };
        assert_eq!([under(60.0), under(200.0)], ["63 % bottom center", "few texts"]);
    }

    #[test]
    fn lines_of_large_letters_take_the_width_of_their_box() {
        let large = |font: f64| {
            let (mut parts, elements) = slide(8, 300.0);
            for part in &mut parts {
                (part.rect.w, part.font_px) = (1024.0, font);
            }
            run(check, 720.0, (parts, elements)).defects.len()
        };
        assert_eq!([31.0, 32.0].map(large), [1, 0]);
    }

    #[test]
    fn a_panel_fills_its_place_unless_it_is_the_ground() {
        let on = |height: f64| {
            let (mut parts, mut elements) = slide(4, 400.0);
            parts.insert(0, panel(1, [128.0, 108.0, 1024.0, height]));
            parts[1..].iter_mut().for_each(|part| part.parent = Some(2));
            elements.insert(0, words(9, "", [128.0, 108.0, 1152.0, 108.0 + height as f32]));
            run(check, 720.0, (parts, elements)).defects.len()
        };
        // 1024 x 440 px are 49 % of the slide, 1024 x 460 px are 51 %.
        assert_eq!([440.0, 460.0].map(on), [0, 1]);
    }

    #[test]
    fn the_largest_empty_rectangle_is_found() {
        let inner = Rect::new(0.0, 0.0, 100.0, 60.0);
        // A mark in the middle cell leaves two columns of cells on either side.
        let found = largest_empty(inner, &[Rect::new(45.0, 25.0, 5.0, 5.0)]);
        assert_eq!(<[f64; 4]>::from(found), [0.0, 0.0, 40.0, 60.0]);
        assert_eq!(largest_empty(inner, &[]), inner);
        assert_eq!(largest_empty(inner, &[inner]).area(), 0.0);
    }
}
