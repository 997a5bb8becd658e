//! Benchmark scores, from source text to numbers: rendering and metric together, exact to the digit
//! of each benchmark's own programs. One folder per benchmark.
//!
//! CLIP is passed in as a function ([`Embed`]), so this crate contains no tensors.

pub mod aeslides;
pub mod chartmimic;
pub mod ciede2000;
pub mod compare;
pub mod design2code;
pub mod endpoint;
pub mod files;
pub mod mini;
pub mod provenance;
pub mod questions;
pub mod report;
mod results;

mod python;
mod reference_scorer;
mod references;
mod table;
#[cfg(test)]
mod testing;

pub use reference_scorer::ReferenceScorer;
pub use references::{Candidate, Embed, EmbedError, ScoreError};
