//! `score`: a prediction against its reference, by the arithmetic of a benchmark.

mod chartmimic;
pub mod design2code;
mod many;
pub mod pages;
mod pairs;
pub mod print;
pub mod scorer;
pub mod sights;

use crate::Exit;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Score predictions against references exactly as a benchmark does.
///
/// Example: visual-sdpo score chartmimic prediction.py truth.py --name bar_12
#[derive(Parser)]
pub struct Args {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    Chartmimic(chartmimic::Args),
    Design2code(design2code::Args),
}

pub fn run(args: &Args) -> Result<Exit> {
    match &args.benchmark {
        Benchmark::Chartmimic(args) => chartmimic::run(args),
        Benchmark::Design2code(args) => design2code::run(args),
    }
}
