//! s(t): the statement of a token, by bytes.
//!
//! Tokens are placed by the byte spans that the sampler recorded and never by tokenizing again. A
//! token may hold a part of a character or reach over a statement's edge (a newline and the next
//! word's first letters), so one byte has to decide: its first byte that is not white space.

use crate::map::smallest_around;
use vsdpo_artifact::{Credit, Span, Statement};

/// w_t of every token: the weight of its statement (equation 5), or 1 where it belongs to none.
///
/// `code` is the place of `source` in the rollout's text and `token_spans` are bytes of that text.
pub fn token_weights(credit: &Credit, source: &str, code: Span, token_spans: &[Span]) -> Vec<f32> {
    let statements = token_statements(credit, source, code, token_spans);
    statements.into_iter().map(|s| s.map_or(1.0, |s| credit.statements[s].weight)).collect()
}

/// s(t) of every token, as an index into `credit.statements`; arguments as in [`token_weights`].
///
/// A token belongs to the smallest statement around its first byte that is not white space. A token
/// of white space, or one that begins with `;`, belongs to the nearest statement before it. Tokens
/// outside the code (prose, fences, the end token), comments between statements and white space
/// before the first statement belong to none.
pub fn token_statements(
    credit: &Credit,
    source: &str,
    code: Span,
    token_spans: &[Span],
) -> Vec<Option<usize>> {
    let statements: Vec<Statement> = credit.statements.iter().map(|s| s.statement.clone()).collect();
    let place = |&token: &Span| {
        let inside = Span::new(token.start.max(code.start), token.end.min(code.end));
        if inside.is_empty() {
            return None;
        }
        let span = Span::new(inside.start - code.start, inside.end - code.start);
        // What reaches out of the code and has only white space inside is a part of the fence.
        if inside != token && first_visible(source, span).is_none() {
            return None;
        }
        locate(&statements, source, span)
    };
    token_spans.iter().map(place).collect()
}

/// The statement of some bytes of the source, by the rules of [`token_statements`].
pub(crate) fn locate(statements: &[Statement], source: &str, span: Span) -> Option<usize> {
    match first_visible(source, span) {
        Some(at) if source.as_bytes()[at] != b';' => smallest_around(statements, Span::new(at, at + 1)),
        Some(at) => nearest_before(statements, at),
        None => nearest_before(statements, span.start),
    }
}

/// The first byte of `span` that is not ASCII white space.
fn first_visible(source: &str, span: Span) -> Option<usize> {
    let bytes = source.as_bytes().get(span.start..span.end.min(source.len()))?;
    bytes.iter().position(|b| !b.is_ascii_whitespace() && *b != 0x0b).map(|i| span.start + i)
}

/// The statement of a separator at byte `at`: the last one that ended before it, unless a smaller
/// one is still open there (white space inside a call, or in the header of a loop).
fn nearest_before(statements: &[Statement], at: usize) -> Option<usize> {
    let open = smallest_around(statements, Span::new(at, at + 1));
    let limit = open.map_or(0, |i| statements[i].span.start);
    let ended = statements.iter().enumerate().filter(|(_, s)| limit <= s.span.start && s.span.end <= at);
    // Where a loop and its last statement end together, the inner one is nearer.
    ended.max_by_key(|(_, s)| (s.span.end, s.span.start)).map(|(i, _)| i).or(open)
}
