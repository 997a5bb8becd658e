//! How often the rules of pages are right, against the labels of `fixtures/lint_web`, made by hand:
//! which rules find something in which page, and where.
//!
//! `cargo test --release -p vsdpo-render --test web_accuracy -- --nocapture` prints the table of
//! `docs/accuracy.md`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Defect, Domain, Element, Language, Outcome, Rendered, Source, Task};
use vsdpo_diagnose::{diagnose, rules};
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer};
use vsdpo_stats::detection::{Accuracy, Half};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    file: String,
    half: Half,
    /// For each rule the `id` attributes of the elements that it should name one of.
    rules: BTreeMap<String, Vec<String>>,
    #[serde(rename = "hard")]
    _hard: bool,
    #[serde(rename = "why")]
    _why: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint_web")
}

fn labels() -> Vec<Label> {
    let text = std::fs::read_to_string(folder().join("labels.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn rendered(labels: &[Label]) -> Vec<(String, Rendered)> {
    let config = RenderConfig { timeout: std::time::Duration::from_secs(60), ..RenderConfig::default() };
    let renderer =
        ChromiumRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"));
    let source = |label: &Label| std::fs::read_to_string(folder().join(&label.file)).unwrap();
    let sources: Vec<String> = labels.iter().map(source).collect();
    let page = |html: &String| Source { folder: Some(folder()), ..Source::new(html, Language::Html) };
    let pages: Vec<Source> = sources.iter().map(page).collect();
    let outcomes = renderer.render_all(&pages).unwrap();
    let drawn =
        sources.into_iter().zip(outcomes).zip(labels).map(|((source, outcome), label)| match outcome {
            Outcome::Rendered(rendered) => (source, rendered),
            Outcome::Failed { error } => panic!("{}: {}", label.file, error.message),
        });
    drawn.collect()
}

/// Whether one of the elements of a finding, or one around it, has one of the ids.
fn names(defect: &Defect, ids: &[String], source: &str, elements: &[Element]) -> bool {
    let tagged = |e: &Element| {
        let tag = e.stack.first().and_then(|span| span.text(source)).unwrap_or_default();
        ids.iter().any(|id| tag.contains(&format!("id=\"{id}\"")))
    };
    let around = |id: &u32| {
        let up = |e: &&Element| e.parent.and_then(|parent| elements.get(parent as usize));
        std::iter::successors(elements.get(*id as usize), up).any(tagged)
    };
    defect.elements.iter().any(around)
}

#[test]
fn rules_agree_with_the_labels() {
    let labels = labels();
    assert!(labels.len() >= 80);
    let task = Task::unspecified(Domain::Web, Language::Html);
    let mut accuracy = Accuracy::default();
    for (label, (source, rendered)) in labels.iter().zip(rendered(&labels)) {
        let elements = rendered.elements.clone();
        let defects = diagnose(&task, &Outcome::Rendered(rendered), None).defects;
        for rule in rules(Domain::Web).iter().filter(|r| r.id != "web/missing-content") {
            let count = accuracy.of(rule.id, label.half);
            let ids = label.rules.get(rule.id).map(Vec::as_slice).unwrap_or_default();
            let found = defects.iter().filter(|d| d.rule == rule.id);
            let (right, extra): (Vec<_>, Vec<_>) = found.partition(|d| names(d, ids, &source, &elements));
            count.right += usize::from(!right.is_empty());
            count.extra += usize::from(!extra.is_empty());
            if !ids.is_empty() && right.is_empty() {
                count.missed += 1;
                println!("{} {:?} {}: missed {ids:?}", label.file, label.half, rule.id);
            }
            for defect in extra {
                println!("{} {:?} {}: {}", label.file, label.half, rule.id, defect.message);
            }
        }
    }
    println!("{accuracy}");
    assert_eq!(accuracy.below(0.95, 0.85), [""; 0]);
}
