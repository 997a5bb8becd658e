//! Character references: `&name;`, `&#number;`, `&#xnumber;`.

use super::PageError;
use std::borrow::Cow;

/// The characters of the numbers 0x80 to 0x9F: those of windows-1252, or the code point itself.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows(code: u32) -> Option<char> {
    WINDOWS.get(code.checked_sub(0x80)? as usize).copied()
}

/// The text of `&name;`, if the whole name is known.
pub(super) fn named(name: &str) -> Option<&'static str> {
    entity(&format!("&{name};"))
}

/// The table has the ampersand and, where it belongs to the name, the semicolon.
fn entity(reference: &str) -> Option<&'static str> {
    htmlize::ENTITIES.get(reference.as_bytes()).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// The digits of a numeric reference after `&#`, at least one, and their base.
pub(super) fn digits(text: &str) -> Option<(&str, u32)> {
    let hex = text.strip_prefix(['x', 'X']);
    let (text, base) = hex.map_or((text, 10), |text| (text, 16));
    let end = text.find(|c: char| !c.is_digit(base)).unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], base))
}

/// Too large numbers become `u32::MAX`, which is no character either.
fn number(digits: &str, base: u32) -> u32 {
    u32::from_str_radix(digits, base).unwrap_or(u32::MAX)
}

/// The character that a number stands for in text.
pub(super) fn numbered(digits: &str, base: u32) -> Result<char, PageError> {
    let code = number(digits, base);
    if (0xd800..0xe000).contains(&code) {
        return Err(PageError::Surrogate(code));
    }
    Ok(windows(code).or(char::from_u32(code)).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The same in the value of an attribute, where Python uses another function with other rules.
fn numbered_in_value(digits: &str, base: u32) -> Option<char> {
    let code = number(digits, base);
    if let Some(c) = windows(code) {
        return Some(c);
    }
    match code {
        0 => Some(char::REPLACEMENT_CHARACTER),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if code <= 0x10ffff && code & 0xfffe == 0xfffe => None,
        _ => Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

/// The value of an attribute without character references: Python's `html.unescape`.
pub(super) fn unescaped(value: &str) -> Cow<'_, str> {
    let Some(mut at) = value.find('&') else { return Cow::Borrowed(value) };
    let mut out = String::with_capacity(value.len());
    let mut from = 0;
    while let Some(next) = value[at..].find('&').map(|n| at + n) {
        out.push_str(&value[from..next]);
        at = next + reference(&value[next..], &mut out);
        from = at;
    }
    out.push_str(&value[from..]);
    Cow::Owned(out)
}

/// Writes the text of the reference at the start of `text`; returns the bytes that were read.
fn reference(text: &str, out: &mut String) -> usize {
    let semicolon = |end: usize| end + usize::from(text[end..].starts_with(';'));
    if let Some((digits, base)) = text[1..].strip_prefix('#').and_then(digits) {
        out.extend(numbered_in_value(digits, base));
        let hex = usize::from(base == 16);
        return semicolon("&#".len() + hex + digits.len());
    }
    let named = |c: &char| !matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let ends: Vec<usize> = text[1..]
        .char_indices()
        .take(32)
        .take_while(|(_, c)| named(c))
        .map(|(i, c)| 1 + i + c.len_utf8())
        .collect();
    let Some(&last) = ends.last() else {
        out.push('&');
        return 1;
    };
    let end = semicolon(last);
    // The whole name, or its longest beginning of at least two characters.
    let shorter = ends.iter().skip(1).rev().copied().filter(|&e| e < end);
    let known = std::iter::once(end).chain(shorter).find_map(|e| Some((e, entity(&text[..e])?)));
    let (read, character) = known.unwrap_or((0, ""));
    out.push_str(character);
    out.push_str(&text[read..end]);
    end
}
