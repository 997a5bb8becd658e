//! The frame of every page: an inline style sheet and an inline script; nothing is loaded from a
//! network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page. Its content security policy allows only the page's own files and `data:` URLs, so
/// that even unescaped text of a model could not load anything.
pub fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                (body)
                footer { "visual-sdpo " (env!("CARGO_PKG_VERSION")) }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    }
    .into_string()
}
