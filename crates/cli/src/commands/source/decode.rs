//! Texts in the encodings that Python and browsers accept.
//!
//! A text is decoded once; lines, columns and spans are those of the decoded text.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes at the beginning of a page in which a browser looks for its encoding.
const PRESCAN: usize = 1024;
/// Lines of a script in which Python looks for its encoding.
const COOKIE_LINES: usize = 2;

/// Why a script cannot be decoded, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// What is wrong, without the name of the file.
    pub why: String,
    /// What to do.
    pub help: &'static str,
}

/// The text of a script, as Python decodes it (PEP 263): by a mark of UTF-8, by the comment
/// `coding: NAME` in one of its first two lines, else as UTF-8.
pub fn script(bytes: &[u8]) -> Result<String, Undecodable> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest);
    }
    if Encoding::for_bom(bytes).is_some() {
        let why = "is in UTF-16, which Python does not read".to_owned();
        return Err(Undecodable { why, help: "save it as UTF-8" });
    }
    let Some(name) = cookie(bytes) else { return utf8(bytes) };
    let plain = name.to_ascii_lowercase().replace('_', "-");
    match plain.as_str() {
        "utf-8" | "utf8" | "utf-8-sig" | "u8" => utf8(bytes),
        "ascii" | "us-ascii" if bytes.is_ascii() => utf8(bytes),
        // Every byte is the character of its number, which the Web's encoding of that name is not.
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => {
            Ok(bytes.iter().map(|&byte| char::from(byte)).collect())
        }
        other => by_name(bytes, other).ok_or_else(|| Undecodable {
            why: format!("says that it is in `{name}`, and is not"),
            help: "save it as UTF-8, and take the comment out",
        }),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, Undecodable> {
    String::from_utf8(bytes.to_vec()).map_err(|e| Undecodable {
        why: format!("is not UTF-8 (byte {})", e.utf8_error().valid_up_to()),
        help: "save it as UTF-8, or name its encoding in the first line, as in `# -*- coding: latin-1 -*-`",
    })
}

/// Text in an encoding by Python's name of it.
fn by_name(bytes: &[u8], name: &str) -> Option<String> {
    let label = match name {
        "cp932" | "ms932" | "mskanji" => "shift_jis".to_owned(),
        "cp936" => "gbk".to_owned(),
        "cp949" | "uhc" => "euc-kr".to_owned(),
        "cp950" => "big5".to_owned(),
        "mac-roman" => "macintosh".to_owned(),
        _ => match name.strip_prefix("cp") {
            Some(number) => format!("windows-{number}"),
            None => name.to_owned(),
        },
    };
    let encoding = Encoding::for_label(label.as_bytes()).or_else(|| {
        // Python writes `euc-jp` as `eucjp`, too, and the Web `iso8859-2` as `iso-8859-2`.
        Encoding::for_label(label.replace("iso8859", "iso-8859").replace("eucjp", "euc-jp").as_bytes())
    })?;
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
}

/// The name in the comment of a script's first lines, by the expression of PEP 263:
/// `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`.
fn cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|&byte| byte == b'\n').take(COOKIE_LINES) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // Code ends the search.
        let comment = line.strip_prefix(b"#")?;
        let comment = String::from_utf8_lossy(comment).into_owned();
        for (at, word) in comment.match_indices("coding") {
            let rest = &comment[at + word.len()..];
            let Some(rest) = rest.strip_prefix([':', '=']) else { continue };
            let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let name: String =
                rest.trim_start_matches([' ', '\t']).chars().take_while(|&c| named(c)).collect();
            if !name.is_empty() {
                return Some(name);
            }
        }
    }
    None
}

/// The text of a page, as a browser decodes it: by a byte order mark, by `<meta charset>`, as UTF-8
/// if it is, else as windows-1252. Bytes without a meaning become U+FFFD.
pub fn page(bytes: &[u8]) -> String {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned();
    }
    let fallback = if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 };
    let encoding = declared(&bytes[..bytes.len().min(PRESCAN)]).unwrap_or(fallback);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The encoding that a page declares in its first bytes.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if let Some(xml) = head.strip_prefix("<?xml") {
        let declaration = xml.split("?>").next().unwrap_or_default();
        if let Some(found) = value_after(declaration, "encoding") {
            return Encoding::for_label(found.as_bytes());
        }
    }
    let mut rest = head.as_str();
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let tag = rest.split('>').next().unwrap_or_default();
        if let Some(found) = value_after(tag, "charset") {
            let encoding = Encoding::for_label(found.as_bytes())?;
            // A page that says so in bytes is not in two-byte units.
            let wide = encoding == UTF_16LE || encoding == UTF_16BE;
            return Some(if wide { UTF_8 } else { encoding });
        }
    }
    None
}

/// The value of `name=value`, with or without quotes.
fn value_after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text[text.find(name)? + name.len()..].trim_start().strip_prefix('=')?;
    let rest = rest.trim_start().trim_start_matches(['"', '\'']);
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/')).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_decoded_as_python_does() {
        assert_eq!(script(b"\xef\xbb\xbfx = 1"), Ok("x = 1".into()));
        assert_eq!(
            script(b"# -*- coding: latin-1 -*-\nx='caf\xe9\x80'"),
            Ok("# -*- coding: latin-1 -*-\nx='café\u{80}'".into())
        );
        assert_eq!(
            script(b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n'\xcf'"),
            Ok("#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n'П'".into())
        );
        assert_eq!(script(b"# coding: euc_jp\n'\xb2\xbb'"), Ok("# coding: euc_jp\n'音'".into()));
        assert_eq!(script("x = '音'".as_bytes()), Ok("x = '音'".into()));
        assert_eq!(script(b"x = 'caf\xe9'").unwrap_err().why, "is not UTF-8 (byte 8)");
        // The third line does not count, nor does a line after code.
        assert!(script(b"a\n# coding: latin-1\n'\xe9'").is_err());
        assert!(script(b"#\n#\n# coding: latin-1\n'\xe9'").is_err());
        assert!(script(b"# coding: klingon\n").unwrap_err().why.contains("klingon"));
        assert!(script(b"\xff\xfex\0").unwrap_err().why.contains("UTF-16"));
    }

    #[test]
    fn pages_are_decoded_as_browsers_do() {
        assert_eq!(page(b"<p>caf\xe9 \x93x\x94</p>"), "<p>café “x”</p>");
        assert_eq!(page("<p>café</p>".as_bytes()), "<p>café</p>");
        assert_eq!(page(b"\xff\xfe<\0p\0>\0"), "<p>");
        assert_eq!(page(b"\xfe\xff\0<\0p"), "<p");
        assert_eq!(page(b"\xef\xbb\xbf<p>"), "<p>");
        let of = |head: &str| page(&[head.as_bytes(), b"\xcf"].concat());
        assert_eq!(of("<meta charset=windows-1251>"), "<meta charset=windows-1251>П");
        let long = "<meta http-equiv='Content-Type' content='text/html; charset=koi8-r'>";
        assert_eq!(of(long), format!("{long}о"));
        assert_eq!(
            of("<?xml version='1.0' encoding='iso-8859-7'?>"),
            "<?xml version='1.0' encoding='iso-8859-7'?>Ο"
        );
        assert_eq!(page("<meta charset=utf-16>é".as_bytes()), "<meta charset=utf-16>é");
    }
}
