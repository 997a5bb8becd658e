//! A slide's shapes in the form of the slide metrics: docs/specs/aeslides.md, 11.
//!
//! Where a page has elements inside elements, a slide has shapes on shapes: the parent of a shape
//! is the smallest painted shape below it that it stands on.
//!
//! # Reading of the specification
//! - The box that decides where a text without a shape of its own stands is that around its lines,
//!   because frames of texts are often larger than what is seen.
//! - A shape stands on another that holds .95 of it, or else its centre. What covers .95 of the
//!   other hides it, and does not stand on it.
//! - Text of a shape counts for everything that the shape stands on, as `innerText` does.

use super::words::{Lines, Words};
use crate::office::Word;
use vsdpo_artifact::{Element, ElementKind, LayoutKind, Rect, Region, ShapeFacts, ShapeKind};
use vsdpo_artifact::{SlideElement, SlideLayout};

/// The share of a box that must lie in another to be inside it.
const WITHIN: f64 = 0.95;
/// How far a box reaches beyond another before it leaves it, in pixels.
const EPSILON: f64 = 2.0;
/// Alpha from which a fill is seen.
const FAINT: f64 = 0.05;
/// Width in points from which an outline is seen.
const OUTLINE: f32 = 0.75;
/// Length of a text that the metrics know.
const MAX_LENGTH: u32 = 240;

/// The layout of one slide, and the lines of its elements' texts, by their place among `elements`.
pub(super) struct Laid {
    pub layout: SlideLayout,
    pub lines: Vec<Vec<Region>>,
}

/// Lays out the elements of one page. `point` is a point in pixels; `words` are what was drawn, if
/// anything was.
pub(super) fn lay_out(elements: &[Element], point: f32, words: Option<&[Word]>) -> Laid {
    let size = elements.first().and_then(|root| root.layout).unwrap_or_default();
    let (width, height) = (f64::from(size.x1), f64::from(size.y1));
    let whole = Rect::new(0.0, 0.0, width, height);
    let root = |tag: &str, parent| SlideElement { parent, rect: whole, ..part(tag) };
    let mut slide = Slide {
        point,
        words: words.map(Words::new),
        parts: vec![root("html", None), root("body", Some(0)), root("div", Some(1))],
        grounds: Vec::new(),
    };
    let lines = elements.iter().map(|element| slide.add(element)).collect();
    let kind = if words.is_some() { LayoutKind::Deck } else { LayoutKind::UndrawnDeck };
    let mut parts = slide.parts;
    count_text(&mut parts);
    let layout = SlideLayout { kind, width, height, full_height: height, elements: parts };
    Laid { layout, lines }
}

struct Slide<'a> {
    point: f32,
    words: Option<Words<'a>>,
    parts: Vec<SlideElement>,
    /// The painted shapes so far, from back to front: what others may stand on.
    grounds: Vec<u32>,
}

impl Slide<'_> {
    /// Adds what an element shows, and gives the lines of its text.
    fn add(&mut self, element: &Element) -> Vec<Region> {
        let Some(facts) = element.shape.as_deref().filter(|_| element.kind != ElementKind::Page) else {
            return Vec::new();
        };
        if matches!(facts.kind, ShapeKind::Group | ShapeKind::Connector) {
            return Vec::new();
        }
        let lines = self.lines(element, facts);
        let bounds = Rect::from(element.layout.unwrap_or(element.region));
        if is_media(facts.kind) {
            let parent = self.ground(bounds);
            self.push(element, SlideElement { parent, rect: bounds, ..part("img") });
            return lines.boxes;
        }
        let painted = self.is_painted(facts);
        if painted {
            let background = facts.fill.map_or(0.0, |fill| f64::from(fill[3]) / 255.0);
            let border = facts.outline_px >= OUTLINE * self.point;
            let parent = self.ground(bounds);
            let box_ = SlideElement {
                parent,
                rect: bounds,
                background,
                background_image: facts.painted,
                border,
                ..part("div")
            };
            let place = self.push(element, box_);
            self.grounds.push(place);
        }
        if element.text.is_some() {
            let boxes: Vec<Rect> = lines.boxes.iter().copied().map(Rect::from).collect();
            let around = boxes.iter().copied().reduce(Rect::hull).unwrap_or(bounds);
            let parent = if painted { self.grounds.last().copied() } else { self.ground(around) };
            let inside = facts.text_frame.filter(|_| painted).map_or(bounds, Rect::from);
            let font_px = f64::from(lines.size);
            let text_len = length(element.text.as_deref().unwrap_or_default());
            let text =
                SlideElement { parent, rect: inside, font_px, text_len, text_rects: boxes, ..part("p") };
            self.push(element, text);
        }
        lines.boxes
    }

    /// The lines of a shape's text: as drawn, or its frame where they are not found.
    fn lines(&mut self, element: &Element, facts: &ShapeFacts) -> Lines {
        let Some(text) = &element.text else { return Lines::default() };
        let bounds = element.layout.unwrap_or(element.region);
        let drawn = self.words.as_mut().and_then(|words| words.take(text, bounds));
        drawn.unwrap_or_else(|| Lines {
            boxes: vec![facts.text_frame.filter(|frame| !frame.is_empty()).unwrap_or(bounds)],
            size: element.font_px.unwrap_or(0.0),
        })
    }

    fn is_painted(&self, facts: &ShapeFacts) -> bool {
        let filled = facts.fill.is_some_and(|fill| f64::from(fill[3]) / 255.0 >= FAINT);
        let outlined = facts.outline.is_some_and(|o| f64::from(o[3]) / 255.0 >= FAINT);
        filled || facts.painted || outlined && facts.outline_px >= OUTLINE * self.point
    }

    /// What a box stands on: the smallest painted shape below it that holds it, or its centre; else
    /// the box around all shapes.
    fn ground(&self, inner: Rect) -> Option<u32> {
        let holds = |at: &&u32| stands_on(inner, self.parts[**at as usize].rect);
        let area = |at: &&u32| self.parts[**at as usize].rect.area();
        let smallest = self.grounds.iter().filter(holds).min_by(|a, b| area(a).total_cmp(&area(b)));
        smallest.copied().or(Some(2))
    }

    fn push(&mut self, element: &Element, part: SlideElement) -> u32 {
        let place = self.parts.len() as u32;
        self.parts.push(SlideElement { element: Some(element.id), ..part });
        place
    }
}

fn stands_on(inner: Rect, ground: Rect) -> bool {
    let common = inner.meet(ground).map_or(0.0, Rect::area);
    if common >= WITHIN * inner.area() && inner.area() > 0.0 {
        return true;
    }
    let (x, y) = (inner.x + inner.w / 2.0, inner.y + inner.h / 2.0);
    let centred =
        (ground.x..=ground.x + ground.w).contains(&x) && (ground.y..=ground.y + ground.h).contains(&y);
    let leaves = inner.x < ground.x - EPSILON
        || inner.y < ground.y - EPSILON
        || inner.x + inner.w > ground.x + ground.w + EPSILON
        || inner.y + inner.h > ground.y + ground.h + EPSILON;
    centred && leaves && common < WITHIN * ground.area()
}

/// Lengths of texts, those on a shape included. The box around all shapes has them as well.
fn count_text(parts: &mut [SlideElement]) {
    for i in (1..parts.len()).rev() {
        let length = parts[i].text_len;
        if let (true, Some(parent)) = (length > 0, parts[i].parent) {
            let parent = &mut parts[parent as usize].text_len;
            // A space stands between two texts.
            *parent = (*parent + length + u32::from(*parent > 0)).min(MAX_LENGTH);
        }
    }
}

fn part(tag: &str) -> SlideElement {
    SlideElement { tag: tag.into(), opacity: 1.0, placed: true, ..SlideElement::default() }
}

fn length(text: &str) -> u32 {
    let words = text.split_whitespace().map(|word| word.encode_utf16().count() as u32 + 1);
    words.sum::<u32>().saturating_sub(1).min(MAX_LENGTH)
}

fn is_media(kind: ShapeKind) -> bool {
    use ShapeKind::*;
    match kind {
        Picture | Table | Chart | Diagram | Ole | Media | Frame => true,
        Text | Shape | Group | Connector => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shape of a slide of 1280 x 720: kind, box, fill, text.
    fn shape(id: u32, kind: ShapeKind, frame: [f32; 4], fill: Option<[u8; 4]>, text: &str) -> Element {
        let region = Region::from(frame);
        let facts = ShapeFacts { shape: id, kind, frame: region, fill, ..ShapeFacts::default() };
        let mut element = Element::new(id, ElementKind::Block, region);
        (element.layout, element.shape) = (Some(region), Some(Box::new(facts)));
        element.text = (!text.is_empty()).then(|| text.to_owned());
        element.font_px = Some(16.0);
        element
    }

    fn slide(mut shapes: Vec<Element>, words: Option<&[Word]>) -> Laid {
        let mut root = Element::new(0, ElementKind::Page, Region::new(0.0, 0.0, 1280.0, 720.0));
        root.layout = Some(root.region);
        shapes.insert(0, root);
        lay_out(&shapes, 4.0 / 3.0, words)
    }

    fn word(text: &str, x: f32, y: f32) -> Word {
        let frame = Region::new(x, y, x + 10.0 * text.len() as f32, y + 20.0);
        Word { text: text.into(), ink: frame, frame, size: 16.0 }
    }

    const WHITE: Option<[u8; 4]> = Some([255; 4]);

    /// The parts after the root, the body and the box around all: tag, element, parent.
    fn parts(laid: &Laid) -> Vec<(&str, u32, u32)> {
        let of = |e: &SlideElement| e.element.unwrap();
        let parts = laid.layout.elements[3..].iter();
        let names: Vec<&str> = parts.clone().map(|e| e.tag.as_str()).collect();
        names.into_iter().zip(parts).map(|(tag, e)| (tag, of(e), e.parent.unwrap())).collect()
    }

    #[test]
    fn shapes_stand_on_the_smallest_painted_shape_below() {
        use ShapeKind::*;
        let laid = slide(
            vec![
                shape(1, Shape, [0.0, 0.0, 1280.0, 720.0], WHITE, ""),
                shape(2, Shape, [100.0, 100.0, 500.0, 300.0], WHITE, "Own"),
                // 96 % of it on the card, whose text is drawn inside.
                shape(3, Text, [100.0, 200.0, 500.0, 304.0], None, "On it"),
                shape(4, Connector, [0.0, 0.0, 9.0, 9.0], None, ""),
                // Its centre on the card, a third of it outside.
                shape(5, Picture, [350.0, 120.0, 575.0, 220.0], None, ""),
                // Its centre outside of the card.
                shape(6, Table, [450.0, 120.0, 650.0, 220.0], None, "Cells"),
                // It covers the card.
                shape(7, Picture, [90.0, 90.0, 510.0, 310.0], None, ""),
            ],
            Some(&[word("Own", 120.0, 110.0), word("On", 120.0, 210.0), word("it", 150.0, 210.0)]),
        );
        let expected = [
            ("div", 1, 2),
            ("div", 2, 3),
            ("p", 2, 4),
            ("p", 3, 4),
            ("img", 5, 4),
            ("img", 6, 3),
            ("img", 7, 3),
        ];
        assert_eq!(parts(&laid), expected);
        let elements = &laid.layout.elements;
        assert_eq!(elements[6].text_rects, [Rect::new(120.0, 210.0, 50.0, 20.0)]);
        assert_eq!((elements[5].font_px, laid.layout.kind), (16.0, LayoutKind::Deck));
        // "Own", and "Own On it" with the spaces between.
        assert_eq!([5, 4, 3, 2].map(|i| elements[i].text_len), [3, 9, 9, 9]);
        assert_eq!(laid.lines[3], [Region::new(120.0, 210.0, 170.0, 230.0)]);
    }

    #[test]
    fn a_text_that_is_not_found_has_the_box_of_its_frame() {
        let laid =
            slide(vec![shape(1, ShapeKind::Text, [10.0, 20.0, 110.0, 60.0], None, "Page 3")], Some(&[]));
        assert_eq!(laid.layout.elements[3].text_rects, [Rect::new(10.0, 20.0, 100.0, 40.0)]);
        let undrawn = slide(vec![], None);
        assert_eq!((undrawn.layout.kind, undrawn.layout.elements[2].text_len), (LayoutKind::UndrawnDeck, 0));
    }

    #[test]
    fn paint_is_a_fill_that_is_seen_or_an_outline_of_three_quarters_of_a_point() {
        use ShapeKind::Shape;
        let frame = [10.0, 10.0, 90.0, 90.0];
        let mut outlined = shape(1, Shape, frame, None, "");
        let facts = outlined.shape.as_mut().unwrap();
        // A point is 4/3 px here.
        (facts.outline, facts.outline_px) = (WHITE, 1.0);
        let mut thin = outlined.clone();
        thin.shape.as_mut().unwrap().outline_px = 0.99;
        let faint = shape(1, Shape, frame, Some([0, 0, 0, 12]), "");
        let painted = |e: Element| slide(vec![e], None).layout.elements.len() - 3;
        assert_eq!([outlined, thin, faint].map(painted), [1, 0, 0]);
    }
}
