#![doc = include_str!("tiny_text.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, and_others, content, grouped, listed, quote};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a text is too small to read";

/// The smallest font size in pixels that can be read without zooming.
const LEAST: f32 = 7.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let size = |e: &&Element| e.font_px.unwrap_or(f32::INFINITY);
    let mut groups: Vec<Vec<&Element>> =
        grouped(scene.texts().filter(|e| e.font_px.is_some())).into_values().collect();
    if groups.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    groups.iter_mut().for_each(|group| group.sort_by(|a, b| size(a).total_cmp(&size(b))));
    groups.sort_by(|a, b| size(&a[0]).total_cmp(&size(&b[0])));
    let describe = |e: &Element, max| format!("{} {:.1} px", quote(content(e), max), size(&e));
    let small: Vec<Vec<&Element>> = groups
        .iter()
        .map(|group| group.iter().copied().filter(|e| size(e) < LEAST).collect())
        .filter(|group: &Vec<&Element>| !group.is_empty())
        .collect();
    let observed = match small.is_empty() {
        true => format!("smallest {}", describe(groups[0][0], 20)),
        false => listed(small.iter().map(|g| and_others(describe(g[0], 20), g.len())).collect()),
    };
    let defects = small.iter().map(|g| {
        let found = defect(g, and_others(format!("too small: {}", describe(g[0], 40)), g.len()));
        found.with_help(format!(
            "a font size {:.1} times as large",
            (10.0 * LEAST / size(&g[0])).ceil() / 10.0
        ))
    });
    RuleResult::counted(defects.collect(), observed)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn label(id: u32, size: f32) -> Made {
        text(id, "label", [0.0, 10.0, 20.0, 18.0]).sized(size)
    }

    #[test]
    fn seven_pixels_are_enough() {
        counts(check, vec![label(0, 7.0), label(1, 12.0)], "smallest 'label' 7.0 px", &[]);
        counts(check, vec![label(0, 6.9), label(1, 12.0)], "'label' 6.9 px", &[&[0]]);
    }

    #[test]
    fn tick_labels_of_one_axis_are_one_finding() {
        let tick = |id, size| label(id, size).of(TickLabel).on(9, 'x');
        let elements = vec![tick(0, 5.0), tick(1, 4.0), tick(2, 8.0), label(3, 6.0)];
        counts(check, elements, "'label' 4.0 px +1; 'label' 6.0 px", &[&[1, 0], &[3]]);
    }

    #[test]
    fn texts_of_unknown_size_are_not_checked() {
        let result = with_scene(vec![text(0, "a", [0.0, 0.0, 9.0, 9.0])], None, check);
        assert_eq!(result.score, None);
    }
}
