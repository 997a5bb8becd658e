#![doc = include_str!("misaligned.md")]

use super::RuleResult;
use crate::rules::web::misaligned as pages;
use crate::scene::Scene;

pub(super) const SUMMARY: &str = "one of several similar boxes is a few pixels out of line";
pub(super) const PROPERTIES: &[&str] = &pages::PROPERTIES;

/// The same as on a page.
pub(super) fn check(scene: &Scene) -> RuleResult {
    pages::check(scene)
}
