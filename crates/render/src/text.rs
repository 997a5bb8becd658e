//! Text of untrusted programs, made safe to print.

/// Cuts a text to `max` characters and takes out what could steer a terminal.
pub(crate) fn clean(text: &str, max: usize) -> String {
    text.chars().filter(|&c| !steers(c)).take(max).collect()
}

/// Controls, and the marks that make a terminal or an editor show text in another order.
fn steers(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reorders || (c.is_control() && c != '\n' && c != '\t')
}

/// As [`clean`], on one line.
pub(crate) fn clean_line(text: &str, max: usize) -> String {
    text.split(['\n', '\r', '\t'])
        .map(|part| clean(part, max))
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(max)
        .collect()
}
