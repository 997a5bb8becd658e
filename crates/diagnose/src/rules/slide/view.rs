//! A slide as its rules see it: the layout of the metrics beside the table of elements.

use crate::rules::RuleResult;
use crate::scene::{Scene, called};
use vsdpo_artifact::{Element, SlideLayout};

/// The layout of a slide, with the elements that its parts are.
pub(super) struct View<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) layout: &'a SlideLayout,
}

impl<'a> View<'a> {
    /// `None` for a page without a layout.
    pub(super) fn of(scene: &'a Scene<'a>) -> Option<Self> {
        let layout = scene.slide.filter(|layout| !layout.elements.is_empty())?;
        Some(View { scene, layout })
    }

    /// A slide whose texts were drawn, which tells where they are; or why it cannot be judged.
    pub(super) fn drawn(scene: &'a Scene<'a>) -> Result<Self, RuleResult> {
        let view = View::of(scene).ok_or_else(|| RuleResult::not_evaluated("no layout"))?;
        if view.is_drawn() { Ok(view) } else { Err(RuleResult::skipped("not drawn")) }
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.layout.is_drawn()
    }

    pub(super) fn is_deck(&self) -> bool {
        self.layout.is_deck()
    }

    /// The element of a part of the layout, or that of the nearest part around it.
    pub(super) fn element(&self, part: u32) -> Option<&'a Element> {
        let up = |at: &u32| self.layout.elements.get(*at as usize)?.parent.filter(|p| p < at);
        let chain = std::iter::successors(Some(part), up);
        let mut own = chain.filter_map(|at| self.layout.elements.get(at as usize)?.element);
        own.find_map(|id| self.scene.by_id(id))
    }

    /// The elements of several parts, each once, in the order of the parts.
    pub(super) fn elements(&self, parts: impl IntoIterator<Item = u32>) -> Vec<&'a Element> {
        let mut all: Vec<&Element> = Vec::new();
        for element in parts.into_iter().filter_map(|part| self.element(part)) {
            if !all.iter().any(|known| known.id == element.id) {
                all.push(element);
            }
        }
        all
    }

    /// What a person calls a part: its text, or what it is.
    pub(super) fn name(&self, part: u32, max: usize) -> String {
        self.element(part).map_or_else(|| "a box".into(), |e| called(e, max))
    }
}

/// The result of a rule that looks at drawn pixels, where there are some.
pub(super) fn where_drawn(scene: &Scene, check: fn(&Scene) -> RuleResult) -> RuleResult {
    let undrawn = scene.slide.is_some_and(|layout| !layout.is_drawn());
    if undrawn { RuleResult::skipped("not drawn") } else { check(scene) }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::rules::RuleResult;
    use crate::scene::Scene;
    use crate::testing::{Made, Picture};
    use vsdpo_artifact::{LayoutKind, SlideElement, SlideLayout};

    /// A part of a test slide: tag, parent and box.
    pub(crate) fn part(tag: &str, parent: u32, rect: [f64; 4]) -> SlideElement {
        SlideElement {
            tag: tag.into(),
            parent: Some(parent),
            rect: rect.into(),
            opacity: 1.0,
            font_px: 20.0,
            ..SlideElement::default()
        }
    }

    /// A text of one line that fills its box.
    pub(crate) fn line(parent: u32, rect: [f64; 4]) -> SlideElement {
        SlideElement { text_len: 9, text_rects: vec![rect.into()], ..part("p", parent, rect) }
    }

    /// A panel with a background.
    pub(crate) fn panel(parent: u32, rect: [f64; 4]) -> SlideElement {
        SlideElement { background: 1.0, ..part("div", parent, rect) }
    }

    /// Checks a slide of 1280 x 720 whose body, the part 1, holds `parts`, of which the `i`-th is
    /// the element `i`: the observed value, and the elements of each defect.
    pub(crate) fn expect(
        check: fn(&Scene) -> RuleResult,
        (parts, elements): (Vec<SlideElement>, Vec<Made>),
        observed: &str,
        involved: &[&[u32]],
    ) {
        let result = run(check, 720.0, (parts, elements));
        assert_eq!(result.observed, observed);
        let got: Vec<&[u32]> = result.defects.iter().map(|d| d.elements.as_slice()).collect();
        assert_eq!(got, involved);
        assert_eq!(result.score, Some(1.0 / (1.0 + involved.len() as f32)));
    }

    /// The result on a slide of 1280 pixels in width.
    pub(crate) fn run(
        check: fn(&Scene) -> RuleResult,
        height: f64,
        slide: (Vec<SlideElement>, Vec<Made>),
    ) -> RuleResult {
        run_as(LayoutKind::Html, check, height, slide)
    }

    /// As [`run`], of a slide that was read from a page or a deck.
    pub(crate) fn run_as(
        kind: LayoutKind,
        check: fn(&Scene) -> RuleResult,
        height: f64,
        (parts, elements): (Vec<SlideElement>, Vec<Made>),
    ) -> RuleResult {
        let root = |tag: &str, parent| SlideElement { parent, ..part(tag, 0, [0.0, 0.0, 1280.0, height]) };
        let own = |(i, p): (usize, SlideElement)| SlideElement { element: Some(i as u32), ..p };
        let mut all = vec![root("html", None), root("body", Some(0))];
        all.extend(parts.into_iter().enumerate().map(own));
        let layout = SlideLayout { kind, width: 1280.0, height, full_height: height, elements: all };
        let mut rendered = Picture::new(1280, height as u32, [255; 3]).rendered(elements);
        rendered.pages[0].slide = Some(layout);
        check(&Scene::new(&rendered, 0, None))
    }
}
