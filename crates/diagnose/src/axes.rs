//! Benchmark scores: how near a prediction comes to a reference, exact to the digit of each
//! benchmark's own programs. One folder per benchmark, and what two of them share; pure functions
//! on records that were taken elsewhere.

pub mod chart;
pub mod ciede2000;
pub mod web;

mod python;
