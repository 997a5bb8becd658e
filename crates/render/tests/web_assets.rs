//! Pages that take their styles, scripts and fonts from public servers, drawn without a network.

use std::time::Duration;
use vsdpo_artifact::{Language, Source};
use vsdpo_render::{ChromiumRenderer, RenderConfig, Screenshot};

fn renderer() -> ChromiumRenderer {
    let config = RenderConfig { timeout: Duration::from_secs(60), workers: 1, ..RenderConfig::default() };
    ChromiumRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
}

fn draw(renderer: &ChromiumRenderer, html: &str) -> Screenshot {
    renderer.shoot(&Source::new(html, Language::Html)).unwrap().unwrap()
}

/// Whether this pixel has the colour `rrggbb`.
fn is(shot: &Screenshot, (x, y): (u32, u32), colour: u32) -> bool {
    let [r, g, b, _] = shot.image.pixel(x, y);
    u32::from_be_bytes([0, r, g, b]) == colour
}

#[test]
fn style_sheets_and_scripts_of_public_servers_apply() {
    let renderer = renderer();
    for (head, body, colour) in [
        // The script makes its rules from the classes that it finds, here with a colour of the
        // page's own.
        (
            "<script src=https://cdn.tailwindcss.com></script>\
             <script>tailwind.config = { theme: { extend: { colors: { brand: '#123456' } } } }</script>",
            "<div class='w-64 h-16 bg-brand'></div>",
            0x12_34_56,
        ),
        (
            "<script src=https://cdn.tailwindcss.com></script>\
             <style type=text/tailwindcss>@layer utilities { .box { @apply w-64 h-16 bg-red-500 } }</style>",
            "<div class=box></div>",
            0xef_44_44,
        ),
        (
            "<link href=https://cdn.jsdelivr.net/npm/tailwindcss@2.2.19/dist/tailwind.min.css rel=stylesheet>",
            "<div class='w-64 h-16 bg-red-500'></div>",
            0xef_44_44,
        ),
        (
            "<link href=https://cdn.jsdelivr.net/npm/bootstrap@5.3.0/dist/css/bootstrap.min.css rel=stylesheet \
              crossorigin=anonymous>",
            "<div class='bg-primary' style='width: 256px; height: 64px'></div>",
            0x0d_6e_fd,
        ),
        (
            "<script src=https://cdn.jsdelivr.net/npm/bootstrap@5.3.0/dist/js/bootstrap.bundle.min.js></script>",
            "<script>document.body.style.margin = 0; document.write(`<div style='width: 256px; height: 64px; \
             background: ${typeof bootstrap.Modal === 'function' ? '#010203' : 'red'}'></div>`)</script>",
            0x01_02_03,
        ),
    ] {
        let shot = draw(&renderer, &format!("<!doctype html><head>{head}</head><body>{body}"));
        assert!(shot.unmet.is_empty(), "{head}: {:?}", shot.unmet);
        for (at, inside) in [((0, 0), true), ((255, 63), true), ((256, 63), false), ((255, 64), false)] {
            assert_eq!(is(&shot, at, colour), inside, "{head}: {:?} at {at:?}", shot.image.pixel(at.0, at.1));
        }
    }
}

#[test]
fn fonts_of_public_servers_are_used() {
    let renderer = renderer();
    let google = "https://fonts.googleapis.com";
    let cdnjs = "https://cdnjs.cloudflare.com/ajax/libs/font-awesome";
    for (href, body) in [
        (
            format!("{google}/css2?family=Inter:wght@400;700&display=swap"),
            "<p style='font: 40px Inter'>Ag</p>",
        ),
        (format!("{google}/css?family=Open+Sans:400,700|Poppins"), "<p style='font: 40px Poppins'>Ag</p>"),
        (format!("{google}/css2?family=Lora:ital@1"), "<p style='font: italic 40px Lora'>Ag</p>"),
        (format!("{google}/icon?family=Material+Icons"), "<i class=material-icons>home</i>"),
        (
            format!("{cdnjs}/6.4.0/css/all.min.css"),
            "<i class='fas fa-house'></i><i class='fab fa-github'></i>",
        ),
        (format!("{cdnjs}/4.7.0/css/font-awesome.min.css"), "<i class='fa fa-home'></i>"),
        (
            "https://cdn.jsdelivr.net/npm/bootstrap-icons@1.11.3/font/bootstrap-icons.css".into(),
            "<i class='bi bi-house'></i>",
        ),
    ] {
        let page = |head: &str| format!("<!doctype html><head>{head}</head><body>{body}");
        let with = draw(&renderer, &page(&format!("<link rel=stylesheet href='{href}'>")));
        let without = draw(&renderer, &page(""));
        assert!(with.unmet.is_empty(), "{href}: {:?}", with.unmet);
        assert!(with.image != without.image, "{href} changes nothing");
        // The font itself counts, not only its style sheet.
        let unfonted = page(&format!(
            "<link rel=stylesheet href='{href}'><meta http-equiv=Content-Security-Policy content='font-src none'>"
        ));
        assert!(with.image != draw(&renderer, &unfonted).image, "{href} brings no font");
    }
}

#[test]
fn what_is_not_here_is_told() {
    let renderer = renderer();
    let asked = [
        "https://cdn.tailwindcss.com/?plugins=forms",
        "https://fonts.googleapis.com/css2?family=Inter&family=Ma+Shan+Zheng",
        "https://unpkg.com/vue@3",
    ];
    let page = format!(
        "<script src='{}'></script><link rel=stylesheet href='{}'><script src='{}'></script><p>on",
        asked[0], asked[1], asked[2]
    );
    assert_eq!(draw(&renderer, &page).unmet, asked);
}
