//! Hand-built scenes for the tests of the rules.

use crate::rules::RuleResult;
use crate::scene::Scene;
use vsdpo_artifact::{
    Align, Element, ElementKind, HtmlFacts, Image, MissingGlyphs, Rendered, Requirements, ShapeFacts, Span,
};

/// A builder of elements.
#[derive(Clone, Debug)]
pub(crate) struct Made(Element);

pub(crate) fn shape(id: u32, kind: ElementKind, region: [f32; 4]) -> Made {
    Made(Element::new(id, kind, region.into()))
}

pub(crate) fn text(id: u32, text: &str, region: [f32; 4]) -> Made {
    let mut made = shape(id, ElementKind::Text, region);
    made.0.text = Some(text.into());
    made
}

impl Made {
    fn with(mut self, set: impl FnOnce(&mut Element)) -> Made {
        set(&mut self.0);
        self
    }

    pub(crate) fn of(self, kind: ElementKind) -> Made {
        self.with(|e| e.kind = kind)
    }

    /// In these axes; `axis` `-` for none.
    pub(crate) fn on(self, axes: u32, axis: char) -> Made {
        self.with(|e| (e.axes, e.axis) = (Some(axes), (axis != '-').then_some(axis)))
    }

    pub(crate) fn inside(self, parent: u32) -> Made {
        self.with(|e| e.parent = Some(parent))
    }

    pub(crate) fn laid(self, layout: [f32; 4]) -> Made {
        self.with(|e| e.layout = Some(layout.into()))
    }

    pub(crate) fn rotated(self, degrees: f32) -> Made {
        self.with(|e| e.rotation = Some(degrees))
    }

    pub(crate) fn aligned(self, align: Align) -> Made {
        self.with(|e| e.align = Some(align))
    }

    pub(crate) fn sized(self, font_px: f32) -> Made {
        self.with(|e| e.font_px = Some(font_px))
    }

    pub(crate) fn colored(self, rgba: [u8; 4]) -> Made {
        self.with(|e| e.color = Some(rgba))
    }

    /// Of axes, placed by this grid.
    pub(crate) fn placed_by(self, grid: Option<u32>) -> Made {
        self.with(|e| e.grid = grid)
    }

    /// Drawn with a pen of this width.
    pub(crate) fn penned(self, pen: f32) -> Made {
        self.with(|e| e.pen = Some(pen))
    }

    pub(crate) fn patterned(self, pattern: &str) -> Made {
        self.with(|e| e.pattern = Some(pattern.into()))
    }

    pub(crate) fn named(self, label: &str) -> Made {
        self.with(|e| e.label = Some(label.into()))
    }

    pub(crate) fn valued(self, values: &[f64]) -> Made {
        self.with(|e| e.values = values.to_vec())
    }

    pub(crate) fn through(self, points: &[[f32; 2]]) -> Made {
        self.with(|e| e.points = points.to_vec())
    }

    /// Drawn by the call at this byte.
    pub(crate) fn drawn_at(self, start: usize) -> Made {
        self.with(|e| e.stack = vec![Span::new(start, start + 1)])
    }

    /// With letters that its font lacks.
    pub(crate) fn lacking(self, letters: &str, font: Option<&str>) -> Made {
        let glyphs = MissingGlyphs { missing: letters.into(), font: font.map(str::to_owned) };
        self.with(|e| e.glyphs = Some(Box::new(glyphs)))
    }

    pub(crate) fn done(self) -> Element {
        self.0
    }
}

/// A picture to paint on.
pub(crate) struct Picture {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Picture {
    pub(crate) fn new(width: u32, height: u32, [r, g, b]: [u8; 3]) -> Picture {
        let rgba = [r, g, b, 255].repeat((width * height) as usize);
        Picture { width, height, rgba }
    }

    /// Paints columns `x0..x1` of rows `y0..y1`.
    pub(crate) fn fill(&mut self, [x0, y0, x1, y1]: [u32; 4], [r, g, b]: [u8; 3]) {
        for (x, y) in (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y))) {
            let at = ((y * self.width + x) * 4) as usize;
            self.rgba[at..at + 4].copy_from_slice(&[r, g, b, 255]);
        }
    }

    pub(crate) fn rendered(&self, elements: Vec<Made>) -> Rendered {
        let image = Image { width: self.width, height: self.height, rgba: self.rgba.as_slice().into() };
        Rendered::of_page(image, elements.into_iter().map(Made::done).collect())
    }

    pub(crate) fn with_scene<T>(&self, elements: Vec<Made>, run: impl FnOnce(&Scene) -> T) -> T {
        run(&Scene::new(&self.rendered(elements), 0, None))
    }
}

/// Runs a function on a scene of a white picture of 200 x 100 pixels.
pub(crate) fn with_scene<T>(
    elements: Vec<Made>,
    requirements: Option<&Requirements>,
    run: impl FnOnce(&Scene) -> T,
) -> T {
    let rendered = Picture::new(200, 100, [255; 3]).rendered(elements);
    run(&Scene::new(&rendered, 0, requirements))
}

/// The observed values, and the remedy if there is one.
pub(crate) fn with_remedy(result: &RuleResult) -> String {
    let remedy = result.remedy.as_ref().map(|remedy| format!(", {remedy}")).unwrap_or_default();
    format!("{}{remedy}", result.observed)
}

/// Checks the result of a rule that scores by count on a white picture of 200 x 100 pixels: the
/// observed value, the elements of each defect, and the score that follows from their number.
pub(crate) fn counts(
    check: fn(&Scene) -> RuleResult,
    elements: Vec<Made>,
    observed: &str,
    involved: &[&[u32]],
) {
    let result = with_scene(elements, None, check);
    assert_eq!(with_remedy(&result), observed);
    let got: Vec<&[u32]> = result.defects.iter().map(|d| d.elements.as_slice()).collect();
    assert_eq!(got, involved);
    assert_eq!(result.score, Some(1.0 / (1.0 + involved.len() as f32)));
}

/// An element of a page whose box is not clipped.
pub(crate) fn block(id: u32, tag: &str, region: [f32; 4]) -> Made {
    let kind = match tag {
        "html" => ElementKind::Page,
        "img" => ElementKind::Image,
        "button" | "input" => ElementKind::Control,
        _ => ElementKind::Block,
    };
    let facts = HtmlFacts { tag: tag.into(), display: "block".into(), ..HtmlFacts::default() };
    shape(id, kind, region).laid(region).with(|e| e.html = Some(facts))
}

/// A black text of a page that stands on one line of this box.
pub(crate) fn words(id: u32, text: &str, line: [f32; 4]) -> Made {
    let set = |e: &mut Element| {
        (e.kind, e.text, e.color) = (ElementKind::Text, Some(text.into()), Some([0, 0, 0, 255]));
        e.font_px = Some((line[3] - line[1]) / 1.15);
    };
    block(id, "p", line).with(set).lines(&[line])
}

impl Made {
    /// A shape of a deck.
    pub(crate) fn shaped(self, facts: ShapeFacts) -> Made {
        self.with(|e| e.shape = Some(Box::new(facts)))
    }

    fn facts(self, set: impl FnOnce(&mut HtmlFacts)) -> Made {
        self.with(|e| set(e.html.get_or_insert_default()))
    }

    pub(crate) fn lines(self, lines: &[[f32; 4]]) -> Made {
        self.facts(|f| f.lines = lines.iter().map(|&l| l.into()).collect())
    }

    pub(crate) fn tagged(self, tag: &str) -> Made {
        self.facts(|f| f.tag = tag.into())
    }

    /// Clipped to this box.
    pub(crate) fn clipped(self, clip: [f32; 4]) -> Made {
        self.facts(|f| f.clip = Some(clip.into()))
    }

    /// Clipped to this box by a scrolling ancestor.
    pub(crate) fn scrolled(self, scroll: [f32; 4]) -> Made {
        self.facts(|f| f.scroll = Some(scroll.into()))
    }

    /// With a background of this colour, and so with visible edges.
    pub(crate) fn grounded(self, rgb: [u8; 3]) -> Made {
        self.facts(|f| (f.ground, f.framed) = (Some([rgb[0], rgb[1], rgb[2], 255]), true))
    }

    /// With a CSS `position`, painted after the elements in the flow.
    pub(crate) fn placed(self, position: &str) -> Made {
        self.facts(|f| f.position = Some(position.into())).with(|e| e.order += 1000)
    }

    /// An inline element inside a sentence.
    pub(crate) fn spanning(self) -> Made {
        self.facts(|f| (f.tag, f.display) = ("b".into(), "inline".into()))
    }

    /// With so many pixels more between its letters.
    pub(crate) fn spaced(self, pixels: f32) -> Made {
        self.facts(|f| f.spacing = Some(pixels))
    }

    pub(crate) fn disabled(self) -> Made {
        self.facts(|f| f.disabled = true)
    }

    pub(crate) fn bold(self) -> Made {
        self.facts(|f| f.bold = true)
    }

    /// A picture that did not load.
    pub(crate) fn unmet(self, address: &str) -> Made {
        self.facts(|f| f.unmet = Some(address.into()))
    }
}
