//! The table of elements of real pages. These tests need Chromium, which `cargo xtask setup` installs.

use vsdpo_artifact::{Element, ElementKind, FailureKind, Outcome, Region, Rendered};
use vsdpo_render::{Page, WebConfig, WebRenderer};

fn renderer() -> WebRenderer {
    WebRenderer::start(WebConfig::default()).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
}

fn render(html: &str) -> Outcome {
    renderer().render(&Page { html: html.into(), folder: None }).unwrap()
}

fn rendered(html: &str) -> Rendered {
    match render(html) {
        Outcome::Rendered(rendered) => rendered,
        Outcome::Failed { error } => panic!("{error:?}"),
    }
}

/// The source of the start tag that an element is charged to.
fn tag<'a>(element: &Element, html: &'a str) -> &'a str {
    element.stack.first().and_then(|span| span.text(html)).unwrap_or("")
}

/// The element with this text.
fn with_text<'a>(rendered: &'a Rendered, text: &str) -> &'a Element {
    let found: Vec<&Element> = rendered.elements.iter().filter(|e| e.text.as_deref() == Some(text)).collect();
    assert_eq!(found.len(), 1, "{text}: {:#?}", rendered.elements);
    found[0]
}

#[test]
fn dump() {
    let html = std::fs::read_to_string("/tmp/t1.html").unwrap();
    for e in rendered(&html).elements {
        println!("{} {:?} {:?} {:?} {:?} {:?} {:?}", e.id, e.kind, e.region, e.layout, e.text, tag(&e, &html), e.page);
    }
}
