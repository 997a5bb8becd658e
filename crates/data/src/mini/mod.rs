//! The embedded world: procedural tasks whose good layout depends on their content.

pub mod chart;
