//! M(s): which elements a statement drew.
//!
//! # Reading of the paper
//! The paper maps an element to the source line that emitted it. We have the user's whole call
//! stack, so we map each of its calls to the smallest statement around it. An element drawn by a
//! helper is thus in M of the helper's inner statement *and* of the statement that called the
//! helper: either may be the one to fix. Compound statements around them (the loop, the `def`) do
//! not answer, because their own tokens, the header, did not draw it. For a shape of a deck the
//! statements that changed it later (its text, its size, its place) answer as well.

use vsdpo_artifact::{Element, Span, Statement};

/// The statements that answer for one element: indices into `statements`, ascending, each once.
///
/// Empty when nothing in the source answers for it, or its spans lie in no statement.
pub fn element_statements(statements: &[Statement], element: &Element) -> Vec<usize> {
    let edits = element.shape.iter().flat_map(|shape| &shape.edits).flat_map(|edit| &edit.stack);
    let calls = element.stack.iter().chain(edits);
    let mut found: Vec<usize> = calls.filter_map(|&call| smallest_around(statements, call)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The smallest statement that contains all of `span`.
pub fn smallest_around(statements: &[Statement], span: Span) -> Option<usize> {
    let around = statements.iter().enumerate().filter(|(_, s)| s.span.contains(span));
    around.min_by_key(|(_, s)| s.span.len()).map(|(i, _)| i)
}
