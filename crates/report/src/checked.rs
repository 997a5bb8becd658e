//! The results of one linted file, which every output format prints.

use std::collections::BTreeSet;
use std::ops::Range;
use vsdpo_artifact::{
    Credit, CreditedStatement, Defect, Diagnosis, Domain, Element, ExecError, Language, Level, Outcome,
    Region, Span,
};
use vsdpo_diagnose::{AxisWeights, reward};
use vsdpo_score::report::clean_line;

/// The results of one linted file.
pub struct Checked {
    /// The path as it was typed.
    pub file: String,
    /// The domain, which decides the rules.
    pub domain: Domain,
    /// The language of the source.
    pub language: Language,
    /// The text of the script or page.
    pub source: String,
    /// The result of running the source.
    pub outcome: Outcome,
    /// Findings (of the selected rules and levels), rubric and reward (of all rules).
    pub diagnosis: Diagnosis,
    /// The credit of the findings above.
    pub credit: Credit,
    /// Of a notebook, whose text is that of its code cells, where each begins.
    pub cells: Vec<Cell>,
    /// The size of the browser window, where the page was checked in several.
    pub window: Option<(u32, u32)>,
}

/// A code cell of a notebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its number among the code cells, from 1.
    pub number: usize,
    /// Where it begins in the text of all, in bytes.
    pub start: usize,
}

impl Checked {
    /// Whether `lint` exits with 1: the source failed, or a finding is more than a note.
    pub fn has_findings(&self) -> bool {
        !self.diagnosis.executed || self.findings() > 0
    }

    /// r of this file by itself, with equal weights of the axes.
    pub fn reward(&self) -> f32 {
        reward(&self.diagnosis, &AxisWeights::equal(self.domain))
    }

    /// Number of findings that are more than notes.
    pub fn findings(&self) -> usize {
        self.diagnosis.defects.iter().filter(|d| d.level > Level::Note).count()
    }

    /// The cell around a byte of a notebook's text, and the bytes of that cell.
    pub fn cell_at(&self, byte: usize) -> Option<(Cell, Range<usize>)> {
        let after = self.cells.partition_point(|cell| cell.start <= byte);
        let cell = *self.cells.get(after.checked_sub(1)?)?;
        Some((cell, cell.start..self.cells.get(after).map_or(self.source.len(), |next| next.start)))
    }

    /// A finding of a notebook is at a line of a cell and not of the file; one of several windows
    /// names its window.
    fn placed(&self, mut remark: Remark) -> Remark {
        if let Some((cell, range)) = remark.span.and_then(|span| self.cell_at(span.start)) {
            let before = remark.span.and_then(|span| self.source.get(range.start..span.start));
            let line = 1 + before.map_or(0, |text| text.matches('\n').count());
            remark.message = format!("cell {}, line {line}: {}", cell.number, remark.message);
        }
        if !self.cells.is_empty() {
            remark.span = None;
        }
        if let Some((width, height)) = self.window {
            remark.message = format!("in a window of {width}x{height}: {}", remark.message);
        }
        remark
    }

    /// The element with this id.
    pub fn element(&self, id: u32) -> Option<&Element> {
        self.outcome.rendered()?.elements.get(id as usize)
    }

    /// The statement that drew an element, as an index into the credit: the smallest one around the
    /// innermost call of the element's stack.
    pub fn statement_of(&self, element: &Element) -> Option<usize> {
        self.statement_around(*element.stack.first()?)
    }

    /// The smallest statement around a call.
    fn statement_around(&self, call: Span) -> Option<usize> {
        let spans = self.credit.statements.iter().map(|s| s.statement.span).enumerate();
        spans.filter(|(_, s)| s.contains(call)).min_by_key(|(_, s)| s.len()).map(|(i, _)| i)
    }

    /// The statements that drew the elements at fault, those that changed shapes later, and the
    /// style rules that set the properties at fault, by falling responsibility.
    pub fn blamed(&self, defect: &Defect) -> Vec<&CreditedStatement> {
        let elements = defect.elements.iter().filter_map(|id| self.element(*id));
        let mut indices: BTreeSet<usize> = BTreeSet::new();
        for element in elements {
            indices.extend(self.statement_of(element));
            let edits = element.shape.iter().flat_map(|shape| &shape.edits);
            indices.extend(edits.filter_map(|edit| self.statement_around(*edit.stack.first()?)));
        }
        let styles = self.outcome.rendered().map_or(&[][..], |rendered| &rendered.styles);
        for rule in styles {
            let at_fault = rule.decides.iter().any(|(property, at)| {
                defect.properties.contains(&property.as_str())
                    && at.iter().any(|id| defect.elements.contains(id))
            });
            let statement = self.credit.statements.iter().position(|s| s.statement.span == rule.span);
            indices.extend(statement.filter(|_| at_fault));
        }
        let mut found: Vec<_> = indices.into_iter().map(|i| &self.credit.statements[i]).collect();
        found.sort_by(|a, b| b.resp.total_cmp(&a.resp));
        found
    }

    /// The findings in one form, and a failure to run as another one.
    pub fn remarks(&self) -> Vec<Remark> {
        let failure = match &self.outcome {
            Outcome::Failed { error } => Some(self.failure(error)),
            Outcome::Rendered(_) => None,
        };
        let finding = |defect: &Defect| {
            let span = self.blamed(defect).first().map(|s| s.statement.span);
            let (rule, text) = (defect.rule.to_owned(), clean_line(&defect.message));
            let deck = defect.elements.iter().any(|id| self.element(*id).is_some_and(|e| e.shape.is_some()));
            let text = if deck { format!("slide {}: {text}", defect.page + 1) } else { text };
            let help = defect.help.iter().map(|help| format!("; help: {}", clean_line(help)));
            let message = text + &help.collect::<String>();
            let (level, page) = (defect.level, defect.page);
            Remark { rule, message, level, span, page, boxes: defect.regions.clone() }
        };
        let all = failure.into_iter().chain(self.diagnosis.defects.iter().map(finding));
        all.map(|remark| self.placed(remark)).collect()
    }

    fn failure(&self, error: &ExecError) -> Remark {
        Remark {
            rule: failure_rule(error),
            message: {
                let help = error.help.iter().map(|help| format!("; help: {}", clean_line(help)));
                clean_line(&error.message) + &help.collect::<String>()
            },
            level: Level::Error,
            span: error.span.filter(|s| !s.is_empty()),
            page: 0,
            boxes: Vec::new(),
        }
    }
}

/// The id under which a failure to run is reported, `exec/<kind>`.
pub fn failure_rule(error: &ExecError) -> String {
    format!("exec/{}", error.kind.name())
}

/// One finding, for the formats without pictures.
pub struct Remark {
    /// Id of the rule, or `exec/<kind>`.
    pub rule: String,
    /// The message and its help, on one line.
    pub message: String,
    /// `Error` where the source failed to run.
    pub level: Level,
    /// The statement at fault with the largest responsibility.
    pub span: Option<Span>,
    /// The page of the boxes.
    pub page: u32,
    /// Boxes in the picture of that page.
    pub boxes: Vec<Region>,
}
