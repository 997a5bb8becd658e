//! Statements of Python code, by Ruff's parser.
//!
//! The parser recovers from errors, so code that was cut off by the length limit keeps all its
//! complete statements; what can be read of the broken one is a statement too, so that an error
//! there has a place. Statements inside compound statements (`for`, `def`, `with`, ...) are listed
//! beside the compound statement, which spans its body: header tokens belong to it, body tokens to
//! the smaller statement. `elif`, `else` and `except` lines are no statements of their own in
//! Python's grammar and belong to the whole `if` or `try`. Decorators belong to their function.
//! Comments belong to none.

use super::LineStarts;
use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::token::{Token, TokenKind};
use ruff_python_ast::{PySourceType, Stmt};
use ruff_python_parser::parse_unchecked_source;
use ruff_text_size::Ranged;
use vsdpo_artifact::{Span, Statement};

/// Longest source that is parsed, in bytes; a script that a person or a model writes has some
/// thousand.
const MAX_SOURCE: usize = 1 << 18;

/// Stack that one byte of source can cost: `[[[[...` makes a tree as deep as it is long, which is
/// dropped by recursion.
const STACK_PER_BYTE: usize = 256;

/// Every statement of `source`, by start; an enclosing statement stands before the ones inside it.
///
/// Spans are byte offsets. Text without a readable statement, or longer than 256 KiB, gives an
/// empty list.
pub fn statements(source: &str) -> Vec<Statement> {
    if source.len() > MAX_SOURCE {
        return Vec::new();
    }
    let stack = (1 << 18) + STACK_PER_BYTE * source.len();
    let mut spans = stacker::maybe_grow(stack, stack, || {
        spans(source, &parse_unchecked_source(source, PySourceType::Python).syntax().body)
    });
    spans.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end)));
    let lines = LineStarts::of(source);
    spans
        .into_iter()
        .map(|span| Statement { span, line: lines.line(span.start), end_line: lines.line(span.end - 1) })
        .collect()
}

/// Every comment of `source` with its line, from 1; `#` inside strings begins none. Text longer
/// than 256 KiB gives an empty list.
pub fn comments(source: &str) -> Vec<(usize, &str)> {
    if source.len() > MAX_SOURCE {
        return Vec::new();
    }
    let lines = LineStarts::of(source);
    let stack = (1 << 18) + STACK_PER_BYTE * source.len();
    stacker::maybe_grow(stack, stack, || {
        let parsed = parse_unchecked_source(source, PySourceType::Python);
        let comments = parsed.tokens().iter().filter(|token| token.kind() == TokenKind::Comment);
        let placed = |token: &Token| {
            let (start, end) = (token.range().start().to_usize(), token.range().end().to_usize());
            Some((lines.line(start), source.get(start..end)?))
        };
        comments.filter_map(placed).collect()
    })
}

/// The non-empty spans of all statements of a body, in no particular order.
fn spans(source: &str, body: &[Stmt]) -> Vec<Span> {
    // Deep nesting must not exhaust the stack, so the visitor only collects the children of one
    // statement and this loop goes on with them.
    struct Pending<'a>(Vec<&'a Stmt>);
    impl<'a> StatementVisitor<'a> for Pending<'a> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            self.0.push(stmt);
        }
    }
    let mut pending = Pending(body.iter().collect());
    let mut spans = Vec::new();
    while let Some(stmt) = pending.0.pop() {
        let range = stmt.range();
        let start = range.start().to_usize();
        // A statement that was cut off reaches over the line ends behind it; a complete one never
        // does.
        let text = source.get(start..range.end().to_usize()).unwrap_or("");
        let span = Span::new(start, start + text.trim_end().len());
        if !span.is_empty() {
            spans.push(span);
        }
        walk_stmt(&mut pending, stmt);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expects the statements of `source` as (text, first line, last line).
    fn check(source: &str, want: &[(&str, usize, usize)]) {
        let got: Vec<_> = statements(source)
            .iter()
            .map(|s| (s.span.text(source).expect("on character boundaries"), s.line, s.end_line))
            .collect();
        assert_eq!(got, want, "in {source:?}");
    }

    #[test]
    fn simple_statements() {
        check("", &[]);
        check("# only a comment\n\n", &[]);
        check("a; b\n", &[("a", 1, 1), ("b", 1, 1)]);
        check("x = 1\nf(x,\n  2)\ny", &[("x = 1", 1, 1), ("f(x,\n  2)", 2, 3), ("y", 4, 4)]);
        check("(ax.plot(x)[0]\n .set_lw(3))\n", &[("(ax.plot(x)[0]\n .set_lw(3))", 1, 2)]);
        check("t = 'é→'\nu = '日本'\n", &[("t = 'é→'", 1, 1), ("u = '日本'", 2, 2)]);
        check("a\r\nb\rc", &[("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]);
        check("\u{feff}a = 1\nb", &[("a = 1", 1, 1), ("b", 2, 2)]);
    }

    #[test]
    fn comments_have_lines() {
        let source = "# a\nx = '# no'  # b\nf(  # c\n  1)\n\"\"\"\n# no\n\"\"\"\n(  # d";
        assert_eq!(comments(source), [(1, "# a"), (2, "# b"), (3, "# c"), (8, "# d")]);
    }

    #[test]
    fn compound_statements_span_their_bodies() {
        check(
            "for i in x:\n    a(i)\n    b\nc",
            &[("for i in x:\n    a(i)\n    b", 1, 3), ("a(i)", 2, 2), ("b", 3, 3), ("c", 4, 4)],
        );
        check(
            "@deco\ndef f(v):\n    return v\n",
            &[("@deco\ndef f(v):\n    return v", 1, 3), ("return v", 3, 3)],
        );
        check(
            "with s('x'):\n  if a:\n    b\n  elif c:\n    d\n  else:\n    e\n",
            &[
                ("with s('x'):\n  if a:\n    b\n  elif c:\n    d\n  else:\n    e", 1, 7),
                ("if a:\n    b\n  elif c:\n    d\n  else:\n    e", 2, 7),
                ("b", 3, 3),
                ("d", 5, 5),
                ("e", 7, 7),
            ],
        );
        check(
            "try: a\nexcept E: b\nfinally: c",
            &[("try: a\nexcept E: b\nfinally: c", 1, 3), ("a", 1, 1), ("b", 2, 2), ("c", 3, 3)],
        );
    }

    #[test]
    fn broken_code_keeps_its_complete_statements() {
        check("a = 1\nb = f(\n", &[("a = 1", 1, 1), ("b = f(", 2, 2)]);
        let cut = "import m\nfig, ax = m.s()\nax.plot([1, 2], la";
        let got = statements(cut);
        assert_eq!(got[0].span.text(cut), Some("import m"));
        assert_eq!(got[1].span.text(cut), Some("fig, ax = m.s()"));
        assert_eq!(got[2].span, Span::new(25, cut.len()));
        let typo = statements("x = = 2\ny = 3\n");
        assert_eq!(typo.last().map(|s| s.line), Some(2), "recovers after an error: {typo:?}");
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        for open in ["if a: ", "(", "[", "-", "lambda: ", "f(", "a if b else "] {
            statements(&open.repeat(MAX_SOURCE / open.len()));
        }
        let ladder: String = (0..300).map(|d| format!("{}if a:\n", " ".repeat(d))).collect();
        assert_eq!(statements(&ladder).len(), 300);
    }
}
