//! The input of the rules: the elements of one page by role, and its pixels.

use crate::slide::{Collision, collision};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use vsdpo_artifact::{Element, ElementKind, Image, Region, Rendered, Requirements, SlideLayout};

/// One page of a render, with the task's requirements.
pub(crate) struct Scene<'a> {
    pub(crate) elements: &'a [Element],
    pub(crate) requirements: Option<&'a Requirements>,
    /// Its position among the pages of the render.
    pub(crate) page: u32,
    image: &'a Image,
    /// The layout that slide metrics are defined on; of slides only.
    pub(crate) slide: Option<&'a SlideLayout>,
    /// Its collisions, which several rules ask for.
    collisions: OnceCell<Collision>,
}

/// Texts that one setting places, so that one change fixes them all: the tick labels of one axis,
/// the entries of one legend, or a text by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Tick labels: axes and axis.
    Ticks(Option<u32>, Option<char>),
    /// Texts of one legend or table.
    Part(u32),
    /// One text.
    Single(u32),
}

/// Items that an observed value lists at most.
const LISTED: usize = 3;

impl<'a> Scene<'a> {
    /// `page` must be a page of the render.
    pub(crate) fn new(rendered: &'a Rendered, page: usize, requirements: Option<&'a Requirements>) -> Self {
        let (elements, shown) = (rendered.elements_on(page), &rendered.pages[page]);
        let (image, slide) = (&shown.image, shown.slide.as_ref());
        Scene { elements, requirements, page: page as u32, image, slide, collisions: OnceCell::new() }
    }

    /// The collisions of its layout; none without one.
    pub(crate) fn collisions(&self) -> &Collision {
        self.collisions.get_or_init(|| self.slide.map(collision).unwrap_or_default())
    }

    /// Whether a task asks for the page. Its reward counts the findings of axes, so that rules keep
    /// to the definitions that the reward had when its results were published.
    pub(crate) fn is_rewarded(&self) -> bool {
        self.requirements.is_some()
    }

    /// The whole picture.
    pub(crate) fn bounds(&self) -> Region {
        Region::new(0.0, 0.0, self.image.width as f32, self.image.height as f32)
    }

    /// Texts that left ink, in drawing order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'a Element> {
        let bounds = self.bounds();
        self.elements.iter().filter(move |e| {
            e.kind.is_text()
                && !e.region.is_empty()
                && e.layout.is_none_or(|layout| !layout.intersect(bounds).is_empty())
                && e.color.is_none_or(|c| c[3] > 0)
                && !content(e).trim().is_empty()
        })
    }

    /// Tick labels by axes and axis.
    pub(crate) fn ticks(&self) -> BTreeMap<Group, Vec<&'a Element>> {
        grouped(self.texts().filter(|e| e.kind == ElementKind::TickLabel))
    }

    /// Elements of one kind that left ink.
    pub(crate) fn of_kind(&self, kind: ElementKind) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |e| e.kind == kind && !e.region.is_empty())
    }

    /// The element with this id.
    pub(crate) fn by_id(&self, id: u32) -> Option<&'a Element> {
        // Ids count over all pages, and the elements of a page stand together.
        let first = self.elements.first()?.id;
        let place = self.elements.get(id.wrapping_sub(first) as usize).filter(|e| e.id == id);
        place.or_else(|| self.elements.iter().find(|e| e.id == id))
    }

    /// The colours of the pixels whose centres lie in `region`, with their positions; transparent
    /// pixels are blended with white. Empty where the picture has no pixels.
    pub(crate) fn pixels(&self, region: Region) -> impl Iterator<Item = ([f32; 2], [u8; 3])> {
        let image = self.image;
        let whole = image.rgba.len() == image.width as usize * image.height as usize * 4;
        let (width, height) = if whole { (image.width, image.height) } else { (0, 0) };
        let range =
            |low: f32, high: f32, size: u32| (low.round() as u32).min(size)..(high.round() as u32).min(size);
        let columns = range(region.x0, region.x1, width);
        range(region.y0, region.y1, height).flat_map(move |y| {
            columns
                .clone()
                .map(move |x| ([x as f32 + 0.5, y as f32 + 0.5], over(image.pixel(x, y), [255; 3])))
        })
    }

    /// Whether more than 2 % of the pixels in `region` have about this colour; true for a region
    /// without pixels.
    pub(crate) fn shows_color(&self, region: Region, color: Option<[u8; 4]>) -> bool {
        const ABOUT: u8 = 48;
        let Some(color) = color else { return true };
        let (mut all, mut alike) = (0usize, 0usize);
        for (_, c) in self.pixels(region) {
            all += 1;
            alike += usize::from(distance(c, [color[0], color[1], color[2]]) <= ABOUT);
        }
        all == 0 || alike * 50 > all
    }
}

impl Group {
    pub(crate) fn of(e: &Element) -> Group {
        match (e.kind, e.parent) {
            (ElementKind::TickLabel, _) => Group::Ticks(e.axes, e.axis),
            (ElementKind::LegendText | ElementKind::TableText, Some(parent)) => Group::Part(parent),
            _ => Group::Single(e.id),
        }
    }
}

/// Elements by group, each in the given order.
pub(crate) fn grouped<'a>(elements: impl Iterator<Item = &'a Element>) -> BTreeMap<Group, Vec<&'a Element>> {
    let mut groups: BTreeMap<Group, Vec<&Element>> = BTreeMap::new();
    for e in elements {
        groups.entry(Group::of(e)).or_default().push(e);
    }
    groups
}

/// The text of an element, empty without one.
pub(crate) fn content(e: &Element) -> &str {
    e.text.as_deref().unwrap_or("")
}

/// What a person calls an element: its text in quotes, or what it is.
pub(crate) fn called(e: &Element, max: usize) -> String {
    if !content(e).trim().is_empty() {
        return quote(content(e), max);
    }
    match (&e.shape, &e.html) {
        (Some(_), _) if e.kind == ElementKind::Page => "the slide".into(),
        (Some(shape), _) if shape.name.trim().is_empty() => format!("the {}", shape.kind.name()),
        (Some(shape), _) => format!("the {} {}", shape.kind.name(), quote(&shape.name, max)),
        (None, Some(facts)) => format!("<{}>", facts.tag),
        (None, None) => "a box".into(),
    }
}

/// A text for a report: one line, in single quotes, cut to `max` characters.
pub(crate) fn quote(text: &str, max: usize) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if line.chars().count() <= max {
        return format!("'{line}'");
    }
    let cut: String = line.chars().take(max.saturating_sub(2)).collect();
    format!("'{}..'", cut.trim_end())
}

/// `text`, and how many others there are if `all` is more than 1.
pub(crate) fn and_others(text: String, all: usize) -> String {
    if all > 1 { format!("{text} +{}", all - 1) } else { text }
}

/// The first few of `items` and how many more there are; `none` without any.
pub(crate) fn listed(mut items: Vec<String>) -> String {
    if items.is_empty() {
        return "none".into();
    }
    let more = items.len().saturating_sub(LISTED);
    if more > 0 {
        items.truncate(LISTED);
        items.push(format!("{more} more"));
    }
    items.join("; ")
}

/// A colour with alpha, blended with an opaque one.
pub(crate) fn over([r, g, b, a]: [u8; 4], ground: [u8; 3]) -> [u8; 3] {
    let mix = |c: u8, g: u8| ((c as u32 * a as u32 + g as u32 * (255 - a as u32) + 127) / 255) as u8;
    [mix(r, ground[0]), mix(g, ground[1]), mix(b, ground[2])]
}

/// `#rrggbb`.
pub(crate) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The largest difference of two colours in a channel.
pub(crate) fn distance(a: [u8; 3], b: [u8; 3]) -> u8 {
    (0..3).map(|i| a[i].abs_diff(b[i])).max().unwrap_or(0)
}
