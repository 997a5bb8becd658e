//! The axes of a render that are judged against a reference.
//!
//! # Reading of the paper
//! The paper's rubrics rest on the benchmarks' metrics and a visual score; it does not say from
//! which score on an axis is satisfied. Here an axis is satisfied from [`SATISFIED`] on.

pub mod chart;
pub mod web;

/// F1, or similarity, from which an axis is satisfied. Not given by the paper; ours.
pub const SATISFIED: f64 = 0.95;
