//! Slides drawn by the real browser, against the numbers of the released AeSlides functions. These
//! tests need Chromium, which `cargo xtask setup` installs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vsdpo_artifact::{Domain, FailureKind, Language, Outcome, Rendered, SlideLayout, Source};
use vsdpo_diagnose::slide::{SlideMetrics, measure};
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer, SlideMode, open};

const MODES: [SlideMode; 3] = [SlideMode::Adaptive, SlideMode::FullPage, SlideMode::Fixed];

fn slides(mode: SlideMode) -> ChromiumRenderer {
    let timeout = Duration::from_secs(60);
    let config = RenderConfig { workers: 1, timeout, cache_entries: 0, ..RenderConfig::default() };
    ChromiumRenderer::slides(config, mode).unwrap_or_else(|e| panic!("these tests draw slides for real: {e}"))
}

fn draw(renderer: &ChromiumRenderer, html: &str) -> Rendered {
    match renderer.render(&Source::new(html, Language::Html)).unwrap() {
        Outcome::Rendered(rendered) => rendered,
        Outcome::Failed { error } => panic!("{error:?}: {html}"),
    }
}

fn layout(rendered: &Rendered) -> &SlideLayout {
    rendered.pages[0].slide.as_ref().expect("slides have a layout")
}

fn metrics(rendered: &Rendered) -> SlideMetrics {
    measure(&rendered.pages[0].image, layout(rendered))
}

/// The fixtures whose fonts are installed, with what is stored of them.
fn fixtures() -> Vec<(String, String, Value, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aeslides");
    let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let json = |file: &str| -> Value { serde_json::from_str(&read(path.join(file))).unwrap() };
            let expected = json("expected.json");
            if expected["fonts"][0] == "Liberation Sans" {
                all.push((name, read(path.join("slide.html")), expected, json("tree.json")));
            }
        }
    }
    assert_eq!(all.len(), 12);
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn close(got: f64, want: &Value, tolerance: f64, what: &str) {
    let want = want.as_f64().unwrap();
    assert!((got - want).abs() <= tolerance, "{what}: {got}, not {want}");
}

/// The tolerances are those of docs/specs/aeslides.md, 12, for fresh renders.
#[test]
fn fixtures_measure_what_the_released_program_measured() {
    let renderer = slides(SlideMode::Adaptive);
    for (name, html, expected, _) in fixtures() {
        let (rendered, ours) = (draw(&renderer, &html), &expected["ours"]);
        let got = metrics(&rendered);
        close(got.height, &ours["natural_height"], 0.0, &name);
        assert_eq!(f64::from(rendered.pages[0].image.height), ours["view_height"].as_f64().unwrap());
        close(got.whitespace.crop, &expected["whitespace"]["content_ratio_crop"], 0.01, &name);
        close(got.whitespace.full, &expected["whitespace"]["content_ratio_full"], 0.01, &name);
        let imbalance = got.imbalance.unwrap();
        close(imbalance.paper, &ours["d_paper"], 0.02, &format!("{name} d_paper"));
        close(imbalance.code, &ours["d_code"], 0.15, &format!("{name} d_code"));
        close(got.collision.cost, &ours["collision"]["C"], 0.01, &format!("{name} C"));
        close(got.scores().mean(), &ours["avg"], 0.01, &format!("{name} avg"));
        assert_eq!(got.hacks.hides_text, name == "10", "{name}");
        assert!(!got.hacks.texture, "{name}: {:?}", got.hacks);
    }
}

#[test]
fn boxes_are_those_of_the_stored_lists() {
    let renderer = slides(SlideMode::Adaptive);
    let mut compared = 0;
    for (name, html, _, tree) in fixtures() {
        let rendered = draw(&renderer, &html);
        let elements = &layout(&rendered).elements;
        let media = ["img", "svg", "input", "textarea", "select", "progress", "meter", "iframe"];
        let inside = |at: Option<u32>| {
            let mut around = std::iter::successors(at, |at| elements[*at as usize].parent);
            around.any(|at| media.contains(&elements[at as usize].tag.as_str()))
        };
        let walked: Vec<_> = elements.iter().skip(1).filter(|e| !inside(e.parent)).collect();
        let stored = tree["boxes"].as_array().unwrap();
        assert_eq!(walked.len(), stored.len(), "{name}");
        for (e, want) in walked.iter().zip(stored) {
            assert_eq!(want["tag"], *e.tag, "{name}");
            for (got, key) in [(e.rect.x, "x"), (e.rect.y, "y"), (e.rect.w, "w"), (e.rect.h, "h")] {
                close(got, &want[key], 1.0, &format!("{name} {} {key}", e.tag));
            }
            let lines = want["text"].as_array().unwrap();
            assert!(want["media"] == true || e.text_rects.len() == lines.len(), "{name} {}", e.tag);
            assert_eq!(want["position"] == "absolute" || want["position"] == "fixed", e.placed, "{name}");
            let painted = e.background >= 0.05 || e.background_image || e.border;
            assert_eq!(want["paint"], painted, "{name} {}", e.tag);
            assert_eq!((&want["clipx"], &want["clipy"]), (&e.clips[0].into(), &e.clips[1].into()), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn every_mode_finds_the_stored_heights() {
    for (mode, key) in MODES.into_iter().zip(["adaptive", "full_page", "fixed_720"]) {
        let renderer = slides(mode);
        for (name, html, expected, _) in fixtures() {
            let rendered = draw(&renderer, &html);
            close(layout(&rendered).full_height, &expected["heights"][key], 0.0, &format!("{name} {key}"));
            let height = if mode == SlideMode::Fixed { 720.0 } else { layout(&rendered).full_height };
            let image = &rendered.pages[0].image;
            assert_eq!((image.width, f64::from(image.height)), (1280, height), "{name} {key}");
            assert_eq!(layout(&rendered).height, height);
            let d = metrics(&rendered).imbalance.unwrap();
            let tree = if key == "adaptive" { "natural" } else { key };
            let want = &expected["centroid"][tree];
            close(d.paper, &want["score_paper_tolerances"], 0.02, &format!("{name} {key}"));
        }
    }
}

#[test]
fn heights_follow_the_first_window_and_the_document() {
    let [adaptive, full, _] = MODES.map(slides);
    let page = |inner: &str| format!("<!doctype html><body style='margin:0'>{inner}");
    for (inner, low, high) in [
        ("<div style='min-height:100vh'><div style='height:90px'></div></div>", 90.0, 720.0),
        ("<div style='height:420px'></div>", 420.0, 720.0),
        ("<div style='height:1100px;transform:scale(.65)'></div>", 1100.0, 1100.0),
        ("<div style='height:720px;overflow:hidden'><p style='height:900px'></p></div>", 720.0, 720.0),
        ("<style>html,body{overflow:hidden}</style><div style='height:948px'></div>", 948.0, 948.0),
        ("<div style='height:720.6px'></div>", 721.0, 721.0),
        ("<div style='position:absolute;top:800px;height:50px;width:9px'></div>", 850.0, 850.0),
        ("<div style='height:8200px'></div>", 8200.0, 8200.0),
        ("", 10.0, 720.0),
    ] {
        for (renderer, want) in [(&adaptive, low), (&full, high)] {
            let rendered = draw(renderer, &page(inner));
            assert_eq!(layout(&rendered).full_height, want, "{inner}");
            assert_eq!(f64::from(rendered.pages[0].image.height), want.min(7680.0), "{inner}");
        }
    }
}

/// Scripts act at once in virtual time, also those that never end.
#[test]
fn what_scripts_do_in_the_first_seconds_belongs_to_the_slide() {
    let renderer = slides(SlideMode::Adaptive);
    let add = |height: u32| {
        format!(
            "document.body.insertAdjacentHTML('beforeend', '<p style=\"height:{height}px;margin:0\">late</p>')"
        )
    };
    let page = |script: String| format!("<!doctype html><body style='margin:0'><script>{script}</script>");
    let channel = "const c = new MessageChannel(); c.port1.onmessage = () => c.port2.postMessage(1);
        c.port2.postMessage(1);";
    for (script, height) in [
        (format!("setTimeout(() => {}, 600)", add(900)), 900.0),
        (format!("setTimeout(() => setTimeout(() => {}, 900), 900)", add(300)), 300.0),
        // Later than anybody waits.
        (format!("setTimeout(() => {}, 4000)", add(900)), 10.0),
        (format!("setInterval(() => 0, 1); setTimeout(() => {}, 600)", add(77)), 77.0),
        (format!("(function f() {{ setTimeout(f, 0) }})(); setTimeout(() => {}, 600)", add(78)), 78.0),
        (
            format!("(function f() {{ requestAnimationFrame(f) }})(); setTimeout(() => {}, 600)", add(79)),
            79.0,
        ),
        (format!("{channel} setTimeout(() => {}, 600)", add(80)), 80.0),
        // A transition that begins late ends.
        (
            format!(
                "{}; const p = document.querySelector('p'); p.style.transition = 'height 5s';
                setTimeout(() => p.style.height = '500px', 1000)",
                add(50)
            ),
            500.0,
        ),
    ] {
        let began = Instant::now();
        let rendered = draw(&renderer, &page(script.clone()));
        assert_eq!(layout(&rendered).full_height, height, "{script}");
        assert_eq!(f64::from(rendered.pages[0].image.height), height, "{script}");
        // Far less than the time that passed for the script, were the machine idle.
        assert!(began.elapsed() < Duration::from_secs(30), "{script}");
    }
}

#[test]
fn pages_that_never_rest_or_are_too_much_are_failures() {
    let config = RenderConfig { workers: 1, timeout: Duration::from_secs(8), ..RenderConfig::default() };
    let renderer = ChromiumRenderer::slides(config, SlideMode::Adaptive).unwrap();
    let parts = "<i></i>".repeat(5_001);
    let deep = "<body><script>let at = document.body; for (let i = 0; i < 300; i += 1) {
        const inner = document.createElement('div'); at.append(inner); at = inner; }</script>";
    let lines = format!("<p style='width:1px'>{}</p>", "a ".repeat(20_001));
    for (html, kind) in [
        ("<script>setTimeout(() => { while (true) {} }, 500)</script>", FailureKind::Timeout),
        (&parts, FailureKind::Limit),
        (deep, FailureKind::Limit),
        (&lines, FailureKind::Limit),
    ] {
        let outcome = renderer.render(&Source::new(html, Language::Html)).unwrap();
        let error = outcome.error().unwrap_or_else(|| panic!("{:.60}", html));
        assert_eq!(error.kind, kind, "{:.60}: {}", html, error.message);
        let next =
            draw(&renderer, "<!doctype html><body style='margin:0'><p style='height:50px;margin:0'>on");
        assert_eq!(layout(&next).full_height, 50.0);
    }
}

/// Fonts of the page count, whenever they are asked for.
#[test]
fn fonts_are_there_before_anything_is_measured() {
    let renderer = slides(SlideMode::Adaptive);
    let sheet = "https://fonts.googleapis.com/css2?family=Bebas+Neue";
    let text = "<span style=\"font:80px 'Bebas Neue',monospace\">Quarterly operations</span>";
    let width = |html: &str| {
        let rendered = draw(&renderer, html);
        assert!(rendered.notes.is_empty(), "{:?}", rendered.notes);
        layout(&rendered).elements.iter().find(|e| e.tag == "span").unwrap().rect.w
    };
    let without = width(text);
    let with = width(&format!("<link rel=stylesheet href='{sheet}'>{text}"));
    assert!(with < 0.8 * without, "{with} and {without} px");
    let acting = width(&format!("<link rel=stylesheet href='{sheet}'>{text}<script>1</script>"));
    assert_eq!(acting, with);
    for milliseconds in [600, 1890] {
        let link = "const l = document.createElement('link'); l.rel = 'stylesheet';";
        let late = format!("{link} l.href = '{sheet}'; document.head.append(l)");
        let late = width(&format!("{text}<script>setTimeout(() => {{ {late} }}, {milliseconds})</script>"));
        assert_eq!(late, with, "after {milliseconds} ms");
    }
}

/// Rules and credit find the element of the table, and its place in the source.
#[test]
fn parts_of_the_layout_are_elements_of_the_table() {
    let renderer = open(Domain::Slide, Language::Html, RenderConfig::default()).unwrap();
    let html = "<!doctype html><style>#a{color:#123456}</style><body><div id=a>one<b>two</b></div>
        <form><input name=tagName><input name=parentElement><input name=childNodes></form>
        <div id=host></div><template><p>no</p></template><details><summary>s</summary>d</details>
        <select><option>o</option></select><p style='visibility:hidden'>hidden</p>
        <script>host.attachShadow({mode: 'open'}).innerHTML = '<em>shade</em>';
        document.body.append(Object.assign(document.createElement('u'), {textContent: 'made'}))</script>";
    let Outcome::Rendered(rendered) = renderer.render(&Source::new(html, Language::Html)).unwrap() else {
        panic!("it draws");
    };
    let layout = layout(&rendered);
    let tags: Vec<&str> = layout.elements.iter().map(|e| e.tag.as_str()).collect();
    let want = "html body div b form input input input div details summary select option p u";
    assert_eq!(tags.join(" "), want);
    for e in &layout.elements {
        let Some(id) = e.element else {
            assert!(matches!(e.tag.as_str(), "p" | "option"), "{e:?}");
            continue;
        };
        let element = &rendered.elements[id as usize];
        let facts = element.html.as_ref().unwrap();
        assert_eq!(facts.tag, e.tag);
        let place = element.layout.unwrap();
        let wide = e.tag == "html" || (f64::from(place.x0) - e.rect.x).abs() < 0.1;
        assert!(wide && (f64::from(place.y0) - e.rect.y).abs() < 0.1, "{place:?} {e:?}");
    }
    let div = layout.elements.iter().find(|e| e.tag == "div").unwrap();
    let span = rendered.elements[div.element.unwrap() as usize].stack[0];
    assert_eq!(span.text(html), Some("<div id=a>"));
    assert_eq!((div.text_len, div.text_rects.len()), (6, 1));
    let hidden = layout.elements.iter().find(|e| e.tag == "p").unwrap();
    assert_eq!((hidden.text_len, hidden.element), (0, None));
    assert!(rendered.styles.iter().any(|rule| rule.span.text(html) == Some("#a{color:#123456}")));
}

/// An empty slide is a slide, and equal slides are equal.
#[test]
fn slides_are_the_same_each_time() {
    let renderer = slides(SlideMode::Adaptive);
    let empty = draw(&renderer, "<!doctype html><body style='margin:0'><div style='height:720px'></div>");
    let got = metrics(&empty);
    assert_eq!((got.imbalance, got.collision.cost, got.scores().mean()), (None, 0.0, 0.25));
    let moving = "<!doctype html><style>@keyframes m{to{transform:translateX(300px)}}
        div{height:99px;width:99px;background:#c33;animation:m 3s infinite}
        p{animation:m 1s forwards}</style><div></div><p>moved</p><script>setInterval(() => 0, 7)</script>";
    let all: Vec<Rendered> = (0..3).map(|_| draw(&renderer, moving)).collect();
    assert_eq!(all[0], all[1]);
    assert_eq!(all[1], all[2]);
    let part = |tag: &str| layout(&all[0]).elements.iter().find(|e| e.tag == tag).unwrap().rect.x;
    assert_eq!((part("div"), part("p")), (8.0, 308.0));
}
