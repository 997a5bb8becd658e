//! The stored result of an example.

use crate::results::Named;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One metric of one example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// The stored result of an example.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    pub key: String,
    pub name: String,
    /// Whether the model answered at all.
    pub answered: bool,
    /// Whether the answer held code.
    pub code: bool,
    pub exec: bool,
    pub text: Metric,
    pub layout: Metric,
    pub chart_type: Metric,
    /// `None` where the benchmark's program raises; it then loses the whole example.
    pub color: Option<Metric>,
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

/// What an example adds to the row of the benchmark's table, each from 0 to 100.
#[derive(Clone, Copy, Debug)]
pub struct Percents {
    pub exec: f64,
    pub text: f64,
    pub layout: f64,
    pub chart_type: f64,
    pub color: f64,
    pub low: f64,
}

impl Named for Example {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Example {
    /// What it adds to the benchmark's sums: only examples that ran and were scored count.
    pub fn percents(&self) -> Percents {
        let color = self.color.filter(|_| self.exec);
        let of = |metric: Metric| if color.is_some() { 100.0 * metric.f1 } else { 0.0 };
        let [text, layout, chart_type] = [self.text, self.layout, self.chart_type].map(of);
        let color = of(color.unwrap_or_default());
        let low = (text + layout + chart_type + color) / 4.0;
        Percents { exec: if self.exec { 100.0 } else { 0.0 }, text, layout, chart_type, color, low }
    }

    /// Whether one of its scripts met the time limit.
    pub fn timed_out(&self) -> bool {
        self.reasons.values().any(|why| why.contains("ran longer than"))
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&str> {
        if self.exec && self.color.is_some() {
            return None;
        }
        let why = ["exec", "pred.exec", "color"].iter().find_map(|at| self.reasons.get(*at));
        Some(why.map_or("the script left no picture", String::as_str))
    }
}
