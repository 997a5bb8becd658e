//! The colours that a text of a page is seen in: its own, and the real one behind it.

use crate::color::contrast;
use crate::page::{Page, PageText};
use crate::scene::{distance, hex, over};
use std::collections::BTreeMap;
use vsdpo_artifact::Element;

/// Least ratio for text, and for large text (WCAG 2).
const LEAST: (f32, f32) = (4.5, 3.0);
/// Pixels from which text is large, and bold text: 18 and 14 points of 1/72 inch at 96 dpi.
const LARGE: (f32, f32) = (24.0, 18.66);
/// Ratio up to which a text cannot be seen at all.
const UNSEEN: f32 = 1.08;
/// Hundredths of the pixels that have one colour where a ground is plain; the soft edges of letters
/// take the others.
const PLAIN: usize = 20;
/// Lines of a text that are looked at.
const LINES: usize = 8;

/// A text with its colours.
pub(crate) struct Seen<'a> {
    pub(crate) element: &'a Element,
    pub(crate) ink: [u8; 3],
    pub(crate) ground: [u8; 3],
    pub(crate) ratio: f32,
    large: bool,
}

impl<'a> Seen<'a> {
    /// `None` if the text has no colour of its own, is too small to be looked at, is off on
    /// purpose, only decorates, or lies under something.
    pub(crate) fn of(page: &Page<'a>, text: &PageText<'a>) -> Option<Self> {
        let element = text.element;
        let color = element.color.filter(|c| c[3] > 0)?;
        if text.facts.disabled || !text.has_words() || text.is_watermark() {
            return None;
        }
        let covers = page.over(text);
        let mut pixels: Vec<[u8; 3]> = Vec::new();
        for line in text.shown().filter(|l| l.shown.width() >= 3.0 && l.shown.height() >= 3.0).take(LINES) {
            if !covers.iter().any(|c| !c.region.intersect(line.shown).is_empty()) {
                pixels.extend(page.scene.pixels(line.shown).map(|(_, c)| c));
            }
        }
        let (ratio, ground) = behind(&pixels, color)?;
        let ink = over(color, ground);
        // Letters that were painted otherwise (with a gradient, or blended) have another colour
        // than they say.
        let drawn = pixels.iter().filter(|c| distance(**c, ink) <= 64).count() * 100 > pixels.len();
        let bold = text.facts.bold && text.font() >= LARGE.1;
        let large = text.font() >= LARGE.0 || bold;
        (drawn || ratio <= 1.5 && !text.facts.painted).then_some(Seen { element, ink, ground, ratio, large })
    }

    fn least(&self) -> f32 {
        if self.large { LEAST.1 } else { LEAST.0 }
    }

    pub(crate) fn fails(&self) -> bool {
        self.ratio < self.least()
    }

    /// Whether nobody can see it.
    pub(crate) fn is_unseen(&self) -> bool {
        self.ratio <= UNSEEN
    }

    /// How many times better than needed.
    pub(crate) fn margin(&self) -> f32 {
        self.ratio / self.least()
    }

    /// As in `#eeeeee on #ffffff 1.2`; rounded down, so that 4.5 means enough.
    pub(crate) fn colours(&self) -> String {
        format!("{} on {} {:.1}", hex(self.ink), hex(self.ground), (self.ratio * 10.0 + 1e-3).floor() / 10.0)
    }
}

/// Contrast with what is behind a text, and its colour: the most frequent of the pixels that are
/// not of the text's own colour; on a picture or a gradient, which has none, the middle one by
/// contrast, so that half of it is worse. Where nearly all pixels are of the text's colour it is
/// lost on it.
fn behind(pixels: &[[u8; 3]], color: [u8; 4]) -> Option<(f32, [u8; 3])> {
    let own = |c: [u8; 3]| distance(c, over(color, c)) <= 2;
    let seen = |c: [u8; 3]| (contrast(over(color, c), c), c);
    let mut grounds: Vec<(f32, [u8; 3])> = pixels.iter().filter(|c| !own(**c)).map(|&c| seen(c)).collect();
    let alike = pixels.len() - grounds.len();
    if alike * 10 > pixels.len() * 7 {
        return pixels.iter().find(|c| own(**c)).map(|&c| seen(c));
    }
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    grounds.iter().for_each(|(_, c)| *counts.entry(*c).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, n)| *n)?;
    if most.1 * 100 > grounds.len() * PLAIN {
        return Some(seen(most.0));
    }
    grounds.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    grounds.get(grounds.len() / 2).copied()
}
