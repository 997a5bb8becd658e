//! The findings of each rule, against `fixtures/lint`.

use super::{fixtures, render, scripts};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use vsdpo_artifact::{Domain, Language, Task};
use vsdpo_diagnose::{diagnose, rules};
use vsdpo_stats::detection::{Accuracy, Half};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    file: String,
    half: Half,
    rules: Vec<String>,
    #[serde(rename = "hard")]
    _hard: bool,
    #[serde(rename = "why")]
    _why: String,
}

#[test]
fn rules_agree_with_the_labels() {
    let folder = fixtures("lint");
    let scripts = scripts(&folder);
    let text = fs::read_to_string(folder.join("labels.jsonl")).unwrap();
    let labels: BTreeMap<String, Label> = text
        .lines()
        .map(|line| serde_json::from_str::<Label>(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .map(|label| (label.file.clone(), label))
        .collect();
    assert!(scripts.len() >= 120 && labels.len() == scripts.len());
    let task = Task::unspecified(Domain::Chart, Language::Python);
    let mut accuracy = Accuracy::default();
    for ((path, _), outcome) in scripts.iter().zip(render(&scripts)) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let label = &labels[&name];
        let defects = diagnose(&task, &outcome, None).defects;
        for rule in rules(Domain::Chart).iter().filter(|r| r.id != "chart/missing-content") {
            let found: Vec<&str> =
                defects.iter().filter(|d| d.rule == rule.id).map(|d| d.message.as_str()).collect();
            // A rule without labels in a half has no line there, unless it finds something.
            let labelled = label.rules.iter().any(|r| r == rule.id);
            if !labelled && found.is_empty() {
                continue;
            }
            let count = accuracy.of(rule.id, label.half);
            match (labelled, found.is_empty()) {
                (true, false) => count.right += 1,
                (true, true) => count.missed += 1,
                (false, _) => count.extra += 1,
            }
            if labelled == found.is_empty() {
                println!("{name} {:?} {}: {}", label.half, rule.id, found.first().unwrap_or(&"missed"));
            }
        }
    }
    println!("{accuracy}");
    assert_eq!(accuracy.below(0.95, 0.85), [""; 0]);
}
