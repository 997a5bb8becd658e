//! Charts: texts, legends, ticks and panels.

pub(crate) mod cover;
mod data_clipped;
mod element_outside_canvas;
mod empty_axes;
mod legend_covers_data;
mod low_contrast;
mod misaligned_panels;
mod missing_content;
mod missing_glyph;
mod overlapping_axes;
pub(crate) mod panels;
pub(crate) mod reference;
mod text_clipped;
mod text_over_data;
mod text_overlap;
mod tick_crowding;
mod tiny_text;
mod unreadable_colors;
mod visible;

use super::{Rule, RuleResult, Tables, defect};
use crate::requirements::Requirement;
use vsdpo_artifact::{Axis, Domain};

const fn axis(name: &'static str) -> Axis {
    Axis { domain: Domain::Chart, name }
}

/// The chart shows the texts and the data that the task asks for.
const CONTENT: Axis = axis("content");
/// Texts do not overlap.
const OVERLAP: Axis = axis("overlap");
/// The legend does not cover data.
const LEGEND: Axis = axis("legend");
/// Texts are not cut at an edge.
const CLIPPING: Axis = axis("clipping");
/// Tick labels have room.
const TICKS: Axis = axis("ticks");
/// Texts stand out from what is behind them.
const CONTRAST: Axis = axis("contrast");

/// The texts are the reference's.
const TEXT: Axis = axis("text");
/// The axes lie in the reference's grid.
const LAYOUT: Axis = axis("layout");
/// The plotting calls are of the reference's kinds.
const CHART_TYPE: Axis = axis("chart_type");
/// The colours are the reference's.
const COLOR: Axis = axis("color");
/// The picture is similar to the reference's.
const VISUAL: Axis = axis("visual");

/// The axes that need no reference, in the order of rubrics.
static AXES: [Axis; 6] = [CONTENT, OVERLAP, LEGEND, CLIPPING, TICKS, CONTRAST];

/// The axes of a render that is compared with a reference, in the order of rubrics.
static REFERENCE_AXES: [Axis; 5] = [TEXT, LAYOUT, CHART_TYPE, COLOR, VISUAL];

/// The requirements that each axis is about.
static NEEDS: [(Axis, &[Requirement]); 5] = [
    (OVERLAP, &[Requirement::Text]),
    (LEGEND, &[Requirement::Legend, Requirement::Series]),
    (CLIPPING, &[Requirement::Text]),
    (TICKS, &[Requirement::Ticks]),
    (CONTRAST, &[Requirement::Text, Requirement::Background, Requirement::Ground]),
];

/// The rules and axes of this domain.
pub(super) static TABLES: Tables = Tables {
    rules: &RULES,
    reference_rules: &[],
    axes: &AXES,
    reference_axes: &REFERENCE_AXES,
    needs: &NEEDS,
};

/// The table entry of the rule in module `$module`, with the axis that it scores.
macro_rules! rule {
    ($module:ident, $name:literal) => {
        rule!(@ $module, $name, None)
    };
    ($module:ident, $name:literal, $axis:ident) => {
        rule!(@ $module, $name, Some($axis))
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

static RULES: [Rule; 15] = [
    rule!(missing_content, "missing-content", CONTENT),
    rule!(missing_glyph, "missing-glyph", CONTENT),
    rule!(text_overlap, "text-overlap", OVERLAP),
    rule!(legend_covers_data, "legend-covers-data", LEGEND),
    rule!(text_clipped, "text-clipped", CLIPPING),
    rule!(tick_crowding, "tick-crowding", TICKS),
    rule!(low_contrast, "low-contrast", CONTRAST),
    rule!(element_outside_canvas, "element-outside-canvas"),
    rule!(overlapping_axes, "overlapping-axes"),
    rule!(tiny_text, "tiny-text"),
    rule!(misaligned_panels, "misaligned-panels"),
    rule!(empty_axes, "empty-axes"),
    rule!(unreadable_colors, "unreadable-colors"),
    rule!(text_over_data, "text-over-data"),
    rule!(data_clipped, "data-clipped"),
];
