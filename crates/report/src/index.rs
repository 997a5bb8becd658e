//! `index.html`: headline, table of evaluations, curves, pictures, recipe and manifest.

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

/// The short facts under the name: counts, seed, revision and host.
fn facts(run: &Run) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(step) = run.metrics.iter().filter_map(|m| m.get("step")?.as_u64()).max() {
        facts.push(format!("{} steps logged, last {step}", run.metrics.len()));
    }
    facts.push(format!("{} rollouts stored", run.stored));
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let known = [("seed", "/seed"), ("revision", "/git_revision"), ("CPUs", "/host/cpus"), ("", "/host/cpu")];
    let manifest = Value::Object(run.manifest.clone());
    for (name, place) in known {
        if let Some(value) = manifest.pointer(place).filter(|v| !v.is_null()) {
            // The first characters identify a commit.
            let value: String = text(value).chars().take(if name == "revision" { 10 } else { 60 }).collect();
            facts.push(format!("{name} {value}"));
        }
    }
    facts
}

fn provenance(run: &Run) -> Markup {
    let manifest = serde_json::to_string_pretty(&run.manifest).unwrap_or_default();
    html! {
        h2 { "Recipe and manifest" }
        @if !run.recipe.is_empty() { details { summary { b { "recipe.toml" } ", resolved" } pre { (run.recipe.trim()) } } }
        @if !run.manifest.is_empty() { details { summary { b { "manifest.json" } } pre { (manifest) } } }
        p.note { "The same records as JSON: metrics.jsonl, evals.jsonl and rollouts.jsonl in the run folder." }
    }
}
