//! The text of an answer as numbered lines: statements are shaded by their responsibility, and
//! tokens marked by the KL between student and teacher. All text is escaped; offsets outside the
//! text are ignored.

use super::curve::value;
use super::records::{Bytes, StatementRecord, TokenRecord};
use maud::{Markup, PreEscaped, html};

/// Marks a byte without a statement or without a token.
const NONE: u32 = u32::MAX;

/// The text and its annotations.
pub struct CodeView<'a> {
    /// The whole answer.
    pub text: &'a str,
    /// The bytes that were run; the others are dimmed.
    pub code: Bytes,
    /// The statements, with offsets into `text`.
    pub statements: &'a [StatementRecord],
    /// The tokens, with offsets into `text`; may be empty.
    pub tokens: &'a [TokenRecord],
}

impl CodeView<'_> {
    /// The lines. Titles show the values; `data-e` names the elements of a statement.
    pub fn markup(&self) -> Markup {
        let statement = fill(self.text.len(), self.statements.iter().map(|s| (s.start, s.end)), true);
        let token = fill(self.text.len(), self.tokens.iter().map(|t| (t.start, t.end)), false);
        let scale = kl_scale(self.tokens);
        html! {
            div.code {
                @for (number, (start, line)) in lines(self.text).enumerate() {
                    @let outside = start + line.len() < self.code.start + 1 || start >= self.code.end;
                    div.ln.outside[outside] {
                        i { (number + 1) }
                        code { @for piece in pieces(line, start, &statement, &token) {
                            (self.piece(&piece, scale))
                        } }
                    }
                }
            }
        }
    }

    fn piece(&self, piece: &Piece<'_>, scale: f64) -> Markup {
        let statement = self.statements.get(piece.statement as usize);
        let token = self.tokens.get(piece.token as usize);
        let inner = match token {
            None => html! { (piece.text) },
            Some(t) => {
                let k = t.kl.map_or(0.0, |kl| (kl.max(0.0) / scale).min(1.0));
                html! { span.t style={ "--k:" (format!("{k:.2}")) } title=(token_title(t)) { (piece.text) } }
            }
        };
        match statement {
            Some(s) if s.resp > 0.0 => html! {
                span.s style={ "--r:" (format!("{:.2}", s.resp.clamp(0.0, 1.0))) } data-e=(ids(&s.elements))
                    title=[token.is_none().then(|| statement_title(s))] { (inner) }
            },
            _ => inner,
        }
    }
}

/// The KL that is drawn at full strength: the 98th percentile, and at least 0.1 nats, so that small
/// differences stay pale.
pub fn kl_scale(tokens: &[TokenRecord]) -> f64 {
    let mut values: Vec<f64> = tokens.iter().filter_map(|t| t.kl).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * 0.98) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0).max(0.1)
}

fn statement_title(s: &StatementRecord) -> String {
    format!("resp {}, weight {}", value(s.resp), value(s.weight))
}

fn token_title(t: &TokenRecord) -> String {
    let parts = [("KL", t.kl), ("weight", t.weight), ("log p", t.logp), ("teacher's", t.logp_teacher)];
    let words: Vec<String> =
        parts.iter().filter_map(|(name, v)| v.map(|v| format!("{name} {}", value(v)))).collect();
    words.join(" · ")
}

/// Element ids as an attribute, separated by spaces.
pub fn ids(elements: &[u32]) -> String {
    elements.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

struct Piece<'a> {
    text: &'a str,
    statement: u32,
    token: u32,
}

/// The lines as (byte offset, text without the line end), without a last empty line.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.trim_end_matches(['\n', '\r'])))
    })
}

/// For each byte the index of its span. With `innermost`, the shortest span wins where spans nest.
fn fill(len: usize, spans: impl Iterator<Item = (usize, usize)>, innermost: bool) -> Vec<u32> {
    let mut owner = vec![NONE; len];
    let mut spans: Vec<(u32, usize, usize)> =
        spans.enumerate().map(|(i, (a, b))| (i as u32, a, b.min(len))).filter(|(_, a, b)| a < b).collect();
    if innermost {
        spans.sort_by_key(|(_, a, b)| std::cmp::Reverse(b - a));
    }
    for (i, a, b) in spans {
        owner[a..b].fill(i);
    }
    owner
}

/// The line split wherever the statement or the token changes. A character belongs to the span of
/// its first byte.
fn pieces<'a>(line: &'a str, start: usize, statement: &[u32], token: &[u32]) -> Vec<Piece<'a>> {
    let mut found: Vec<Piece<'a>> = Vec::new();
    let mut from = 0;
    let at = |i: usize| (statement[start + i], token[start + i]);
    for (i, c) in line.char_indices() {
        let next = i + c.len_utf8();
        if next == line.len() || at(next) != at(i) {
            let (statement, token) = at(i);
            found.push(Piece { text: &line[from..next], statement, token });
            from = next;
        }
    }
    found
}

/// The legend of the shading, with toggles for the script.
pub fn legend(tokens: &[TokenRecord]) -> Markup {
    let has_kl = tokens.iter().any(|t| t.kl.is_some());
    html! {
        p.key {
            label { input type="checkbox" data-toggle="shade" checked; span.s style="--r:0.8" { "blamed statement" } }
            @if has_kl {
                label {
                    input type="checkbox" data-toggle="kl" checked;
                    span.t style="--k:1" { "KL(student‖teacher)" }
                    small { (PreEscaped("full at ")) (value(kl_scale(tokens))) " nats" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(text: &'a str, statements: &'a [StatementRecord], tokens: &'a [TokenRecord]) -> String {
        let code = Bytes { start: 0, end: text.len() };
        CodeView { text, code, statements, tokens }.markup().into_string()
    }

    #[test]
    fn text_of_a_model_is_escaped() {
        let page = view("x = '<script>alert(1)</script>'", &[], &[]);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
    }

    #[test]
    fn the_innermost_statement_shades_its_bytes() {
        let s = |start, end, resp| StatementRecord { start, end, resp, weight: 1.0, ..Default::default() };
        let page = view("for a:\n b()\n", &[s(0, 11, 0.25), s(8, 11, 1.0)], &[]);
        assert!(page.contains("--r:0.25") && page.contains("--r:1.00"), "{page}");
        assert!(page.contains(">b()</span>"), "{page}");
    }

    #[test]
    fn a_token_that_splits_a_character_does_not_split_the_text() {
        let t = |start, end| TokenRecord { start, end, kl: Some(0.1), ..Default::default() };
        let page = view("aé", &[], &[t(0, 2), t(2, 3), t(9, 99)]);
        assert!(page.contains(">aé</span>"), "{page}");
    }
}
