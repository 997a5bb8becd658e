#![doc = include_str!("uneven_gaps.md")]

use super::rows::uneven_lines;
use super::view::View;
use super::{RuleResult, defect};
use crate::scene::{Scene, listed};

pub(super) const SUMMARY: &str = "the gaps between similar boxes are not equal";
pub(super) const PROPERTIES: &[&str] = super::BOXES;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let Some(view) = View::of(scene) else {
        return RuleResult::not_evaluated("no layout");
    };
    // One box out of the line of other boxes is a finding of `slide/misaligned`.
    let found: Vec<_> = uneven_lines(&view).into_iter().filter(|line| line.displaced.is_none()).collect();
    let observed = listed(found.iter().map(|line| line.words.clone()).collect());
    let defects = found.iter().map(|line| {
        defect(&view.elements(line.parts.iter().copied()), format!("uneven gaps: {}", line.words))
    });
    RuleResult::counted(defects.collect(), observed)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::block;

    #[test]
    fn gaps_of_a_row_are_equal() {
        let slide = |third: f64| {
            let xs = [100.0, 420.0, third];
            let mut parts: Vec<_> = xs.iter().map(|x| panel(1, [*x, 200.0, 300.0, 200.0])).collect();
            // A panel holds something.
            parts.extend((0..3).map(|i| line(2 + i, [xs[i as usize] + 10.0, 220.0, 100.0, 20.0])));
            let made = |i: usize| {
                let [x, y, w, h] = <[f64; 4]>::from(parts[i].rect).map(|v| v as f32);
                block(i as u32, "div", [x, y, x + w, y + h]).grounded([200; 3])
            };
            let elements = (0..6).map(made).collect();
            (parts, elements)
        };
        expect(check, slide(740.0), "none", &[]);
        expect(check, slide(746.0), "none", &[]);
        expect(check, slide(770.0), "20, 50 px in a row", &[&[0, 1, 2]]);
        // So far away that it is a group of its own.
        expect(check, slide(900.0), "none", &[]);
    }
}
