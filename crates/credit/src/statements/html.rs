//! Statements of a page: its elements and the rules of its style sheets.
//!
//! An element is a statement from its start tag to its end tag; the ones inside it are statements
//! too, and a token belongs to the innermost. Where an end tag is left out, the element ends where
//! the next one of its name begins or the element around it ends, whichever comes first. Browsers
//! know more cases; in those a token between two elements is charged to the first of them instead
//! of to the one around both.

use super::LineStarts;
use lol_html::html_content::Element;
use lol_html::{HtmlRewriter, Settings, doc_comments, element};
use std::cell::RefCell;
use std::rc::Rc;
use vsdpo_artifact::{Span, Statement, StyleRule};

/// Longest source that is read, in bytes.
const MAX_SOURCE: usize = 1 << 20;

/// A start tag and, where there is one, the end tag of its element. Elements without content end
/// with their tag.
struct Tag {
    name: String,
    span: Span,
    end: Option<Span>,
}

/// Every element of `source` and every one of `rules`, by start; an enclosing statement stands
/// before the ones inside it. Spans are byte offsets; text longer than 1 MiB gives an empty list.
pub fn statements(source: &str, rules: &[StyleRule]) -> Vec<Statement> {
    if source.len() > MAX_SOURCE {
        return Vec::new();
    }
    let tags = tags(source);
    let mut spans: Vec<Span> = ends(&tags, source.len())
        .into_iter()
        .zip(&tags)
        .map(|(end, tag)| Span::new(tag.span.start, end))
        .collect();
    spans.extend(rules.iter().map(|rule| rule.span).filter(|span| span.text(source).is_some()));
    spans.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end)));
    let lines = LineStarts::of(source);
    let statement =
        |span: Span| Statement { span, line: lines.line(span.start), end_line: lines.line(span.end - 1) };
    spans.into_iter().filter(|span| !span.is_empty()).map(statement).collect()
}

/// Every comment of `source` with its line, from 1. Text longer than 1 MiB gives an empty list.
pub fn comments(source: &str) -> Vec<(usize, &str)> {
    if source.len() > MAX_SOURCE {
        return Vec::new();
    }
    let mut spans = Vec::new();
    let comment = doc_comments!(|comment| {
        spans.push(comment.source_location().bytes());
        Ok(())
    });
    read(source, Settings::new().append_document_content_handler(comment));
    let lines = LineStarts::of(source);
    spans.into_iter().filter_map(|span| Some((lines.line(span.start), source.get(span)?))).collect()
}

/// What the reader cannot read it leaves; what was found up to there stays.
fn read(source: &str, settings: Settings) {
    let mut reader = HtmlRewriter::new(settings.with_strict(false), |_: &[u8]| ());
    let _ = reader.write(source.as_bytes()).and_then(|()| reader.end());
}

/// The start tags of a page, in order.
fn tags(source: &str) -> Vec<Tag> {
    let tags: Rc<RefCell<Vec<Tag>>> = Rc::default();
    let open = |element: &mut Element| {
        let at = element.source_location().bytes();
        let span = Span::new(at.start, at.end);
        let number = tags.borrow().len();
        let end = element.end_tag_handlers().is_none().then(|| Span::new(at.end, at.end));
        tags.borrow_mut().push(Tag { name: element.tag_name(), span, end });
        if let Some(handlers) = element.end_tag_handlers() {
            let tags = Rc::clone(&tags);
            handlers.push(Box::new(move |tag| {
                // The end tag of what is around it comes here too.
                if let Some(opened) = tags.borrow_mut().get_mut(number).filter(|t| t.name == tag.name()) {
                    let at = tag.source_location().bytes();
                    opened.end = Some(Span::new(at.start, at.end));
                }
                Ok(())
            }));
        }
        Ok(())
    };
    read(source, Settings::new().append_element_content_handler(element!("*", open)));
    std::mem::take(&mut *tags.borrow_mut())
}

/// The end of every element.
fn ends(tags: &[Tag], length: usize) -> Vec<usize> {
    let mut around: Vec<usize> = Vec::new();
    let mut ends: Vec<usize> = Vec::with_capacity(tags.len());
    for (i, tag) in tags.iter().enumerate() {
        // Around it are those elements whose end tag has not come yet.
        while around.last().is_some_and(|&end| end <= tag.span.start) {
            around.pop();
        }
        let outer = around.last().copied().unwrap_or(length);
        let implied = || {
            let next = tags[i + 1..].iter().take_while(|next| next.span.start < outer);
            next.into_iter().find(|next| next.name == tag.name).map_or(outer, |next| next.span.start)
        };
        ends.push(tag.end.map_or_else(implied, |end| end.end));
        around.extend(tag.end.map(|end| end.start).filter(|&end| end <= outer));
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expects the statements of `source` as texts.
    fn check(source: &str, want: &[&str]) {
        let got: Vec<&str> =
            statements(source, &[]).iter().map(|s| s.span.text(source).expect("on boundaries")).collect();
        assert_eq!(got, want, "in {source:?}");
    }

    #[test]
    fn elements_span_their_content() {
        check("", &[]);
        check("no tags", &[]);
        check("<p>a <b>é→</b></p>", &["<p>a <b>é→</b></p>", "<b>é→</b>"]);
        check("<div><br/><img src=a>t</div>x", &["<div><br/><img src=a>t</div>", "<br/>", "<img src=a>"]);
        check("<svg><path d=''/></svg>", &["<svg><path d=''/></svg>", "<path d=''/>"]);
        check("<script>'<p>'</script>", &["<script>'<p>'</script>"]);
        check("<textarea><p></textarea>", &["<textarea><p></textarea>"]);
    }

    #[test]
    fn comments_have_lines() {
        let source = "<!-- a -->\n<p title='<!-- no -->'><!-- b\n--></p><script><!-- no --></script>";
        assert_eq!(comments(source), [(1, "<!-- a -->"), (2, "<!-- b\n-->")]);
    }

    #[test]
    fn missing_end_tags_end_at_the_next_one_or_with_what_is_around() {
        check("<ul><li>a<li>b</ul>c", &["<ul><li>a<li>b</ul>", "<li>a", "<li>b"]);
        check(
            "<div><p>a<p>b<i>c</i></div>d",
            &["<div><p>a<p>b<i>c</i></div>", "<p>a", "<p>b<i>c</i>", "<i>c</i>"],
        );
        check("<p>a<div>b", &["<p>a<div>b", "<div>b"]);
        check("<div><span", &["<div><span"]);
    }

    #[test]
    fn rules_are_statements_inside_their_style_element() {
        let source = "<style>\na { b: c }\n</style>";
        let rule = StyleRule { span: Span::new(8, 18), place: None, decides: vec![] };
        let outside = StyleRule { span: Span::new(8, 99), place: None, decides: vec![] };
        let got = statements(source, &[rule, outside]);
        let lines: Vec<_> = got.iter().map(|s| (s.span.text(source).unwrap(), s.line, s.end_line)).collect();
        assert_eq!(lines, [(source, 1, 3), ("a { b: c }", 2, 2)]);
    }
}
