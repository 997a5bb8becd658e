//! `ablate`: variants of one setting of the method.

use super::campaign::{Asked, Options, compare};
use super::input::Kind;
use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;
use vsdpo_artifact::Domain;
use vsdpo_data::mini::Split;
use vsdpo_train::campaign::{FACTORS, ablate};

/// Vary one setting of Visual-SDPO, train each variant with several seeds, and compare them on test
/// tasks.
///
/// The paired tests compare the first variant with the others. Output, resumption and options are
/// those of `reproduce`.
///
/// Examples: visual-sdpo ablate list; visual-sdpo ablate teacher chart --seeds 3
#[derive(Parser)]
pub struct Args {
    /// The setting; `list` prints all of them.
    factor: String,
    /// Domain of the recipes.
    #[arg(default_value = "chart")]
    domain: Kind,
    /// The model folders of the factor `policy-size`.
    #[arg(long, value_name = "DIR,DIR", value_delimiter = ',')]
    models: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
}

pub fn run(args: &Args) -> Result<Exit> {
    if args.factor == "list" {
        let line = |factor: &vsdpo_train::campaign::Factor| format!("{:12} {}\n", factor.name, factor.about);
        terminal::out(&FACTORS.iter().map(line).collect::<String>())?;
        return Ok(Exit::Fine);
    }
    let domain = Domain::from(args.domain);
    let arms = ablate(&args.factor, domain, &args.models)?;
    let main = arms[0].name.clone();
    let words = format!("ablate {} {}", args.factor, domain.name());
    compare(
        &args.options,
        Asked { words, domain: args.domain, arms, main: &main, reached: None, split: Split::Test },
    )
}
