//! The layout of a mini page, and which layouts are good for a content: simple geometry of a small
//! window.

use super::content::Content;
use crate::mini::Side;
use crate::mini::colors::{made_readable, readable};
use crate::mini::font::width;
use rand::Rng;
use rand::seq::IteratorRandom;
use vsdpo_artifact::Region;

/// Width and height of the window, in pixels.
pub const WINDOW: (u32, u32) = (320, 240);

/// Position of the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

impl Corner {
    /// Every corner.
    pub const ALL: [Corner; 4] = [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight];

    /// The names of the CSS properties that position the note.
    pub fn name(self) -> (&'static str, &'static str) {
        [("top", "left"), ("top", "right"), ("bottom", "left"), ("bottom", "right")][self as usize]
    }
}

/// Vertical alignment of the cards in their row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Items {
    Start,
    Baseline,
}

impl Items {
    /// Every alignment.
    pub const ALL: [Items; 2] = [Items::Start, Items::Baseline];

    /// The value of `align-items` in CSS.
    pub fn name(self) -> &'static str {
        ["start", "baseline"][self as usize]
    }
}

/// Font sizes of the title, in pixels.
pub const TITLE_SIZES: [u32; 3] = [16, 24, 32];
/// Widths of a card's content, in pixels.
pub const CARD_WIDTHS: [u32; 3] = [58, 80, 132];
/// Letter spacing of a spaced title, in pixels.
pub const SPACING: u32 = 4;
/// Font sizes of the note, in pixels.
pub const NOTE_SIZES: [u32; 3] = [8, 11, 14];
/// The smallest font size that `web/tiny-text` accepts, in pixels.
pub const SMALLEST_TEXT: u32 = 9;
/// The smallest bold font size that counts as large text in WCAG 2, rounded up to pixels.
const LARGE_TEXT: u32 = 19;

/// One layout: the choices of a page. Numbers are indices into lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Index into the text colours.
    pub ink: usize,
    /// Index into the font sizes of the title.
    pub title_size: usize,
    /// Alignment of the cards.
    pub items: Items,
    /// Index into the widths of a card.
    pub card_width: usize,
    /// Position of the note.
    pub corner: Corner,
    /// Held back: index into the font sizes of the note.
    pub note_size: usize,
    /// Neutral: index into the background colours of the button.
    pub accent: usize,
}

/// Distance to the edges of the window.
const EDGE: f32 = 9.0;
/// Padding of cards, button and note.
const PADDING: f32 = 4.0;
/// Padding and border of a card.
const FRAME: f32 = PADDING + 1.0;
/// Font size of the button.
const BODY: u32 = 14;
/// Minimum distance in pixels of every good and every bad layout from the limit between them. The
/// widths of [`width`] and of the browser differ by less.
const MARGIN: f32 = 4.0;
/// Pixels of a label that the rules allow to be cut, in addition.
const CUT: f32 = 2.0;

impl Content {
    pub(super) fn suits(&self, layout: &Layout) -> bool {
        readable(layout.ink, self.card_ground())
            && self.size_fits(layout.title_size)
            && self.items_fit(layout.items)
            && self.width_fits(layout.card_width)
            && self.corner_fits(layout.corner, layout)
    }

    /// Whether every layout is good, or has a defect of at least [`MARGIN`] pixels.
    pub(super) fn unambiguous(&self) -> bool {
        let clear = |room: f32, harmless: f32| room >= MARGIN || room <= -(harmless + MARGIN);
        let note = |size: usize, note: usize| {
            // The rules allow paddings to overlap, but not texts.
            Corner::ALL.into_iter().all(|corner| clear(self.room_for_note(corner, size, note), 2.0 * PADDING))
        };
        // With a title of a bad size the layout is bad wherever the note is.
        let notes = |size: usize| !self.size_fits(size) || (0..NOTE_SIZES.len()).all(|n| note(size, n));
        (0..CARD_WIDTHS.len())
            .all(|w| clear(self.room_for_cards(w), 0.0) && clear(self.room_in_cards(w), CUT))
            && (0..TITLE_SIZES.len()).all(|size| clear(self.room_for_title(size), 0.0) && notes(size))
    }

    /// The nearest good layout. One exists: one of the bottom corners is free beside a narrow
    /// button, and one of the top corners beside a short title.
    pub(super) fn repaired(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        let mut good = layout.clone();
        good.ink = made_readable(good.ink, self.card_ground());
        if !self.size_fits(good.title_size) {
            let fitting = (0..TITLE_SIZES.len()).filter(|&size| self.size_fits(size));
            good.title_size = fitting.choose(rng).unwrap_or(good.title_size);
        }
        if !self.items_fit(good.items) {
            good.items = Items::Start;
        }
        if !self.width_fits(good.card_width) {
            let fitting = (0..CARD_WIDTHS.len()).filter(|&width| self.width_fits(width));
            good.card_width = fitting.choose(rng).unwrap_or(good.card_width);
        }
        if !self.corner_fits(good.corner, &good) {
            let free = Corner::ALL.into_iter().filter(|&corner| self.corner_fits(corner, &good));
            good.corner = free.choose(rng).unwrap_or(good.corner);
        }
        good
    }

    /// Whether the title is in the window and has enough contrast.
    fn size_fits(&self, size: usize) -> bool {
        let readable = !self.heading.soft || TITLE_SIZES[size] >= LARGE_TEXT;
        self.room_for_title(size) >= 0.0 && readable
    }

    /// Aligned baselines misalign the boxes of the cards if one card has a larger first line. With
    /// two cards it is undefined which one is misaligned, so that is no defect.
    fn items_fit(&self, items: Items) -> bool {
        items == Items::Start || self.large.is_none() || self.cards.len() < 3
    }

    fn width_fits(&self, width: usize) -> bool {
        self.room_for_cards(width) >= 0.0 && self.room_in_cards(width) >= 0.0
    }

    fn corner_fits(&self, corner: Corner, layout: &Layout) -> bool {
        self.room_for_note(corner, layout.title_size, layout.note_size) >= 0.0
    }

    /// Pixels between the title and the right edge of the window; negative if it overflows.
    fn room_for_title(&self, size: usize) -> f32 {
        WINDOW.0 as f32 - EDGE - self.title_width(size)
    }

    /// Pixels between the last card and the right edge of the window; negative if it overflows.
    fn room_for_cards(&self, width: usize) -> f32 {
        let count = self.cards.len() as f32;
        WINDOW.0 as f32
            - EDGE
            - count * (card_text(width) + 2.0 * FRAME)
            - (count - 1.0) * self.row.gap as f32
    }

    /// Pixels between the widest text and the border of its card; negative if the text is clipped.
    fn room_in_cards(&self, card: usize) -> f32 {
        let font = self.row.font as f32;
        let number = |i: usize, number: u32| {
            let em = if self.large == Some(i) { 2.0 * font } else { font };
            width(&number.to_string(), em, true)
        };
        let texts = self.cards.iter().enumerate();
        let widest = texts.map(|(i, c)| width(c.label, font, false).max(number(i, c.number)));
        card_text(card) + PADDING - widest.fold(0.0, f32::max)
    }

    /// Pixels between the note and the nearer of title and button; negative if they overlap.
    fn room_for_note(&self, corner: Corner, title_size: usize, note_size: usize) -> f32 {
        let note = label_box(self.note, NOTE_SIZES[note_size], corner);
        let button = match self.button_side {
            Side::Left => Corner::BottomLeft,
            Side::Right => Corner::BottomRight,
        };
        let gap = |other: Region| {
            let across = (other.x0 - note.x1).max(note.x0 - other.x1);
            let down = (other.y0 - note.y1).max(note.y0 - other.y1);
            across.max(down)
        };
        gap(self.title_box(title_size)).min(gap(label_box(self.button, BODY, button)))
    }

    fn title_width(&self, size: usize) -> f32 {
        let spacing = self.heading.spacing() as usize * self.title.len();
        width(self.title, TITLE_SIZES[size] as f32, true) + spacing as f32
    }

    /// The box of the title's text. A title that is too long starts at the left for every
    /// alignment.
    fn title_box(&self, size: usize) -> Region {
        let room = WINDOW.0 as f32 - 2.0 * EDGE - self.title_width(size);
        let x = EDGE + room.max(0.0) * [0.0, 1.0][self.title_side as usize];
        Region::new(x, EDGE, x + self.title_width(size), EDGE + 1.15 * TITLE_SIZES[size] as f32)
    }
}

/// Width of a card's content in pixels.
fn card_text(width: usize) -> f32 {
    CARD_WIDTHS[width] as f32
}

/// The box of a button or note.
fn label_box(text: &str, font: u32, corner: Corner) -> Region {
    let (w, h) = (width(text, font as f32, false) + 2.0 * PADDING, 1.15 * font as f32 + 2.0 * PADDING);
    let x = if matches!(corner, Corner::TopLeft | Corner::BottomLeft) {
        EDGE
    } else {
        WINDOW.0 as f32 - EDGE - w
    };
    let top = matches!(corner, Corner::TopLeft | Corner::TopRight);
    let y = if top { EDGE } else { WINDOW.1 as f32 - EDGE - h };
    Region::new(x, y, x + w, y + h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mini::{Content as _, Layout as _, Split, stream};

    /// There is something to learn about each axis: 15 % to 75 % of random layouts violate it.
    #[test]
    fn random_layouts_violate_every_axis() {
        const N: u64 = 2000;
        let mut counts = [0u32; 5];
        for i in 0..N {
            let mut rng = stream(Split::Train, 11, i);
            let (c, l) = (Content::draw(Split::Train, &mut rng), Layout::random(&mut rng));
            let violated = [
                !c.corner_fits(l.corner, &l),
                c.room_in_cards(l.card_width) < 0.0,
                !c.size_fits(l.title_size) || c.room_for_cards(l.card_width) < 0.0,
                !readable(l.ink, c.card_ground()),
                !c.items_fit(l.items),
            ];
            counts.iter_mut().zip(violated).for_each(|(n, v)| *n += u32::from(v));
        }
        let names = ["overlap", "clipping", "overflow", "contrast", "alignment"];
        let shares: Vec<(&str, f64)> =
            names.into_iter().zip(counts.map(|n| f64::from(n) / N as f64)).collect();
        println!("{shares:?}");
        assert!(shares.iter().all(|(_, share)| (0.15..0.75).contains(share)), "{shares:?}");
    }
}
