//! Precision and recall of rules against labels made by hand, on two halves of a corpus.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// The half of a labelled corpus that an artifact belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The thresholds of the rules were set on this half.
    Tune,
    /// This half only measures.
    Heldout,
}

/// How often the findings of a rule agree with the labels, in artifacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detections {
    /// Found and labelled.
    pub right: usize,
    /// Found, not labelled.
    pub extra: usize,
    /// Labelled, not found.
    pub missed: usize,
}

impl Detections {
    /// Share of the findings that are right; 0 without findings.
    pub fn precision(self) -> f64 {
        self.right as f64 / (self.right + self.extra).max(1) as f64
    }

    /// Share of the labels that are found; 0 without labels.
    pub fn recall(self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }
}

/// The detections of each rule on each half. Displayed as the Markdown table of `docs/accuracy.md`.
#[derive(Debug, Default)]
pub struct Accuracy(BTreeMap<(String, Half), Detections>);

impl Accuracy {
    /// The counts of a rule on a half.
    pub fn of(&mut self, rule: &str, half: Half) -> &mut Detections {
        self.0.entry((rule.to_owned(), half)).or_default()
    }

    /// A line for each rule whose precision or recall on the held-out half is below its goal.
    pub fn below(&self, precision: f64, recall: f64) -> Vec<String> {
        let held_out = self.0.iter().filter(|((_, half), _)| *half == Half::Heldout);
        let below = held_out.filter(|(_, c)| c.precision() < precision || c.recall() < recall);
        let line = |((rule, _), c): (&(String, Half), &Detections)| {
            format!("{rule}: precision {:.2}, recall {:.2}", c.precision(), c.recall())
        };
        below.map(line).collect()
    }
}

impl Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| rule | half | labelled | precision | recall |\n|---|---|---|---|---|")?;
        for ((rule, half), c) in &self.0 {
            let labelled = c.right + c.missed;
            writeln!(f, "| {rule} | {half:?} | {labelled} | {:.2} | {:.2} |", c.precision(), c.recall())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_held_out_rules_below_a_goal_are_listed() {
        let mut accuracy = Accuracy::default();
        *accuracy.of("a", Half::Tune) = Detections { right: 0, extra: 1, missed: 1 };
        *accuracy.of("a", Half::Heldout) = Detections { right: 9, extra: 1, missed: 0 };
        *accuracy.of("b", Half::Heldout) = Detections { right: 3, extra: 0, missed: 1 };
        assert_eq!(accuracy.below(0.9, 0.8), ["b: precision 1.00, recall 0.75"]);
        assert_eq!(accuracy.below(0.95, 0.75), ["a: precision 0.90, recall 1.00"]);
        accuracy.of("c", Half::Heldout);
        assert_eq!(accuracy.below(0.1, 0.1), ["c: precision 0.00, recall 0.00"]);
        assert!(
            accuracy
                .to_string()
                .ends_with("| b | Heldout | 4 | 1.00 | 0.75 |\n| c | Heldout | 0 | 0.00 | 0.00 |\n")
        );
    }
}
