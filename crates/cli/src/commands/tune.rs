//! `tune`: the search of learning rate and clip, the same for every arm.

use super::campaign::{Asked, Options, compare};
use super::input::Kind;
use crate::Exit;
use anyhow::Result;
use clap::Parser;
use vsdpo_artifact::Domain;
use vsdpo_data::mini::Split;
use vsdpo_train::campaign::search;

/// Train an arm of `reproduce` with every learning rate and clip of one grid, and compare them on
/// dev tasks.
///
/// The grid is the same for every arm, so that no baseline is tuned less than the method. Output,
/// resumption and options are those of `reproduce`.
///
/// Example: visual-sdpo tune grpo chart --seeds 1
#[derive(Parser)]
pub struct Args {
    /// The arm.
    arm: String,
    /// Domain of the recipes.
    #[arg(default_value = "chart")]
    domain: Kind,
    #[command(flatten)]
    options: Options,
}

pub fn run(args: &Args) -> Result<Exit> {
    let arms = search(&args.arm)?;
    let main = arms[0].name.clone();
    let words = format!("tune {} {}", args.arm, Domain::from(args.domain).name());
    let split = Split::Dev;
    compare(&args.options, Asked { words, domain: args.domain, arms, main: &main, reached: None, split })
}
