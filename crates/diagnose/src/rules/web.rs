//! Pages: texts, controls, pictures and boxes.

mod broken_image;
mod invisible_text;
mod low_contrast;
mod misaligned;
mod missing_content;
mod outside_viewport;
mod overlap;
mod page_overflow_x;
mod text_clipped;
mod tiny_text;

use super::{Judgement, Rule, defect};
use vsdpo_artifact::{Axis, WebAxis};

/// The table entry of the rule in module `$module`, with the axis that it decides.
macro_rules! rule {
    ($module:ident, $name:literal) => {
        rule!(@ $module, $name, None)
    };
    ($module:ident, $name:literal, $axis:ident) => {
        rule!(@ $module, $name, Some(Axis::Web(WebAxis::$axis)))
    };
    (@ $module:ident, $name:literal, $axis:expr) => {
        Rule {
            id: concat!("web/", $name),
            axis: $axis,
            summary: $module::SUMMARY,
            page: include_str!(concat!("web/", stringify!($module), ".md")),
            properties: &$module::PROPERTIES,
            check: $module::check,
        }
    };
}

pub(super) static RULES: [Rule; 10] = [
    rule!(missing_content, "missing-content", Content),
    rule!(overlap, "overlap", Overlap),
    rule!(text_clipped, "text-clipped", Clipping),
    rule!(page_overflow_x, "page-overflow-x", Overflow),
    rule!(low_contrast, "low-contrast", Contrast),
    rule!(misaligned, "misaligned", Alignment),
    rule!(outside_viewport, "outside-viewport"),
    rule!(invisible_text, "invisible-text"),
    rule!(broken_image, "broken-image"),
    rule!(tiny_text, "tiny-text"),
];

/// The table entry of a rule that needs a reference, which a scene alone has not.
macro_rules! against {
    ($name:literal, $page:literal, $summary:literal, $properties:expr) => {
        Rule {
            id: concat!("web/", $name),
            axis: None,
            summary: $summary,
            page: include_str!(concat!("web/", $page)),
            properties: $properties,
            check: |_| Judgement::not_judged("no reference"),
        }
    };
}

pub(super) static AGAINST: [Rule; 4] = [
    against!("missing-block", "missing_block.md", "a text of the reference has no counterpart", &[]),
    against!("extra-block", "extra_block.md", "a text has no counterpart in the reference", &[]),
    against!("moved-block", "moved_block.md", "a text stands elsewhere than in the reference", &PLACE),
    against!(
        "recoloured-block",
        "recoloured_block.md",
        "a text has another colour than in the reference",
        &COLOUR
    ),
];

/// What moves a text.
const PLACE: [&str; 20] = [
    "position",
    "top",
    "right",
    "bottom",
    "left",
    "margin",
    "margin-top",
    "margin-right",
    "margin-bottom",
    "margin-left",
    "padding",
    "padding-top",
    "padding-left",
    "width",
    "height",
    "display",
    "justify-content",
    "align-items",
    "text-align",
    "gap",
];
/// What gives a text its colour.
const COLOUR: [&str; 3] = ["color", "opacity", "-webkit-text-fill-color"];
