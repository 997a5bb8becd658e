//! What a task fixes.

/// A side of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Left,
    Center,
    Right,
}

impl Side {
    /// In the words of CSS.
    pub fn name(self) -> &'static str {
        ["left", "center", "right"][self as usize]
    }
}

/// A label with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// The label.
    pub label: &'static str,
    /// The number, of two or three digits.
    pub number: u32,
}

/// The content of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Index into the colours of the page.
    pub ground: usize,
    /// Length of the title: 0 short, 1 middle, 2 long.
    pub length: usize,
    /// The title.
    pub title: &'static str,
    /// Where the title stands.
    pub title_side: Side,
    /// Index into the families of labels.
    pub family: usize,
    /// The cards.
    pub cards: Vec<Card>,
    /// Which card's number is large.
    pub large: Option<usize>,
    /// Text of the button.
    pub button: &'static str,
    /// Where the button stands at the bottom; left or right.
    pub button_side: Side,
    /// Text of the note.
    pub note: &'static str,
}
