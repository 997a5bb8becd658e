//! The content of a mini page: the part that a task fixes.

/// A side of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Left,
    Center,
    Right,
}

impl Side {
    /// The name in CSS.
    pub fn name(self) -> &'static str {
        ["left", "center", "right"][self as usize]
    }
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
    /// Index into the background colours.
    pub ground: usize,
    /// Length of the title: 0 short, 1 middle, 2 long.
    pub length: usize,
    /// The title.
    pub title: &'static str,
    /// Alignment of the title.
    pub title_side: Side,
    /// Index into the families of labels.
    pub family: usize,
    /// The cards.
    pub cards: Vec<Card>,
    /// Index of the card with a large number, if any.
    pub large: Option<usize>,
    /// Text of the button.
    pub button: &'static str,
    /// Position of the button at the bottom: left or right.
    pub button_side: Side,
    /// Text of the note.
    pub note: &'static str,
}
