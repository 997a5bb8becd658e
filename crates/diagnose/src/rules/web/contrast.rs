//! The contrast of the texts of a page with the pixels behind them.

use super::visible::{VisiblePage, VisibleText};
use crate::color::contrast;
use crate::contrast::{Contrast, LARGE};
use crate::scene::{distance, over};
use std::collections::BTreeMap;

/// Font size in pixels from which bold text is large: 14 points of 1/72 inch at 96 dpi.
const LARGE_BOLD: f32 = 18.66;
/// Ratio up to which a text is invisible.
const INVISIBLE: f32 = 1.08;
/// Percentage of the background's pixels that must have one colour for a plain background; the
/// others are the soft edges of letters.
const PLAIN: usize = 20;
/// Lines of a text that are read at most.
const LINES: usize = 8;

/// The contrast of a text. `None` if the text has no colour of its own, is too small, is disabled
/// or a watermark, has no words, or lies under something.
pub(super) fn of<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<Contrast<'a>> {
    let element = text.element;
    let color = element.color.filter(|c| c[3] > 0)?;
    if text.facts.disabled || !text.has_words() || text.is_watermark() {
        return None;
    }
    let pixels = pixels(page, text);
    let ground = behind(&pixels, color)?;
    let bold = text.facts.bold && text.font() >= LARGE_BOLD;
    let found = Contrast::new(element, color, ground, text.font() >= LARGE || bold);
    // Letters that are painted with a gradient, or blended, do not have the colour of their style.
    let drawn = pixels.iter().filter(|c| distance(**c, found.ink) <= 64).count() * 100 > pixels.len();
    (drawn || found.ratio <= 1.5 && !text.facts.painted).then_some(found)
}

/// The colour behind a text. `None` if the text has no colour of its own, or lies under something.
pub(super) fn ground<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<[u8; 3]> {
    behind(&pixels(page, text), text.element.color.filter(|c| c[3] > 0)?)
}

/// The pixels of the lines that nothing covers.
fn pixels<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Vec<[u8; 3]> {
    let covers = page.over(text);
    let mut pixels: Vec<[u8; 3]> = Vec::new();
    for line in text.shown().filter(|l| l.shown.width() >= 3.0 && l.shown.height() >= 3.0).take(LINES) {
        if !covers.iter().any(|c| !c.region.intersect(line.shown).is_empty()) {
            pixels.extend(page.scene.pixels(line.shown).map(|(_, c)| c));
        }
    }
    pixels
}

/// Whether the text has nearly the colour of its background.
pub(super) fn is_invisible(contrast: &Contrast) -> bool {
    contrast.ratio <= INVISIBLE
}

/// The colour behind a text: the most frequent one of the pixels that do not have the text's own
/// colour. On a picture or a gradient, where none is frequent, it is the median by contrast. Where
/// more than 70 % of the pixels have the text's colour, it is that colour.
fn behind(pixels: &[[u8; 3]], color: [u8; 4]) -> Option<[u8; 3]> {
    let own = |c: [u8; 3]| distance(c, over(color, c)) <= 2;
    let mut grounds: Vec<[u8; 3]> = pixels.iter().filter(|c| !own(**c)).copied().collect();
    let alike = pixels.len() - grounds.len();
    if alike * 10 > pixels.len() * 7 {
        return pixels.iter().find(|c| own(**c)).copied();
    }
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    grounds.iter().for_each(|c| *counts.entry(*c).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, n)| *n)?;
    if most.1 * 100 > grounds.len() * PLAIN {
        return Some(most.0);
    }
    let ratio = |c: [u8; 3]| contrast(over(color, c), c);
    grounds.sort_unstable_by(|&a, &b| ratio(a).total_cmp(&ratio(b)).then(a.cmp(&b)));
    grounds.get(grounds.len() / 2).copied()
}
