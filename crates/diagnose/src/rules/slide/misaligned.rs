#![doc = include_str!("misaligned.md")]

use super::rows::uneven_lines;
use super::view::View;
use super::{RuleResult, defect};
use crate::rules::web::misaligned as pages;
use crate::scene::{Scene, called};

pub(super) const SUMMARY: &str = "one of several similar boxes is a few pixels out of line";
pub(super) const PROPERTIES: &[&str] = &pages::PROPERTIES;

/// The same as on a page; and a box of a grid that is out of line where its column has too few
/// boxes to show a line, but its row has unequal gaps because of it.
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
    RuleResult::counted(defects, observed)
}

#[cfg(test)]
mod tests {
    use super::super::uneven_gaps;
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::block;

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
}
