//! The row of the benchmark's table, with intervals over examples (docs/specs/design2code.md, 14).

use super::example::{Example, Status};
use super::scorer::NO_WEIGHTS;
use crate::provenance::Provenance;
use crate::table::{estimates, list};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use vsdpo_stats::{Estimate, bootstrap};

/// Seed of the intervals.
const SEED: u64 = 1;

/// All figures are from 0 to 100; `overall_without_clip` is a fifth of four sums, so at most 80.
#[derive(Serialize)]
pub struct Row {
    pub block_match: Estimate,
    pub text: Estimate,
    pub position: Estimate,
    pub color: Estimate,
    pub clip: Option<Estimate>,
    pub overall: Option<Estimate>,
    pub overall_without_clip: Estimate,
}

/// An example without scores.
#[derive(Serialize)]
pub struct UnscoredExample {
    pub name: String,
    pub status: Status,
    pub why: String,
}

/// A row of the benchmark's table, with counts and failures.
#[derive(Serialize)]
pub struct Summary {
    /// `design2code`.
    pub benchmark: &'static str,
    /// The folder of predictions.
    pub predictions: String,
    /// The benchmark's folder.
    pub data: String,
    /// Time limit of a screenshot in seconds.
    pub timeout_s: u64,
    /// Examples in the folder.
    pub examples: usize,
    /// Examples with scores.
    pub scored: usize,
    /// Examples without a prediction.
    pub missing: usize,
    /// Examples on which the benchmark's programs raise.
    pub raised: usize,
    /// Examples with a screenshot that failed.
    pub failed: usize,
    /// The mean over the examples that are scored; `None` if none is.
    pub row: Option<Row>,
    /// The mean over all examples, in which those without scores count 0.
    pub row_over_all: Row,
    /// Why there is no CLIP.
    pub clip_reason: Option<&'static str>,
    /// The examples without scores.
    pub unscored: Vec<UnscoredExample>,
    /// Screenshots that failed once and were taken again.
    pub retried: usize,
    /// Addresses that pages requested and did not get, with the number of pages.
    pub unmet: BTreeMap<String, usize>,
    /// What decides the numbers besides the answers.
    pub provenance: Provenance,
}

/// The parameters of the run, for the summary.
pub struct Shown<'a> {
    pub predictions: &'a Path,
    pub data: &'a Path,
    pub timeout: u64,
    /// Whether CLIP's similarity was computed.
    pub clip: bool,
    pub provenance: Provenance,
}

impl Summary {
    /// `examples` in the order of the data.
    pub fn new(shown: Shown<'_>, examples: &[&Example]) -> Self {
        let count = |status: Status| examples.iter().filter(|e| e.status == status).count();
        let scored: Vec<&Example> = examples.iter().filter(|e| e.status == Status::Scored).copied().collect();
        let unscored = |e: &&&Example| e.status != Status::Scored;
        let reason = |e: &&Example| UnscoredExample {
            name: e.name.clone(),
            status: e.status,
            why: e.error.clone().unwrap_or_default(),
        };
        let mut unmet: BTreeMap<String, usize> = BTreeMap::new();
        for url in examples.iter().flat_map(|e| e.unmet.cand.iter().chain(&e.unmet.r#ref)) {
            *unmet.entry(url.clone()).or_default() += 1;
        }
        Self {
            benchmark: "design2code",
            predictions: shown.predictions.display().to_string(),
            data: shown.data.display().to_string(),
            timeout_s: shown.timeout,
            examples: examples.len(),
            scored: scored.len(),
            missing: count(Status::Missing),
            raised: count(Status::Raised),
            failed: count(Status::Failed),
            row: (!scored.is_empty()).then(|| row(&scored, shown.clip)),
            row_over_all: row(examples, shown.clip),
            clip_reason: (!shown.clip).then_some(NO_WEIGHTS),
            unscored: examples.iter().filter(unscored).map(reason).collect(),
            retried: examples.iter().map(|e| e.retried).sum(),
            unmet,
            provenance: shown.provenance,
        }
    }
}

/// The means over these examples; what has no score counts 0.
fn row(examples: &[&Example], clip: bool) -> Row {
    let mean = |score: fn(&Example) -> Option<f64>| {
        let values: Vec<f64> = examples.iter().map(|e| 100.0 * score(e).unwrap_or(0.0)).collect();
        bootstrap(&values, SEED)
    };
    Row {
        block_match: mean(|e| e.block_match),
        text: mean(|e| e.text),
        position: mean(|e| e.position),
        color: mean(|e| e.color),
        clip: clip.then(|| mean(|e| e.clip)),
        overall: clip.then(|| mean(|e| e.overall)),
        overall_without_clip: mean(|e| e.overall_without_clip),
    }
}

/// The summary as a text table.
pub fn table(s: &Summary) -> String {
    let mut text = format!(
        "Design2Code: {} of {} examples scored, {} without a prediction, {} on which the metric raises, {} whose \
         screenshot failed; limit {} s\nmean and 95 % interval over the examples that are scored\n\n",
        s.scored, s.examples, s.missing, s.raised, s.failed, s.timeout_s
    );
    text.push_str(&lines(s.row.as_ref()));
    if s.scored < s.examples {
        text.push_str("\nover all examples, those without scores as 0\n\n");
        text.push_str(&lines(Some(&s.row_over_all)));
    }
    if let Some(why) = s.clip_reason {
        text.push_str(&format!("\nCLIP: {why}; \"without CLIP\" is the sum of four fifths, at most 80\n"));
    }
    if s.retried > 0 {
        text.push_str(&format!("\n{} screenshots failed once and were taken again\n", s.retried));
    }
    let unmet = s.unmet.iter().map(|(u, n)| format!("{u} ({n} pages)"));
    text.push_str(&list("addresses were requested and not loaded", "summary.json", unmet));
    let status = |s: Status| match s {
        Status::Scored => "scored",
        Status::Missing => "missing",
        Status::Raised => "raised",
        Status::Failed => "failed",
    };
    let unscored = s.unscored.iter().map(|u| format!("{} ({}): {}", u.name, status(u.status), u.why));
    text.push_str(&list("examples have no scores", "summary.json", unscored));
    text + "\n" + &s.provenance.line()
}

/// The row as a table, with dashes where there is none.
fn lines(row: Option<&Row>) -> String {
    estimates(&[
        ("Block-Match", row.map(|r| r.block_match)),
        ("Text", row.map(|r| r.text)),
        ("Position", row.map(|r| r.position)),
        ("Color", row.map(|r| r.color)),
        ("CLIP", row.and_then(|r| r.clip)),
        ("Overall", row.and_then(|r| r.overall)),
        ("without CLIP", row.map(|r| r.overall_without_clip)),
    ])
}
