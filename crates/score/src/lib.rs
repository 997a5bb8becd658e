//! Benchmark scores, from source text to numbers: rendering and metric together, exact to the digit
//! of each benchmark's own programs. One folder per benchmark.

pub mod chartmimic;
pub mod ciede2000;
pub mod design2code;

mod python;
