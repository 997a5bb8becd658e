//! The items of a slide that can be in each other's way: docs/specs/aeslides.md, 6.

use super::family::Family;
use vsdpo_artifact::{Rect, SlideElement, SlideLayout, Visibility};

/// Elements whose inside is their own matter.
const MEDIA: [&str; 12] = [
    "img", "canvas", "video", "svg", "iframe", "object", "embed", "input", "textarea", "select", "progress",
    "meter",
];
/// Area of an item in square pixels at least.
const LEAST: f64 = 4.0;
/// Panels and media of at least this share of the slide are its ground.
const GROUND: f64 = 0.75;
/// Opacity and alpha below which nothing is seen.
const FAINT: f64 = 0.05;
/// Characters of the text of an icon in an `i` at most.
const ICON_TEXT: u32 = 16;
/// Beyond every slide.
const FAR: f64 = 1e9;

/// What an item is; in the order in which items of one element come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ItemKind {
    /// A painted box that holds something.
    Panel,
    /// A picture, a field, a frame.
    Media,
    /// The text of one element.
    Text,
}

/// Something that is seen.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub kind: ItemKind,
    /// A position in the layout.
    pub element: usize,
    pub depth: usize,
    /// Its boxes, not cut, and their area.
    pub boxes: Vec<Rect>,
    pub area: f64,
    /// What of the boxes is seen, and the area of that.
    pub seen: Vec<Rect>,
    pub seen_area: f64,
    /// What cuts it.
    pub clip: Rect,
}

/// A layout, its body's family, and the items.
pub(crate) struct Items<'a> {
    pub layout: &'a SlideLayout,
    pub family: Family,
    /// The body's position.
    pub body: usize,
    /// In the order of depth, element and kind.
    pub items: Vec<Item>,
}

/// What holds for an element of the body.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    opacity: f64,
    /// What the elements around it let through.
    clip: Rect,
    /// Whether it is seen or something in it is.
    holds: bool,
}

impl<'a> Items<'a> {
    pub(crate) fn new(layout: &'a SlideLayout) -> Self {
        let family = Family::new(&layout.elements);
        let body = layout.elements.iter().position(|e| e.tag == "body").unwrap_or(usize::MAX);
        let mut all = Self { layout, family, body, items: Vec::new() };
        let places = all.places();
        for (i, place) in places.iter().enumerate() {
            if let Some(place) = place.filter(|place| is_seen(&layout.elements[i], place)) {
                all.add(i, &place);
            }
        }
        all.items.sort_by_key(|item| (item.depth, item.element, item.kind));
        all
    }

    /// The elements of the body, without what is inside media.
    fn places(&self) -> Vec<Option<Place>> {
        let elements = &self.layout.elements;
        let mut places: Vec<Option<Place>> = vec![None; elements.len()];
        for (i, element) in elements.iter().enumerate() {
            let around = match self.family.parents[i] {
                _ if i == self.body => {
                    Some(Place { depth: 0, opacity: 1.0, clip: everywhere(), holds: false })
                }
                Some(parent) if !is_media(&elements[parent]) => places[parent].map(|place| Place {
                    depth: place.depth + 1,
                    clip: self.cut(place.clip, parent),
                    ..place
                }),
                _ => None,
            };
            places[i] = around.map(|place| Place { opacity: place.opacity * element.opacity, ..place });
        }
        for (i, element) in elements.iter().enumerate().rev() {
            let Some(place) = &mut places[i] else { continue };
            let shows = !texts(element).is_empty() || is_media(element) && element.rect.area() >= LEAST;
            place.holds |= shows && is_seen(element, place);
            if let (true, Some(parent)) = (place.holds, self.family.parents[i])
                && let Some(parent) = &mut places[parent]
            {
                parent.holds = true;
            }
        }
        places
    }

    /// What is left of a box when an element cuts its content.
    fn cut(&self, from: Rect, by: usize) -> Rect {
        let (element, mut left) = (&self.layout.elements[by], from);
        let [across, down] = if by == self.body { [false; 2] } else { element.clips };
        if across {
            (left.x, left.w) = shared([from.x, from.w], [element.rect.x, element.rect.w]);
        }
        if down {
            (left.y, left.h) = shared([from.y, from.h], [element.rect.y, element.rect.h]);
        }
        left
    }

    /// Adds the items of an element.
    fn add(&mut self, i: usize, place: &Place) {
        let element = &self.layout.elements[i];
        let rect = element.rect;
        let ground = GROUND * (self.layout.width * self.layout.height);
        let small = rect.area() >= LEAST && rect.area() < ground && i != self.body;
        let media = is_media(element);
        let mut made = Vec::new();
        let mut make = |kind: ItemKind, boxes: Vec<Rect>, clip: Rect| {
            let area = boxes.iter().map(|r| r.area()).sum();
            let open = clip.w > 0.0 && clip.h > 0.0;
            let seen: Vec<Rect> = boxes.iter().filter_map(|r| r.meet(clip).filter(|_| open)).collect();
            let (seen_area, depth) = (seen.iter().map(|r| r.area()).sum(), place.depth);
            if area >= LEAST {
                made.push(Item { kind, element: i, depth, boxes, area, seen, seen_area, clip });
            }
        };
        if small && !media && is_painted(element) && place.holds {
            make(ItemKind::Panel, vec![rect], place.clip);
        }
        if small && media {
            make(ItemKind::Media, vec![rect], place.clip);
        }
        if !texts(element).is_empty() {
            make(ItemKind::Text, glyphs(element), self.cut(place.clip, i));
        }
        self.items.extend(made);
    }
}

/// What the eye finds on a slide: texts, media, and painted boxes that hold nothing, such as the
/// bars of a drawing, unless they are its ground.
pub(crate) fn marks(all: &Items) -> Vec<Rect> {
    let layout = all.layout;
    let items = all.items.iter().filter(|item| item.kind != ItemKind::Panel);
    let mut marks: Vec<Rect> = items.flat_map(|item| &item.seen).copied().collect();
    let ground = GROUND * (layout.width * layout.height);
    for (place, element) in all.places().iter().zip(&layout.elements) {
        let Some(place) = place.filter(|place| !place.holds && is_seen(element, place)) else { continue };
        if is_painted(element) && !is_media(element) && element.rect.area() < ground {
            marks.extend(element.rect.meet(place.clip));
        }
    }
    marks
}

fn everywhere() -> Rect {
    Rect::new(-FAR, -FAR, 2.0 * FAR, 2.0 * FAR)
}

/// The common part of two stretches, each a start and a length; its length is negative where there
/// is none.
fn shared(a: [f64; 2], b: [f64; 2]) -> (f64, f64) {
    let from = a[0].max(b[0]);
    (from, (a[0] + a[1]).min(b[0] + b[1]) - from)
}

fn is_media(element: &SlideElement) -> bool {
    MEDIA.contains(&element.tag.as_str())
}

fn is_seen(element: &SlideElement, place: &Place) -> bool {
    element.visibility == Visibility::Visible && place.opacity >= FAINT
}

fn is_painted(element: &SlideElement) -> bool {
    element.background >= FAINT || element.background_image || element.border
}

/// The boxes of an element's own lines; none inside media.
fn texts(element: &SlideElement) -> &[Rect] {
    if is_media(element) { &[] } else { &element.text_rects }
}

/// The boxes of an element's own text: a glyph of an icon font fills its element, other lines are
/// reduced to the height of the font.
fn glyphs(element: &SlideElement) -> Vec<Rect> {
    if is_icon(element) {
        return vec![element.rect];
    }
    let font = element.font_px;
    let line = |r: &Rect| {
        let h = if font > 0.0 { r.h.min(font) } else { r.h };
        Rect { y: r.y + (r.h - h) / 2.0, h, ..*r }
    };
    element.text_rects.iter().map(line).collect()
}

fn is_icon(element: &SlideElement) -> bool {
    let italic = element.tag == "i";
    let classes = element.classes.to_lowercase();
    let named = classes.contains("icon") || classes.contains("symbols") || element.icon_font;
    (italic || element.tag == "span") && (named || italic && element.text_len <= ICON_TEXT)
}
