//! The output formats of `lint`; each prints the same results.

mod github;
mod human;
mod json;
mod printer;
mod sarif;

pub use printer::{Format, Printer};

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn line_column(source: &str, byte: usize) -> (usize, usize) {
    let mut at = byte.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (1 + before.matches('\n').count(), 1 + before[start..].chars().count())
}
