//! The verbs, one file each: arguments, what they call, how it ends.

mod data;
mod doctor;
mod eval;
mod explain;
mod input;
mod lint;
mod render;
mod report;
mod score;
mod source;

#[cfg(feature = "train")]
mod generate;
#[cfg(feature = "train")]
mod logprobs;
#[cfg(feature = "train")]
mod train;

use crate::Exit;
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use std::time::Duration;
use vsdpo_render::RenderConfig;

/// Models that write charts, trained on seeing their own renders; and a linter for what they write.
///
/// Exit status: 0 fine, 1 findings (lint), 2 could not do it, 130 interrupted.
#[derive(Parser)]
#[command(name = "visual-sdpo", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Lint(lint::Args),
    Render(render::Args),
    Explain(explain::Args),
    Doctor(doctor::Args),
    Score(score::Args),
    Eval(eval::Args),
    Report(report::Args),
    Data(data::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    #[cfg(feature = "train")]
    Generate(generate::Args),
    #[cfg(feature = "train")]
    Logprobs(logprobs::Args),
}

/// Up to here a drawing that warms up the renderer costs more than it saves.
const FEW: usize = 8;

/// How scripts are run.
#[derive(Args)]
struct Sandbox {
    /// Seconds that a script or a page may take.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Run scripts even where the kernel offers no landlock or seccomp. They may then read your
    /// files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
}

impl Sandbox {
    /// For a verb that runs this many scripts.
    fn config_for(&self, scripts: usize) -> RenderConfig {
        RenderConfig { warm_up: scripts > FEW, ..self.config() }
    }

    fn config(&self) -> RenderConfig {
        RenderConfig {
            timeout: Duration::from_secs(self.timeout),
            unsafe_no_sandbox: self.unsafe_no_sandbox,
            ..RenderConfig::default()
        }
    }
}

/// Calls `then` on Ctrl-C and on a polite kill.
fn on_interrupt(then: impl FnMut() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(then).context("cannot listen for Ctrl-C")
}

/// Runs the verb that was typed.
pub fn run(cli: Cli) -> Result<Exit> {
    #[cfg(feature = "train")]
    let saves = matches!(cli.verb, Verb::Train(_) | Verb::Data(_));
    #[cfg(not(feature = "train"))]
    let saves = matches!(cli.verb, Verb::Data(_));
    if !saves {
        // Nothing to save; the renderer's processes end with us.
        on_interrupt(|| std::process::exit(Exit::Interrupted as i32))?;
    }
    match cli.verb {
        Verb::Lint(args) => lint::run(&args),
        Verb::Render(args) => render::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Score(args) => score::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Data(args) => data::run(&args),
        #[cfg(feature = "train")]
        Verb::Train(args) => train::run(&args),
        #[cfg(feature = "train")]
        Verb::Generate(args) => generate::run(&args),
        #[cfg(feature = "train")]
        Verb::Logprobs(args) => logprobs::run(&args),
    }
}
