//! Text blocks: which pixels belong to which text (docs/specs/design2code.md, 7 and 8).
//!
//! Every element's text has a colour of its own on the recoloured screenshots, and between the two
//! of them this colour changes by a known step: a pixel that changes by this step is text, and its
//! colour identifies the element.

use super::items::Item;
use std::collections::{BTreeMap, HashMap};
use vsdpo_artifact::{Image, TextBlock};

/// The step between the two recoloured screenshots, and how far a channel of a text pixel may be
/// from it.
const STEP: u8 = 50;
const STEP_TOLERANCE: u8 = 8;
/// How far a channel may be from the item's colour.
const COLOR_TOLERANCE: u8 = 4;

/// The screenshots of one page.
#[derive(Clone, Debug)]
pub struct Screenshots {
    /// Without recolouring.
    pub plain: Image,
    /// Recoloured with offset 0.
    pub recolored: Image,
    /// Recoloured with offset 50.
    pub shifted: Image,
}

/// Two blocks as one: the union of the boxes, the mean of the colours.
pub(crate) fn joined(one: &TextBlock, next: &TextBlock) -> TextBlock {
    let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (one.bbox, next.bbox);
    let (x, y) = (ax.min(bx), ay.min(by));
    let bbox = [x, y, (ax + aw).max(bx + bw) - x, (ay + ah).max(by + bh) - y];
    let mean = |i: usize| ((one.color[i] + next.color[i]) / 2.0).floor();
    TextBlock { text: format!("{} {}", one.text, next.text), bbox, color: std::array::from_fn(mean) }
}

/// The blocks of the items that have text pixels, in order. Empty if the recoloured screenshots
/// differ in size, or if text lies where the plain screenshot has no pixels.
pub fn blocks(items: &[Item], shots: &Screenshots) -> Vec<TextBlock> {
    let inks = inks(shots);
    let (w, h) = (f64::from(shots.recolored.width), f64::from(shots.recolored.height));
    let mut blocks = Vec::new();
    for item in items {
        let Some(ink) = rgb(&item.color).and_then(|color| ink_near(&inks, color)) else { continue };
        if ink.outside {
            return Vec::new();
        }
        let [left, top, right, bottom] = ink.bounds.map(f64::from);
        blocks.push(TextBlock {
            text: item.text.to_lowercase(),
            bbox: [left / w, top / h, (right - left + 1.0) / w, (bottom - top + 1.0) / h],
            color: ink.sum.map(|sum| (sum / ink.pixels) as f64),
        });
    }
    blocks
}

/// Merges blocks with exactly equal boxes into the first of them.
pub fn merged_by_box(blocks: Vec<TextBlock>) -> Vec<TextBlock> {
    let mut places: HashMap<[u64; 4], usize> = HashMap::new();
    let mut merged: Vec<TextBlock> = Vec::new();
    for block in blocks {
        let place = *places.entry(block.bbox.map(f64::to_bits)).or_insert(merged.len());
        let Some(first) = merged.get_mut(place) else {
            merged.push(block);
            continue;
        };
        first.text.push(' ');
        first.text.push_str(&block.text);
        first.color = std::array::from_fn(|i| (first.color[i] + block.color[i]) / 2.0);
    }
    merged
}

/// The first six hexadecimal digits.
fn rgb(color: &str) -> Option<[u8; 3]> {
    let digits =
        color.trim_start_matches('#').get(..6).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

/// Statistics of some text pixels.
#[derive(Clone, Copy)]
struct Ink {
    /// Left, top, right, bottom; all inclusive.
    bounds: [u32; 4],
    pixels: u64,
    /// Sums of the plain screenshot's channels.
    sum: [u64; 3],
    /// Whether the plain screenshot has no such pixel.
    outside: bool,
}

impl Ink {
    fn of_pixel(plain: &Image, x: u32, y: u32) -> Self {
        let outside = x >= plain.width || y >= plain.height;
        let [r, g, b, _] = if outside { [0; 4] } else { plain.pixel(x, y) };
        Self { bounds: [x, y, x, y], pixels: 1, sum: [r, g, b].map(u64::from), outside }
    }

    fn and(self, other: Self) -> Self {
        let ([l, t, r, b], [ol, ot, or, ob]) = (self.bounds, other.bounds);
        Self {
            bounds: [l.min(ol), t.min(ot), r.max(or), b.max(ob)],
            pixels: self.pixels + other.pixels,
            sum: std::array::from_fn(|i| self.sum[i] + other.sum[i]),
            outside: self.outside || other.outside,
        }
    }
}

/// All text pixels by their colour on the recoloured screenshot.
fn inks(shots: &Screenshots) -> BTreeMap<[u8; 3], Ink> {
    let (page, shifted) = (&shots.recolored, &shots.shifted);
    if (page.width, page.height) != (shifted.width, shifted.height) {
        return BTreeMap::new();
    }
    let moved = |from: u8, to: u8| from.wrapping_add(STEP).abs_diff(to) <= STEP_TOLERANCE;
    let mut inks: HashMap<[u8; 3], Ink> = HashMap::new();
    let pixels = page.rgba.as_chunks::<4>().0.iter().zip(shifted.rgba.as_chunks::<4>().0);
    for (i, (&[r, g, b, _], to)) in (0u32..).zip(pixels) {
        if moved(r, to[0]) && moved(g, to[1]) && moved(b, to[2]) {
            let ink = Ink::of_pixel(&shots.plain, i % page.width, i / page.width);
            inks.entry([r, g, b]).and_modify(|all| *all = all.and(ink)).or_insert(ink);
        }
    }
    inks.into_iter().collect()
}

/// The text pixels of about this colour. The tolerance wraps around at 8 bits, so that channels
/// near their ends match nothing.
fn ink_near(inks: &BTreeMap<[u8; 3], Ink>, color: [u8; 3]) -> Option<Ink> {
    let [r, g, b] = color.map(|c| c.wrapping_sub(COLOR_TOLERANCE)..=c.wrapping_add(COLOR_TOLERANCE));
    if b.is_empty() {
        return None;
    }
    let lines = r.flat_map(|r| g.clone().map(move |g| [r, g]));
    let near = lines.flat_map(|[r, g]| inks.range([r, g, *b.start()]..=[r, g, *b.end()]));
    near.map(|(_, ink)| *ink).reduce(Ink::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White paper with these pixels, which move by the step on the second screenshot.
    fn shots(size: (u32, u32), ink: &[(u32, u32, [u8; 3])]) -> Screenshots {
        let page = |step: u8| {
            let mut rgba = vec![255; (size.0 * size.1 * 4) as usize];
            for &(x, y, rgb) in ink {
                let at = ((y * size.0 + x) * 4) as usize;
                rgba[at..at + 3].copy_from_slice(&rgb.map(|c| c.wrapping_add(step)));
            }
            Image { width: size.0, height: size.1, rgba: rgba.into() }
        };
        Screenshots { plain: page(0), recolored: page(0), shifted: page(STEP) }
    }

    fn item(text: &str, color: &str) -> Item {
        Item { text: text.into(), color: color.into() }
    }

    #[test]
    fn a_pixel_may_belong_to_several_items_and_some_items_to_none() {
        let shots =
            shots((20, 10), &[(2, 3, [100, 100, 100]), (5, 7, [104, 96, 100]), (9, 9, [108, 100, 100])]);
        let items = [
            item("ΟΔΟΣ", "#646464"),
            item("b", "#686464"),
            item("c", "#6c6464ff"),
            item("wraps", "#020000"),
            item("short", "#64646"),
            item("no", "#gg0000"),
            item("far", "#FA6464"),
        ];
        let got = blocks(&items, &shots);
        let block = |text: &str, bbox, color| TextBlock { text: text.into(), bbox, color };
        assert_eq!(
            got,
            [
                block("οδος", [0.1, 0.3, 0.2, 0.5], [102.0, 98.0, 100.0]),
                block("b", [0.1, 0.3, 0.4, 0.7], [104.0, 98.0, 100.0]),
                block("c", [0.25, 0.7, 0.25, 0.3], [106.0, 98.0, 100.0]),
            ]
        );
    }

    #[test]
    fn channels_near_their_ends_match_nothing() {
        for (channel, found) in [(0, 0), (3, 0), (4, 1), (251, 1), (252, 0), (255, 0)] {
            let shots = shots((4, 4), &[(1, 1, [channel, 100, 100])]);
            assert_eq!(
                blocks(&[item("x", &format!("#{channel:02X}6464"))], &shots).len(),
                found,
                "{channel}"
            );
        }
    }

    #[test]
    fn screenshots_of_other_sizes_give_no_blocks() {
        let ink = [(1, 1, [100, 100, 100]), (2, 9, [50, 50, 50])];
        let (long, short) = (shots((4, 10), &ink), shots((4, 5), &[]));
        let items = [item("x", "#646464"), item("y", "#323232")];
        assert_eq!(blocks(&items, &long).len(), 2);
        assert_eq!(blocks(&items, &Screenshots { shifted: short.shifted, ..long.clone() }), []);
        // Text below the end of the plain screenshot takes all blocks away, if an item has it.
        let cut = Screenshots { plain: short.plain, ..long };
        assert_eq!(blocks(&items, &cut), []);
        assert_eq!(blocks(&items[..1], &cut).len(), 1);
    }

    #[test]
    fn equal_boxes_become_one_with_a_running_mean() {
        let block = |text: &str, x, red| TextBlock {
            text: text.into(),
            bbox: [x, 0.0, 0.1, 0.1],
            color: [red, 0.0, 0.0],
        };
        let got = merged_by_box(vec![
            block("a", 0.1, 1.0),
            block("b", 0.2, 9.0),
            block("c", 0.1, 2.0),
            block("d", 0.1, 4.0),
        ]);
        assert_eq!(got, [block("a c d", 0.1, 2.75), block("b", 0.2, 9.0)]);
        assert_eq!(joined(&got[0], &got[1]).color, [5.0, 0.0, 0.0]);
    }
}
