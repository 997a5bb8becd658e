//! Pages that can leave nothing behind: such pages may follow each other in one context.
//!
//! A context is a process, and to start and end one costs more than to lay out a small page. What
//! isolates pages is needed where a page can act: where it has scripts, handlers, frames, or forms
//! of markup that we do not know to be harmless. The test errs on the side of acting.

/// Words that must not be in a page, in lower case.
const ACTS: [&str; 14] = [
    "script",
    "frame",
    "<object",
    "<embed",
    "<applet",
    "<svg",
    "<math",
    "<form",
    "<audio",
    "<video",
    "<base",
    "http-equiv",
    "<link",
    "view-transition",
];

/// Whether nothing on the page can act: no code, no frame, nothing that navigates. Escapes, in
/// which words could hide, count as acting.
pub fn is_inert(html: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(html) else { return false };
    let text = text.to_ascii_lowercase();
    let hidden = text.contains('\\') || text.contains("&#") || text.contains('\0');
    !hidden && !ACTS.iter().any(|word| text.contains(word)) && !has_handler(&text)
}

/// Whether something like `onload=` is anywhere.
fn has_handler(text: &str) -> bool {
    text.match_indices('=').any(|(at, _)| {
        let before = text[..at].trim_end();
        let word = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        before[word.len()..].starts_with("on")
    })
}

#[cfg(test)]
mod tests {
    use super::is_inert;

    #[test]
    fn what_can_act_is_told_from_what_cannot() {
        for page in [
            "<!doctype html><style>p{color:red}</style><p class=a>two = 2</p><a href='#x'>x</a>",
            "<p style=\"background:url(a.png)\">Version 3 = on sale</p><img src=rick.jpg>",
        ] {
            assert!(is_inert(page.as_bytes()), "{page}");
        }
        for page in [
            "<SCRIPT>1</SCRIPT>",
            "<p onclick = 'x()'>",
            "<body/ONload=x>",
            "<a href='javascript:x()'>",
            "<a href='&#106;avascript:x()'>",
            "<iframe srcdoc=x>",
            "<meta http-equiv=refresh content=0>",
            "<style>p{background:\\75rl(x)}</style>",
            "<style>@view-transition{navigation:auto}</style>",
            "<svg><animate/></svg>",
        ] {
            assert!(!is_inert(page.as_bytes()), "{page}");
        }
        assert!(!is_inert(b"\xff"));
    }
}
