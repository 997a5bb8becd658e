//! `lint` on HTML slides. These tests start Chromium.

use crate::common::run;

/// The rules with findings on a slide of fixtures/aeslides.
fn rules(slide: &str) -> Vec<String> {
    let file = format!("{}/../../fixtures/aeslides/{slide}/slide.html", env!("CARGO_MANIFEST_DIR"));
    let output = run(&["lint", "--domain", "slide", "--format", "json", &file]);
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rule = |finding: &serde_json::Value| finding["rule"].as_str().unwrap().to_owned();
    let mut rules: Vec<String> = result["defects"].as_array().unwrap().iter().map(rule).collect();
    rules.dedup();
    rules
}

#[test]
fn planted_faults_of_slides_are_found() {
    for clean in ["01", "18", "22", "25", "31"] {
        assert_eq!(rules(clean), [""; 0], "{clean} has no fault");
    }
    assert_eq!(rules("04"), ["slide/empty-area"]);
    assert_eq!(rules("07"), ["slide/empty-area", "slide/imbalance"]);
    assert_eq!(rules("10"), ["slide/text-cut"]);
    assert_eq!(rules("28"), ["slide/too-tall"]);
    assert!(rules("19").contains(&"slide/off-slide".to_owned()));
    assert!(rules("34").contains(&"slide/collision".to_owned()));
}
