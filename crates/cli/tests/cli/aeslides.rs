//! `score aeslides` from files to printed scores, with the real browser.

use crate::common::{assert_one_line, binary};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn slide(number: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aeslides");
    fixtures.join(number).join("slide.html").canonicalize().unwrap()
}

#[test]
fn fixtures_have_their_stored_scores() {
    let cases = ["01", "10", "19", "28"];
    let slides = cases.map(slide);
    let output = binary().args(["score", "aeslides"]).args(&slides).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), cases.len());
    for (path, line) in slides.iter().zip(lines) {
        let expected = std::fs::read_to_string(path.with_file_name("expected.json")).unwrap();
        let ours = serde_json::from_str::<Value>(&expected).unwrap()["ours"].take();
        assert_eq!(line["file"], path.to_str().unwrap());
        assert_eq!(line["height"], ours["natural_height"].as_f64().unwrap());
        for (key, want) in [
            ("aspect_ratio", &ours["axes"]["aspect"]),
            ("whitespace", &ours["axes"]["whitespace"]),
            ("collision", &ours["axes"]["collision"]),
            ("imbalance", &ours["axes"]["imbalance"]),
            ("avg", &ours["avg"]),
        ] {
            let (got, want) = (line[key].as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() < 0.02, "{path:?} {key}: {got}, not {want}");
        }
        assert_eq!(line["collisions"], ours["collision"]["n_defects"]);
    }
}

#[test]
fn one_slide_is_a_table_and_a_slide_that_fails_has_nothing() {
    let output = binary().args(["score", "aeslides"]).arg(slide("10")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["collision        0.5000   0.5000\n", "height 720 px, 1 collisions; a box cuts off text\n"] {
        assert!(text.contains(part), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let endless = folder.path().join("endless.html");
    std::fs::write(&endless, "<script>while (true) {}</script>").unwrap();
    let output =
        binary().args(["score", "aeslides", "--json", "--timeout", "2"]).arg(&endless).output().unwrap();
    let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&scores["avg"], &scores["rewards"]["total"]), (&0.0.into(), &0.0.into()));
    assert!(scores["error"].as_str().unwrap().contains("longer than 2 s"), "{scores}");
    let output = binary().args(["score", "aeslides", "none.html"]).output().unwrap();
    assert_one_line(&output, &["none.html", "does not exist"]);
}
