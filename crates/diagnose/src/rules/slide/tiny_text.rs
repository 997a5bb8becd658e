#![doc = include_str!("tiny_text.md")]

use super::RuleResult;
use crate::rules::web::tiny_text as pages;
use crate::scene::Scene;

pub(super) const SUMMARY: &str = "a text is too small for a slide";
pub(super) const PROPERTIES: &[&str] = &["font-size", "font", "transform", "zoom"];

/// The smallest letters that are read from a seat, as a share of the slide's width: 12 px of 1280,
/// 9 points on a slide 13.33 inches wide.
const LEAST: f32 = 12.0 / 1280.0;
/// A raised or lowered sign may be smaller by this factor.
const SIGN: f32 = 0.7;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let least = LEAST * scene.bounds().width();
    pages::smaller_than(scene, [least, SIGN * least], &format!(", {least:.0} px are needed"))
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::words;

    #[test]
    fn twelve_pixels_of_1280_are_enough() {
        let slide = |size: f32| {
            let text = words(0, "Source", [100.0, 100.0, 200.0, 120.0]).sized(size);
            (vec![line(1, [100.0, 100.0, 100.0, 20.0])], vec![text])
        };
        expect(check, slide(12.0), "smallest 'Source' 12.0 px", &[]);
        expect(check, slide(11.9), "'Source' 11.9 px", &[&[0]]);
    }
}
