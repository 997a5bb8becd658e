//! Benchmark scores: how near a prediction comes to a reference, exact to the digit of each benchmark's own
//! programs. One folder per benchmark; pure functions on records that were taken elsewhere.

pub mod chart;
pub mod web;

mod python;
