//! `lint`, `render` and `score aeslides` on python-pptx scripts and .pptx files. These tests start
//! LibreOffice.

use crate::common::{binary, run};
use serde_json::Value;
use std::path::PathBuf;

fn deck(name: &str) -> String {
    format!("{}/../../fixtures/decks/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn lint(file: &str) -> Value {
    let output = run(&["lint", "--format", "json", file]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn written(name: &str, text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

const SCRIPT: &str = r#"from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.util import Inches, Pt

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])
title = slide.shapes.add_textbox(Inches(1), Inches(0.5), Inches(11.3), Inches(1))
title.text_frame.text = "Where the money goes"
card = slide.shapes.add_shape(1, Inches(1), Inches(2), Inches(5), Inches(1))
card.text_frame.text = "Rent and wages\nTravel\nTools\nTraining\nTaxes\nOther"
card.text_frame.paragraphs[0].font.size = Pt(30)
other = slide.shapes.add_shape(1, Inches(7), Inches(2), Inches(5), Inches(4))
other.text_frame.text = "Fits"
prs.save("deck.pptx")
"#;

#[test]
fn a_finding_of_a_script_blames_the_call_and_the_later_statements() {
    let (_folder, path) = written("deck.py", SCRIPT.as_bytes());
    let output =
        run(&["lint", "--select", "slide/text-overflow", "--format", "json", path.to_str().unwrap()]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let overflow: Vec<&Value> =
        found["defects"].as_array().unwrap().iter().filter(|d| d["rule"] == "slide/text-overflow").collect();
    assert_eq!(overflow.len(), 1, "{found}");
    let element = &found["elements"][overflow[0]["elements"][0].as_u64().unwrap() as usize];
    assert_eq!((&element["shape"]["id"], &element["shape"]["kind"]), (&3.into(), &"shape".into()));
    let blamed: Vec<&str> = found["statements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["resp"].as_f64().unwrap() > 0.5)
        .map(|s| s["text"].as_str().unwrap())
        .collect();
    for part in ["card = slide.shapes.add_shape(", "card.text_frame.text =", "card.text_frame.paragraphs[0]"]
    {
        assert!(blamed.iter().any(|text| text.starts_with(part)), "{part}: {blamed:?}");
    }
    assert_eq!(blamed.len(), 3, "{blamed:?}");
}

#[test]
fn findings_of_a_file_name_slide_and_shape() {
    let output = run(&["lint", &deck("autofit.pptx")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in ["warning[slide/text-overflow]", "slide 2: Content Placeholder 2 (shape 3)"] {
        assert!(text.contains(part), "{text}");
    }
    let found = lint(&deck("autofit.pptx"));
    assert_eq!((found["skipped"].as_array().unwrap().len(), found["executed"].as_bool()), (0, Some(true)));
    assert_eq!(found["pages"].as_array().unwrap().len(), 3);
}

/// Slide 1 stores a scale of 70 %, where LibreOffice would take more; slide 2 stores none.
#[test]
fn text_shrinks_as_the_file_says_unless_libreoffice_may_compute_it() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = |autofit: &str| {
        let first = folder.path().join(format!("{autofit}.png"));
        let file = deck("autofit.pptx");
        let output = run(&["render", "--autofit", autofit, &file, "-o", first.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let second = folder.path().join(format!("{autofit}-2.png"));
        [first, second].map(|path| std::fs::read(path).unwrap())
    };
    let (stored, again, computed) = (pictures("stored"), pictures("stored"), pictures("libreoffice"));
    assert!(stored == again, "two runs draw the same pixels");
    assert!(stored[0] != computed[0] && stored[1] == computed[1]);
}

#[test]
fn what_is_no_deck_is_said_in_one_line() {
    let (_folder, path) = written("old.pptx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    let found = lint(path.to_str().unwrap());
    let message = found["error"]["message"].as_str().unwrap();
    assert!(message.contains("save it as .pptx"), "{message}");
    let (_folder, path) = written("cut.pptx", &std::fs::read(deck("chart.pptx")).unwrap()[..4000]);
    let found = lint(path.to_str().unwrap());
    assert_eq!(found["executed"], false, "{found}");
}

#[test]
fn a_script_and_the_file_that_it_saves_have_the_same_scores() {
    let score = |file: &str| -> Value {
        let output = binary().args(["score", "aeslides", "--json", file]).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let (script, file) = (score(&deck("blank_wide.py")), score(&deck("blank_wide.pptx")));
    assert_eq!(script, file);
    assert_eq!(file["aspect_ratio"], 1.0);
    // The text at the lower right leaves the slide by more than a quarter.
    assert_eq!((&file["slides"][0]["collisions"], &file["collision"]), (&1.into(), &0.5.into()));
    let three = score(&deck("default_template.pptx"));
    let slides = three["slides"].as_array().unwrap();
    assert_eq!((slides.len(), &three["aspect_ratio"]), (3, &0.0.into()));
    let mean = slides.iter().map(|s| s["avg"].as_f64().unwrap()).sum::<f64>() / 3.0;
    assert!((three["avg"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!(slides.iter().all(|s| s["d_paper_without_wrapper"].is_number()));
}
