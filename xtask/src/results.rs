//! The table of the README, made from the results in `docs/results`.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// The domains that have results, with their words in the table.
const DOMAINS: [(&str, &str); 2] = [("chart", "charts"), ("web", "pages")];
/// Where the table begins and ends.
const MARKS: [&str; 2] = ["<!-- results: made by `cargo xtask results` -->\n", "<!-- end of results -->\n"];

/// The README with the table of the present results: of `docs/results/<domain>.json`, which are
/// `results.json` of `reproduce`.
pub fn with_table(root: &Path, readme: &str) -> Result<String> {
    let parts =
        readme.split_once(MARKS[0]).and_then(|(head, rest)| Some((head, rest.split_once(MARKS[1])?.1)));
    let (head, tail) = parts.context("README.md has no marks of the table")?;
    Ok([head, MARKS[0], &table(root)?, MARKS[1], tail].concat())
}

fn table(root: &Path) -> Result<String> {
    let mut columns = Vec::new();
    for (domain, title) in DOMAINS {
        let path = root.join(format!("docs/results/{domain}.json"));
        if let Ok(text) = std::fs::read_to_string(&path) {
            let results: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            columns.push((title, results));
        }
    }
    if columns.is_empty() {
        return Ok("Not measured yet.\n".into());
    }
    let titles: Vec<String> = columns.iter().map(|(title, r)| heading(title, r)).collect();
    let mut text = format!("| | {} |\n|---|{}\n", titles.join(" | "), "---|".repeat(titles.len()));
    let arms = columns.iter().flat_map(|(_, results)| arms(results));
    let mut labels: Vec<&str> = Vec::new();
    for label in arms.filter_map(|arm| arm["label"].as_str()) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    for label in labels {
        let cells: Vec<String> = columns.iter().map(|(_, results)| cell(results, label)).collect();
        text.push_str(&format!("| {label} | {} |\n", cells.join(" | ")));
    }
    Ok(text)
}

fn arms(results: &Value) -> &[Value] {
    results["arms"].as_array().map_or(&[], Vec::as_slice)
}

fn heading(title: &str, results: &Value) -> String {
    let done = (results["done"][0].as_u64(), results["done"][1].as_u64());
    let rest = match done {
        (Some(done), Some(all)) if done < all => format!("; unfinished, {done} of {all} runs"),
        _ => String::new(),
    };
    format!("{title} ({} {} tasks{rest})", results["tasks"], results["split"].as_str().unwrap_or("test"))
}

/// Mean, seeds and interval of an arm in percent.
fn cell(results: &Value, label: &str) -> String {
    let Some(arm) = arms(results).iter().find(|arm| arm["label"] == label) else { return "–".into() };
    let score = &arm["scores"]["defect_free"];
    let percent = |key: &str| 100.0 * score[key].as_f64().unwrap_or(f64::NAN);
    let seeds = match arm["seeds"].as_array().map_or(0, Vec::len) {
        0 | 1 => String::new(),
        n => format!(", {n} seeds"),
    };
    format!("{:.1} % [{:.0}, {:.0}]{seeds}", percent("mean"), percent("low"), percent("high"))
}
