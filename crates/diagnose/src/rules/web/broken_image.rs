#![doc = include_str!("broken_image.md")]

use super::{RuleResult, defect};
use crate::scene::{Scene, listed, quote};
use vsdpo_artifact::Element;

pub(super) const SUMMARY: &str = "a picture did not load";
pub(super) const PROPERTIES: [&str; 1] = ["content"];

/// Least side of a picture that is checked, in pixels; smaller ones are tracking pixels.
const LEAST: f32 = 3.0;

pub(super) fn check(scene: &Scene) -> RuleResult {
    let shown = |e: &&Element| e.region.width() >= LEAST && e.region.height() >= LEAST;
    let unmet = |e: &'_ Element| e.html.as_ref()?.unmet.clone().filter(|address| !elsewhere(address));
    let found: Vec<(&Element, String)> =
        scene.elements.iter().filter(shown).filter_map(|e| Some((e, unmet(e)?))).collect();
    let observed = listed(found.iter().map(|(_, address)| quote(address, 30)).collect());
    let defects =
        found.iter().map(|(e, address)| defect(&[e], format!("no picture at {}", quote(address, 60))));
    RuleResult::counted(defects.collect(), observed)
}

/// Whether the picture is another host's. Pages are rendered without a network, so it cannot be
/// checked.
fn elsewhere(address: &str) -> bool {
    let address = address.trim_start().to_ascii_lowercase();
    ["http:", "https:", "//"].iter().any(|scheme| address.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;

    #[test]
    fn pictures_that_did_not_load_are_named_by_address() {
        let picture = |side: f32| block(0, "img", [0.0, 0.0, side, side]);
        counts(check, vec![picture(40.0)], "none", &[]);
        counts(check, vec![picture(40.0).unmet("team.jpg")], "'team.jpg'", &[&[0]]);
        counts(check, vec![picture(1.0).unmet("count.gif")], "none", &[]);
        for elsewhere in ["https://a.test/b.png", "HTTP://a.test/b.png", "//a.test/b.png"] {
            counts(check, vec![picture(40.0).unmet(elsewhere)], "none", &[]);
        }
    }
}
