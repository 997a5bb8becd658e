//! The first page: the answer, the table, the curves, the pictures, the facts.

use super::{Run, curves, evals, gallery, page};
use maud::{Markup, html};
use serde_json::Value;

/// The page.
pub fn page(run: &Run) -> String {
    let body = html! {
        header.top {
            p.kicker { "Visual-SDPO run" }
            h1 { (run.name) }
            p.facts { @for fact in facts(run) { span { (fact) } } }
        }
        main {
            (evals::headline(run))
            (evals::table(run))
            (gallery::before_and_after(run))
            (curves::curves(run))
            (gallery::all(run))
            (provenance(run))
        }
    };
    page::page(&run.name, &body)
}

/// The line under the name: what the manifest says in single words.
fn facts(run: &Run) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(step) = run.metrics.iter().filter_map(|m| m.get("step")?.as_u64()).max() {
        facts.push(format!("{} steps logged, last {step}", run.metrics.len()));
    }
    facts.push(format!("{} rollouts stored", run.stored));
    for (key, value) in &run.manifest {
        let short = match value {
            Value::String(s) if s.len() <= 48 => s.clone(),
            Value::Number(n) => n.to_string(),
            _ => continue,
        };
        facts.push(format!("{} {short}", key.replace('_', " ")));
    }
    facts.truncate(7);
    facts
}

fn provenance(run: &Run) -> Markup {
    let manifest = serde_json::to_string_pretty(&run.manifest).unwrap_or_default();
    html! {
        h2 { "How it was made" }
        @if !run.recipe.is_empty() { details { summary { b { "recipe.toml" } " as resolved" } pre { (run.recipe.trim()) } } }
        @if !run.manifest.is_empty() { details { summary { b { "manifest.json" } } pre { (manifest) } } }
        p.note { "The same records for machines: metrics.jsonl, evals.jsonl and rollouts.jsonl in the run folder." }
    }
}
