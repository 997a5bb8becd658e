//! The warnings of single kinds of charts, against the first lines of `fixtures/lint_cases`.

use super::{fixtures, render, scripts};
use std::collections::BTreeSet;
use vsdpo_artifact::{Domain, Language, Level, Task};
use vsdpo_diagnose::diagnose;

#[test]
fn each_script_has_the_warnings_that_it_names() {
    let scripts = scripts(&fixtures("lint_cases"));
    assert!(scripts.len() >= 30);
    let task = Task::unspecified(Domain::Chart, Language::Python);
    let mut wrong = Vec::new();
    for ((path, source), outcome) in scripts.iter().zip(render(&scripts)) {
        let first = source.lines().next().and_then(|line| line.strip_prefix("# warns:"));
        let named = first.unwrap_or_else(|| panic!("{} does not say what warns", path.display())).split(',');
        let want: BTreeSet<&str> = named.map(str::trim).filter(|rule| !rule.is_empty()).collect();
        let defects = diagnose(&task, &outcome, None).defects;
        let warnings = defects.iter().filter(|d| d.level > Level::Note);
        let got: BTreeSet<&str> = warnings.clone().map(|d| d.rule).collect();
        if got != want {
            let messages: Vec<&str> = warnings.map(|d| d.message.as_str()).collect();
            wrong.push(format!("{}: {got:?}, not {want:?}: {messages:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
