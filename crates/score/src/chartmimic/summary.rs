//! The row of the benchmark's table, with intervals over examples (docs/specs/chartmimic.md, 0).

use super::example::Example;
use super::judge::Judgement;
use crate::provenance::Provenance;
use crate::table::{estimates, list};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use vsdpo_stats::{Estimate, bootstrap};

/// Seed of the intervals.
const SEED: u64 = 1;
const NO_JUDGE: &str = "no judge was asked (--judge-url, --judge-model)";

/// All figures are from 0 to 100.
#[derive(Serialize)]
pub struct Row {
    pub exec: Estimate,
    pub text: Estimate,
    pub layout: Estimate,
    pub chart_type: Estimate,
    pub color: Estimate,
    pub low: Estimate,
    pub high: Option<Estimate>,
    pub overall: Option<Estimate>,
}

#[derive(Serialize)]
pub struct Failure {
    pub name: String,
    pub why: String,
}

/// A row of the benchmark's table, with counts and failures.
#[derive(Serialize)]
pub struct Summary {
    /// `chartmimic`.
    pub benchmark: &'static str,
    /// The rules.
    pub mode: &'static str,
    /// The file of responses.
    pub responses: String,
    /// The benchmark's folder.
    pub data: String,
    /// D, by which sums are divided.
    pub total: usize,
    /// Examples in the folder.
    pub examples: usize,
    /// Examples with a response.
    pub answered: usize,
    /// Examples whose bare script left a picture.
    pub executed: usize,
    /// Time limit of a script in seconds.
    pub timeout_s: u64,
    /// Examples of which a script exceeded the time limit.
    pub timed_out: usize,
    /// The row.
    pub row: Row,
    /// Why there is no High.
    pub high_reason: Option<String>,
    /// Examples that add 0 to the low-level metrics, each with its reason.
    pub failed: Vec<Failure>,
    /// The judges' scores, if any were asked for.
    pub judge: Option<Judgement>,
    /// What decides the numbers besides the answers.
    pub provenance: Provenance,
}

/// The parameters of the run, for the summary.
pub struct Shown<'a> {
    pub mode: &'static str,
    pub responses: &'a Path,
    pub data: &'a Path,
    pub total: usize,
    pub timeout: u64,
    pub provenance: Provenance,
}

impl Summary {
    /// Summarizes examples.
    pub fn new(shown: Shown<'_>, examples: &BTreeMap<String, Example>, judge: Option<Judgement>) -> Self {
        let high = judge.as_ref().and_then(Judgement::high);
        let count = |test: &dyn Fn(&Example) -> bool| examples.values().filter(|e| test(e)).count();
        let failed = |e: &Example| Some(Failure { name: e.name.clone(), why: e.failure()?.to_owned() });
        Self {
            benchmark: "chartmimic",
            mode: shown.mode,
            responses: shown.responses.display().to_string(),
            data: shown.data.display().to_string(),
            total: shown.total,
            examples: examples.len(),
            answered: count(&|e| e.answered),
            executed: count(&|e| e.exec),
            timeout_s: shown.timeout,
            timed_out: count(&Example::timed_out),
            row: row(examples, high.as_ref(), shown.total),
            high_reason: high.is_none().then(|| judge.as_ref().map_or(NO_JUDGE.into(), Judgement::lack)),
            failed: examples.values().filter_map(failed).collect(),
            judge,
            provenance: shown.provenance,
        }
    }
}

/// The row over `total` examples; those of the folder that are not among `examples` count 0.
fn row(examples: &BTreeMap<String, Example>, high: Option<&BTreeMap<String, f64>>, total: usize) -> Row {
    let missing = total.saturating_sub(examples.len());
    let mean = |value: &dyn Fn(&Example) -> f64| {
        let mut values: Vec<f64> = examples.values().map(value).collect();
        values.extend(std::iter::repeat_n(0.0, missing));
        bootstrap(&values, SEED)
    };
    let of = |scores: &BTreeMap<String, f64>, e: &Example| scores.get(&e.name).copied().unwrap_or(0.0);
    Row {
        exec: mean(&|e| e.percents().exec),
        text: mean(&|e| e.percents().text),
        layout: mean(&|e| e.percents().layout),
        chart_type: mean(&|e| e.percents().chart_type),
        color: mean(&|e| e.percents().color),
        low: mean(&|e| e.percents().low),
        high: high.map(|scores| mean(&|e| of(scores, e))),
        overall: high.map(|scores| mean(&|e| (e.percents().low + of(scores, e)) / 2.0)),
    }
}

/// The summary as a text table.
pub fn table(s: &Summary) -> String {
    let columns = [
        ("Exec", Some(s.row.exec)),
        ("Text", Some(s.row.text)),
        ("Layout", Some(s.row.layout)),
        ("Type", Some(s.row.chart_type)),
        ("Color", Some(s.row.color)),
        ("Low", Some(s.row.low)),
        ("High", s.row.high),
        ("Overall", s.row.overall),
    ];
    let mut text = format!(
        "ChartMimic, {} rules: {} of {} examples answered, {} executed, D = {}, limit {} s ({} timed out)\n\
         mean and 95 % interval over examples\n\n",
        s.mode, s.answered, s.examples, s.executed, s.total, s.timeout_s, s.timed_out
    );
    text.push_str(&estimates(&columns));
    if let Some(why) = &s.high_reason {
        text.push_str(&format!("\nHigh: {}\n", crate::report::clean_line(why)));
    }
    if let Some(judgement) = &s.judge {
        text.push_str(&judgement.table());
    }
    let failed = s.failed.iter().map(|failure| format!("{}: {}", failure.name, failure.why));
    text.push_str(&list("examples count 0", "examples.jsonl", failed));
    text + "\n" + &s.provenance.line()
}
