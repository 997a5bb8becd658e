//! Credit: which statements of the code answer for the defects of its render, and how much each
//! token weighs for it (section 2.3 of the paper).
//!
//! ```text
//! source --statements--> s      elements --map--> M(s)      defects --weight--> resp(s), w_s
//! tokens --tokens------> s(t)                                                   w_t = w_{s(t)}
//! ```
//!
//! Everything here is pure, total and deterministic: no input makes it panic, and code that does
//! not parse keeps the statements that do. This crate knows no renderer and no model. It does not
//! judge renders (that is `diagnose`) and it does not know the loss that uses the weights.
//!
//! ```
//! use vsdpo_artifact::{Image, Language, Outcome, Rendered, Span};
//! use vsdpo_credit::{CreditConfig, credit, token_weights};
//! let source = "a = 1; plot(a)";
//! let image = Image { width: 0, height: 0, rgba: [].into() };
//! let outcome = Outcome::Rendered(Rendered::of_page(image, vec![]));
//! let credit = credit(Language::Python, source, &outcome, &[], &CreditConfig::default());
//! assert_eq!(credit.statements.len(), 2);
//! let code = Span::new(0, source.len());
//! assert_eq!(token_weights(&credit, source, code, &[Span::new(0, 1)]), [1.0]);
//! ```

mod map;
mod statements;
mod tokens;
mod weight;

pub use map::{element_statements, smallest_around};
pub use tokens::{token_statements, token_weights};
pub use weight::{responsibility, statement_weight};

use serde::{Deserialize, Serialize};
use vsdpo_artifact::{
    Credit, CreditedStatement, Defect, Element, ExecError, Language, Outcome, Region, Rendered, Statement,
    StyleRule,
};

/// How the box of an element is compared with the region of a defect.
///
/// # Reading of the paper
/// Equation 4 says IoU, but the text says that an element that lies fully inside a defect region
/// gets the full weight, which only the second measure gives. The literal one is the default.
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
    /// The factor of equation 5 for a statement that answers fully; 1 is uniform distillation. The
    /// paper does not give its value; ours.
    pub amplify: f32,
    /// The measure of equation 4.
    pub overlap: Overlap,
    /// Whether the statement of an error answers for a failed execution; `false`: no statement
    /// does.
    pub blame_error: bool,
}

impl Default for CreditConfig {
    fn default() -> Self {
        Self { amplify: 3.0, overlap: Overlap::Iou, blame_error: true }
    }
}

/// The statements of `source` with the elements they drew, their responsibility and their weight.
///
/// `outcome` must come from running exactly this `source`, and `defects` from judging that outcome.
///
/// # Reading of the paper
/// A failed execution has no elements, so equation 4 gives 0 everywhere. The error's place is known
/// as well as a defect's is, so the statement there gets resp 1: the one in which the error was
/// raised (or where parsing stopped). Without a place no statement is singled out, nor with
/// `blame_error = false`.
pub fn credit(
    language: Language,
    source: &str,
    outcome: &Outcome,
    defects: &[Defect],
    cfg: &CreditConfig,
) -> Credit {
    let rules = outcome.rendered().map_or(&[][..], |rendered| &rendered.styles);
    let statements = statements(language, source, rules);
    let blamed = match outcome {
        Outcome::Rendered(r) => blame_drawn(&statements, r, defects, cfg),
        Outcome::Failed { error } if cfg.blame_error => blame_failed(&statements, source, error),
        Outcome::Failed { .. } => vec![(Vec::new(), 0.0); statements.len()],
    };
    let credited = statements.into_iter().zip(blamed).map(|(statement, (elements, resp))| {
        CreditedStatement { statement, elements, resp, weight: statement_weight(resp, cfg.amplify) }
    });
    Credit { statements: credited.collect() }
}

/// The statements of a source by start, an enclosing one before the ones inside it: Python's
/// statements; of HTML, the elements and the style `rules`; a .pptx file has none.
pub fn statements(language: Language, source: &str, rules: &[StyleRule]) -> Vec<Statement> {
    match language {
        Language::Python => statements::python::statements(source),
        Language::Html => statements::html::statements(source, rules),
        Language::Pptx => Vec::new(),
    }
}

/// The comments of a source with their lines, from 1.
pub fn comments(language: Language, source: &str) -> Vec<(usize, &str)> {
    match language {
        Language::Python => statements::python::comments(source),
        Language::Html => statements::html::comments(source),
        Language::Pptx => Vec::new(),
    }
}

/// M(s) and resp(s) of each statement after a render.
fn blame_drawn(
    statements: &[Statement],
    rendered: &Rendered,
    defects: &[Defect],
    cfg: &CreditConfig,
) -> Vec<(Vec<u32>, f32)> {
    let mut drawn: Vec<Vec<&Element>> = vec![Vec::new(); statements.len()];
    for element in &rendered.elements {
        for index in element_statements(statements, element) {
            drawn[index].push(element);
        }
    }
    let blame = |elements: Vec<&Element>| {
        let resp = responsibility(&elements, defects, cfg.overlap);
        (elements.iter().map(|e| e.id).collect(), resp)
    };
    let mut blamed: Vec<(Vec<u32>, f32)> = drawn.into_iter().map(blame).collect();
    for rule in &rendered.styles {
        if let Some(index) = statements.iter().position(|s| s.span == rule.span) {
            blamed[index] = blame_rule(rule, &rendered.elements, defects, cfg);
        }
    }
    blamed
}

/// M(s) and resp(s) of a style rule.
///
/// # Reading of the paper
/// The paper knows statements that draw. A style rule draws nothing, but decides how others look:
/// M(s) are the elements at which it decides something, and in equation 4 a defect counts for it
/// only with those at which it decides a property that the defect can come from.
fn blame_rule(
    rule: &StyleRule,
    elements: &[Element],
    defects: &[Defect],
    cfg: &CreditConfig,
) -> (Vec<u32>, f32) {
    let mut ids: Vec<u32> = rule.decides.iter().flat_map(|(_, elements)| elements).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let resp = |defect: &Defect| {
        let guilty =
            rule.decides.iter().filter(|(property, _)| defect.properties.contains(&property.as_str()));
        let at = guilty.flat_map(|(_, ids)| ids).filter(|id| defect.elements.contains(id));
        let at: Vec<&Element> = at.filter_map(|&id| elements.get(id as usize)).collect();
        responsibility(&at, std::slice::from_ref(defect), cfg.overlap)
    };
    (ids, defects.iter().map(resp).fold(0.0, f32::max))
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
