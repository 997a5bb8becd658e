//! The table of elements of real pages. These tests need Chromium, which `cargo xtask setup`
//! installs.

use vsdpo_artifact::{Element, ElementKind, FailureKind, Language, Outcome, Region, Rendered, Source};
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer};

fn renderer() -> ChromiumRenderer {
    ChromiumRenderer::start(RenderConfig::default())
        .unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
}

fn render(html: &str) -> Outcome {
    renderer().render(&Source::new(html, Language::Html)).unwrap()
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
fn every_element_stands_at_its_tag() {
    let html = "<!doctype html><title>no box</title><h1 class=x>Head</h1><p>One<b>two</b><p>Three<br/>lines\n\
        <ul><li>Item</ul><svg width=9 height=9><path d='M0 0L9 9'/></svg><img src=none.png width=20 height=20>\
        <button>Go</button><input value=typed><script>document.body.append('late')</script>";
    let page = rendered(html);
    let charged = |text: &str| tag(with_text(&page, text), html);
    assert_eq!(charged("Head"), "<h1 class=x>");
    assert_eq!(charged("One"), "<p>");
    assert_eq!(charged("two"), "<b>");
    assert_eq!(charged("Three lines"), "<p>");
    assert_eq!(charged("Item"), "<li>");
    assert_eq!((charged("Go"), charged("typed")), ("<button>", "<input value=typed>"));
    assert_eq!(with_text(&page, "Head").kind, ElementKind::Title);
    assert_eq!(with_text(&page, "Go").kind, ElementKind::Control);
    let image =
        |tag: &str| page.elements.iter().find(|e| e.html.as_ref().is_some_and(|p| p.tag == tag)).unwrap();
    assert_eq!(image("svg").kind, ElementKind::Image);
    assert_eq!(image("img").html.as_ref().unwrap().unmet.as_deref(), Some("none.png"));
    assert_eq!(image("img").region.width(), 20.0);
    assert!(
        !page.elements.iter().any(|e| e.html.as_ref().unwrap().tag == "path"),
        "shapes are parts of a drawing"
    );
    assert_eq!(page.elements[0].kind, ElementKind::Page);
    // What a script appends to the body has no tag of its own; the source has none for the body
    // either.
    assert!(page.elements.iter().any(|e| e.text.as_deref() == Some("late") && e.stack.is_empty()));
    assert_eq!(page.notes, ["no answer for none.png"]);
    for (id, e) in page.elements.iter().enumerate() {
        assert_eq!(e.id as usize, id);
        assert!(e.parent.is_none_or(|parent| parent < e.id), "{e:?}");
    }
}

#[test]
fn what_cuts_is_known_and_what_is_hidden_on_purpose_is_absent() {
    let html = "<!doctype html><style>div { width: 100px; height: 20px; position: relative }</style>\
        <div style='overflow:hidden'>much too long for it<p style='position:absolute;top:15px;margin:0'>below</p></div>\
        <div style='overflow:auto;position:static'>scrolls and scrolls and scrolls<p style='position:absolute;top:200px'>free</p></div>\
        <p style='visibility:hidden'>hidden</p><p style='opacity:0'>clear</p><p style='display:none'>none</p>\
        <p style='position:absolute;clip:rect(0,0,0,0)'>read aloud</p>\
        <div style='opacity:.5;color:#102030;background:rgba(255,0,0,.5)'>pale</div>";
    let page = rendered(html);
    let shown: Vec<&str> = page.elements.iter().filter_map(|e| e.text.as_deref()).collect();
    let expected = ["much too long for it", "below", "scrolls and scrolls and scrolls", "free", "pale"];
    assert_eq!(shown, expected);
    let cut = with_text(&page, "much too long for it").html.clone().unwrap();
    assert_eq!(cut.clip.map(Region::height), Some(20.0));
    assert!(cut.lines.len() == 2 && cut.lines[1].y1 > cut.clip.unwrap().y1, "{cut:?}");
    assert_eq!(with_text(&page, "below").region.height(), 5.0, "cut by the box around it");
    let scrolled = with_text(&page, "scrolls and scrolls and scrolls").html.clone().unwrap();
    assert_eq!(scrolled.clip, None, "can be scrolled");
    assert_eq!(with_text(&page, "free").html.as_ref().unwrap().clip, None, "is not held by the box");
    let pale = with_text(&page, "pale");
    assert_eq!(pale.color, Some([0x10, 0x20, 0x30, 128]));
    assert_eq!(pale.html.as_ref().unwrap().ground, Some([255, 0, 0, 64]));
    assert!(pale.html.as_ref().unwrap().framed && !cut.framed);
}

#[test]
fn style_rules_answer_for_what_they_decide() {
    let html = "<!doctype html><style>\n/* \u{e9}\u{2192}\u{1f600} */ body { color: #eee }\n.a, p.b { font-size: 9px; color: #777 !important }\n\
        @media (min-width: 9px) { .c { color: red; background: blue } }\n</style><style>h1{letter-spacing:2px}</style>\
        <p class=a style='font-size:12px; color: lime'>one</p><p class=c>two</p><p>three</p><h1>four</h1>";
    let page = rendered(html);
    let of = |text: &str, property: &str| {
        let id = with_text(&page, text).id;
        let decides = |rule: &&vsdpo_artifact::StyleRule| {
            rule.decides.iter().any(|(name, elements)| name == property && elements.contains(&id))
        };
        let found: Vec<_> =
            page.styles.iter().filter(decides).map(|rule| rule.span.text(html).unwrap()).collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().copied().unwrap_or("")
    };
    let important = ".a, p.b { font-size: 9px; color: #777 !important }";
    assert_eq!(of("one", "color"), important);
    assert_eq!(of("one", "font-size"), "", "its own attribute decides");
    assert_eq!(of("two", "color"), ".c { color: red; background: blue }");
    assert_eq!(of("two", "background-color"), ".c { color: red; background: blue }");
    assert_eq!(of("three", "color"), "body { color: #eee }", "inherited");
    assert_eq!(of("three", "background-color"), "", "not inherited");
    assert_eq!(of("four", "letter-spacing"), "h1{letter-spacing:2px}");
    assert_eq!(of("four", "font-size"), "", "the browser's own");
}

#[test]
fn a_page_that_shows_nothing_has_no_picture() {
    for html in ["", "<p></p>", "<style>p { color: red } <p>swallowed</p>", "<p style='opacity:0'>x</p>"] {
        let outcome = render(html);
        assert_eq!(outcome.error().map(|e| e.kind), Some(FailureKind::NoFigure), "{html}");
    }
    assert!(render("<body style='background:red'>").rendered().is_some());
}

#[test]
fn tags_change_no_pixel() {
    let renderer = renderer();
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code");
    let mut pages: Vec<Source> = std::fs::read_dir(&fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|folder| {
            let html = std::fs::read_to_string(folder.join("ref.html")).ok()?;
            Some(Source { folder: Some(folder), ..Source::new(html, Language::Html) })
        })
        .collect();
    let nasty = "<style>li:nth-child(2){color:red} p:empty{height:9px;background:blue} [data-x]{color:green}\
        a::after{content:attr(href)}</style><ul><li>a<li>b<LI/>c</ul><p></p><p>open<p data-x>x<table>foster<td>cell</table>\
        <a href=x>y</a><textarea><b>no tag</b></textarea><iframe srcdoc='<p>in</p>'></iframe><template><p>t</p></template>\
        <svg width=40 height=40><title><b>t</b></title><circle r=9 cx=9 cy=9 /></svg><br/><img alt='a>b'/><x-y/>end";
    pages.push(Source::new(nasty, Language::Html));
    for page in &pages {
        let plain = renderer.shoot(page).unwrap().unwrap().image;
        let Outcome::Rendered(tagged) = renderer.render(page).unwrap() else { panic!("{:?}", page.folder) };
        assert!(plain == tagged.pages[0].image, "{:?}", page.folder);
    }
    assert!(pages.len() > 10, "{} pages", pages.len());
}
