//! The visible part of a page: texts line by line with what is visible of each line, and the
//! elements that cover them.

use crate::scene::{Scene, content};
use vsdpo_artifact::{Element, ElementKind, HtmlFacts, Region};

/// Texts, and boxes, of a page that are read at most; further ones are ignored.
const MOST: usize = 1500;
/// Ancestors of an element that are visited at most.
const DEPTH: usize = 64;
/// Alpha from which a background counts as opaque.
const OPAQUE: u8 = 250;
/// Share of a line's height above the letters, and below the baseline, that holds no ink.
const SLACK: f32 = 0.15;
/// Share of a side of the page from which a box at the edge counts as a bar or a side column.
const STRUCTURE: f32 = 0.5;

/// Area in square pixels up to which a box with words counts as a tip or a badge.
const TIP: f32 = 12_000.0;

/// The visible texts and boxes of a page.
pub(crate) struct VisiblePage<'a> {
    pub(crate) scene: &'a Scene<'a>,
    /// Texts in order of the source, controls with a text included.
    pub(crate) texts: Vec<VisibleText<'a>>,
    /// Pictures, and boxes with a ground of their own.
    grounds: Vec<&'a Element>,
}

/// An element with a text of its own.
pub(crate) struct VisibleText<'a> {
    pub(crate) element: &'a Element,
    pub(crate) facts: &'a HtmlFacts,
    pub(crate) lines: Vec<Line>,
}

/// A line of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Its letters before clipping: from about the height of capitals down to the baseline.
    pub(crate) core: Region,
    /// Its box before clipping.
    pub(crate) whole: Region,
    /// The letters after clipping.
    pub(crate) shown: Region,
}

impl<'a> VisiblePage<'a> {
    pub(crate) fn of(scene: &'a Scene<'a>) -> Self {
        let texts = scene.elements.iter().filter_map(|e| VisibleText::of(scene, e)).take(MOST).collect();
        let solid = |e: &&Element| {
            let ground = e.html.as_ref().is_some_and(|f| f.painted || f.ground.is_some());
            !e.region.is_empty() && (ground || e.kind == ElementKind::Image) && e.kind != ElementKind::Page
        };
        VisiblePage { scene, texts, grounds: scene.elements.iter().filter(solid).take(MOST).collect() }
    }

    /// The window; the whole picture where that is not known.
    pub(crate) fn window(&self) -> Region {
        let page = self.scene.of_kind(ElementKind::Page).find_map(|e| e.layout);
        page.map_or(self.scene.bounds(), |r| r.intersect(self.scene.bounds()))
    }

    /// The element around this one.
    pub(crate) fn parent(&self, e: &Element) -> Option<&'a Element> {
        e.parent.filter(|&id| id != e.id).and_then(|id| self.scene.by_id(id))
    }

    /// The element itself and those around it, from the inside out.
    pub(crate) fn around(&self, e: &'a Element) -> impl Iterator<Item = &'a Element> {
        std::iter::successors(Some(e), |e| self.parent(e)).take(DEPTH)
    }

    pub(crate) fn is_inside(&self, e: &'a Element, around: &Element) -> bool {
        self.around(e).any(|a| a.id == around.id)
    }

    /// The nearest element, itself included, that is taken out of the flow.
    pub(crate) fn placed(&self, e: &'a Element) -> Option<&'a Element> {
        self.around(e).find(|a| is_placed(a))
    }

    /// The box with visible edges around a text, unless the text is positioned out of the flow of
    /// that box. The page's own background has no edges.
    pub(crate) fn frame(&self, text: &'a Element) -> Option<&'a Element> {
        for e in self.around(text) {
            let facts = e.html.as_ref()?;
            if matches!(facts.tag.as_str(), "html" | "body") {
                return None;
            }
            if facts.framed && facts.display != "inline" {
                return Some(e);
            }
            if is_placed(e) {
                return None;
            }
        }
        None
    }

    /// The boxes and pictures that are drawn over a text, or over a part of it; not its ancestors
    /// and descendants.
    pub(crate) fn over(&self, text: &VisibleText<'a>) -> Vec<&'a Element> {
        let e = text.element;
        let hull = text.shown().map(|line| line.shown).reduce(Region::hull).unwrap_or_default();
        let hides = |c: &&&Element| {
            let later = match c.kind == ElementKind::Image {
                true => (c.order, c.id) > (e.order, e.id),
                // Of what is painted together, grounds come before texts.
                false => c.order > e.order,
            };
            later && !hull.intersect(c.region).is_empty() && !self.is_inside(e, c) && !self.is_inside(c, e)
        };
        self.grounds.iter().filter(hides).copied().collect()
    }

    /// The pictures inside a text's own element that are drawn over it: initials stand where a
    /// portrait may be missing.
    pub(crate) fn pictures_over(&self, text: &VisibleText<'a>) -> Vec<&'a Element> {
        let e = text.element;
        let pictures = self.grounds.iter().filter(|c| c.kind == ElementKind::Image && c.order > e.order);
        pictures.filter(|c| c.id != e.id && self.is_inside(c, e)).copied().collect()
    }

    /// Whether a box lies over a text on purpose: a menu, a dialogue or a tip has words of its own,
    /// is taken out of the flow, is meant to lie over others, and is not the page's frame (a bar at
    /// the top, a column at the side). Boxes of equal size that are stacked, as slides, count too.
    fn is_popup(&self, cover: &'a Element, text: &'a Element) -> bool {
        let apart = || self.around(cover).take_while(|a| !self.is_inside(text, a));
        let Some(top) = apart().filter(|a| is_placed(a)).last() else {
            return false;
        };
        let stacked =
            |a: &Element| a.parent == top.parent && a.id != top.id && a.region.iou(top.region) > 0.9;
        if self.around(text).any(stacked) {
            return true;
        }
        let (all, r) = (self.scene.bounds(), top.region);
        let (wide, tall) = (r.width() > STRUCTURE * all.width(), r.height() > STRUCTURE * all.height());
        let side = tall && !wide && (r.x0 <= 1.0 || r.x1 >= all.x1 - 1.0);
        let bar = wide && !tall && r.y0 <= 1.0;
        let raised =
            |e: &Element| e.html.as_ref().is_some_and(|f| f.raised || f.position.as_deref() == Some("fixed"));
        let meant = r.width() * r.height() < TIP || apart().any(raised) || self.hangs(top);
        self.is_worded(top) && meant && !side && !bar
    }

    /// Whether there are words in a box.
    pub(crate) fn is_worded(&self, e: &Element) -> bool {
        self.texts.iter().any(|t| self.is_inside(t.element, e))
    }

    /// Whether a box hangs from a smaller one, as a menu from its entry.
    fn hangs(&self, e: &Element) -> bool {
        self.parent(e).is_some_and(|from| {
            let root = from.html.as_ref().is_some_and(|f| matches!(f.tag.as_str(), "html" | "body"));
            !root && !from.region.is_empty() && e.region.ioa(from.region) < 0.5
        })
    }

    /// Whether the letters are visible through a cover that is not opaque: a translucent box, a
    /// drawing or a gradient.
    fn shines_through(&self, cover: &Element, text: &VisibleText, part: Region) -> bool {
        let drawing = cover.kind == ElementKind::Image || cover.html.as_ref().is_some_and(|f| f.painted);
        !is_opaque(cover) && (!drawing || self.scene.shows_color(part, text.element.color))
    }

    /// How much of the visible part of a text is covered by mistake, as a share from 0 to 1 and in
    /// pixels of its length, and the element that covers most.
    pub(crate) fn hidden(&self, text: &VisibleText<'a>) -> Option<Hidden<'a>> {
        let mut covers: Vec<(f32, &Element)> = self
            .over(text)
            .into_iter()
            .filter(|c| !self.is_popup(c, text.element))
            .map(|c| (0.0, c))
            .collect();
        let (mut all, mut sum) = (0.0, 0.0);
        for piece in text.shown().flat_map(|line| pieces(line.shown)) {
            all += piece.width();
            let hides = |c: &Element| piece.ioa(c.region) > 0.5 && !self.shines_through(c, text, piece);
            if let Some((length, _)) = covers.iter_mut().find(|(_, c)| hides(c)) {
                *length += piece.width();
                sum += piece.width();
            }
        }
        let (length, by) = covers.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        (length > 0.0).then_some(Hidden { share: sum / all.max(1.0), length: sum, by })
    }
}

/// The hidden part of a text.
pub(crate) struct Hidden<'a> {
    pub(crate) share: f32,
    pub(crate) length: f32,
    pub(crate) by: &'a Element,
}

impl<'a> VisibleText<'a> {
    /// `None` for an element without a text or without a place on the page.
    fn of(scene: &Scene, element: &'a Element) -> Option<Self> {
        let facts = element.html.as_ref()?;
        if content(element).trim().is_empty() || element.kind == ElementKind::Page {
            return None;
        }
        let cuts = [facts.clip, facts.scroll, Some(scene.bounds())];
        let line = |whole: &Region| {
            let slack = SLACK * whole.height();
            let core = Region { y0: whole.y0 + slack, y1: whole.y1 - slack, ..*whole };
            let shown = cuts.iter().flatten().fold(core, |shown, cut| shown.intersect(*cut));
            Line { whole: *whole, core, shown }
        };
        let lines: Vec<Line> = facts.lines.iter().filter(|l| !l.is_empty()).map(line).collect();
        (!lines.is_empty()).then_some(VisibleText { element, facts, lines })
    }

    /// The lines that are at least partly visible.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.shown.width() >= 1.0 && line.shown.height() >= 1.0)
    }

    /// Whether some of it is visible, apart from covers.
    pub(crate) fn is_shown(&self) -> bool {
        self.shown().next().is_some()
    }

    /// Whether it has a letter or a digit, and not only decorative signs.
    pub(crate) fn has_words(&self) -> bool {
        content(self.element).chars().any(char::is_alphanumeric)
    }

    /// Font size in pixels; estimated from the height of its lines where it is not known.
    pub(crate) fn font(&self) -> f32 {
        let height = self.lines.first().map_or(0.0, |line| line.whole.height());
        self.element.font_px.filter(|size| size.is_finite() && *size > 0.0).unwrap_or(height / 1.15)
    }

    /// Whether it is large and so pale that it is decoration: a watermark, a huge number.
    pub(crate) fn is_watermark(&self) -> bool {
        const LARGE: f32 = 40.0;
        const PALE: u8 = 80;
        self.font() >= LARGE && self.element.color.is_some_and(|c| c[3] <= PALE)
    }
}

/// Whether an element is opaque.
pub(crate) fn is_opaque(e: &Element) -> bool {
    e.html.as_ref().is_some_and(|f| f.ground.is_some_and(|g| g[3] >= OPAQUE) || f.tag == "img")
}

/// Whether an element is taken out of the flow.
pub(crate) fn is_placed(e: &Element) -> bool {
    e.html.as_ref().and_then(|f| f.position.as_deref()).is_some_and(|p| matches!(p, "absolute" | "fixed"))
}

/// A line cut into pieces of about its height.
pub(crate) fn pieces(line: Region) -> impl Iterator<Item = Region> {
    const PIECES: f32 = 40.0;
    let count = (line.width() / line.height().max(1.0)).ceil().clamp(0.0, PIECES);
    let step = line.width() / count.max(1.0);
    (0..count as usize).map(move |i| {
        let x0 = line.x0 + i as f32 * step;
        Region { x0, x1: x0 + step, ..line }
    })
}
