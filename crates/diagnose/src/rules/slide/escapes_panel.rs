#![doc = include_str!("escapes_panel.md")]

use super::RuleResult;
use super::clashes;
use super::view::View;
use crate::scene::Scene;
use crate::slide::{Clash, ClashKind};

pub(super) const SUMMARY: &str = "something leaves the panel that it stands in";
pub(super) const PROPERTIES: &[&str] = super::TEXTS;

pub(super) fn check(scene: &Scene) -> RuleResult {
    clashes::check(
        scene,
        |view, clash: &Clash| {
            clash.kind == ClashKind::Escape && !clashes::is_own(view, clash) && !is_badge(view, clash)
        },
        |view, clash, max| {
            format!("{} leaves {}", clashes::others(view, clash, max), view.name(clash.element, max))
        },
    )
}

/// A painted shape of a deck that covers at most this share of the panel on whose edge it lies is a
/// badge, a number or a tag, put there on purpose.
const BADGE: f64 = 0.2;

fn is_badge(view: &View, clash: &Clash) -> bool {
    let part = |at: u32| view.layout.elements.get(at as usize);
    let Some(panel) = part(clash.element).filter(|_| view.is_deck()) else { return false };
    let small =
        |at: &u32| part(*at).is_some_and(|p| p.tag == "div" && p.rect.area() <= BADGE * panel.rect.area());
    clash.others.iter().all(small)
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::*;
    use super::check;
    use crate::testing::{block, words};

    #[test]
    fn a_badge_of_a_deck_may_leave_its_panel() {
        let clashes = |height: f64| {
            let badge = [260.0, 80.0, 60.0, height];
            let parts = vec![
                panel(1, [100.0, 100.0, 200.0, 100.0]),
                line(2, [110.0, 150.0, 100.0, 20.0]),
                panel(2, badge),
                line(4, [265.0, 85.0, 30.0, 20.0]),
            ];
            let made = |id: u32| words(id, "Words", [100.0, 100.0, 300.0, 200.0]);
            let slide = (parts, (0..4).map(made).collect());
            run_as(vsdpo_artifact::LayoutKind::Deck, check, 720.0, slide).defects.len()
        };
        // A panel of 20,000 square pixels: badges of 3,600 and of 4,800.
        assert_eq!([60.0, 80.0].map(clashes), [0, 1]);
    }

    #[test]
    fn a_text_stays_in_its_panel() {
        let slide = |width: f64| {
            let parts = vec![panel(1, [100.0, 100.0, 200.0, 100.0]), line(2, [110.0, 110.0, width, 20.0])];
            let elements = vec![
                block(0, "div", [100.0, 100.0, 300.0, 200.0]).grounded([200; 3]),
                words(1, "A long label", [110.0, 110.0, 110.0 + width as f32, 130.0]).inside(0),
            ];
            (parts, elements)
        };
        expect(check, slide(180.0), "none", &[]);
        expect(check, slide(260.0), "'A long label' leaves <div>", &[&[1, 0]]);
    }
}
