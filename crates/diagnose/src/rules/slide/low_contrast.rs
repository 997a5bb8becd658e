#![doc = include_str!("low_contrast.md")]

use super::RuleResult;
use super::view::where_drawn;
use crate::rules::web::low_contrast as pages;
use crate::scene::Scene;

pub(super) const SUMMARY: &str = "a text has too little contrast with its background";
pub(super) const PROPERTIES: &[&str] = &pages::PROPERTIES;

/// The same as on a page.
pub(super) fn check(scene: &Scene) -> RuleResult {
    where_drawn(scene, pages::check)
}
