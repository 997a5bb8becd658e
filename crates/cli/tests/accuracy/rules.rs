//! The findings of each rule, against `fixtures/lint`.

use super::{fixtures, render, scripts};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use vsdpo_artifact::{Domain, Language, Task};
use vsdpo_diagnose::{diagnose, rules};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Half {
    /// Thresholds were set by these.
    Tune,
    /// These only measure.
    Heldout,
}

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

/// Scripts that a rule finds something in, by whether the label agrees.
#[derive(Clone, Copy, Default)]
struct Counts {
    right: usize,
    /// Found, not labelled.
    extra: usize,
    /// Labelled, not found.
    missed: usize,
}

impl Counts {
    fn precision(self) -> f64 {
        self.right as f64 / (self.right + self.extra).max(1) as f64
    }

    fn recall(self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }
}

#[test]
fn rules_find_what_people_see() {
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
    let mut counts: BTreeMap<(&str, Half), Counts> = BTreeMap::new();
    for ((path, _), outcome) in scripts.iter().zip(render(&scripts)) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let label = &labels[&name];
        let defects = diagnose(&task, &outcome, None).defects;
        for rule in rules(Domain::Chart).iter().filter(|r| r.id != "chart/missing-content") {
            let count = counts.entry((rule.id, label.half)).or_default();
            let said: Vec<&str> =
                defects.iter().filter(|d| d.rule == rule.id).map(|d| d.message.as_str()).collect();
            match (label.rules.iter().any(|r| r == rule.id), said.is_empty()) {
                (true, false) => count.right += 1,
                (true, true) => count.missed += 1,
                (false, false) => count.extra += 1,
                (false, true) => continue,
            }
            if label.rules.iter().any(|r| r == rule.id) == said.is_empty() {
                println!("{name} {:?} {}: {}", label.half, rule.id, said.first().unwrap_or(&"missed"));
            }
        }
    }
    println!("| rule | half | labelled | precision | recall |\n|---|---|---|---|---|");
    for ((rule, half), c) in &counts {
        let labelled = c.right + c.missed;
        println!("| {rule} | {half:?} | {labelled} | {:.2} | {:.2} |", c.precision(), c.recall());
    }
    for ((rule, half), c) in &counts {
        if *half == Half::Heldout {
            assert!(c.precision() >= 0.95, "{rule}: precision {:.2}", c.precision());
            assert!(c.recall() >= 0.85, "{rule}: recall {:.2}", c.recall());
        }
    }
}
