//! Which rows of a packed batch belong to one sequence.

use std::ops::Range;

/// Consecutive rows that attend to one another, and to rows before them that they share with
/// others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The rows.
    pub rows: Range<usize>,
    /// Rows of an earlier segment that come before these in the sequence; all of them are seen.
    /// Empty for a sequence that stands alone.
    pub prefix: Range<usize>,
}

impl Segment {
    /// Rows without a shared beginning.
    pub fn alone(rows: Range<usize>) -> Self {
        Self { rows, prefix: 0..0 }
    }
}
