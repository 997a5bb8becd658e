#![doc = include_str!("misaligned.md")]

use super::cards;
use super::rows::uneven_lines;
use super::view::View;
use super::{RuleResult, defect};
use crate::rules::web::misaligned as pages;
use crate::scene::{Scene, called};

pub(super) const SUMMARY: &str = "one of several similar boxes is a few pixels out of line";
pub(super) const PROPERTIES: &[&str] = &pages::PROPERTIES;

/// The same as on a page; and a box of a grid that is out of line where its column has too few
/// boxes to show a line, but its row has unequal gaps because of it; and a text that stands
/// elsewhere in its card than the texts of the other cards do.
pub(super) fn check(scene: &Scene) -> RuleResult {
    let found = pages::check(scene);
    let Some(view) = View::of(scene) else { return found };
    let (mut defects, mut observed) = (found.defects, found.observed);
    for (part, off) in uneven_lines(&view).into_iter().filter_map(|line| line.displaced) {
        let Some(element) = view.element(part) else { continue };
        if defects.iter().all(|d| !d.elements.contains(&element.id)) {
            let words = format!("{} {:.0} px out of the grid", called(element, 40), off.abs());
            observed = format!("{observed}; {words}");
            defects.push(defect(&[element], format!("out of line: {words}")));
        }
    }
    for (part, words) in cards::strays(&view) {
        let Some(element) = view.element(part) else { continue };
        if defects.iter().all(|d| !d.elements.contains(&element.id)) {
            let words = format!("{} {words}, compared with the other cards", called(element, 40));
            observed = format!("{observed}; {words}");
            defects.push(defect(&[element], format!("out of line: {words}")));
        }
    }
    RuleResult::counted(defects, observed)
}

#[cfg(test)]
mod tests {
    use super::super::uneven_gaps;
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::block;
    use vsdpo_artifact::LayoutKind;

    /// A grid of two rows of three panels; the middle one of the second row is at `x`.
    #[test]
    fn a_grid_of_two_rows_shows_who_is_out_of_line() {
        let slide = |x: f64| {
            let at =
                [[100.0, 200.0], [420.0, 200.0], [740.0, 200.0], [100.0, 420.0], [x, 420.0], [740.0, 420.0]];
            let mut parts: Vec<_> = at.iter().map(|[x, y]| panel(1, [*x, *y, 300.0, 200.0])).collect();
            // A panel holds something.
            parts.extend(
                (0..6)
                    .map(|i| line(2 + i, [at[i as usize][0] + 10.0, at[i as usize][1] + 20.0, 100.0, 20.0])),
            );
            let made = |i: usize| {
                let [x, y, w, h] = <[f64; 4]>::from(parts[i].rect).map(|v| v as f32);
                block(i as u32, "div", [x, y, x + w, y + h]).grounded([200; 3])
            };
            let elements = (0..12).map(made).collect();
            (parts, elements)
        };
        let involved = |check: fn(&crate::scene::Scene) -> crate::rules::RuleResult, x: f64| {
            let result = run(check, 720.0, slide(x));
            result.defects.iter().map(|d| d.elements.clone()).collect::<Vec<_>>()
        };
        assert!(involved(check, 420.0).is_empty() && involved(uneven_gaps::check, 420.0).is_empty());
        assert_eq!(involved(check, 430.0), [[4]]);
        assert!(involved(uneven_gaps::check, 430.0).is_empty(), "one cause, one finding");
        // 30 px are no mistake, but the gaps are 50 and -10: they overlap, which others report.
        assert!(involved(check, 450.0).is_empty());
    }

    /// Three cards with a heading each; the middle one is moved by `(x, y)` and its line has `room`
    /// pixels less than its box at both sides.
    fn cards(kind: LayoutKind, [x, y]: [f64; 2], room: f64) -> Vec<String> {
        let at = [100.0, 420.0, 740.0];
        let mut parts: Vec<_> = at.iter().map(|left| panel(1, [*left, 200.0, 300.0, 400.0])).collect();
        for (i, left) in at.iter().enumerate() {
            let (dx, dy) = if i == 1 { (x, y) } else { (0.0, 0.0) };
            let mut text = line(2 + i as u32, [left + 20.0 + dx, 230.0 + dy, 260.0 - 2.0 * dx, 30.0]);
            text.text_rects = vec![[text.rect.x + room, text.rect.y, 100.0, 30.0].into()];
            parts.push(text);
        }
        let made = |i: usize| {
            let [x, y, w, h] = <[f64; 4]>::from(parts[i].rect).map(|v| v as f32);
            block(i as u32, "div", [x, y, x + w, y + h]).grounded([200; 3])
        };
        let elements = (0..6).map(made).collect();
        let found = run_as(kind, check, 720.0, (parts, elements)).defects;
        found.into_iter().filter(|d| d.elements == [4]).map(|d| d.message).collect()
    }

    #[test]
    fn texts_stand_at_one_place_of_their_cards() {
        use LayoutKind::{Deck, Html};
        assert_eq!(cards(Deck, [0.0, 0.0], 10.0), Vec::<String>::new());
        // It is 12 px narrower at both sides: its line is out of place unless it is in the middle.
        let right = ["out of line: <div> 12 px right, compared with the other cards"];
        assert_eq!(cards(Html, [12.0, 0.0], 0.0), right);
        assert_eq!(cards(Html, [12.0, 0.0], 68.0), Vec::<String>::new());
        let lower = ["out of line: <div> 15 px lower, compared with the other cards"];
        assert_eq!(cards(Deck, [0.0, 15.0], 0.0), lower);
        // On purpose.
        assert_eq!(cards(Deck, [0.0, 25.0], 0.0), Vec::<String>::new());
    }
}
