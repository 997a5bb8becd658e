//! The frame around every page: one style sheet and one script, both inline, nothing from a
//! network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page. The policy in the header forbids every address but the page's own and `data:`, so
/// that text that slipped through could still load nothing.
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
