//! The statements of a source text, one file per language.

pub mod python;
