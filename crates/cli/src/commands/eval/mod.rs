//! `eval`: a model on a benchmark, with intervals.

mod chartmimic;
#[cfg(feature = "train")]
mod mini;

use super::Sandbox;
use crate::Exit;
use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Score a model on a benchmark, with 95 % confidence intervals over tasks.
///
/// chartmimic: responses of any model against the benchmark's folder, as a row of its table. What is known
/// of an example is kept at once, so that a run that was interrupted goes on where it stopped. With a judge,
/// the pictures are compared, too. With --model the answers are asked for first.
///
/// mini-chart: a model of this project on held-out charts. The best constant layout is scored beside it:
/// what can be had without reading the prompt. With --feedback the model is also shown feedback on its own
/// answers, true and shuffled.
///
/// Examples: visual-sdpo eval --benchmark chartmimic --data dataset/direct_600 --responses results.json;
/// visual-sdpo eval --model assets/mini --benchmark mini-chart
#[derive(Parser)]
pub struct Args {
    /// What to ask.
    #[arg(long, value_enum)]
    benchmark: Benchmark,
    /// A Hugging Face folder: the model that answers.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Seconds that a script may take; 30 for chartmimic (which has no limit of its own), else 10.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: Option<u64>,
    /// Run scripts even where the kernel offers no landlock or seccomp. They may then read your files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
    #[cfg(feature = "train")]
    #[command(flatten)]
    sampling: Sampling,
    #[cfg(feature = "train")]
    #[command(flatten)]
    mini: mini::Options,
    #[command(flatten)]
    chartmimic: chartmimic::Options,
}

/// How a model answers.
#[cfg(feature = "train")]
#[derive(clap::Args)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the likeliest token every time. 1 for mini-chart, 0 for chartmimic.
    #[arg(long)]
    temperature: Option<f32>,
    /// Seed of tasks and answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tokens after which an answer is cut; 256 for mini-chart, 4096 for chartmimic.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
}

#[cfg(feature = "train")]
impl Sampling {
    fn config(&self, temperature: f32, max_tokens: usize) -> vsdpo_policy::SampleConfig {
        vsdpo_policy::SampleConfig {
            max_completion_tokens: self.max_tokens.unwrap_or(max_tokens),
            temperature: self.temperature.unwrap_or(temperature),
            top_p: 1.0,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// Charts to be reproduced, in the benchmark's own layout.
    Chartmimic,
    /// Held-out charts of the embedded world.
    MiniChart,
}

pub fn run(args: &Args) -> Result<Exit> {
    let sandbox = |seconds: u64| Sandbox {
        timeout: args.timeout.unwrap_or(seconds),
        unsafe_no_sandbox: args.unsafe_no_sandbox,
    };
    match args.benchmark {
        Benchmark::Chartmimic => chartmimic(args, &sandbox(30)),
        Benchmark::MiniChart => mini_chart(args, &sandbox(10)),
    }
}

#[cfg(feature = "train")]
fn chartmimic(args: &Args, sandbox: &Sandbox) -> Result<Exit> {
    let Some(model) = &args.model else { return chartmimic::run(&args.chartmimic, None, sandbox, args.json) };
    let (sampling, seed) = (args.sampling.config(0.0, 4096), args.sampling.seed);
    let asked = chartmimic::answers::Asked { model, sampling, seed };
    let answer = |data: &_, out: &_| chartmimic::answers::answer(&asked, data, out);
    chartmimic::run(&args.chartmimic, Some((model, &answer)), sandbox, args.json)
}

#[cfg(not(feature = "train"))]
fn chartmimic(args: &Args, sandbox: &Sandbox) -> Result<Exit> {
    if args.model.is_some() {
        bail!("--model needs the build with models: build without `--no-default-features`");
    }
    chartmimic::run(&args.chartmimic, None, sandbox, args.json)
}

#[cfg(feature = "train")]
fn mini_chart(args: &Args, sandbox: &Sandbox) -> Result<Exit> {
    let Some(model) = &args.model else { bail!("mini-chart asks a model: give --model DIR") };
    mini::run(model, (&args.mini, &args.sampling), sandbox, args.json)
}

#[cfg(not(feature = "train"))]
fn mini_chart(_: &Args, _: &Sandbox) -> Result<Exit> {
    bail!("mini-chart needs the build with models: build without `--no-default-features`")
}
