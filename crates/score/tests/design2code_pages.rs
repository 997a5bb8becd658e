//! Design2Code's pages, byte for byte: the parser, the cleaning of candidates, and the recoloured
//! sources.

use std::path::{Path, PathBuf};
use vsdpo_score::design2code::clean::{clean, read};
use vsdpo_score::design2code::html::Document;
use vsdpo_score::design2code::items::items;
use vsdpo_score::design2code::recolor::recolored;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code")
}

/// The folders of the cases.
fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixtures()).expect("fixtures").flatten();
    let cases: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.join("cand.html").is_file()).collect();
    assert!(cases.len() >= 13, "only {} cases", cases.len());
    cases
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_stage_of_the_fixtures_equals_the_benchmarks() {
    for case in cases() {
        let stage = |name: &str| text(&case.join("stages").join(name));
        let file = |name: &str| read(&std::fs::read(case.join(name)).expect("a page")).unwrap();
        let cand = clean(&file("cand.html")).unwrap();
        let reference = file("ref.html");
        let same = |got: &str, name: &str| assert!(got == stage(name), "{}: {name}:\n{got}", case.display());
        same(&cand, "cand_pre.html");
        same(&recolored(&cand, 0).unwrap(), "cand_p.html");
        same(&recolored(&cand, 50).unwrap(), "cand_p_1.html");
        same(&recolored(&reference, 0).unwrap(), "ref_p.html");
        same(&recolored(&reference, 50).unwrap(), "ref_p_1.html");
    }
}

/// The texts of the benchmark's blocks are items, in the same order.
#[test]
fn the_benchmarks_blocks_are_items() {
    for case in cases() {
        let expected: serde_json::Value =
            serde_json::from_str(&text(&case.join("expected.json"))).expect("JSON");
        for side in ["ref", "cand"] {
            let all = items(&text(&case.join(format!("stages/{side}_p.html")))).unwrap();
            let mut texts = all.iter().map(|item| item.text.to_lowercase());
            for block in expected[side]["blocks"].as_array().expect("blocks") {
                let found = texts.any(|text| text == block["text"]);
                assert!(found, "{} {side}: {}", case.display(), block["text"]);
            }
        }
    }
}

/// Pages made by hand and at random, with the output of BeautifulSoup 4.12.2 on CPython 3.11.7;
/// null where it raises or where its output cannot be written to a file.
#[test]
fn pages_are_read_and_written_as_beautifulsoup_does() {
    let pages: Vec<(String, Option<String>)> =
        serde_json::from_str(&text(&fixtures().join("soup.json"))).expect("JSON");
    assert!(pages.len() >= 300, "only {} pages", pages.len());
    for (page, want) in pages {
        let got = Document::parse(&page).ok().map(|document| document.to_string());
        assert_eq!(got, want, "{page:?}");
    }
}
