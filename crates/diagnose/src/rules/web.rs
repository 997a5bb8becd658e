//! Pages: texts, controls, pictures and boxes.

mod arrangement;
mod broken_image;
mod contrast;
mod invisible_text;
pub(super) mod low_contrast;
pub(super) mod misaligned;
pub(super) mod missing_content;
mod outside_viewport;
mod overlap;
mod page_overflow_x;
pub(crate) mod reference;
mod text_clipped;
pub(super) mod tiny_text;
mod visible;

use super::{Rule, RuleResult, Tables, defect};
use crate::requirements::{COLOURED, Requirement, SHOWN};
use vsdpo_artifact::{Axis, Domain};

const fn axis(name: &'static str) -> Axis {
    Axis { domain: Domain::Web, name }
}

/// The page shows what the task asks for.
const CONTENT: Axis = axis("content");
/// Texts and controls do not overlap.
const OVERLAP: Axis = axis("overlap");
/// Texts are not cut and stay in their boxes.
const CLIPPING: Axis = axis("clipping");
/// The page is no wider than the window.
const OVERFLOW: Axis = axis("overflow");
/// Texts stand out from what is behind them.
const CONTRAST: Axis = axis("contrast");
/// Neighbours of one kind are aligned.
const ALIGNMENT: Axis = axis("alignment");

/// The text blocks are the reference's (Design2Code).
const BLOCK_MATCH: Axis = axis("block_match");
/// The texts of matched blocks are the reference's.
const TEXT: Axis = axis("text");
/// Matched blocks are where the reference has them.
const POSITION: Axis = axis("position");
/// Matched blocks have the reference's colours.
const COLOR: Axis = axis("color");
/// The picture is similar to the reference's, by CLIP.
const CLIP: Axis = axis("clip");

/// The axes that need no reference, in the order of rubrics; each has one rule.
static AXES: [Axis; 6] = [CONTENT, OVERLAP, CLIPPING, OVERFLOW, CONTRAST, ALIGNMENT];

/// The axes of a render that is compared with a reference, in the order of rubrics.
static REFERENCE_AXES: [Axis; 5] = [BLOCK_MATCH, TEXT, POSITION, COLOR, CLIP];

/// The requirements that each axis is about.
static NEEDS: [(Axis, &[Requirement]); 5] =
    [(OVERLAP, &SHOWN), (CLIPPING, &SHOWN), (OVERFLOW, &SHOWN), (CONTRAST, &COLOURED), (ALIGNMENT, &SHOWN)];

/// The rules and axes of this domain.
pub(super) static TABLES: Tables = Tables {
    rules: &RULES,
    reference_rules: &REFERENCE_RULES,
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
            id: concat!("web/", $name),
            axis: $axis,
            summary: $module::SUMMARY,
            page: include_str!(concat!("web/", stringify!($module), ".md")),
            properties: &$module::PROPERTIES,
            check: $module::check,
        }
    };
}

static RULES: [Rule; 10] = [
    rule!(missing_content, "missing-content", CONTENT),
    rule!(overlap, "overlap", OVERLAP),
    rule!(text_clipped, "text-clipped", CLIPPING),
    rule!(page_overflow_x, "page-overflow-x", OVERFLOW),
    rule!(low_contrast, "low-contrast", CONTRAST),
    rule!(misaligned, "misaligned", ALIGNMENT),
    rule!(outside_viewport, "outside-viewport"),
    rule!(invisible_text, "invisible-text"),
    rule!(broken_image, "broken-image"),
    rule!(tiny_text, "tiny-text"),
];

/// The table entry of a rule that needs a reference, which a scene does not hold.
macro_rules! reference_rule {
    ($name:literal, $page:literal, $summary:literal, $properties:expr) => {
        Rule {
            id: concat!("web/", $name),
            axis: None,
            summary: $summary,
            page: include_str!(concat!("web/", $page)),
            properties: $properties,
            check: |_| RuleResult::not_evaluated("no reference"),
        }
    };
}

static REFERENCE_RULES: [Rule; 4] = [
    reference_rule!("missing-block", "missing_block.md", "a text of the reference has no counterpart", &[]),
    reference_rule!("extra-block", "extra_block.md", "a text has no counterpart in the reference", &[]),
    reference_rule!(
        "moved-block",
        "moved_block.md",
        "a text is placed elsewhere than in the reference",
        &PLACE
    ),
    reference_rule!(
        "recoloured-block",
        "recoloured_block.md",
        "a text has another colour than in the reference",
        &COLOUR
    ),
];

/// The CSS properties that move a text.
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
/// The CSS properties that colour a text.
const COLOUR: [&str; 3] = ["color", "opacity", "-webkit-text-fill-color"];
