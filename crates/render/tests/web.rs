//! Pages drawn by the real browser. These tests need Chromium, which `cargo xtask setup` installs.

use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{FailureKind, Image, Language, Source};
use vsdpo_render::{ChromiumRenderer, RenderConfig};

fn renderer(timeout: u64) -> ChromiumRenderer {
    let config = RenderConfig { timeout: Duration::from_secs(timeout), ..RenderConfig::default() };
    ChromiumRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
}

fn page(html: &str) -> Source {
    Source::new(html, Language::Html)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code")
}

fn png(path: &Path) -> Image {
    let rgba = image::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).into_rgba8();
    Image { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw().into() }
}

fn different(a: &Image, b: &Image) -> String {
    if (a.width, a.height) != (b.width, b.height) {
        return format!("{}x{} pixels, not {}x{}", a.width, a.height, b.width, b.height);
    }
    let pixels = a.rgba.as_chunks::<4>().0.iter().zip(b.rgba.as_chunks::<4>().0);
    match pixels.filter(|(a, b)| a != b).count() {
        0 => String::new(),
        count => format!("{count} pixels differ"),
    }
}

#[test]
fn a_page_is_drawn_in_full_and_alone() {
    let renderer = renderer(20);
    let tall = page("<body style='margin:0'><div style='height:900px;background:#336699'></div>");
    let shot = renderer.shoot(&tall).unwrap().unwrap();
    assert_eq!((shot.image.width, shot.image.height), (1280, 900));
    assert_eq!(shot.image.pixel(1279, 899), [0x33, 0x66, 0x99, 255]);
    // Nothing of the last page is left, and requests beyond the page are listed.
    let asks = page(
        "<script>document.title = localStorage.length</script><img src='http://example.org/a.png'><img src=b.png>",
    );
    let shot = renderer.shoot(&asks).unwrap().unwrap();
    assert_eq!((shot.image.width, shot.image.height), (1280, 720));
    assert_eq!(shot.unmet, ["b.png", "http://example.org/a.png"]);
}

#[test]
fn pages_that_do_not_end_are_a_value_and_the_next_one_draws() {
    let (renderer, patient) = (renderer(3), renderer(60));
    let fine = page("<p style='color:#112233'>fine</p>");
    let alone = patient.shoot(&fine).unwrap().unwrap().image;
    for (html, kind) in [
        ("<script>while (true) {}</script>", FailureKind::Timeout),
        (
            "<img src=slow.png><script>addEventListener('load', () => { while (true) {} })</script>",
            FailureKind::Timeout,
        ),
        ("<script>const a = []; while (true) a.push(new Array(1e6).fill(1.5))</script>", FailureKind::Memory),
        ("<div style='width:1e7px;height:1e7px'></div>", FailureKind::Limit),
    ] {
        // Filling memory takes long on a busy machine.
        let renderer = if kind == FailureKind::Timeout { &renderer } else { &patient };
        let error = renderer.shoot(&page(html)).unwrap().unwrap_err();
        assert_eq!(error.kind, kind, "{html}: {}", error.message);
        let after = renderer.shoot(&fine).unwrap().unwrap().image;
        assert_eq!(different(&after, &alone), "", "after {html}");
    }
}

#[test]
fn pages_cannot_wait_or_leave() {
    let renderer = renderer(60);
    for html in [
        "<script>alert(1); confirm(2); prompt(3); print()</script><p>on</p>",
        "<script>for (let i = 0; i < 99; i++) open('about:blank')</script><p>on</p>",
        "<meta http-equiv=refresh content='0;url=file:///etc/passwd'><p>on</p>",
        "<iframe src='file:///etc/passwd'></iframe><img src='file:///etc/hostname'>",
        "<script>fetch('http://127.0.0.1:1/').catch(() => 0); new WebSocket('ws://127.0.0.1:1/')</script><p>on</p>",
        "<style>@keyframes a { to { left: 1px } } p { position: relative; animation: a 1s infinite }</style><p>on</p>",
    ] {
        let shot = renderer.shoot(&page(html)).unwrap();
        assert!(shot.is_ok(), "{html}: {:?}", shot.err());
    }
}

#[test]
fn a_page_without_a_folder_shows_the_files_for_all() {
    let square = "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><rect width='8' height='8' fill='red'/></svg>";
    let common = [("all.svg".to_owned(), square.into())].into();
    let renderer = ChromiumRenderer::start(RenderConfig { common, ..RenderConfig::default() }).unwrap();
    let shot = |html| renderer.shoot(&page(html)).unwrap().unwrap();
    let found = shot("<body style='margin:0'><img src=all.svg style='display:block'>");
    assert_eq!((&found.image.rgba[..4], found.unmet), (&[255, 0, 0, 255][..], vec![]));
    let missing = shot("<img src=none.svg>");
    assert_eq!(missing.unmet, ["none.svg"]);
}

#[test]
fn screenshots_are_those_of_the_fixtures() {
    let renderer = renderer(60);
    let mut compared = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let folder = entry.unwrap().path();
        let stages = folder.join("stages");
        for (source, picture) in [
            (folder.join("ref.html"), "ref.png"),
            (stages.join("cand_pre.html"), "cand.png"),
            (stages.join("ref_p.html"), "ref_p.png"),
            (stages.join("cand_p.html"), "cand_p.png"),
            (stages.join("ref_p_1.html"), "ref_p_1.png"),
            (stages.join("cand_p_1.html"), "cand_p_1.png"),
        ] {
            let (Ok(html), true) = (std::fs::read_to_string(&source), stages.join(picture).is_file()) else {
                continue;
            };
            let shot = renderer
                .shoot(&Source { folder: Some(folder.clone()), ..Source::new(html, Language::Html) })
                .unwrap()
                .unwrap();
            let found = different(&shot.image, &png(&stages.join(picture)));
            assert_eq!(found, "", "{}", source.display());
            compared += 1;
        }
    }
    assert!(compared >= 12, "{compared} fixtures");
}
