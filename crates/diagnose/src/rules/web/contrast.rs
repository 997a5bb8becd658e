//! The contrast of the texts of a page with the pixels behind them.

use super::visible::{VisiblePage, VisibleText, pieces};
use crate::color::contrast;
use crate::contrast::{Contrast, LARGE};
use crate::scene::{distance, over};
use std::collections::{BTreeMap, BTreeSet};
use vsdpo_artifact::{Element, ElementKind, Region};

/// Font size in pixels from which bold text is large: 14 points of 1/72 inch at 96 dpi.
const LARGE_BOLD: f32 = 18.66;
/// Ratio up to which a text is invisible.
const INVISIBLE: f32 = 1.08;
/// Percentage of the background's pixels that must have one colour for a plain background; the
/// others are the soft edges of letters.
const PLAIN: usize = 20;
/// Lines of a text that are read at most.
const LINES: usize = 8;
/// Levels by which the channels of one background differ at most.
pub(super) const ONE_GROUND: u8 = 24;
/// Pixels clear of letters whose colours are taken for the ground's, not those of soft edges.
const CLEAR: usize = 6;
/// Alpha from which a box counts as opaque.
const OPAQUE: u8 = 250;

/// The contrast of a text, in its worst part. `None` if the text has no colour of its own, is too
/// small, is disabled or a watermark, has no words, or lies under something.
pub(super) fn of<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<Contrast<'a>> {
    let seen = Seen::of(page, text);
    let found = of_whole(page, text, &seen)?;
    if text.facts.shadow.is_some() || text.facts.filtered || text.facts.inked {
        return Some(found);
    }
    let color = seen.veiled(text.element.color?);
    Some(
        worst_part(page, text, &seen, (color, found.ink))
            .filter(|part| part.ratio < found.ratio)
            .unwrap_or(found),
    )
}

/// The contrast of a text with the ground that most of it stands on.
fn of_whole<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>, seen: &Seen) -> Option<Contrast<'a>> {
    // What a task asks for is to be read: a policy would learn to switch it off.
    let disabled = text.facts.disabled && !page.scene.is_rewarded();
    if disabled || !text.has_words() || text.is_watermark() && !text.facts.inked {
        return None;
    }
    let pixels = &seen.pixels;
    if text.facts.inked && text.element.color.is_none_or(|c| c[3] < OPAQUE) {
        return measured(text, pixels);
    }
    let color = seen.veiled(text.element.color.filter(|c| c[3] > 0)?);
    let ground = behind(seen, color)?;
    let ink = ink(page, text, color, ground);
    let found = Contrast::of_ink(text.element, ink, ground, is_large(text));
    // Letters that are painted with a gradient, or blended, do not have the colour of their style.
    let drawn = pixels.iter().filter(|c| distance(**c, found.ink) <= 64).count() * 100 > pixels.len();
    if !drawn && text.facts.filtered {
        return measured(text, pixels);
    }
    if !drawn && (found.ratio > 1.5 || text.facts.painted) {
        return None;
    }
    if text.facts.shadow.is_some() && found.fails() {
        return Some(outlined(text, pixels, found));
    }
    Some(found)
}

fn is_large(text: &VisibleText) -> bool {
    text.font() >= LARGE || text.facts.bold && text.font() >= LARGE_BOLD
}

/// The colour behind a text. `None` if the text has no colour of its own, or lies under something.
pub(super) fn ground<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Option<[u8; 3]> {
    behind(&Seen::of(page, text), text.element.color.filter(|c| c[3] > 0)?)
}

/// Whether the whole text has nearly the colour of its background.
pub(super) fn is_invisible<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> bool {
    of_whole(page, text, &Seen::of(page, text)).is_some_and(|found| found.ratio <= INVISIBLE)
}

/// The lines of a text that nothing hides.
struct Seen {
    lines: Vec<Region>,
    pixels: Vec<[u8; 3]>,
    /// The columns and rows of the pixels.
    places: Vec<[i32; 2]>,
    /// The translucent boxes that lie over all of it, from below.
    veils: Vec<[u8; 4]>,
}

impl Seen {
    fn of<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>) -> Self {
        let mut covers = page.over(text);
        covers.extend(page.pictures_over(text));
        covers.sort_by_key(|c| (c.order, c.id));
        let lines: Vec<Region> = text
            .shown()
            .filter(|l| l.shown.width() >= 3.0 && l.shown.height() >= 3.0)
            .take(LINES)
            .map(|line| line.shown)
            .collect();
        let mut veils = Vec::new();
        covers.retain(|c| {
            let veil = veil(c).filter(|_| lines.iter().all(|line| c.region.contains(*line)));
            veils.extend(veil);
            veil.is_none()
        });
        let hidden = |line: &Region| covers.iter().any(|c| !c.region.intersect(*line).is_empty());
        let lines: Vec<Region> = lines.into_iter().filter(|line| !hidden(line)).collect();
        let (places, pixels) = placed(lines.iter().flat_map(|line| page.scene.pixels(*line)));
        Seen { lines, pixels, places, veils }
    }

    /// A colour below the veils as it is seen through them.
    fn veiled(&self, [r, g, b, alpha]: [u8; 4]) -> [u8; 4] {
        let [r, g, b] = self.veils.iter().fold([r, g, b], |below, veil| over(*veil, below));
        [r, g, b, alpha]
    }
}

/// The colour of a box that a reader looks through.
fn veil(cover: &Element) -> Option<[u8; 4]> {
    let facts = cover.html.as_ref().filter(|f| !f.painted && cover.kind != ElementKind::Image)?;
    facts.ground.filter(|ground| ground[3] < OPAQUE)
}

/// The colour of letters on the ground that is seen behind them. Where letters and ground are made
/// transparent together, the ground shows what is behind it to the same part.
fn ink<'a>(page: &VisiblePage<'a>, text: &VisibleText<'a>, color: [u8; 4], ground: [u8; 3]) -> [u8; 3] {
    let own = page.around(text.element).filter_map(|e| e.html.as_ref()?.ground).next();
    match own.filter(|own| color[3] < OPAQUE && own[3].abs_diff(color[3]) <= 1) {
        Some(own) => std::array::from_fn(|i| {
            let less = f32::from(color[i]) - f32::from(own[i]);
            (f32::from(ground[i]) + less * f32::from(color[3]) / 255.0).round().clamp(0.0, 255.0) as u8
        }),
        None => over(color, ground),
    }
}

/// The contrast of letters whose colour is known from the picture alone: of the few pixels that
/// differ most from the ground. Thin letters never reach their full colour, so that only a clear
/// miss counts.
fn measured<'a>(text: &VisibleText<'a>, pixels: &[[u8; 3]]) -> Option<Contrast<'a>> {
    const CLEAR: f32 = 0.8;
    let ground = most_frequent(pixels.iter().copied())?.0;
    let ink = ranked(pixels, ground, 98)?;
    let found = Contrast::of_ink(text.element, ink, ground, is_large(text));
    (found.margin() < CLEAR || !found.fails()).then_some(found)
}

/// The contrast of letters with an outline or a shadow: with the pixels next to them, where these
/// differ more from the letters than the ground does.
fn outlined<'a>(text: &VisibleText<'a>, pixels: &[[u8; 3]], found: Contrast<'a>) -> Contrast<'a> {
    let beside = ranked(pixels, found.ink, 88).unwrap_or(found.ground);
    let outline = Contrast::of_ink(text.element, found.ink, beside, is_large(text));
    if outline.ratio > found.ratio { outline } else { found }
}

/// Of the pixels by rising contrast with `against` the one at this percentage.
fn ranked(pixels: &[[u8; 3]], against: [u8; 3], percent: usize) -> Option<[u8; 3]> {
    let mut ranked = pixels.to_vec();
    ranked.sort_unstable_by(|&a, &b| contrast(a, against).total_cmp(&contrast(b, against)).then(a.cmp(&b)));
    ranked.get(ranked.len() * percent / 100).copied()
}

/// The contrast in the worst part of a text whose ground changes from place to place: a gradient,
/// or two boxes. `None` where it is one ground, or where few of its letters miss the ratio.
fn worst_part<'a>(
    page: &VisiblePage<'a>,
    text: &VisibleText<'a>,
    seen: &Seen,
    (color, ink): ([u8; 4], [u8; 3]),
) -> Option<Contrast<'a>> {
    let large = is_large(text);
    let mut parts: Vec<Contrast> = Vec::new();
    // What sticks out of its box, and what other letters lie over, are findings of other rules.
    let frame = page.frame(text.element).and_then(|frame| frame.layout);
    let inside = |piece: &Region| frame.is_none_or(|frame| frame.grow(1.0).contains(*piece));
    for piece in seen.lines.iter().flat_map(|line| pieces(*line)).filter(inside) {
        let (places, pixels) = placed(page.scene.pixels(piece));
        if let Some(ground) = behind_part(&pixels, &places, (color, ink)) {
            parts.push(Contrast::new(text.element, color, ground, large));
        }
    }
    let first = parts.first()?.ground;
    if parts.iter().all(|part| distance(part.ground, first) <= ONE_GROUND) {
        return None;
    }
    if page.texts.iter().any(|other| crosses(other, text, &seen.lines)) {
        return None;
    }
    let all = parts.len();
    let failing: Vec<Contrast> = parts.into_iter().filter(|part| part.margin() < 0.9).collect();
    if failing.len() < 2 || failing.len() * 7 < all {
        return None;
    }
    failing.into_iter().min_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

/// Whether the lines of another text share pixels with these.
fn crosses(other: &VisibleText, text: &VisibleText, lines: &[Region]) -> bool {
    let meets = |line: &Region| other.shown().any(|l| !l.shown.intersect(*line).is_empty());
    other.element.id != text.element.id && lines.iter().any(meets)
}

/// The colour behind a few letters. `None` where they fill most of the room, or where the ground
/// is a picture.
fn behind_part(pixels: &[[u8; 3]], places: &[[i32; 2]], (color, ink): ([u8; 4], [u8; 3])) -> Option<[u8; 3]> {
    // The ground shines through translucent letters and changes their colour a little.
    let near = if color[3] < OPAQUE { ONE_GROUND } else { 2 };
    let own = |c: &[u8; 3]| distance(*c, ink) <= near;
    let alike = pixels.iter().filter(|c| own(c)).count();
    if alike * 100 >= pixels.len() * 97 {
        return pixels.first().copied();
    }
    if alike * 10 > pixels.len() * 7 {
        return None;
    }
    let clear = clear_of(pixels, places, (ink, ONE_GROUND));
    let ground = match clear.len() >= CLEAR {
        true => most_frequent(clear.into_iter()),
        false => most_frequent(pixels.iter().filter(|c| !own(c)).copied()),
    };
    let ground = ground?.0;
    let near = pixels.iter().filter(|c| distance(**c, ground) <= ONE_GROUND).count();
    (near * 3 > pixels.len()).then_some(ground)
}

/// The most frequent colour, and how often it occurs.
fn most_frequent(pixels: impl Iterator<Item = [u8; 3]>) -> Option<([u8; 3], usize)> {
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    pixels.for_each(|c| *counts.entry(c).or_default() += 1);
    counts.into_iter().max_by_key(|(_, n)| *n)
}

/// The colour behind a text: the most frequent one of the pixels that do not have the text's own
/// colour. On a picture or a gradient, where none is frequent, it is the median by contrast of what
/// is clear of letters. Where more than 70 % of the pixels have the text's colour, it is that one.
fn behind(seen: &Seen, color: [u8; 4]) -> Option<[u8; 3]> {
    let pixels = &seen.pixels;
    let own = |c: [u8; 3]| distance(c, over(color, c)) <= 2;
    let grounds: Vec<[u8; 3]> = pixels.iter().filter(|c| !own(**c)).copied().collect();
    let alike = pixels.len() - grounds.len();
    if alike * 10 > pixels.len() * 7 {
        return pixels.iter().find(|c| own(**c)).copied();
    }
    let most = most_frequent(grounds.iter().copied())?;
    if most.1 * 100 > grounds.len() * PLAIN {
        return Some(most.0);
    }
    let ratio = |c: [u8; 3]| contrast(over(color, c), c);
    let by_ratio = |mut grounds: Vec<[u8; 3]>, percent: usize| {
        grounds.sort_unstable_by(|&a, &b| ratio(a).total_cmp(&ratio(b)).then(a.cmp(&b)));
        grounds.get(grounds.len() * percent / 100).copied()
    };
    let ink = over(color, by_ratio(grounds.clone(), 75)?);
    let near = if color[3] < OPAQUE { ONE_GROUND } else { 2 };
    let clear = clear_of(pixels, &seen.places, (ink, near));
    by_ratio(if clear.len() < CLEAR { grounds } else { clear }, 50)
}

/// The columns and rows of pixels, and their colours.
fn placed(pixels: impl Iterator<Item = ([f32; 2], [u8; 3])>) -> (Vec<[i32; 2]>, Vec<[u8; 3]>) {
    pixels.map(|(at, c)| (at.map(|v| v as i32), c)).unzip()
}

/// The pixels that neither have nearly the colour `ink` nor lie beside one that has it: the soft
/// edges of letters are no ground.
fn clear_of(pixels: &[[u8; 3]], places: &[[i32; 2]], (ink, near): ([u8; 3], u8)) -> Vec<[u8; 3]> {
    let pixels = || pixels.iter().zip(places);
    let inked: BTreeSet<[i32; 2]> =
        pixels().filter(|(c, _)| distance(**c, ink) <= near).map(|(_, at)| *at).collect();
    let beside =
        |[x, y]: [i32; 2]| (x - 1..=x + 1).any(|x| inked.range([x, y - 1]..=[x, y + 1]).next().is_some());
    pixels().filter(|(_, at)| !beside(**at)).map(|(c, _)| *c).collect()
}
