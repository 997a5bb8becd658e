//! Progress reports of long evaluations.

/// Receives notes and progress. The command line shows them; tests may ignore them.
pub trait Reporter: Sync {
    /// One line for the user.
    fn note(&self, text: &str);

    /// A phase of `total` parts begins.
    fn begin(&self, what: &str, total: u64);

    /// One more part of the phase is done.
    fn advance(&self);

    /// The phase is over.
    fn end(&self);
}

/// The text on one line, safe to print on a terminal: control characters and the marks that reorder
/// text on screen become U+FFFD.
pub fn clean_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ").trim().to_owned()
}

/// Whether a character is safe to print on a terminal: no control codes but line feed and tab, and
/// none of the marks that reorder text on screen.
pub fn harmless(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(c, '\n' | '\t') || (!c.is_control() && !reorders)
}

/// The text made safe to print on a terminal; a carriage return before a line feed is dropped,
/// every other such character becomes U+FFFD.
pub fn clean(text: &str) -> std::borrow::Cow<'_, str> {
    if text.chars().all(harmless) {
        return std::borrow::Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    std::borrow::Cow::Owned(text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect())
}
