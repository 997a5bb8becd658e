//! Credit: which statements of the code answer for the defects of its render, and how much each
//! token weighs for it (section 2.3 of the paper).
//!
//! ```text
//! source --statements--> s      elements --map--> M(s)      defects --weight--> resp(s), w_s
//! tokens --tokens------> s(t)                                                   w_t = w_{s(t)}
//! ```
//!
//! Everything here is pure, total and deterministic: no input makes it panic, and code that does not
//! parse keeps the statements that do. This crate knows no renderer and no model. It does not judge
//! renders (that is `diagnose`) and it does not know the loss that uses the weights.
//!
//! ```
//! use vsdpo_artifact::{Image, Outcome, Rendered, Span};
//! use vsdpo_credit::{CreditConfig, credit, token_weights};
//! let source = "a = 1; plot(a)";
//! let image = Image { width: 0, height: 0, rgba: [].into() };
//! let outcome = Outcome::Rendered(Rendered { image, elements: vec![], notes: vec![], styles: vec![] });
//! let credit = credit(source, &outcome, &[], &CreditConfig::default());
//! assert_eq!(credit.statements.len(), 2);
//! let code = Span::new(0, source.len());
//! assert_eq!(token_weights(&credit, source, code, &[Span::new(0, 1)]), [1.0]);
//! ```

mod map;
mod statements;
mod tokens;
mod weight;

pub use map::{element_statements, smallest_around};
pub use statements::python::{comments, statements};
pub use tokens::{token_statements, token_weights};
pub use weight::{responsibility, statement_weight};

use serde::{Deserialize, Serialize};
use vsdpo_artifact::{Credit, CreditedStatement, Defect, Element, ExecError, Outcome, Region, Statement};

/// How the box of an element is compared with the region of a defect.
///
/// # Reading of the paper
/// Equation 4 says IoU, but the text says that an element that lies fully inside a defect region gets
/// the full weight, which only the second measure gives. The literal one is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// Intersection over union.
    #[default]
    Iou,
    /// Intersection over the area of the element.
    Ioa,
}

impl Overlap {
    /// The overlap of an element's box with a defect region, in `[0, 1]`.
    pub fn measure(self, element: Region, defect: Region) -> f32 {
        match self {
            Overlap::Iou => element.iou(defect),
            Overlap::Ioa => element.ioa(defect),
        }
    }
}

/// The settings of credit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreditConfig {
    /// The factor of equation 5 for a statement that answers fully; 1 is uniform distillation. The paper
    /// does not give its value; ours.
    pub amplify: f32,
    /// The measure of equation 4.
    pub overlap: Overlap,
}

impl Default for CreditConfig {
    fn default() -> Self {
        Self { amplify: 3.0, overlap: Overlap::Iou }
    }
}

/// The statements of `source` with the elements they drew, their responsibility and their weight.
///
/// `outcome` must come from running exactly this `source`, and `defects` from judging that outcome.
///
/// # Reading of the paper
/// A failed execution has no elements, so equation 4 gives 0 everywhere. The error's place is known
/// as well as a defect's is, so the statement there gets resp 1: the one in which the error was raised
/// (or where parsing stopped). Without a place no statement is singled out.
pub fn credit(source: &str, outcome: &Outcome, defects: &[Defect], cfg: &CreditConfig) -> Credit {
    let statements = statements(source);
    let blamed = match outcome {
        Outcome::Rendered(r) => blame_drawn(&statements, &r.elements, defects, cfg),
        Outcome::Failed { error } => blame_failed(&statements, source, error),
    };
    let credited = statements.into_iter().zip(blamed).map(|(statement, (elements, resp))| {
        CreditedStatement { statement, elements, resp, weight: statement_weight(resp, cfg.amplify) }
    });
    Credit { statements: credited.collect() }
}

/// M(s) and resp(s) of each statement after a render.
fn blame_drawn(
    statements: &[Statement],
    elements: &[Element],
    defects: &[Defect],
    cfg: &CreditConfig,
) -> Vec<(Vec<u32>, f32)> {
    let mut drawn: Vec<(Vec<u32>, Vec<Region>)> = vec![Default::default(); statements.len()];
    for element in elements {
        for index in element_statements(statements, element) {
            drawn[index].0.push(element.id);
            drawn[index].1.push(element.region);
        }
    }
    drawn.into_iter().map(|(ids, regions)| (ids, responsibility(&regions, defects, cfg.overlap))).collect()
}

/// The statement of the error, if its place is known, answers for the failure.
fn blame_failed(statements: &[Statement], source: &str, error: &ExecError) -> Vec<(Vec<u32>, f32)> {
    let guilty = error.span.and_then(|span| {
        map::smallest_around(statements, span).or_else(|| tokens::locate(statements, source, span))
    });
    (0..statements.len()).map(|i| (Vec::new(), if Some(i) == guilty { 1.0 } else { 0.0 })).collect()
}

#[cfg(test)]
mod tests;
