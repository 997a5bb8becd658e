//! The verbs, one file each: the arguments, the call and the exit code.

mod compare;
mod data;
mod doctor;
mod endpoint;
mod environment;
mod eval;
mod explain;
mod generate;
mod input;
mod judge;
mod lint;
mod mcp;
mod render;
mod report;
mod score;
mod setup;
mod source;

#[cfg(feature = "train")]
mod ablate;
#[cfg(feature = "train")]
mod campaign;
#[cfg(feature = "train")]
mod convert;
#[cfg(feature = "train")]
mod folder;
#[cfg(feature = "train")]
mod logprobs;
#[cfg(feature = "train")]
mod probe;
#[cfg(feature = "train")]
mod reproduce;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod tune;

use crate::Exit;
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use std::time::Duration;
use vsdpo_render::RenderConfig;

/// Trains models that write charts, pages and slides on the renders of their own code, and lints
/// such code.
///
/// Exit status: 0 success, 1 findings (lint) or no-go (probe), 2 error, 130 interrupted.
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
    Mcp(mcp::Args),
    Setup(setup::Args),
    Doctor(doctor::Args),
    Score(score::Args),
    Eval(Box<eval::Args>),
    Compare(compare::Args),
    Report(report::Args),
    Data(data::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    #[cfg(feature = "train")]
    Probe(probe::Args),
    #[cfg(feature = "train")]
    Reproduce(reproduce::Args),
    #[cfg(feature = "train")]
    Ablate(ablate::Args),
    #[cfg(feature = "train")]
    Tune(tune::Args),
    Generate(generate::Args),
    #[cfg(feature = "train")]
    Logprobs(logprobs::Args),
    #[cfg(feature = "train")]
    Convert(convert::Args),
}

/// Up to this number of scripts, warming up the renderer costs more time than it saves.
const FEW: usize = 8;

/// How scripts are run.
#[derive(Args)]
struct Sandbox {
    /// Time limit of a script or a page in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Run scripts even if the kernel has no landlock or seccomp. They can then read your files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
}

impl Sandbox {
    /// The configuration for this number of scripts.
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

/// Calls `then` on Ctrl-C and on SIGTERM.
fn on_interrupt(then: impl FnMut() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(then).context("cannot install the handler of Ctrl-C")
}

/// Runs the verb of the command line.
pub fn run(cli: Cli) -> Result<Exit> {
    #[cfg(feature = "train")]
    let saves = matches!(
        cli.verb,
        Verb::Train(_) | Verb::Reproduce(_) | Verb::Ablate(_) | Verb::Tune(_) | Verb::Data(_)
    );
    #[cfg(not(feature = "train"))]
    let saves = matches!(cli.verb, Verb::Data(_));
    if !saves {
        // There is nothing to save; the renderer's processes end with this one.
        on_interrupt(|| std::process::exit(Exit::Interrupted as i32))?;
    }
    match cli.verb {
        Verb::Lint(args) => lint::run(&args),
        Verb::Render(args) => render::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Mcp(args) => mcp::run(&args),
        Verb::Setup(args) => setup::run(&args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Score(args) => score::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Data(args) => data::run(&args),
        #[cfg(feature = "train")]
        Verb::Train(args) => train::run(&args),
        #[cfg(feature = "train")]
        Verb::Probe(args) => probe::run(&args),
        #[cfg(feature = "train")]
        Verb::Reproduce(args) => reproduce::run(&args),
        #[cfg(feature = "train")]
        Verb::Ablate(args) => ablate::run(&args),
        #[cfg(feature = "train")]
        Verb::Tune(args) => tune::run(&args),
        Verb::Generate(args) => generate::run(&args),
        #[cfg(feature = "train")]
        Verb::Logprobs(args) => logprobs::run(&args),
        #[cfg(feature = "train")]
        Verb::Convert(args) => convert::run(&args),
    }
}
