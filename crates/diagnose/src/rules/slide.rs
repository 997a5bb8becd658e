//! Slides: texts, pictures and panels on a page of fixed size.

mod broken_package;
mod cards;
mod clashes;
mod collision;
mod empty_area;
mod empty_placeholder;
mod escapes_panel;
mod imbalance;
mod low_contrast;
mod misaligned;
mod missing_content;
mod off_slide;
mod rows;
mod stretched_picture;
mod text_cut;
mod text_overflow;
mod tiny_text;
mod too_tall;
mod uneven_gaps;
mod view;

use super::{Rule, RuleResult, Tables, defect};
use crate::requirements::{COLOURED, Requirement, SHOWN};
use vsdpo_artifact::{Axis, Domain};

const fn axis(name: &'static str) -> Axis {
    Axis { domain: Domain::Slide, name }
}

/// The slide shows what the task asks for.
const CONTENT: Axis = axis("content");
/// The slide is 16:9 (AeSlides).
const ASPECT: Axis = axis("aspect");
/// No large part of the slide is empty (AeSlides).
const WHITESPACE: Axis = axis("whitespace");
/// Nothing is in the way of something else, leaves its panel or the slide, or is cut (AeSlides).
const COLLISION: Axis = axis("collision");
/// The visual weight lies in the middle (AeSlides).
const IMBALANCE: Axis = axis("imbalance");
/// Texts stand out from what is behind them.
const CONTRAST: Axis = axis("contrast");

/// The axes, in the order of rubrics.
static AXES: [Axis; 6] = [CONTENT, ASPECT, WHITESPACE, COLLISION, IMBALANCE, CONTRAST];

/// The requirements that each axis is about.
static NEEDS: [(Axis, &[Requirement]); 5] =
    [(ASPECT, &SHOWN), (WHITESPACE, &SHOWN), (COLLISION, &SHOWN), (IMBALANCE, &SHOWN), (CONTRAST, &COLOURED)];

/// The rules and axes of this domain.
pub(super) static TABLES: Tables =
    Tables { rules: &RULES, reference_rules: &[], axes: &AXES, reference_axes: &[], needs: &NEEDS };

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
            id: concat!("slide/", $name),
            axis: $axis,
            summary: $module::SUMMARY,
            page: include_str!(concat!("slide/", stringify!($module), ".md")),
            properties: $module::PROPERTIES,
            check: $module::check,
        }
    };
}

static RULES: [Rule; 16] = [
    rule!(missing_content, "missing-content", CONTENT),
    rule!(too_tall, "too-tall", ASPECT),
    rule!(empty_area, "empty-area", WHITESPACE),
    rule!(collision, "collision", COLLISION),
    rule!(escapes_panel, "escapes-panel", COLLISION),
    rule!(text_overflow, "text-overflow", COLLISION),
    rule!(text_cut, "text-cut", COLLISION),
    rule!(off_slide, "off-slide", COLLISION),
    rule!(imbalance, "imbalance", IMBALANCE),
    rule!(low_contrast, "low-contrast", CONTRAST),
    rule!(tiny_text, "tiny-text"),
    rule!(misaligned, "misaligned"),
    rule!(uneven_gaps, "uneven-gaps"),
    rule!(stretched_picture, "stretched-picture"),
    rule!(empty_placeholder, "empty-placeholder"),
    rule!(broken_package, "broken-package"),
];

/// The CSS properties that place a box or give it its size.
const BOXES: &[&str] = &[
    "position",
    "top",
    "right",
    "bottom",
    "left",
    "inset",
    "transform",
    "translate",
    "margin",
    "margin-top",
    "margin-right",
    "margin-bottom",
    "margin-left",
    "width",
    "height",
    "max-width",
    "max-height",
    "min-width",
    "min-height",
    "padding",
    "padding-top",
    "padding-right",
    "padding-bottom",
    "padding-left",
    "gap",
    "flex",
    "grid-template-columns",
    "grid-template-rows",
];

/// The CSS properties that decide how much room a text takes, and those of its box.
const TEXTS: &[&str] = &[
    "font-size",
    "font",
    "line-height",
    "letter-spacing",
    "white-space",
    "overflow",
    "overflow-x",
    "overflow-y",
    "position",
    "top",
    "left",
    "margin",
    "padding",
    "width",
    "height",
    "max-width",
    "max-height",
    "gap",
    "flex",
    "grid-template-columns",
];
