#![doc = include_str!("missing_glyph.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, grouped, listed, quote};
use vsdpo_artifact::{Element, MissingGlyphs};

pub(super) const SUMMARY: &str = "a font lacks letters of a text, so that empty boxes are drawn";

pub(super) fn check(scene: &Scene) -> RuleResult {
    let lost = |e: &&Element| e.glyphs.is_some();
    let groups: Vec<Vec<&Element>> = grouped(scene.texts().filter(lost)).into_values().collect();
    if groups.is_empty() {
        // Says nothing about the axis: nearly all charts have no such letter, and that alone is no
        // content.
        return RuleResult::not_evaluated("no letter is missing");
    }
    let defects = groups.iter().filter_map(|texts| {
        let first = texts.first()?;
        let glyphs = first.glyphs.as_deref()?;
        let name = and_others(quote(content(first), 40), texts.len());
        let message = format!("{name}: the font has no {}", quote(&glyphs.missing, 12));
        Some(defect(texts, message).with_help(help(glyphs)))
    });
    let observed = groups.iter().flat_map(|texts| texts.first()).map(|e| quote(content(e), 12)).collect();
    RuleResult::counted(defects.collect(), format!("empty boxes in {}", listed(observed)))
}

/// The setting that draws the letters.
fn help(glyphs: &MissingGlyphs) -> String {
    match &glyphs.font {
        Some(font) => format!("plt.rcParams['font.family'] = ['sans-serif', '{font}']"),
        None => {
            "install a font that has them, such as Noto Sans CJK for Chinese, Japanese and Korean, and name \
                 it in plt.rcParams['font.family']; matplotlib draws no colour emoji"
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    #[test]
    fn empty_boxes_are_found_by_group() {
        let tick = |id, x: f32| text(id, "京", [x, 40.0, x + 9.0, 48.0]).of(TickLabel).on(9, 'x');
        let elements = vec![
            tick(0, 10.0).lacking("京", Some("Noto Sans CJK JP")),
            tick(1, 30.0).lacking("京", Some("Noto Sans CJK JP")),
            text(2, "a\u{1f680}b", [10.0, 2.0, 40.0, 10.0]).of(Title).lacking("\u{1f680}", None),
            text(3, "plain", [60.0, 2.0, 90.0, 10.0]),
        ];
        with_scene(elements, None, |scene| {
            let result = check(scene);
            assert_eq!(result.score, Some(1.0 / 3.0));
            assert_eq!(result.observed, "empty boxes in '京'; 'a\u{1f680}b'");
            let found: Vec<_> =
                result.defects.iter().map(|d| (d.elements.clone(), d.message.as_str())).collect();
            assert_eq!(
                found,
                [
                    (vec![0, 1], "'京' +1: the font has no '京'"),
                    (vec![2], "'a\u{1f680}b': the font has no '\u{1f680}'"),
                ]
            );
            let help = "plt.rcParams['font.family'] = ['sans-serif', 'Noto Sans CJK JP']";
            assert_eq!(result.defects[0].help.as_deref(), Some(help));
        });
    }

    #[test]
    fn a_chart_with_all_letters_is_not_evaluated() {
        with_scene(vec![text(0, "Zürich", [1.0, 1.0, 40.0, 9.0])], None, |scene| {
            assert_eq!(check(scene).score, None);
        });
    }
}
