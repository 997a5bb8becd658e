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

impl Named for Example {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Example {
    /// What a metric adds to the benchmark's sum: only examples that ran and were scored count.
    pub fn counted(&self, metric: impl Fn(&Self) -> Metric) -> f64 {
        if self.exec && self.color.is_some() { metric(self).f1 } else { 0.0 }
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
