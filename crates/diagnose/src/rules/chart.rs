//! Charts: texts, legends, ticks and panels.

mod element_outside_canvas;
mod empty_axes;
mod legend_covers_data;
mod low_contrast;
mod misaligned_panels;
mod missing_content;
mod overlapping_axes;
mod text_clipped;
mod text_overlap;
mod tick_crowding;
mod tiny_text;
mod unreadable_colors;

use super::{Judgement, Rule, defect};
use vsdpo_artifact::{Axis, ChartAxis};

/// The table entry of the rule in module `$module`, with the axis that it decides.
macro_rules! rule {
    ($module:ident, $name:literal) => {
        rule!(@ $module, $name, None)
    };
    ($module:ident, $name:literal, $axis:ident) => {
        rule!(@ $module, $name, Some(Axis::Chart(ChartAxis::$axis)))
    };
    (@ $module:ident, $name:literal, $axis:expr) => {
        Rule {
            id: concat!("chart/", $name),
            axis: $axis,
            summary: $module::SUMMARY,
            page: include_str!(concat!("chart/", stringify!($module), ".md")),
            properties: &[],
            check: $module::check,
        }
    };
}

pub(super) static RULES: [Rule; 12] = [
    rule!(missing_content, "missing-content", Content),
    rule!(text_overlap, "text-overlap", Overlap),
    rule!(legend_covers_data, "legend-covers-data", Legend),
    rule!(text_clipped, "text-clipped", Clipping),
    rule!(tick_crowding, "tick-crowding", Ticks),
    rule!(low_contrast, "low-contrast", Contrast),
    rule!(element_outside_canvas, "element-outside-canvas"),
    rule!(overlapping_axes, "overlapping-axes"),
    rule!(tiny_text, "tiny-text"),
    rule!(misaligned_panels, "misaligned-panels"),
    rule!(empty_axes, "empty-axes"),
    rule!(unreadable_colors, "unreadable-colors"),
];
