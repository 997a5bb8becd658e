//! Findings against a reference page: the pairs of `fixtures/design2code` with what differs in
//! each, determined by hand, and one page changed in one place at a time.

use serde_json::Value;
use std::path::Path;
use vsdpo_artifact::{
    Axis, Comparison, Defect, Diagnosis, Domain, Element, ElementKind, HtmlFacts, Image, Language, Outcome,
    Region, Rendered, Task, TextBlock as Block, WebComparison,
};
use vsdpo_diagnose::{AxisWeights, diagnose, reference_axes, reward};
use vsdpo_score::design2code::pair::compare;

/// The blocks of the candidate and of the reference, and the size of the candidate's picture.
fn pair(case: &str) -> (Vec<Block>, Vec<Block>, (u32, u32)) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code");
    let text = std::fs::read_to_string(fixtures.join(case).join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let list = |v: &Value| v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<f64>>();
    let blocks = |side: &str| -> Vec<Block> {
        let block = |v: &Value| Block {
            text: v["text"].as_str().unwrap().into(),
            bbox: list(&v["bbox"]).try_into().unwrap(),
            color: list(&v["color"]).try_into().unwrap(),
        };
        all[side]["blocks"].as_array().unwrap().iter().map(block).collect()
    };
    let size = list(&all["cand"]["image_size"]);
    (blocks("cand"), blocks("ref"), (size[0] as u32, size[1] as u32))
}

/// A white page with one element per block on a root.
fn page(blocks: &[Block], (width, height): (u32, u32)) -> Rendered {
    let rgba = vec![255; (width * height * 4) as usize].into();
    let whole = Region::new(0.0, 0.0, width as f32, height as f32);
    let mut elements = vec![Element::new(0, ElementKind::Page, whole)];
    for (id, block) in (1..).zip(blocks) {
        let [x, y, w, h] = block.bbox.map(|v| v as f32);
        let scale = |x: f32, y: f32| (x * width as f32, y * height as f32);
        let ((x0, y0), (x1, y1)) = (scale(x, y), scale(x + w, y + h));
        let region = Region::new(x0, y0, x1, y1);
        let mut e = Element::new(id, ElementKind::Text, region);
        (e.text, e.parent, e.layout) = (Some(block.text.to_uppercase()), Some(0), Some(region));
        e.html = Some(HtmlFacts { lines: vec![region], ..HtmlFacts::default() });
        elements.push(e);
    }
    Rendered::of_page(Image { width, height, rgba }, elements)
}

fn diagnosed(cand: &[Block], refs: &[Block], size: (u32, u32)) -> (Diagnosis, Rendered) {
    let rendered = page(cand, size);
    let compared = compare(cand.to_vec(), refs.to_vec()).comparison;
    let with = Comparison::Web(WebComparison { clip: Some(0.5), ..compared });
    let task = Task::unspecified(Domain::Web, Language::Html);
    (diagnose(&task, &Outcome::Rendered(rendered.clone()), Some(&with)), rendered)
}

/// The findings of a rule.
fn of<'a>(diagnosis: &'a Diagnosis, rule: &str) -> Vec<&'a Defect> {
    diagnosis.defects.iter().filter(|d| d.rule == rule).collect()
}

#[test]
fn findings_match_the_differences_of_the_pairs() {
    // Missing, extra, moved and recoloured blocks, and a word of one of them.
    let expected = [
        ("01", [0, 0, 0, 0], ""),
        ("04", [0, 0, 5, 0], "'see the oven times' 25% too far right"),
        ("07", [4, 0, 16, 4], "missing: 'old harbour'"),
        ("10", [0, 0, 1, 2], "'second layer headline' 9% too far down"),
        ("13", [0, 0, 6, 0], "'bicycle stand' 16% too far down"),
        ("14", [0, 0, 0, 0], ""),
        ("16", [0, 0, 4, 0], "'torches stay at the desk.' 29% too far up"),
        ("17", [1, 2, 0, 0], "missing: 'the canal was dug in three summers by"),
        ("18", [0, 50, 9, 0], "not in the reference: 'o'"),
        ("20", [1, 1, 0, 0], "missing: 'bold words'"),
        ("22", [4, 0, 12, 0], "missing: 'chapter 10'"),
        ("25", [1, 1, 1, 1], "'weather board' #303030, not #123a6b"),
        ("28", [0, 0, 1, 0], "'slides to the right' 16% too far left"),
    ];
    for (case, counts, said) in expected {
        let (cand, refs, size) = pair(case);
        let (diagnosis, rendered) = diagnosed(&cand, &refs, size);
        let rules = ["web/missing-block", "web/extra-block", "web/moved-block", "web/recoloured-block"];
        let found = rules.map(|rule| of(&diagnosis, rule).len());
        let messages: Vec<&str> = diagnosis.defects.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(found, counts, "{case}: {messages:#?}");
        assert!(said.is_empty() || messages.iter().any(|m| m.contains(said)), "{case}: {messages:#?}");
        for defect in rules.iter().flat_map(|rule| of(&diagnosis, rule)) {
            assert!(!defect.elements.is_empty() && defect.elements.len() == defect.regions.len(), "{case}");
            let named = defect.elements.iter().map(|&id| &rendered.elements[id as usize]);
            let lost = defect.rule == "web/missing-block";
            let text =
                |e: &Element| defect.message.contains(&e.text.as_deref().unwrap_or("?").to_lowercase());
            let merged = |e: &Element| e.text.as_ref().is_some_and(|t| t.len() > 1);
            assert!(lost || named.clone().any(text) || named.clone().any(merged), "{case}: {defect:?}");
        }
    }
}

#[test]
fn the_axes_are_the_five_scores_with_what_lowers_them() {
    let (cand, refs, size) = pair("25");
    let (diagnosis, _) = diagnosed(&cand, &refs, size);
    let axes: Vec<(&str, Option<bool>, &str)> = diagnosis.rubric.axes[6..]
        .iter()
        .map(|(axis, score)| (axis.name, score.satisfied, score.observed.as_str()))
        .collect();
    let want = [
        ("block_match", Some(false), "missing 'wind from the west..'; extra 'pressure falling'"),
        ("text", Some(true), "all"),
        ("position", Some(false), "'weather board' 6% too far left"),
        ("color", Some(false), "'weather board' #303030, not #123a6b"),
        ("clip", Some(false), "0.50"),
    ];
    assert_eq!(axes, want);
    let ok: Vec<bool> = diagnosis.rubric.axes.iter().filter_map(|(_, axis)| axis.satisfied).collect();
    let share = ok.iter().filter(|ok| **ok).count() as f32 / ok.len() as f32;
    assert!((reward(&diagnosis, &AxisWeights::equal(Domain::Web)) - share).abs() < 1e-6);
}

#[test]
fn one_change_is_one_finding_where_it_was_made() {
    let (_, refs, size) = pair("01");
    let at = |block: &Block| page(std::slice::from_ref(block), size).elements[1].region;
    let one = |cand: &[Block], rule: &str| {
        let (diagnosis, _) = diagnosed(cand, &refs, size);
        let found: Vec<Defect> =
            diagnosis.defects.iter().filter(|d| d.rule.ends_with("-block")).cloned().collect();
        let [defect] = found.as_slice() else { panic!("{rule}: {found:?}") };
        assert_eq!(defect.rule, rule);
        defect.clone()
    };
    // The oven times are gone: the root is at fault, and the region is where they should be.
    let mut cand = refs.clone();
    let lost = cand.remove(3);
    let defect = one(&cand, "web/missing-block");
    assert_eq!((defect.elements.as_slice(), defect.regions.as_slice()), (&[0][..], &[at(&lost)][..]));
    // An extra block.
    let mut cand = refs.clone();
    let extra = Block { text: "gift vouchers".into(), bbox: [0.1, 0.8, 0.2, 0.05], color: [0.0; 3] };
    cand.insert(2, extra.clone());
    let defect = one(&cand, "web/extra-block");
    assert_eq!((defect.elements.as_slice(), defect.regions.as_slice()), (&[3][..], &[at(&extra)][..]));
    // One moved by a tenth of the page, and by less than the threshold.
    let mut cand = refs.clone();
    cand[1].bbox[1] += 0.1;
    let defect = one(&cand, "web/moved-block");
    assert_eq!((defect.elements.as_slice(), defect.regions.as_slice()), (&[2][..], &[at(&cand[1])][..]));
    assert!(defect.properties.contains(&"margin-top"));
    cand[1].bbox[1] -= 0.06;
    let (diagnosis, _) = diagnosed(&cand, &refs, size);
    assert!(of(&diagnosis, "web/moved-block").is_empty());
    // One in another colour.
    let mut cand = refs.clone();
    cand[4].color = [200.0, 30.0, 30.0];
    let defect = one(&cand, "web/recoloured-block");
    assert_eq!((defect.elements.as_slice(), defect.properties[0]), (&[5][..], "color"));
}

#[test]
fn pages_without_text_are_compared_by_their_pictures() {
    let (cand, _, size) = pair("01");
    let (diagnosis, _) = diagnosed(&[], &[], size);
    let evaluated: Vec<Axis> =
        diagnosis.rubric.axes[6..].iter().filter(|(_, v)| v.score.is_some()).map(|(a, _)| *a).collect();
    assert_eq!(evaluated, [reference_axes(Domain::Web)[4]]);
    // Text where the reference has none is extra.
    let (diagnosis, _) = diagnosed(&cand, &[], size);
    assert_eq!(of(&diagnosis, "web/extra-block").len(), 5);
    assert_eq!(diagnosis.rubric.get(reference_axes(Domain::Web)[0]).unwrap().score, Some(0.0));
}
