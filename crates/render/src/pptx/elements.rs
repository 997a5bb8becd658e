//! Decks as the rest of the program knows them: pages and elements in pixels.

use super::check::owner;
use super::deck::{Deck, Paint, Shape, ShapeKind, Slide, TextBody};
use super::fault::{Fault, FaultKind};
use super::frame::Frame;
use super::layout::lay_out;
use super::sources::Sources;
use crate::config::MAX_ELEMENTS;
use crate::office::{OfficePages, SLIDE_WIDTH};
use crate::text::{clean, clean_line};
use std::collections::HashMap;
use std::sync::Arc;
use vsdpo_artifact::{Align, Element, ElementKind, HtmlFacts, Image, Page, Region, Rendered, ShapeFacts};

/// Width of every page in pixels.
const WIDTH: f64 = SLIDE_WIDTH as f64;
/// EMU of a point.
const POINT: f64 = 12_700.0;
/// Characters of a text, a name or a description at most.
const MAX_TEXT: usize = 2_000;
/// The preset forms whose point lies in the notch of the next one in a row.
const INTERLOCKING: [&str; 2] = ["chevron", "homePlate"];
/// Faults that are told as remarks.
const MAX_REMARKS: usize = 32;

impl Deck {
    /// Pixels of every page: 1280 wide, at most 16 times as high.
    pub fn page_size(&self) -> (u32, u32) {
        let height = WIDTH * self.height / self.width;
        let height = if height.is_finite() { height.round().clamp(1.0, WIDTH * 16.0) } else { 960.0 };
        (SLIDE_WIDTH, height as u32)
    }

    /// The deck as pages with their elements. The pages are white, as nothing has drawn them.
    pub fn rendered(&self) -> Rendered {
        self.rendered_with(&Sources::default(), None)
    }

    /// The deck as pages with their elements: those that the office has drawn with their picture
    /// and the lines of their text, the others white.
    pub(crate) fn rendered_with(&self, sources: &Sources, drawn: Option<OfficePages>) -> Rendered {
        let mut writer = Writer { deck: self, sources, elements: Vec::new(), scale: WIDTH / self.width };
        let mut notes: Vec<String> = self.remarks().take(MAX_REMARKS).collect();
        let mut count = 0;
        for (number, slide) in self.slides.iter().enumerate() {
            if writer.elements.len() + slide.shapes.len() + 1 > MAX_ELEMENTS {
                notes.push(format!("slides from {} on are left out: they have too many shapes", number + 1));
                break;
            }
            if slide.hidden {
                notes.push(format!("slide {} is hidden", number + 1));
            }
            writer.slide(number as u32, slide);
            count += 1;
        }
        let mut rendered = Rendered {
            pages: Vec::with_capacity(count),
            elements: writer.elements,
            notes,
            styles: Vec::new(),
        };
        rendered.notes.extend(drawn.iter().flat_map(|drawn| drawn.notes.clone()));
        let mut pictures = drawn.map_or_else(Vec::new, |drawn| drawn.pages).into_iter();
        let blank = self.blank();
        for page in 0..count {
            let picture = pictures.next();
            let place = |e: &Element| (e.page as usize) < page;
            let start = rendered.elements.partition_point(place);
            let end = start + rendered.elements[start..].partition_point(|e| e.page as usize == page);
            let own = &mut rendered.elements[start..end];
            let point = (POINT * WIDTH / self.width) as f32;
            let laid = lay_out(own, point, picture.as_ref().map(|picture| &picture.words[..]));
            for (element, lines) in own.iter_mut().zip(laid.lines) {
                if let Some(facts) = &mut element.html {
                    facts.lines = lines;
                }
            }
            let image = picture.map_or_else(|| blank.clone(), |picture| picture.image);
            rendered.pages.push(Page { image, slide: Some(laid.layout) });
        }
        rendered
    }

    /// A white page.
    fn blank(&self) -> Image {
        let (width, height) = self.page_size();
        let rgba: Arc<[u8]> = std::iter::repeat_n(255, width as usize * height as usize * 4).collect();
        Image { width, height, rgba }
    }

    /// What the reader has to say that no rule does.
    fn remarks(&self) -> impl Iterator<Item = String> {
        self.faults.iter().filter(|fault| !breaks(fault)).map(|fault| clean_line(&fault.to_string(), 300))
    }

    /// What breaks a part of a slide or its relationships; of the first slide also what breaks
    /// parts that belong to no slide.
    fn broken(&self, number: u32, slide: &Slide) -> Vec<String> {
        let other = |part: &str| number == 0 && !self.slides.iter().any(|slide| slide.parts.contains(part));
        let of_slide = |part: &str| slide.parts.contains(part) || other(part);
        let own = |f: &&Fault| breaks(f) && of_slide(owner(&f.part).as_deref().unwrap_or(&f.part));
        let found = self.faults.iter().filter(own).take(MAX_REMARKS);
        found.map(|fault| clean_line(&fault.to_string(), 300)).collect()
    }
}

/// Whether PowerPoint offers to repair a file with this fault, or shows that something is missing.
fn breaks(fault: &Fault) -> bool {
    !matches!(fault.kind, FaultKind::Limit(_) | FaultKind::DuplicateShapeId(_))
}

struct Writer<'a> {
    deck: &'a Deck,
    sources: &'a Sources,
    elements: Vec<Element>,
    /// Pixels of an EMU.
    scale: f64,
}

impl Writer<'_> {
    fn slide(&mut self, page: u32, slide: &Slide) {
        let (width, height) = self.deck.page_size();
        let whole = Region::new(0.0, 0.0, width as f32, height as f32);
        let first = self.elements.len() as u32;
        let mut root = Element::new(first, ElementKind::Page, whole);
        root.page = page;
        root.layout = Some(whole);
        root.color = slide.background.color();
        let origin = self.sources.slides.get(&slide.part).cloned().unwrap_or_default();
        root.stack = origin.made;
        let frame = Frame { width: self.deck.width, height: self.deck.height, ..Frame::default() };
        let mut facts = self.facts(slide, None, frame);
        (facts.fill, facts.painted) = (slide.background.color(), is_painted(&slide.background));
        facts.edits = origin.edits;
        facts.faults = self.deck.broken(page, slide);
        root.html =
            Some(HtmlFacts { tag: "section".into(), display: "block".into(), ..HtmlFacts::default() });
        root.shape = Some(Box::new(facts));
        self.elements.push(root);
        let mut seen: HashMap<u32, usize> = HashMap::new();
        let mut ids: Vec<Option<u32>> = Vec::new();
        for shape in &slide.shapes {
            let again = seen.entry(shape.id).or_default();
            let key = (slide.part.clone(), shape.id);
            let origin = self.sources.shapes.get(&key).and_then(|all| all.get(*again)).cloned();
            *again += 1;
            let drawn = shape.frame.filter(|_| !shape.hidden);
            ids.push(drawn.map(|_| self.elements.len() as u32));
            let Some(frame) = drawn else { continue };
            let mut element = self.shape(slide, shape, frame);
            element.page = page;
            element.parent = shape.parent.and_then(|p| *ids.get(p)?).or(Some(first));
            let origin = origin.unwrap_or_default();
            element.stack = origin.made;
            if let Some(facts) = &mut element.shape {
                facts.edits = origin.edits;
            }
            self.elements.push(element);
        }
    }

    fn region(&self, edges: [f64; 4]) -> Region {
        let (width, height) = self.deck.page_size();
        let fit = |edge: f64, side: u32| {
            (edge * self.scale).clamp(-4.0 * f64::from(side), 5.0 * f64::from(side)) as f32
        };
        let [x0, y0, x1, y1] = edges;
        Region::new(fit(x0, width), fit(y0, height), fit(x1, width), fit(y1, height))
    }

    fn shape(&self, slide: &Slide, shape: &Shape, frame: Frame) -> Element {
        let (width, height) = self.deck.page_size();
        let layout = self.region(frame.bounds());
        let side = |value: f32, limit: u32| value.clamp(0.0, limit as f32);
        let region = Region::new(
            side(layout.x0, width),
            side(layout.y0, height),
            side(layout.x1, width),
            side(layout.y1, height),
        );
        let mut element = Element::new(self.elements.len() as u32, kind(shape), region);
        element.layout = Some(layout);
        element.rotation = (frame.rotation != 0.0).then_some((360.0 - frame.rotation) as f32);
        let mut facts = self.facts(slide, Some(shape), frame);
        let bodies: Vec<&TextBody> =
            shape.text.iter().chain(shape.cells.iter().map(|cell| &cell.text)).collect();
        let text = bodies.iter().map(|b| b.text()).collect::<Vec<_>>().join("\n");
        if !text.trim().is_empty() {
            element.text = Some(clean(&text, MAX_TEXT));
            self.letters(&bodies, &mut element, &mut facts);
        }
        element.html = Some(as_html(element.kind, &facts, bold(&bodies)));
        element.shape = Some(Box::new(facts));
        element
    }

    /// Size and colour of most letters, and the smallest size.
    fn letters(&self, bodies: &[&TextBody], element: &mut Element, facts: &mut ShapeFacts) {
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        let mut colors: HashMap<[u8; 4], usize> = HashMap::new();
        for body in bodies {
            for run in body.paragraphs.iter().flat_map(|p| &p.runs) {
                let count = run.text.chars().filter(|c| !c.is_whitespace()).count();
                if count > 0 {
                    let pixels = (body.shown_points(run.points) * POINT * self.scale) as f32;
                    *sizes.entry(pixels.to_bits()).or_default() += count;
                    run.color.into_iter().for_each(|c| *colors.entry(c).or_default() += count);
                }
            }
        }
        // Of equally many the larger size and colour, so that the result is the same every time.
        let most = sizes.iter().max_by_key(|(size, count)| (**count, **size));
        element.font_px = most.map(|(size, _)| f32::from_bits(*size));
        element.color = colors.iter().max_by_key(|(color, count)| (**count, **color)).map(|(c, _)| *c);
        facts.smallest_px = sizes.keys().map(|s| f32::from_bits(*s)).reduce(f32::min);
        let align = bodies.first().and_then(|b| b.paragraphs.first()).map(|p| p.align.as_str());
        element.align = align.map(|align| match align {
            "ctr" => Align::Center,
            "r" => Align::Right,
            _ => Align::Left,
        });
    }

    /// The facts of a shape, or of the slide itself.
    fn facts(&self, slide: &Slide, shape: Option<&Shape>, frame: Frame) -> ShapeFacts {
        let body = shape.and_then(|s| s.text.as_ref());
        let edges = [frame.x, frame.y, frame.x + frame.width, frame.y + frame.height];
        let inside = |body: &TextBody| {
            let [left, top, right, bottom] = body.insets;
            self.region([edges[0] + left, edges[1] + top, edges[2] - right, edges[3] - bottom])
        };
        let outline = shape.and_then(|s| s.outline);
        let picture = shape.and_then(|s| s.picture.as_ref());
        ShapeFacts {
            part: clean(&slide.part, MAX_TEXT),
            shape: shape.map_or(0, |s| s.id),
            name: clean(shape.map_or("", |s| &s.name), MAX_TEXT),
            kind: shape.map_or(ShapeKind::Frame, |s| s.kind),
            description: shape.and_then(|s| s.description.as_ref()).map(|d| clean(d, MAX_TEXT)),
            placeholder: shape.and_then(|s| s.placeholder.as_ref()).map(|p| clean(&p.kind, MAX_TEXT)),
            empty: shape.is_some_and(Shape::is_empty_placeholder),
            frame: self.region(edges),
            interlocks: shape.and_then(|s| s.geometry.as_deref()).is_some_and(|g| INTERLOCKING.contains(&g)),
            fill: shape.and_then(|s| s.fill.color()).filter(|c| c[3] > 0),
            painted: shape.is_some_and(|s| is_painted(&s.fill)),
            outline: outline.map(|o| o.color),
            outline_px: outline.map_or(0.0, |o| (o.width * self.scale) as f32),
            text_frame: body.map(inside),
            anchor: body.map_or_else(Default::default, |b| b.anchor),
            wrap: body.is_none_or(|b| b.wrap),
            autofit: body.map_or_else(Default::default, |b| b.autofit),
            smallest_px: None,
            natural: picture.and_then(|p| p.natural),
            crop: picture.map_or([0.0; 4], |p| p.crop.map(|side| side as f32)),
            faults: Vec::new(),
            edits: Vec::new(),
        }
    }
}

/// What a browser would say of a shape, so that the rules of pages read it. Its position is not
/// told: every shape is placed, so that none stands out for it.
fn as_html(kind: ElementKind, facts: &ShapeFacts, bold: bool) -> HtmlFacts {
    let tag = match kind {
        ElementKind::Image => "img",
        ElementKind::Title | ElementKind::Text => "p",
        _ => "div",
    };
    HtmlFacts {
        tag: tag.into(),
        ground: facts.fill,
        framed: facts.fill.is_some() || facts.painted || facts.outline.is_some(),
        painted: facts.painted,
        display: "block".into(),
        bold,
        ..HtmlFacts::default()
    }
}

/// Whether most letters are bold.
fn bold(bodies: &[&TextBody]) -> bool {
    let (mut all, mut bold) = (0, 0);
    for run in bodies.iter().flat_map(|body| &body.paragraphs).flat_map(|p| &p.runs) {
        let count = run.text.chars().filter(|c| !c.is_whitespace()).count();
        all += count;
        bold += if run.bold { count } else { 0 };
    }
    2 * bold > all
}

fn is_painted(paint: &Paint) -> bool {
    matches!(paint, Paint::Gradient(_) | Paint::Pattern(..) | Paint::Picture)
}

fn kind(shape: &Shape) -> ElementKind {
    let title = shape.placeholder.as_ref().is_some_and(|p| matches!(p.kind.as_str(), "title" | "ctrTitle"));
    let text = shape.text.as_ref().is_some_and(|text| !text.text().trim().is_empty());
    match shape.kind {
        ShapeKind::Text | ShapeKind::Shape if text && title => ElementKind::Title,
        ShapeKind::Text | ShapeKind::Shape if text => ElementKind::Text,
        ShapeKind::Text | ShapeKind::Shape => ElementKind::Block,
        ShapeKind::Picture | ShapeKind::Media => ElementKind::Image,
        ShapeKind::Connector => ElementKind::Line,
        ShapeKind::Table
        | ShapeKind::Chart
        | ShapeKind::Diagram
        | ShapeKind::Ole
        | ShapeKind::Group
        | ShapeKind::Frame => ElementKind::Other,
    }
}
