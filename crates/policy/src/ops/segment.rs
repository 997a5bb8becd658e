//! The rows of one sequence in a packed batch.

use std::ops::Range;

/// Consecutive rows that attend to one another and to a shared prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The rows.
    pub rows: Range<usize>,
    /// Rows of an earlier segment that precede these in the sequence. Every row attends to all of
    /// them. Empty for a sequence without a shared prefix.
    pub prefix: Range<usize>,
}

impl Segment {
    /// A segment without a shared prefix.
    pub fn alone(rows: Range<usize>) -> Self {
        Self { rows, prefix: 0..0 }
    }
}
