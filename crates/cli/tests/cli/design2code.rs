//! `score design2code` from files to numbers, with the real browser.

use crate::common::{assert_one_line, binary};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code").canonicalize().unwrap()
}

/// The fixtures' numbers come from the same build of Chromium; another one may differ by 0.02.
#[test]
fn pairs_have_the_benchmarks_numbers() {
    let cases = ["01", "07", "14", "18", "25"];
    let folder = tempfile::tempdir().unwrap();
    let line = |case: &&str| {
        let page = |name| fixtures().join(case).join(name);
        json!({ "cand": page("cand.html"), "ref": page("ref.html") }).to_string() + "\n"
    };
    let list = folder.path().join("pairs.jsonl");
    fs::write(&list, cases.iter().map(line).collect::<String>()).unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), cases.len());
    for (case, line) in cases.iter().zip(lines) {
        let expected = fs::read_to_string(fixtures().join(case).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        for key in ["block_match", "text", "position", "color", "overall_without_clip"] {
            let (got, want) = (line[key].as_f64().unwrap(), expected[key].as_f64().unwrap());
            assert!((got - want).abs() < 0.02, "{case} {key}: {got}, not {want}");
        }
        assert!(line["clip"].is_null() && line["overall"].is_null());
        assert!(line["reasons"]["clip"].as_str().unwrap().contains("--clip"));
    }
}

#[test]
fn a_page_that_cannot_be_scored_is_an_error_and_not_a_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.html"), folder.path().join("bad.html"));
    fs::write(&good, "<p>text</p>").unwrap();
    fs::write(&bad, b"<p>\xff\xfe</p>").unwrap();
    let output = binary().args(["score", "design2code"]).args([&bad, &good]).output().unwrap();
    assert_one_line(&output, &["not UTF-8", "candidate"]);
    let list = folder.path().join("pairs.jsonl");
    fs::write(&list, "{\"cand\": \"bad.html\", \"ref\": \"good.html\"}\n").unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(line["block_match"].is_null() && line["error"].as_str().unwrap().contains("not UTF-8"), "{line}");
    fs::write(&list, "{\"cand\": \"good.html\"}\n").unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    assert_one_line(&output, &["line 1", "\"ref\""]);
}
