//! Damaged and hostile .pptx files: what is broken is named, the rest is read, and nothing panics
//! or grows without bound.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::Instant;
use vsdpo_render::pptx::{Deck, FaultKind, Unreadable, freeze, read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

type Parts = Vec<(String, Vec<u8>)>;

fn file(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    std::fs::read(root.join(format!("fixtures/decks/{name}.pptx"))).unwrap()
}

fn unpack(bytes: &[u8]) -> Parts {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let count = archive.len();
    let part = |i| {
        let mut entry = archive.by_index(i).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(part).collect()
}

fn pack(parts: &Parts) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let method =
            if bytes.len() < 1 << 20 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The deck with one part changed; `None` takes the part out.
fn with(name: &str, part: &str, change: impl Fn(&str) -> Option<String>) -> Deck {
    let mut parts = unpack(&file(name));
    let at = parts.iter().position(|(n, _)| n == part).unwrap_or_else(|| panic!("no {part}"));
    match change(std::str::from_utf8(&parts[at].1).unwrap()) {
        Some(text) => parts[at].1 = text.into_bytes(),
        None => drop(parts.remove(at)),
    }
    read(&pack(&parts)).unwrap()
}

fn has(deck: &Deck, part: &str, wanted: impl Fn(&FaultKind) -> bool) -> bool {
    deck.faults.iter().any(|fault| fault.part == part && wanted(&fault.kind))
}

const SLIDE: &str = "ppt/slides/slide1.xml";
const RELATIONS: &str = "ppt/slides/_rels/slide1.xml.rels";

#[test]
fn each_damage_is_named_and_the_rest_is_read() {
    use FaultKind::*;
    let deck = with("default_template", SLIDE, |_| None);
    assert_eq!(deck.slides.len(), 2);
    let gone = |k: &FaultKind| matches!(k, Dangling { target, .. } if target == SLIDE);
    assert!(has(&deck, "ppt/_rels/presentation.xml.rels", gone), "{:?}", deck.faults);
    let deck = with("default_template", SLIDE, |t| Some(t[..t.len() - 20].into()));
    assert_eq!((deck.slides.len(), deck.slides[0].shapes.len(), deck.slides[1].shapes.len()), (3, 0, 2));
    assert!(has(&deck, SLIDE, |k| matches!(k, Malformed(_))));
    let deck = with("pictures", RELATIONS, |t| Some(t.replace("media/image1", "media/image9")));
    assert!(has(&deck, RELATIONS, |k| matches!(k, Dangling { target, .. } if target.contains("image9"))));
    assert_eq!(deck.slides[0].shapes[0].picture.as_ref().unwrap().natural, None);
    let deck = with("pictures", SLIDE, |t| Some(t.replace("r:embed=\"rId2\"", "r:embed=\"rId99\"")));
    assert!(has(&deck, SLIDE, |k| *k == NoRelationship { id: "rId99".into() }), "{:?}", deck.faults);
    let deck = with("table", "[Content_Types].xml", |_| None);
    assert!(has(&deck, "[Content_Types].xml", |k| *k == Missing) && deck.slides.len() == 1);
    let deck = with("table", "[Content_Types].xml", |t| Some(t.replace("/ppt/slides/slide1.xml", "/x.xml")));
    let wrong = |k: &FaultKind| matches!(k, NoContentType | WrongContentType { .. });
    assert!(has(&deck, SLIDE, wrong), "{:?}", deck.faults);
    let deck = with("blank_wide", SLIDE, |t| Some(t.replace("<p:cNvPr id=\"3\"", "<p:cNvPr id=\"2\"")));
    assert!(has(&deck, SLIDE, |k| *k == DuplicateShapeId(2)));
    let deck =
        with("default_template", "ppt/presentation.xml", |t| Some(t.replace("id=\"257\"", "id=\"256\"")));
    assert!(has(&deck, "ppt/presentation.xml", |k| matches!(k, DuplicateId(_))), "{:?}", deck.faults);
    let deck = with("default_template", "ppt/presentation.xml", |t| Some(t.replace("<p:sldSz", "<p:x")));
    assert!(has(&deck, "ppt/presentation.xml", |k| matches!(k, NoElement(_))));
    let deck = with("default_template", "ppt/presentation.xml", |_| Some("<broken".into()));
    assert_eq!(deck.slides.len(), 3, "slides are found without the list");
    let deck = with("table", RELATIONS, |_| None);
    assert!(has(&deck, SLIDE, |k| matches!(k, NoElement(what) if what == "a slide layout")));
    let deck = with("blank_wide", SLIDE, |t| Some(t.replace("a:bodyPr", "a:bodyQr")));
    assert!(has(&deck, SLIDE, |k| matches!(k, NoElement(_))));
    let deck = with("table", SLIDE, |t| {
        Some(format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", &t[t.find("<p:").unwrap()..]))
    });
    assert!(has(&deck, SLIDE, |k| matches!(k, Malformed(_))));
}

#[test]
fn broken_archives_and_pictures_are_named() {
    let mut parts = unpack(&file("pictures"));
    let at = parts.iter().position(|(name, _)| name.ends_with("image1.png")).unwrap();
    parts[at].1 = b"not a picture".to_vec();
    let deck = read(&pack(&parts)).unwrap();
    assert!(has(&deck, "ppt/media/image1.png", |k| *k == FaultKind::BrokenPicture));
    // What python's zipfile does when one name is written twice.
    let text = file("table");
    let twice: Vec<u8> = {
        let mut parts = unpack(&text);
        let slide = parts.iter().find(|(name, _)| name == SLIDE).unwrap().clone();
        parts.push(("ppt/slides/slideX.xml".into(), slide.1));
        let bytes = pack(&parts);
        let mut bytes = bytes;
        let name = b"ppt/slides/slideX.xml";
        for i in 0..bytes.len() - name.len() {
            if &bytes[i..i + name.len()] == name {
                bytes[i + 16] = b'1';
            }
        }
        bytes
    };
    let deck = read(&twice).unwrap();
    assert!(has(&deck, SLIDE, |k| *k == FaultKind::TwiceInArchive), "{:?}", deck.faults);
    assert!(matches!(read(b"PK"), Err(Unreadable::NoArchive(_))));
    assert_eq!(read(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1]), Err(Unreadable::Binary));
    assert_eq!(
        read(&pack(&vec![("word/document.xml".into(), b"<a/>".to_vec())])),
        Err(Unreadable::NoPresentation)
    );
}

#[test]
fn bombs_do_not_go_off() {
    let start = Instant::now();
    let mut parts = unpack(&file("table"));
    let slide = parts.iter().position(|(name, _)| name == SLIDE).unwrap();
    parts[slide].1 = vec![b' '; 80 << 20];
    let packed = pack(&parts);
    assert!(packed.len() < 1 << 20);
    let deck = read(&packed).unwrap();
    assert!(has(&deck, SLIDE, |k| matches!(k, FaultKind::Limit(_))), "{:?}", deck.faults);
    // Groups in groups, and elements in elements: no stack overflows.
    let group = "<p:grpSp><p:nvGrpSpPr><p:cNvPr id=\"9\" name=\"g\"/></p:nvGrpSpPr><p:grpSpPr/>";
    let nest = |open: &str, close: &str, count: usize| open.repeat(count) + &close.repeat(count);
    for (open, close) in [(group, "</p:grpSp>"), ("<a:x>", "</a:x>")] {
        let deck = with("table", SLIDE, |text| {
            let at = text.find("</p:spTree>").unwrap();
            Some(format!("{}{}{}", &text[..at], nest(open, close, 20_000), &text[at..]))
        });
        assert!(open == "<a:x>" || has(&deck, SLIDE, |k| matches!(k, FaultKind::Limit(_))));
    }
    // Shapes without end, and as large as numbers go.
    let one = "<p:sp><p:nvSpPr><p:cNvPr id=\"9\" name=\"s\"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm rot=\"9999999999\">\
        <a:off x=\"-1000000000\" y=\"999999999999999999999\"/><a:ext cx=\"1000000000000\" cy=\"-5\"/></a:xfrm></p:spPr></p:sp>\
        <p:sp><p:nvSpPr><p:cNvPr id=\"-7\" name=\"s\"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm>\
        <a:off x=\"-1000000000\" y=\"1000000000\"/><a:ext cx=\"1000000000000\" cy=\"-5\"/></a:xfrm></p:spPr></p:sp>";
    let deck = with("table", SLIDE, |text| {
        let at = text.find("</p:spTree>").unwrap();
        Some(format!("{}{}{}", &text[..at], one.repeat(15_000), &text[at..]))
    });
    assert_eq!(deck.slides[0].shapes.len(), 20_000);
    let rendered = deck.rendered();
    assert!(rendered.elements.is_empty() || rendered.elements.len() <= 20_000);
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}

#[test]
fn five_thousand_slides_are_read_and_more_are_left_out() {
    let mut parts = unpack(&file("handmade"));
    let text = |parts: &Parts, name: &str| {
        String::from_utf8(parts.iter().find(|(n, _)| n == name).unwrap().1.clone()).unwrap()
    };
    let (list, own) = ("ppt/presentation.xml", "ppt/_rels/presentation.xml.rels");
    let mut entries = String::new();
    let mut links = String::new();
    for i in 0..5_100 {
        entries += &format!("<sldId id=\"{}\" rel:id=\"n{i}\"/>", 1000 + i);
        links += &format!("<Relationship Id=\"n{i}\" Type=\"x/slide\" Target=\"slides/b.xml\"/>");
    }
    let presentation = text(&parts, list).replace("<sldIdLst>", &format!("<sldIdLst>{entries}"));
    let relations = text(&parts, own).replace("</Relationships>", &format!("{links}</Relationships>"));
    for (name, bytes) in &mut parts {
        if name == list {
            *bytes = presentation.clone().into_bytes();
        } else if name == own {
            *bytes = relations.clone().into_bytes();
        }
    }
    let deck = read(&pack(&parts)).unwrap();
    assert_eq!(deck.slides.len(), 5_000);
    assert!(has(&deck, list, |k| matches!(k, FaultKind::Limit(_))));
    assert_eq!(deck.rendered().pages.len(), 5_000);
}

/// A generator of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Random damages: to bytes of the archive, and to bytes, tags and numbers of its parts.
#[test]
fn random_damage_never_panics() {
    let names =
        ["autofit", "groups", "table", "chart", "pictures", "theme_colors", "handmade", "default_template"];
    let rounds: usize = std::env::var("VSDPO_FUZZ_INPUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let originals: Vec<(Vec<u8>, Parts)> =
        names.iter().map(|name| file(name)).map(|bytes| (bytes.clone(), unpack(&bytes))).collect();
    let mut numbers = Numbers(7);
    let mut read_anyway = 0;
    for round in 0..rounds {
        let (bytes, parts) = &originals[round % originals.len()];
        let damaged = if round % 4 == 0 {
            spoil(bytes.clone(), &mut numbers)
        } else {
            let mut parts = parts.clone();
            for _ in 0..1 + numbers.below(4) {
                let at = numbers.below(parts.len());
                parts[at].1 = spoil_part(std::mem::take(&mut parts[at].1), &mut numbers);
            }
            pack(&parts)
        };
        if let Ok(deck) = read(&damaged) {
            read_anyway += 1;
            for element in deck.rendered().elements {
                let numbers: [f32; 4] = element.region.into();
                assert!(numbers.iter().all(|n| n.is_finite()), "{element:?}");
                assert!(element.font_px.is_none_or(f32::is_finite), "{element:?}");
            }
        }
        let frozen = freeze(&damaged);
        assert!(!frozen.is_empty() || damaged.is_empty());
    }
    assert!(read_anyway > rounds / 3, "{read_anyway} of {rounds}");
}

fn spoil(mut bytes: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
    for _ in 0..1 + numbers.below(8) {
        let at = numbers.below(bytes.len());
        bytes[at] = numbers.below(256) as u8;
    }
    if numbers.below(5) == 0 {
        let length = numbers.below(bytes.len());
        bytes.truncate(length);
    }
    bytes
}

fn spoil_part(bytes: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
    let Ok(text) = String::from_utf8(bytes.clone()) else { return spoil(bytes, numbers) };
    let pieces: Vec<&str> = text.split_inclusive('>').collect();
    let mut pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
    for _ in 0..1 + numbers.below(6) {
        let at = numbers.below(pieces.len());
        let Some(piece) = pieces.get(at).cloned() else { continue };
        match numbers.below(5) {
            0 => drop(pieces.remove(at)),
            1 => pieces.insert(at, piece),
            2 => {
                const VALUES: [&str; 7] = ["0", "-1", "99999999999", "1e300", "", "NaN", "100000"];
                let value = VALUES[numbers.below(VALUES.len())];
                let digits = |c: char| c.is_ascii_digit();
                pieces[at] = piece.split_inclusive(digits).map(|p| p.replace(digits, value)).collect();
            }
            3 => {
                let other = numbers.below(pieces.len());
                pieces.swap(at, other);
            }
            _ => pieces[at] = piece.replace('"', "'").replace("lvl", "lvl1"),
        }
    }
    pieces.concat().into_bytes()
}
