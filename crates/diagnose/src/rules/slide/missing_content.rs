#![doc = include_str!("missing_content.md")]

use super::RuleResult;
use super::view::where_drawn;
use crate::rules::web::missing_content as pages;
use crate::scene::Scene;

pub(super) const SUMMARY: &str = "a required text, colour, place or picture is missing";
pub(super) const PROPERTIES: &[&str] = &pages::PROPERTIES;

/// The same as on a page.
pub(super) fn check(scene: &Scene) -> RuleResult {
    where_drawn(scene, pages::check)
}
