//! How often the rules of slides are right, against the labels of `fixtures/lint_slide`, made by
//! hand: which rules find something on which slide, and where.
//!
//! `cargo test --release -p vsdpo-render --test slide_accuracy -- --nocapture` prints the table of
//! `docs/accuracy.md`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{Defect, Domain, Element, Language, Outcome, Rendered, Source, Task};
use vsdpo_diagnose::{diagnose, rules};
use vsdpo_render::{ChromiumRenderer, DeckRenderer, RenderConfig, Renderer, SlideMode};
use vsdpo_stats::detection::{Accuracy, Half};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    file: String,
    half: Half,
    /// For each slide the rules that find something there, by their names without the domain, and
    /// the shapes (in HTML the `id` attributes) that they should name one of; none for rules about
    /// the whole slide.
    slides: Vec<BTreeMap<String, Vec<String>>>,
    #[serde(rename = "why")]
    _why: String,
}

/// Precision and recall that rules should have.
const GOALS: [f64; 2] = [0.95, 0.85];
/// The rules that miss a goal on the held-out half: what they have, less a margin.
/// `docs/accuracy.md` says why.
const SHORT: [(&str, [f64; 2]); 5] = [
    ("slide/empty-area", [0.85, 0.85]),
    ("slide/low-contrast", [0.7, 0.85]),
    ("slide/off-slide", [0.95, 0.6]),
    ("slide/stretched-picture", [0.95, 0.45]),
    ("slide/uneven-gaps", [0.95, 0.6]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint_slide")
}

fn labels() -> Vec<Label> {
    let text = std::fs::read_to_string(folder().join("labels.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn source(label: &Label) -> Source {
    let path = folder().join(&label.file);
    let text = || std::fs::read_to_string(&path).unwrap();
    match label.file.rsplit_once('.').unwrap().1 {
        "pptx" => Source::pptx(std::fs::read(&path).unwrap()),
        "py" => Source::new(text(), Language::Python),
        "html" => Source::new(text(), Language::Html),
        other => panic!("{other}: {}", label.file),
    }
}

fn rendered(labels: &[Label]) -> Vec<(Source, Rendered)> {
    let config = RenderConfig { timeout: Duration::from_secs(120), ..RenderConfig::default() };
    let needed = |e| -> ! { panic!("these tests draw slides for real: {e}") };
    let pages = ChromiumRenderer::slides(config.clone(), SlideMode::Adaptive).unwrap_or_else(|e| needed(e));
    let decks = DeckRenderer::start(config).unwrap_or_else(|e| needed(e));
    let draw = |label: &Label| {
        let source = source(label);
        let outcome = match source.language {
            Language::Html => pages.render(&source),
            Language::Python | Language::Pptx => decks.render(&source),
        };
        match outcome.unwrap() {
            Outcome::Rendered(rendered) => (source, rendered),
            Outcome::Failed { error } => panic!("{}: {}", label.file, error.message),
        }
    };
    labels.iter().map(draw).collect()
}

/// Whether one of the elements of a finding, or one around it, has one of the names.
fn names(defect: &Defect, names: &[String], source: &Source, elements: &[Element]) -> bool {
    let named = |e: &Element| match &e.shape {
        Some(shape) => names.contains(&shape.name),
        None => {
            let tag = e.stack.first().and_then(|span| span.text(&source.text)).unwrap_or_default();
            names.iter().any(|id| tag.contains(&format!("id=\"{id}\"")))
        }
    };
    let around = |id: &u32| {
        let up = |e: &&Element| e.parent.and_then(|parent| elements.get(parent as usize));
        std::iter::successors(elements.get(*id as usize), up).any(named)
    };
    names.is_empty() || defect.elements.iter().any(around)
}

#[test]
fn rules_agree_with_the_labels() {
    let labels = labels();
    let slides: Vec<_> = labels.iter().flat_map(|label| &label.slides).collect();
    // A 4:3 deck has slides on which nothing else is wrong.
    let clean = slides.iter().filter(|rules| rules.keys().all(|rule| rule == "too-tall")).count();
    assert!(slides.len() >= 330 && 5 * clean >= 2 * slides.len(), "{clean} of {}", slides.len());
    let mut accuracy = Accuracy::default();
    for (label, (source, rendered)) in labels.iter().zip(rendered(&labels)) {
        assert_eq!(rendered.pages.len(), label.slides.len(), "{}", label.file);
        let elements = rendered.elements.clone();
        let task = Task::unspecified(Domain::Slide, source.language);
        let defects = diagnose(&task, &Outcome::Rendered(rendered), None).defects;
        for (page, wanted) in label.slides.iter().enumerate() {
            for rule in rules(Domain::Slide).iter().filter(|r| r.id != "slide/missing-content") {
                let count = accuracy.of(rule.id, label.half);
                let place = wanted.get(rule.id.trim_start_matches("slide/"));
                let found = defects.iter().filter(|d| d.rule == rule.id && d.page as usize == page);
                let right = |d: &&Defect| place.is_some_and(|place| names(d, place, &source, &elements));
                let (right, extra): (Vec<_>, Vec<_>) = found.partition(right);
                count.right += usize::from(!right.is_empty());
                count.extra += usize::from(!extra.is_empty());
                let at = format!("{} {:?} slide {} {}", label.file, label.half, page + 1, rule.id);
                if place.is_some() && right.is_empty() {
                    count.missed += 1;
                    println!("{at}: missed {place:?}");
                }
                extra.iter().for_each(|defect| println!("{at}: {}", defect.message));
            }
        }
    }
    println!("{accuracy}");
    for rule in rules(Domain::Slide).iter().filter(|r| r.id != "slide/missing-content") {
        let [precision, recall] = SHORT.iter().find(|s| s.0 == rule.id).map_or(GOALS, |s| s.1);
        let count = *accuracy.of(rule.id, Half::Heldout);
        let good = count.precision() >= precision && count.recall() >= recall;
        assert!(good, "{}: {:.2}, {:.2}", rule.id, count.precision(), count.recall());
    }
}
