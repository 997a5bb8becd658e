//! `reproduce`: the comparison of the method with its baselines and controls.

use super::campaign::{Asked, Options, compare};
use super::input::Kind;
use crate::Exit;
use anyhow::Result;
use clap::Parser;
use vsdpo_data::mini::Split;
use vsdpo_train::campaign::{MAIN, reproduce};

/// Train the method, its baselines and its controls with several seeds, and compare them on test
/// tasks.
///
/// Arms: the base model, the best constant layout, SFT and OPSD on realistic and on gold
/// references, rejection fine-tuning, GRPO, distillation alone, Visual-SDPO with three
/// amplifications, and three controls. The last checkpoint of each run is evaluated. The results
/// (results.json, results.md and results.html in the output folder) are written again after every
/// run: means, standard deviations and intervals over seeds, paired tests, budgets, and the
/// rollouts until GRPO's end is reached. Ctrl-C saves; after it, or after a crash, the same command
/// continues, and finished runs are not repeated.
///
/// Examples: visual-sdpo reproduce chart --seeds 5; visual-sdpo reproduce web --arms base,grpo
#[derive(Parser)]
pub struct Args {
    /// Domain of the recipes.
    domain: Kind,
    #[command(flatten)]
    options: Options,
}

pub fn run(args: &Args) -> Result<Exit> {
    let words = format!("reproduce {}", vsdpo_artifact::Domain::from(args.domain).name());
    let asked = Asked {
        words,
        domain: args.domain,
        arms: reproduce(),
        main: MAIN,
        reached: Some("grpo"),
        split: Split::Test,
    };
    compare(&args.options, asked)
}
