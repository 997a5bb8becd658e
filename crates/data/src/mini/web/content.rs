//! The content of a mini page: the part that a task fixes.

use super::layout::SPACING;
use super::words::{GROUNDS, LIGHT_GROUNDS};
use crate::mini::Side;
use crate::mini::colors::{self, DARK_INKS, INKS};
use vsdpo_artifact::Letters;

/// What determines the size of the title and the corner of the note.
///
/// Long titles with spaced letters fit only in the smallest size. WCAG 2 requires a contrast of
/// 4.5, and 3 for large text: some colours are readable only in large sizes. Which ones, depends on
/// the colour of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Length of the title: 0 short, 1 medium, 2 long.
    pub length: usize,
    /// Whether the letters of the title are spaced.
    pub spaced: bool,
    /// Whether the title's contrast is between 3 and 4.5.
    pub soft: bool,
    /// Whether the button is so wide that it fills the bottom of the window.
    pub wide_button: bool,
}

impl Heading {
    /// The combinations that contents are drawn from, each with its weight. Medium and long titles
    /// leave no room for the note at the top, and wide buttons none at the bottom.
    pub(super) const DRAWN: [(Heading, u32); 6] = {
        const fn heading(length: usize, spaced: bool, soft: bool) -> Heading {
            Heading { length, spaced, soft, wide_button: length == 0 }
        }
        [
            (heading(2, true, false), 3),
            (heading(2, false, true), 3),
            (heading(1, true, true), 3),
            (heading(0, true, true), 3),
            (heading(0, false, true), 2),
            (heading(0, false, false), 1),
        ]
    };

    /// Pixels between the letters of the title, in addition.
    pub(super) fn spacing(self) -> u32 {
        if self.spaced { SPACING } else { 0 }
    }

    /// A number for the combinations of title length and spacing.
    pub(super) fn form(self) -> usize {
        self.length + 3 * usize::from(self.spaced)
    }
}

/// What determines the width of the cards: number and gap limit it from above, length and font size
/// of the labels from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of cards.
    pub count: usize,
    /// Pixels between cards.
    pub gap: u32,
    /// Length of the labels: 0 short, 1 medium, 2 long.
    pub length: usize,
    /// Font size of the cards in pixels.
    pub font: u32,
}

impl Row {
    /// The combinations that contents are drawn from, each with its weight: both limits allow the
    /// same single width.
    pub(super) const DRAWN: [(Row, u32); 9] = {
        const fn row(count: usize, gap: u32, length: usize, font: u32) -> Row {
            Row { count, gap, length, font }
        }
        [
            (row(4, 8, 0, 16), 1),
            (row(4, 8, 1, 12), 1),
            (row(3, 40, 0, 16), 1),
            (row(3, 40, 1, 12), 1),
            (row(3, 8, 1, 16), 1),
            (row(3, 8, 2, 12), 1),
            (row(2, 40, 1, 16), 1),
            (row(2, 40, 2, 12), 1),
            (row(2, 8, 2, 16), 2),
        ]
    };
}

/// A card with a number and a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// The label.
    pub label: &'static str,
    /// The number, with two or three digits.
    pub number: u32,
}

/// The content of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Index into the background colours of pages.
    pub ground: usize,
    /// Form of title and button.
    pub heading: Heading,
    /// The title.
    pub title: &'static str,
    /// Alignment of the title.
    pub title_side: Side,
    /// Which of the two title colours with the contrast of `heading`: 0 or 1.
    pub shade: usize,
    /// Number, gap and text of the cards.
    pub row: Row,
    /// Index into the families of labels.
    pub family: usize,
    /// The cards.
    pub cards: Vec<Card>,
    /// Index of the card with a large number, if any.
    pub large: Option<usize>,
    /// Index into the colours of cards. Drawn also where the cards have no colour.
    pub fill: usize,
    /// Whether the cards have a colour.
    pub filled: bool,
    /// Text of the button.
    pub button: &'static str,
    /// Position of the button at the bottom.
    pub button_side: Side,
    /// Text of the note.
    pub note: &'static str,
}

impl Content {
    fn light(&self) -> bool {
        self.ground < LIGHT_GROUNDS
    }

    /// Index into the title colours. The first two are soft on light pages, the others on dark
    /// pages.
    pub(super) fn title_color(&self) -> usize {
        self.shade + 2 * usize::from(self.heading.soft != self.light())
    }

    /// The colour of the text that stands on the page itself: the note.
    pub(super) fn plain_ink(&self) -> &'static str {
        if self.light() { INKS[0] } else { INKS[DARK_INKS] }
    }

    /// The colour behind the text of the cards, as an index into the colours of both worlds.
    pub(super) fn card_ground(&self) -> usize {
        let page = GROUNDS[self.ground];
        let of_page = colors::GROUNDS.iter().position(|g| g.0 == page);
        if self.filled { self.fill } else { of_page.unwrap_or(0) }
    }

    /// The colour of the cards in CSS.
    pub(super) fn fill_name(&self) -> &'static str {
        if self.filled { colors::GROUNDS[self.fill].0 } else { "none" }
    }

    /// The letters that the prompt asks for.
    pub(super) fn letters(&self) -> Vec<Letters> {
        let title = Letters {
            text: self.title.to_string(),
            size: None,
            color: Some(colors::ACCENTED_RGB[self.title_color()]),
            spacing: Some(self.heading.spacing() as f32),
        };
        let sized = |text: String, times: u32| Letters {
            text,
            size: Some((times * self.row.font) as f32),
            ..Letters::default()
        };
        let cards = self.cards.iter().enumerate().flat_map(|(i, c)| {
            let times = if self.large == Some(i) { 2 } else { 1 };
            [sized(c.label.to_string(), 1), sized(c.number.to_string(), times)]
        });
        std::iter::once(title).chain(cards).collect()
    }

    /// The colour of the page in CSS.
    pub(super) fn ground_name(&self) -> &'static str {
        GROUNDS[self.ground]
    }
}
