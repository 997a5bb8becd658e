//! The layout of a mini slide, and which layouts are good for a content.

use super::content::Facts;
use super::geometry::{BODY, HEIGHT};
use crate::mini::Side;
use crate::mini::colors::{made_readable, readable};
use vsdpo_artifact::Region;

/// Font sizes of the title, in pixels.
pub const TITLE_SIZES: [u32; 3] = [20, 40, 64];
/// Widths of the picture, in pixels.
pub const WIDTHS: [u32; 3] = [200, 480, 800];
/// Font sizes of the points, in pixels.
pub const SIZES: [u32; 3] = [20, 38, 72];
/// Font sizes of the footnote, in pixels.
pub const NOTE_SIZES: [u32; 3] = [11, 14, 18];
/// The smallest font size that `slide/tiny-text` accepts, in pixels.
pub const SMALLEST_TEXT: u32 = 12;
/// The smallest font size that counts as large text in WCAG 2, in pixels.
const LARGE_TEXT: u32 = 24;

/// One layout: the choices of a slide. Numbers are indices into lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Index into the text colours of the tag.
    pub ink: usize,
    /// Index into the font sizes of the title.
    pub title_size: usize,
    /// Side of the picture.
    pub side: Side,
    /// Index into the widths of the picture.
    pub width: usize,
    /// Index into the font sizes of the points.
    pub size: usize,
    /// Held back: index into the font sizes of the footnote.
    pub note_size: usize,
    /// Neutral: index into the colours of the picture.
    pub accent: usize,
}

/// Minimum distance in pixels of every good and every bad layout from the limit between them. The
/// positions of texts differ by less between the renderers and from [`Facts::points_width`].
const MARGIN: f32 = 14.0;
/// Pixels of an overlap that the rules allow: of two boxes, and of the tag's inset.
const HARMLESS: f32 = 2.0;
const INSET: f32 = 10.0;
/// Share of the slide's inner part that the rules allow to be empty in one piece.
const MOST_EMPTY: f32 = 0.6;
/// All pairs of the picture's width and the points' size.
fn sizes() -> impl Iterator<Item = (usize, usize)> {
    (0..WIDTHS.len()).flat_map(|width| (0..SIZES.len()).map(move |size| (width, size)))
}

impl Facts {
    /// Whether a layout is good. Points and picture on two sides stand in both halves.
    pub(super) fn suits(&self, layout: &Layout) -> bool {
        readable(layout.ink, self.tag_ground())
            && self.side_fits(layout.side)
            && self.title_fits(layout.title_size)
            && self.sizes_fit(layout)
            && self.empty_share(layout, 0.0) <= MOST_EMPTY
    }

    /// Whether some layout is good, and every layout is good or has a defect of at least
    /// [`MARGIN`] pixels.
    pub(super) fn unambiguous(&self) -> bool {
        let clear = |room: f32, harmless: f32| room >= MARGIN || room <= -(harmless + MARGIN);
        let mut good = (0..TITLE_SIZES.len()).any(|size| self.title_fits(size));
        let mut some = false;
        let mut body = |(width, size): (usize, usize)| {
            let layout = Layout { width, size, ..self.right_side() };
            if !clear(self.room_beside_points(&layout), HARMLESS) {
                return false;
            }
            if !self.sizes_fit(&layout) {
                return true;
            }
            let [low, high] = [MARGIN, -MARGIN].map(|by| self.empty_share(&layout, by / 2.0));
            some |= high <= MOST_EMPTY;
            low > MOST_EMPTY || high <= MOST_EMPTY
        };
        let clear_title = |size| clear(self.room_for_title(size), INSET + HARMLESS);
        good &= (0..TITLE_SIZES.len()).all(clear_title) && sizes().all(&mut body);
        good && some
    }

    /// The good layouts that change the fewest choices, in the order of their
    /// choices. There is one for a usable content.
    pub(super) fn nearest(&self, layout: &Layout) -> Vec<Layout> {
        let fixed = Layout {
            ink: made_readable(layout.ink, self.tag_ground()),
            side: self.points_side().other(),
            ..layout.clone()
        };
        let with = |title_size| sizes().map(move |(width, size)| (title_size, width, size));
        let mut good: Vec<Layout> = (0..TITLE_SIZES.len())
            .flat_map(with)
            .map(|(title_size, width, size)| Layout { title_size, width, size, ..fixed.clone() })
            .filter(|candidate| self.suits(candidate))
            .collect();
        let changes = |l: &Layout| {
            let changed = [l.title_size != layout.title_size, l.width != layout.width, l.size != layout.size];
            changed.into_iter().filter(|changed| *changed).count()
        };
        let fewest = good.iter().map(changes).min().unwrap_or(0);
        good.retain(|l| changes(l) == fewest);
        good
    }

    /// The picture's boxes in good layouts that differ from this one in the picture alone.
    pub(super) fn good_pictures(&self, layout: &Layout) -> Vec<(Region, String)> {
        let all = Side::ALL.into_iter().flat_map(|side| (0..WIDTHS.len()).map(move |width| (side, width)));
        let layouts = all.map(|(side, width)| Layout { side, width, ..layout.clone() });
        let places = |l: &Layout| {
            self.side_fits(l.side) && self.sizes_fit(l) && self.empty_share(l, 0.0) <= MOST_EMPTY
        };
        layouts.filter(places).map(|l| (self.picture_box(&l), WIDTHS[l.width].to_string())).collect()
    }

    fn right_side(&self) -> Layout {
        Layout { side: self.points_side().other(), ..<Layout as crate::mini::Layout>::FIRST }
    }

    /// A picture on the side of the points is behind them, and the other side is empty.
    pub(super) fn side_fits(&self, side: Side) -> bool {
        side != self.points_side()
    }

    /// Whether the title ends before the tag and has enough contrast.
    pub(super) fn title_fits(&self, size: usize) -> bool {
        self.room_for_title(size) >= 0.0 && self.contrasts(TITLE_SIZES[size])
    }

    /// Whether picture and points fit beside each other, the picture into the slide, and the points
    /// have enough contrast.
    pub(super) fn sizes_fit(&self, layout: &Layout) -> bool {
        let low = BODY + self.picture_height(layout.width);
        self.room_beside_points(layout) >= 0.0 && low <= HEIGHT && self.contrasts(SIZES[layout.size])
    }

    /// Whether a text of this size in the colour of the slide's texts has enough contrast.
    fn contrasts(&self, size: u32) -> bool {
        !self.heading.soft || size >= LARGE_TEXT
    }
}

#[cfg(test)]
mod tests {
    use super::super::content::{Content, Html};
    use super::*;
    use crate::mini::{Content as _, Layout as _, Split, stream};

    /// There is something to learn about each axis: 15 % to 80 % of random layouts violate it.
    #[test]
    fn random_layouts_violate_every_axis() {
        const N: u64 = 2000;
        let mut counts = [0u32; 5];
        for i in 0..N {
            let mut rng = stream(Split::Train, 11, i);
            let content = Content::<Html>::draw(Split::Train, &mut rng);
            let (c, l) = (content.facts, Layout::random(&mut rng));
            let beside = Layout { side: c.points_side().other(), ..l.clone() };
            let violated = [
                !readable(l.ink, c.tag_ground()) || !c.contrasts(SIZES[l.size]),
                c.room_for_title(l.title_size) < 0.0 || c.room_beside_points(&l) < 0.0,
                BODY + c.picture_height(l.width) > HEIGHT,
                c.empty_share(&beside, 0.0) > MOST_EMPTY,
                c.stands_in_one_half(&l),
            ];
            counts.iter_mut().zip(violated).for_each(|(n, v)| *n += u32::from(v));
        }
        let names = ["contrast", "collision", "aspect", "whitespace", "imbalance"];
        let shares: Vec<(&str, f64)> =
            names.into_iter().zip(counts.map(|n| f64::from(n) / N as f64)).collect();
        println!("{shares:?}");
        assert!(shares.iter().all(|(_, share)| (0.15..0.8).contains(share)), "{shares:?}");
    }
}
