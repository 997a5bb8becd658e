//! Which statements answer for the defects.

use crate::Span;
use serde::Serialize;

/// s: one statement of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Bytes of the source. A compound statement (`for`, `def`) spans its body; a token belongs to
    /// the smallest statement around it.
    pub span: Span,
    /// First line, from 1.
    pub line: usize,
    /// Last line, from 1.
    pub end_line: usize,
}

/// A statement with its share of the blame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreditedStatement {
    /// The statement.
    pub statement: Statement,
    /// M(s): the elements that it answers for, by id.
    pub elements: Vec<u32>,
    /// resp(s), Eq. (4), in `[0, 1]`.
    pub resp: f32,
    /// w_s, Eq. (5), in `[1, amplify]`.
    pub weight: f32,
}

/// The credit of one source text: its statements in source order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Credit {
    /// Statements by their start; an enclosing statement stands before the ones inside it.
    pub statements: Vec<CreditedStatement>,
}
