//! Cuts a page into tags, texts and the rest, as `html.parser` does when it is fed the whole page
//! and closed.

use super::entities::{digits, named, numbered, unescaped};
use super::{Kind, PageError};
use crate::python::is_space;
use std::borrow::Cow;

/// A piece of a page.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Start {
        name: String,
        attributes: Vec<(String, String)>,
        /// Whether it ends in `/>`.
        closed: bool,
    },
    End(String),
    Text(Cow<'a, str>),
    Note(Kind, &'a str),
}

pub(super) fn tokens(page: &str) -> Result<Vec<Token<'_>>, PageError> {
    let mut cutter = Cutter { page, at: 0, raw: None, unclosed: Vec::new(), tokens: Vec::new() };
    cutter.pass(false)?;
    cutter.pass(true)?;
    Ok(cutter.tokens)
}

/// Elements whose content is text up to their end tag.
const RAW: [&str; 2] = ["script", "style"];

struct Cutter<'a> {
    page: &'a str,
    /// Everything before this byte is done.
    at: usize,
    /// The open element of [`RAW`].
    raw: Option<&'static str>,
    /// Marks of [`Cutter::closing`] that do not occur in the rest of the page.
    unclosed: Vec<&'static str>,
    tokens: Vec<Token<'a>>,
}

impl<'a> Cutter<'a> {
    /// Reads until the page ends or incomplete markup is met. The last pass reads on after markup
    /// without an end, and takes what it cannot read as text.
    fn pass(&mut self, last: bool) -> Result<(), PageError> {
        while self.at < self.page.len() {
            let going = match self.raw {
                Some(name) => self.raw_text(name),
                None => self.step(last)?,
            };
            if !going {
                break;
            }
        }
        if last && self.raw.is_none() {
            self.text(self.page.len());
        }
        Ok(())
    }

    /// The text up to the end tag of a raw element, and that tag; `false` if there is none.
    fn raw_text(&mut self, name: &str) -> bool {
        let page = self.page;
        let found = page[self.at..].match_indices("</").find_map(|(start, _)| {
            let from = self.skip(self.at + start + 2, is_space);
            let to = from + name.len();
            page.get(from..to).filter(|n| n.eq_ignore_ascii_case(name))?;
            let close = self.skip(to, is_space);
            page[close..].starts_with('>').then_some((self.at + start, close + 1))
        });
        let Some((start, end)) = found else { return false };
        self.text(start);
        self.tokens.push(Token::End(name.to_owned()));
        (self.at, self.raw) = (end, None);
        true
    }

    /// The text up to the next markup, and that markup; `false` if the pass ends here.
    fn step(&mut self, last: bool) -> Result<bool, PageError> {
        self.text(self.skip(self.at, |c| c != '<' && c != '&'));
        let rest = &self.page[self.at..];
        if rest.starts_with("&#") {
            return self.number();
        }
        if rest.starts_with('&') {
            return Ok(self.name(last));
        }
        if rest.len() < 2 {
            return Ok(false);
        }
        let end = match self.markup()? {
            Some(end) => end,
            None if !last => return Ok(false),
            None => {
                let next = self.find(self.at + 1, '>').map(|close| close + 1);
                let end = next.or(self.find(self.at + 1, '<')).unwrap_or(self.at + 1);
                self.text(end);
                end
            }
        };
        self.at = end;
        Ok(true)
    }

    /// The end of the markup at a `<`; `None` if it has none.
    fn markup(&mut self) -> Result<Option<usize>, PageError> {
        let rest = &self.page[self.at..];
        let second = rest[1..].chars().next();
        Ok(match second {
            Some(c) if c.is_ascii_alphabetic() => self.start_tag(),
            Some('/') => self.end_tag(),
            Some('?') => self.note(Kind::Instruction, self.at + 2, self.find(self.at + 2, '>')),
            Some('!') => return self.declaration(),
            _ => {
                self.text(self.at + 1);
                Some(self.at)
            }
        })
    }

    fn start_tag(&mut self) -> Option<usize> {
        let name_end = self.skip(self.at + 1, in_tag_name);
        // Checked first: otherwise the time for a page full of such tags would be quadratic. After
        // a NUL, what was read is text.
        if !self.page[name_end..].starts_with('\0') {
            self.find(name_end, '>')?;
        }
        let name = self.page[self.at + 1..name_end].to_lowercase();
        let mut at = self.gap(name_end);
        let mut attributes = Vec::new();
        while let Some((attribute, end)) = self.attribute(at) {
            attributes.push(attribute);
            at = self.gap(end);
        }
        let rest = &self.page[at..];
        let closed = rest.starts_with("/>");
        if !closed && !rest.starts_with('>') {
            if rest.is_empty() || rest.starts_with('=') {
                return None;
            }
            self.text(at);
            return Some(at);
        }
        self.raw = RAW.into_iter().find(|raw| *raw == name && !closed);
        self.tokens.push(Token::Start { name, attributes, closed });
        Some(at + 1 + usize::from(closed))
    }

    /// Space, and slashes that do not end the tag.
    fn gap(&self, from: usize) -> usize {
        let mut at = self.skip(from, is_space);
        while self.page[at..].starts_with('/') && !self.page[at..].starts_with("/>") {
            at = self.skip(at + 1, is_space);
        }
        at
    }

    /// The attribute at `from`, and where it ends.
    fn attribute(&self, from: usize) -> Option<((String, String), usize)> {
        let separates = |c: &char| is_space(*c) || matches!(c, '\'' | '"' | '/');
        self.page[..from].chars().next_back().filter(separates)?;
        let first = self.page[from..].chars().next().filter(|&c| !is_space(c) && c != '/' && c != '>')?;
        let end = self.skip(from + first.len_utf8(), |c| !is_space(c) && !matches!(c, '/' | '=' | '>'));
        let name = self.page[from..end].to_lowercase();
        let (value, end) = self.value(end).unwrap_or(("", end));
        Some(((name, unescaped(value).into_owned()), end))
    }

    /// The value behind an attribute's name that ends at `from`, and where it ends.
    fn value(&self, from: usize) -> Option<(&'a str, usize)> {
        let equals = self.skip(from, is_space);
        let behind = self.skip(equals, |c| c == '=');
        if behind == equals {
            return None;
        }
        let start = self.skip(behind, is_space);
        let bare = |start: usize| {
            let end = self.skip(start, |c| !is_space(c) && c != '>');
            (&self.page[start..end], end)
        };
        let Some(quote) = self.page[start..].chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Some(bare(start));
        };
        if let Some(close) = self.find(start + 1, quote) {
            return Some((&self.page[start + 1..close], close + 1));
        }
        // The quote is never closed: the value is what the pattern finds with one space, or else
        // one sign of equality, less in front of it.
        if start > behind {
            return Some(("", start));
        }
        (behind > equals + 1).then(|| bare(behind - 1))
    }

    fn end_tag(&mut self) -> Option<usize> {
        let close = self.find(self.at + 1, '>')?;
        let inside = &self.page[self.at + 2..close];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
        let trimmed = inside.trim_matches(is_space);
        let name = if trimmed.chars().all(plain) { trimmed } else { inside };
        let name = &name[..name.find(|c| !in_tag_name(c)).unwrap_or(name.len())];
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.tokens.push(Token::End(name.to_lowercase()));
        } else if !inside.is_empty() {
            self.tokens.push(Token::Note(Kind::Comment, inside));
        }
        Some(close + 1)
    }

    /// What begins with `<!`.
    fn declaration(&mut self) -> Result<Option<usize>, PageError> {
        let (start, rest) = (self.at, &self.page[self.at..]);
        if rest.starts_with("<!--") {
            let end = self.closing(start + 4, "--");
            return Ok(self.note_until(Kind::Comment, start + 4, end));
        }
        if rest.starts_with("<![") {
            return self.section();
        }
        let doctype = rest.get(..9).is_some_and(|r| r.eq_ignore_ascii_case("<!doctype"));
        if !doctype {
            return Ok(self.note(Kind::Comment, start + 2, self.find(start + 2, '>')));
        }
        let end = self.find(start + 9, '>');
        // The character after the word is dropped.
        let blank = rest[9..].chars().next().filter(|&c| c != '>').map_or(0, char::len_utf8);
        Ok(self.note(Kind::Doctype, start + 9 + blank, end))
    }

    /// What begins with `<![`.
    fn section(&mut self) -> Result<Option<usize>, PageError> {
        let start = self.at + 3;
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let end = self.skip(start, letter);
        let name = &self.page[start..end];
        if start == self.page.len() {
            return Ok(None);
        }
        let known = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if known && self.skip(end, is_space) == self.page.len() {
            return Ok(None);
        }
        let end = match name.to_ascii_lowercase().as_str() {
            "temp" | "cdata" | "ignore" | "include" | "rcdata" => self.closing(start, "]]"),
            "if" | "else" | "endif" => self.closing(start, "]"),
            _ => return Err(PageError::Section(self.page[self.at..].chars().take(20).collect())),
        };
        let cdata = self.page.get(start..start + 6).is_some_and(|r| r.eq_ignore_ascii_case("cdata["));
        if cdata {
            return Ok(self.note_until(Kind::Cdata, start + 6, end));
        }
        Ok(self.note_until(Kind::Declaration, start, end))
    }

    /// The first of these marks from `from` on that, except for space, are adjacent and directly
    /// before a `>`: their start, and the end after the `>`.
    fn closing(&mut self, from: usize, marks: &'static str) -> Option<(usize, usize)> {
        if self.unclosed.contains(&marks) {
            return None;
        }
        let found = self.closing_of(from, marks);
        self.unclosed.extend(found.is_none().then_some(marks));
        found
    }

    fn closing_of(&self, from: usize, marks: &str) -> Option<(usize, usize)> {
        let first = marks.chars().next()?;
        self.page[from..].match_indices(first).map(|(i, _)| from + i).find_map(|start| {
            let mut at = start;
            for mark in marks.chars() {
                // Dashes must be adjacent; brackets may have space between them.
                at = if mark == ']' { self.skip(at, is_space) } else { at };
                at += self.page[at..].starts_with(mark).then_some(1)?;
            }
            let close = self.skip(at, is_space);
            self.page[close..].starts_with('>').then_some((start, close + 1))
        })
    }

    /// A note from `from` to the `>` at `close`.
    fn note(&mut self, kind: Kind, from: usize, close: Option<usize>) -> Option<usize> {
        self.note_until(kind, from, close.map(|close| (close, close + 1)))
    }

    /// A note from `from` to the first of these places; returns the second one.
    fn note_until(&mut self, kind: Kind, from: usize, end: Option<(usize, usize)>) -> Option<usize> {
        let (to, end) = end?;
        self.tokens.push(Token::Note(kind, &self.page[from..to]));
        Some(end)
    }

    /// At `&#`. An invalid number stops the pass.
    fn number(&mut self) -> Result<bool, PageError> {
        let from = self.at + 2;
        if let Some((digits, base)) = digits(&self.page[from..]) {
            let end = from + usize::from(base == 16) + digits.len();
            if self.page[end..].starts_with(|c: char| !c.is_ascii_hexdigit()) {
                self.tokens.push(Token::Text(Cow::Owned(numbered(digits, base)?.to_string())));
                self.at = self.behind_semicolon(end);
                return Ok(true);
            }
        }
        if self.page[self.at..].contains(';') {
            self.text(from);
        }
        Ok(false)
    }

    /// At a `&` that is not before a `#`; `false` if the page ends in the name.
    fn name(&mut self, last: bool) -> bool {
        let start = self.at + 1;
        if !self.page[start..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let more = start < self.page.len();
            if more {
                self.text(start);
            }
            return more;
        }
        let mut end = self.skip(start, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        if end == self.page.len() {
            // The name must be followed by a character that is neither a letter nor a digit.
            let Some(mark) = self.page[start..].rfind(['-', '.']) else {
                // A lone letter loses its ampersand.
                self.at += usize::from(last && end == start + 1);
                return false;
            };
            end = start + mark;
        }
        let text = match named(&self.page[start..end]) {
            Some(character) => character,
            None => &self.page[self.at..end],
        };
        self.tokens.push(Token::Text(Cow::Borrowed(text)));
        self.at = self.behind_semicolon(end);
        true
    }

    fn behind_semicolon(&self, at: usize) -> usize {
        at + usize::from(self.page[at..].starts_with(';'))
    }

    /// Everything up to `end` is text.
    fn text(&mut self, end: usize) {
        if self.at < end {
            self.tokens.push(Token::Text(Cow::Borrowed(&self.page[self.at..end])));
            self.at = end;
        }
    }

    /// The first place from `from` on whose character does not match `of`.
    fn skip(&self, from: usize, of: impl Fn(char) -> bool) -> usize {
        self.page[from..].find(|c| !of(c)).map_or(self.page.len(), |n| from + n)
    }

    fn find(&self, from: usize, what: char) -> Option<usize> {
        self.page[from..].find(what).map(|n| from + n)
    }
}

fn in_tag_name(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r' | '\x0c' | ' ' | '/' | '>' | '\0')
}
