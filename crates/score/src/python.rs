//! String functions of Python that differ from Rust's.

/// Python's `str.isspace` for one character.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Python's `str.strip`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The text as it is read from a file: every kind of line end is one line feed.
pub fn read_back(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
