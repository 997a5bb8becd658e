//! The reader of .pptx files against what python-pptx says of the same decks
//! (`fixtures/decks/facts.json`), what only a renderer resolves against hand-computed values, and
//! freezing.

use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Anchor, Autofit, ElementKind, ShapeKind};
use vsdpo_render::pptx::{Deck, FaultKind, LineSpacing, Paint, Shape, freeze, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("fixtures/decks")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.pptx"))).unwrap()
}

fn deck(name: &str) -> Deck {
    read(&bytes(name)).unwrap()
}

fn shape<'a>(deck: &'a Deck, text: &str) -> &'a Shape {
    let shapes = deck.slides.iter().flat_map(|s| &s.shapes);
    let with = |s: &&Shape| s.text.as_ref().is_some_and(|t| t.text().starts_with(text));
    shapes.into_iter().find(with).unwrap_or_else(|| panic!("no shape says {text}"))
}

fn near(got: f64, want: f64, tolerance: f64) -> bool {
    (got - want).abs() <= tolerance
}

/// Compares a shape with its facts.
fn compare(at: &str, shape: &Shape, facts: &Value) {
    assert_eq!(u64::from(shape.id), facts["id"], "{at}");
    assert_eq!(shape.name, facts["name"], "{at}");
    if let Some(bounds) = facts["bounds"].as_array() {
        let got = shape.frame.unwrap_or_else(|| panic!("{at} has no frame")).bounds();
        for (got, want) in got.into_iter().zip(bounds) {
            // python-pptx rounds rotations to whole sixty-thousandths of a degree, we do not.
            assert!(near(got, want.as_f64().unwrap(), 2.0), "{at}: {got} for {want}");
        }
    }
    if let Some(text) = facts["text"].as_str() {
        let body = shape.text.as_ref().unwrap_or_else(|| panic!("{at} has no text"));
        assert_eq!(body.text(), text, "{at}");
        for (paragraph, (sizes, level)) in body
            .paragraphs
            .iter()
            .zip(facts["sizes"].as_array().unwrap().iter().zip(facts["levels"].as_array().unwrap()))
        {
            assert_eq!(u64::from(paragraph.level), *level, "{at}");
            let runs = paragraph.runs.iter().filter(|r| r.text != "\n");
            for (run, size) in runs.zip(sizes.as_array().unwrap()) {
                assert!(
                    size.as_f64().is_none_or(|size| run.points == size),
                    "{at}: {} for {size}",
                    run.points
                );
            }
        }
    }
    if let Some(index) = facts["placeholder"][0].as_u64() {
        assert_eq!(shape.placeholder.as_ref().map(|p| u64::from(p.index)), Some(index), "{at}");
    }
    if let Some(fill) = facts["fill"].as_str() {
        let [r, g, b, _] = shape.fill.color().unwrap_or_else(|| panic!("{at} has no fill"));
        assert_eq!(format!("{r:02X}{g:02X}{b:02X}"), fill, "{at}");
    }
    if let Some(size) = facts["picture"]["size"].as_array() {
        let picture = shape.picture.as_ref().unwrap_or_else(|| panic!("{at} has no picture"));
        assert_eq!(picture.natural.unwrap().map(Value::from).as_slice(), size, "{at}");
        for (got, want) in picture.crop.iter().zip(facts["picture"]["crop"].as_array().unwrap()) {
            assert!(near(*got, want.as_f64().unwrap(), 1e-5), "{at}");
        }
    }
    if let Some(cells) = facts["cells"].as_array() {
        assert_eq!(shape.kind, ShapeKind::Table, "{at}");
        let got: Vec<Value> =
            shape.cells.iter().map(|c| serde_json::json!([c.row, c.column, c.text.text()])).collect();
        assert_eq!(&got, cells, "{at}");
    }
    assert_eq!(shape.kind == ShapeKind::Chart, facts["chart"], "{at}");
}

#[test]
fn decks_say_what_python_pptx_says() {
    let text = std::fs::read_to_string(folder().join("facts.json")).unwrap();
    let facts: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(facts.len(), 11);
    let mut compared = 0;
    for (file, facts) in &facts {
        let deck = deck(file.strip_suffix(".pptx").unwrap());
        let size = [deck.width, deck.height].map(|side| Value::from(side as u64));
        assert_eq!(size.as_slice(), facts["size"].as_array().unwrap(), "{file}");
        let slides = facts["slides"].as_array().unwrap();
        assert_eq!(deck.slides.len(), slides.len(), "{file}");
        for (slide, facts) in deck.slides.iter().zip(slides) {
            assert_eq!(slide.part, facts["part"], "{file}");
            let mut shapes = slide.shapes.iter();
            for facts in facts["shapes"].as_array().unwrap() {
                // python-pptx does not look into a choice of contents.
                let wanted = |s: &&Shape| u64::from(s.id) == facts["id"];
                let shape = shapes.by_ref().find(wanted).unwrap_or_else(|| panic!("{file}: no {facts}"));
                compare(&format!("{file} {}", shape.name), shape, facts);
                compared += 1;
            }
        }
        assert_eq!(deck.faults, [], "{file}");
    }
    assert!(compared >= 69, "{compared} shapes");
}

#[test]
fn sizes_are_inherited_from_layout_master_and_presentation() {
    let deck = deck("default_template");
    let points = |text: &str| {
        let body = shape(&deck, text).text.as_ref().unwrap();
        body.paragraphs.iter().map(|p| p.runs.first().map_or(0.0, |r| r.points)).collect::<Vec<_>>()
    };
    // The template's master: titles of 44 points, text of 32, 28, 24, 20 and 20.
    assert_eq!(points("What changed"), [44.0]);
    assert_eq!(points("Revenue"), [32.0, 28.0, 24.0, 20.0]);
    // Its layout of two columns says 28 points.
    assert_eq!(points("Only the left"), [28.0]);
    let body = shape(&deck, "Revenue").text.as_ref().unwrap();
    assert_eq!(body.paragraphs.iter().map(|p| p.bullet).collect::<Vec<_>>(), [true; 4]);
    assert!(body.paragraphs[3].runs[0].bold && !body.paragraphs[2].runs[0].bold);
    assert_eq!(body.paragraphs[0].runs[0].font, "Calibri");
    assert!(matches!(body.autofit, Autofit::Shrink { scale: 1.0, line_reduction: 0.0 }));
    let empty: Vec<&str> =
        deck.slides[2].shapes.iter().filter(|s| s.is_empty_placeholder()).map(|s| s.name.as_str()).collect();
    assert_eq!(empty, ["Content Placeholder 3"]);
    let title = shape(&deck, "What changed").text.as_ref().unwrap();
    assert_eq!((title.anchor, title.insets), (Anchor::Middle, [91_440.0, 45_720.0, 91_440.0, 45_720.0]));
    assert_eq!(title.paragraphs[0].align, "ctr");
    let handmade = self::deck("handmade");
    let first = shape(&handmade, "first").text.as_ref().unwrap();
    assert_eq!(first.paragraphs[0].runs[0].points, 16.0);
}

#[test]
fn colours_come_from_theme_styles_and_changes() {
    let deck = deck("theme_colors");
    // The template's theme: accent 1 is 4F81BD, text 2 1F497D, accent 6 F79646, background 2
    // EEECE1.
    let fill = |text: &str| shape(&deck, text).fill.color().unwrap();
    assert_eq!(fill("box 0"), [0x4f, 0x81, 0xbd, 255]);
    assert_eq!(fill("box 1"), [0x95, 0xb3, 0xd7, 255]);
    assert_eq!(fill("box 2"), [0x37, 0x60, 0x92, 255]);
    assert_eq!(fill("box 3"), [0x1f, 0x49, 0x7d, 255]);
    assert_eq!(fill("box 4"), [0xf7, 0x96, 0x46, 255]);
    assert_eq!(deck.slides[0].background, Paint::Solid([0xee, 0xec, 0xe1, 255]));
    let letters = |text: &str| shape(&deck, text).text.as_ref().unwrap().paragraphs[0].runs[0].color;
    // A shape's style makes its letters light; a text box has the theme's dark ones.
    assert_eq!(letters("styled by"), Some([255; 4]));
    assert_eq!(letters("accent text"), Some([0xc0, 0x50, 0x4d, 255]));
    let outline = shape(&deck, "styled by").outline.unwrap();
    assert!(outline.width > 0.0 && outline.color[3] == 255);
    let shapes = &deck.slides[0].shapes;
    let clear = shapes.iter().find(|s| s.fill == Paint::Solid([255, 0, 0, 102])).unwrap();
    assert_eq!(clear.outline, None);
    let gradient = shapes.iter().rfind(|s| matches!(s.fill, Paint::Gradient(_))).unwrap();
    let Paint::Gradient(stops) = &gradient.fill else { unreachable!() };
    assert!(stops.contains(&[0, 0, 0, 255]) && stops.contains(&[200, 100, 50, 255]), "{stops:?}");
}

#[test]
fn handmade_packages_are_read_as_they_mean_it() {
    let deck = deck("handmade");
    assert_eq!(deck.slides.iter().map(|s| s.hidden).collect::<Vec<_>>(), [true, false]);
    let slide = &deck.slides[1];
    assert_eq!(slide.background, Paint::Solid([0xfa, 0xfa, 0xfa, 255]));
    let seen: Vec<(&str, bool)> = slide.shapes.iter().map(|s| (s.name.as_str(), s.hidden)).collect();
    assert_eq!(seen, [("one", false), ("unseen", true), ("new form", false)]);
    assert_eq!(deck.external.len(), 1);
    assert_eq!(
        (deck.external[0].kind.as_str(), deck.external[0].part.as_str()),
        ("image", "ppt/slides/a.xml")
    );
    let letters = shape(&deck, "first").text.as_ref().unwrap().paragraphs[0].runs[0].clone();
    assert_eq!((letters.color, letters.font.as_str()), (Some([0x10, 0x10, 0x10, 255]), ""));
}

#[test]
fn pages_have_elements_in_pixels() {
    let rendered = deck("blank_wide").rendered();
    assert_eq!(rendered.pages.len(), 1);
    let image = &rendered.pages[0].image;
    assert_eq!((image.width, image.height), (1280, 720));
    let title = rendered.elements.iter().find(|e| e.text.as_deref() == Some("Three pillars")).unwrap();
    let facts = title.shape.as_ref().unwrap();
    // 13.333 inches are 1280 pixels: 96.0024 an inch.
    let layout = title.layout.unwrap();
    for (got, want) in <[f32; 4]>::from(layout).into_iter().zip([57.6014, 38.401, 1209.63, 134.4034]) {
        assert!((got - want).abs() < 0.01, "{layout:?}");
    }
    assert!((title.font_px.unwrap() - 36.0 / 72.0 * 96.0024).abs() < 1e-3);
    assert_eq!((title.kind, facts.kind), (ElementKind::Text, ShapeKind::Text));
    let text_frame = facts.text_frame.unwrap();
    assert!((text_frame.x0 - layout.x0 - 9.6).abs() < 0.01 && (text_frame.y0 - layout.y0 - 4.8).abs() < 0.01);
    let outside = rendered.elements.iter().find(|e| e.text.as_deref() == Some("page 1 of 1")).unwrap();
    assert_eq!((outside.region.x1, outside.region.y1), (1280.0, 720.0));
    assert!(outside.layout.unwrap().x1 > 1343.0 && !outside.shape.as_ref().unwrap().wrap);
    let card = rendered.elements.iter().find(|e| e.text.as_deref() == Some("Speed\nShip weekly.")).unwrap();
    let facts = card.shape.as_ref().unwrap();
    assert_eq!(facts.fill, Some([0xf2, 0xf5, 0xfa, 255]));
    assert!((facts.outline_px - 2.0).abs() < 1e-3 && facts.outline == Some([0x1f, 0x3a, 0x5f, 255]));
    assert!((facts.smallest_px.unwrap() - 14.0 / 72.0 * 96.0024).abs() < 1e-3);
    // Most letters are those of the body.
    assert_eq!(card.color, Some([0x33, 0x33, 0x33, 255]));
    let hidden = deck("handmade").rendered();
    assert!(hidden.elements.iter().all(|e| e.text.as_deref() != Some("secret")));
    assert_eq!(hidden.notes, ["slide 1 is hidden"]);
}

#[test]
fn freezing_writes_the_stored_shrinking_out() {
    let before = bytes("autofit");
    let after = freeze(&before);
    let (old, new) = (read(&before).unwrap(), read(&after).unwrap());
    assert_eq!(new.faults, []);
    for shape in new.slides.iter().flat_map(|s| &s.shapes) {
        let autofit = shape.text.as_ref().map(|t| t.autofit);
        assert!(!matches!(autofit, Some(Autofit::Shrink { .. })), "{} still shrinks", shape.name);
    }
    let body = shape(&new, "First of many").text.as_ref().unwrap();
    let points: Vec<f64> = body.paragraphs.iter().map(|p| p.runs[0].points).collect();
    // 70 % of 32, 28 and 35 points are 22.4, 19.6 and 24.5; halves go up.
    assert_eq!(points, [22.0, 22.0, 20.0, 22.0, 25.0, 22.0, 20.0, 22.0, 20.0]);
    let spacing: Vec<LineSpacing> = body.paragraphs.iter().map(|p| p.line_spacing).collect();
    let share = |s: f64| LineSpacing::Share(s);
    let usual = share(0.8);
    assert_eq!(spacing[..5], [usual; 5]);
    assert_eq!(spacing[5..], [share(0.7), LineSpacing::Points(30.0), usual, usual]);
    // A line break has a size, too.
    assert!(body.paragraphs[7].runs.iter().all(|r| r.points == 22.0), "{:?}", body.paragraphs[7]);
    // Nothing stored: nothing but the shrinking goes.
    let long = |deck: &Deck| shape(deck, "line 0\nline 1").text.clone().unwrap();
    assert_eq!(long(&old).paragraphs, long(&new).paragraphs);
    assert_eq!(long(&new).autofit, Autofit::None);
    assert_eq!(shape(&new, "shrunk by").text.as_ref().unwrap().paragraphs[0].runs[0].points, 14.0);
    assert_eq!(shape(&new, "grows").text.as_ref().unwrap().autofit, Autofit::Grow);
    // What is shown stays: sizes as the old file shows them.
    for (old, new) in old.slides.iter().zip(&new.slides).flat_map(|(o, n)| o.shapes.iter().zip(&n.shapes)) {
        assert_eq!((&old.name, old.frame, &old.fill), (&new.name, new.frame, &new.fill));
        let shown = |shape: &Shape| -> Vec<(String, f64)> {
            let body = shape.text.iter();
            body.flat_map(|t| {
                t.paragraphs.iter().flat_map(|p| &p.runs).map(|r| (r.text.clone(), t.shown_points(r.points)))
            })
            .collect()
        };
        assert_eq!(shown(old), shown(new));
    }
    assert_eq!(freeze(&after), after, "frozen twice");
    let untouched = bytes("table");
    assert_eq!(freeze(b"no archive"), b"no archive");
    let frozen = read(&freeze(&untouched)).unwrap();
    assert_eq!(frozen.slides[0].shapes[1].cells, read(&untouched).unwrap().slides[0].shapes[1].cells);
}

/// python-pptx opens what freezing has written.
#[test]
fn other_programs_read_frozen_files() {
    let root = folder().ancestors().nth(2).unwrap().to_owned();
    let file = tempfile::NamedTempFile::with_suffix(".pptx").unwrap();
    std::fs::write(file.path(), freeze(&bytes("autofit"))).unwrap();
    let script = "import sys, pptx\n\
        for slide in pptx.Presentation(sys.argv[1]).slides:\n\
        \x20   for shape in slide.shapes:\n\
        \x20       print(shape.text_frame.auto_size, [r.font.size.pt if r.font.size else None for p in \
        shape.text_frame.paragraphs for r in p.runs][:2])\n";
    let python = root.join(".venv/bin/python");
    let out = std::process::Command::new(python).args(["-c", script]).arg(file.path()).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(text.lines().nth(1), Some("NONE (0) [22.0, 22.0]"), "{text}");
    assert_eq!(text.lines().nth(3), Some("NONE (0) [None, None]"), "{text}");
}

#[test]
fn fault_texts_name_part_and_trouble() {
    let fault = vsdpo_render::pptx::Fault {
        part: "ppt/slides/slide1.xml".into(),
        kind: FaultKind::NoRelationship { id: "rId7".into() },
    };
    assert_eq!(fault.to_string(), "ppt/slides/slide1.xml names the relationship rId7, which is missing");
}
