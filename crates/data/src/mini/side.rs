//! The sides of a page or slide.

use vsdpo_artifact::Region;

/// A side of a page or slide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Side {
    Left,
    Right,
}

impl Side {
    /// Both sides.
    pub(super) const ALL: [Side; 2] = [Side::Left, Side::Right];

    /// The name in CSS.
    pub fn name(self) -> &'static str {
        ["left", "right"][self as usize]
    }

    /// The other side.
    pub(super) fn other(self) -> Side {
        Side::ALL[1 - self as usize]
    }

    /// The part of the window at this side, from `top` of its height down, in fractions of its
    /// sides. A text as wide as the window has its middle a little beyond.
    pub(super) fn half(self, top: f32) -> Region {
        match self {
            Side::Left => Region::new(0.0, top, 0.55, 1.0),
            Side::Right => Region::new(0.45, top, 1.0, 1.0),
        }
    }
}
