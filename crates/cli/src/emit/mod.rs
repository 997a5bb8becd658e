//! The forms in which `lint` speaks. Each takes the same facts and makes text of them; none judges.

pub mod human;
pub mod json;

use vsdpo_artifact::{Credit, Diagnosis, Element, Outcome};

/// One linted file with everything that is known about it.
pub struct Checked {
    /// The path as it was typed.
    pub file: String,
    /// The script.
    pub source: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Findings (the selected rules only), rubric and reward (of all rules).
    pub diagnosis: Diagnosis,
    /// Blame by the findings above.
    pub credit: Credit,
}

impl Checked {
    /// Whether `lint` should end with 1: the script failed, or a finding has weight.
    pub fn has_findings(&self) -> bool {
        !self.diagnosis.executed || self.findings() > 0
    }

    /// Findings with a severity above 0; the others are remarks.
    pub fn findings(&self) -> usize {
        self.diagnosis.defects.iter().filter(|d| d.severity > 0.0).count()
    }

    /// The element with this id.
    pub fn element(&self, id: u32) -> Option<&Element> {
        self.outcome.rendered()?.elements.get(id as usize)
    }

    /// The statement that made an element: the smallest one around the innermost call of its stack, as an
    /// index into the credit.
    pub fn statement_of(&self, element: &Element) -> Option<usize> {
        let call = *element.stack.first()?;
        let spans = self.credit.statements.iter().map(|s| s.statement.span).enumerate();
        spans.filter(|(_, s)| s.contains(call)).min_by_key(|(_, s)| s.len()).map(|(i, _)| i)
    }
}
