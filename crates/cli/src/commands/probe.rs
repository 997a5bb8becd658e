//! `probe`: whether the teacher of a recipe is worth distilling, before training.

use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;
use vsdpo_policy::Policy;
use vsdpo_train::Environment;
use vsdpo_train::probe::{probe, table};
use vsdpo_train::recipe::Recipe;

/// Measure before training whether a recipe's teacher is worth it: go or no-go.
///
/// Samples one rollout for each of some training tasks, renders and diagnoses it, and compares the
/// teacher's log-probabilities of its tokens with the student's: on flagged statements and on
/// others, with true v (the feedback on the rollout) and with shuffled v (the feedback on another
/// task's rollout). Then it counts the answers free of defects among fresh samples with true,
/// shuffled and absent v, beside the best constant layout where the data is the embedded world.
///
/// It is a go if all four differences lie on their side of 0 with their whole 95 % interval: the
/// defect-free share with true v is above that with absent v and above that with shuffled v; the
/// gap (teacher minus student) on flagged tokens minus that on unflagged ones is below 0 for true
/// v, and below the same difference for shuffled v.
///
/// Nothing is trained or written. Exit status: 0 go, 1 no-go, 2 error.
///
/// Example: visual-sdpo probe recipes/chart-visual-sdpo.toml --tasks 128
#[derive(Parser)]
pub struct Args {
    /// The recipe, a TOML file; unknown keys are errors.
    recipe: PathBuf,
    /// Override a value of the recipe; may be given several times.
    #[arg(long, value_name = "A.B=C")]
    set: Vec<String>,
    /// A PEFT adapter of the recipe's model, in its folder.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Number of training tasks, and of tasks of the fresh samples; one answer each.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    tasks: u32,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Exit> {
    let recipe = Recipe::load(&args.recipe, &args.set)?;
    vsdpo_data::prepare(&recipe.data, &mut |note| terminal::remark(note))?;
    let bar = terminal::progress("loading", 0);
    let mut phase = |what: &str| match bar.is_hidden() {
        true => terminal::remark(what),
        false => bar.set_message(what.to_owned()),
    };
    let policy = Policy::load_with(&recipe.policy.model, args.adapter.as_deref(), &recipe.policy.loading())?;
    let environment = Environment::open(&recipe)?;
    let report = probe(&policy, &environment, &recipe, args.tasks as usize, &mut phase);
    bar.finish_and_clear();
    let report = report?;
    terminal::out_json_or(args.json, &report, || table(&report))?;
    Ok(if report.go { Exit::Fine } else { Exit::Findings })
}
