//! `eval`: a model on a benchmark, with intervals.

mod chartmimic;
mod design2code;
#[cfg(feature = "train")]
mod mini;

use super::Sandbox;
use crate::Exit;
use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use vsdpo_data::mini::World;
use vsdpo_score::questions::Asked;
#[cfg(feature = "train")]
use {
    crate::terminal::Terminal,
    vsdpo_train::answers::{Answerer, answer},
};

/// Score a model on a benchmark, with 95 % confidence intervals over tasks.
///
/// chartmimic: responses of any model against the benchmark's folder, as a row of its table. What
/// is known of an example is kept at once, so that a run that was interrupted goes on where it
/// stopped. With a judge, the pictures are compared, too. With --model the answers are asked for
/// first.
///
/// design2code: a folder of predicted pages against the benchmark's folder, as a row of its table,
/// in the same way. Without the weights of CLIP that column stays empty.
///
/// mini-chart, mini-web: a model of this project on held-out charts or pages. The best constant
/// layout is scored beside it: what can be had without reading the prompt. With --feedback the
/// model is also shown feedback on its own answers, true and shuffled.
///
/// Examples: visual-sdpo eval --benchmark chartmimic --data dataset/direct_600 --responses
/// results.json; visual-sdpo eval --benchmark design2code --data testset_final --predictions
/// my_model --clip clip-vit-base-patch32; visual-sdpo eval --model assets/mini --benchmark
/// mini-chart
#[derive(Parser)]
pub struct Args {
    /// What to ask.
    #[arg(long, value_enum)]
    benchmark: Benchmark,
    /// A Hugging Face folder: the model that answers.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Seconds that a script or a screenshot may take; 30 for chartmimic (which has no limit of its
    /// own), 60 for design2code (the benchmark's), else 10.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: Option<u64>,
    /// Run scripts even where the kernel offers no landlock or seccomp. They may then read your
    /// files.
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
    #[command(flatten)]
    design2code: design2code::Options,
}

/// Where a benchmark lies and where its results go; the embedded world needs none of it.
#[derive(clap::Args)]
#[group(skip)]
struct Places {
    /// The benchmark's folder: STEM.py and STEM.png (chartmimic), N.html and N.png (design2code).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where results go; a run into the same folder goes on. Default: beside what is scored.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where what is known of references and what judges replied is kept for later runs. Default:
    /// the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// `x.jsonl` or the folder `x` -> `x.scored`.
fn beside(what: &Path) -> PathBuf {
    let mut name =
        if what.is_dir() { what.file_name() } else { what.file_stem() }.unwrap_or_default().to_owned();
    name.push(".scored");
    what.with_file_name(name)
}

/// How a model answers.
#[cfg(feature = "train")]
#[derive(clap::Args)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the likeliest token every time. 1 for the mini worlds, else 0.
    #[arg(long)]
    temperature: Option<f32>,
    /// Seed of tasks and answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tokens after which an answer is cut; 256 for the mini worlds, else 4096.
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
    /// Pages to be reproduced, in the benchmark's own layout; the hard set, too.
    Design2code,
    /// Held-out charts of the embedded world.
    MiniChart,
    /// Held-out pages of the embedded world.
    MiniWeb,
}

pub fn run(args: &Args) -> Result<Exit> {
    let sandbox = |seconds: u64| Sandbox {
        timeout: args.timeout.unwrap_or(seconds),
        unsafe_no_sandbox: args.unsafe_no_sandbox,
    };
    match args.benchmark {
        Benchmark::Chartmimic => {
            let (places, sandbox) = (&args.places, sandbox(30));
            asked(args, |asked| chartmimic::run(&args.chartmimic, places, asked, &sandbox, args.json))
        }
        Benchmark::Design2code => {
            let (places, timeout) = (&args.places, args.timeout.unwrap_or(60));
            asked(args, |asked| design2code::run(&args.design2code, places, asked, timeout, args.json))
        }
        Benchmark::MiniChart => mini(args, World::Chart, &sandbox(10)),
        Benchmark::MiniWeb => mini(args, World::Web, &sandbox(10)),
    }
}

/// Runs a benchmark with the model that is to be asked, if one is named.
#[cfg(feature = "train")]
fn asked(args: &Args, run: impl FnOnce(Option<&Asked>) -> Result<Exit>) -> Result<Exit> {
    let Some(model) = &args.model else { return run(None) };
    let (sampling, seed) = (args.sampling.config(0.0, 4096), args.sampling.seed);
    let answerer = Answerer { model, sampling, seed, reporter: &Terminal::default() };
    run(Some(&Asked { model, answer: &|questions, out| answer(&answerer, questions, out) }))
}

#[cfg(not(feature = "train"))]
fn asked(args: &Args, run: impl FnOnce(Option<&Asked>) -> Result<Exit>) -> Result<Exit> {
    if args.model.is_some() {
        bail!("--model needs the build with models: build without `--no-default-features`");
    }
    run(None)
}

#[cfg(feature = "train")]
fn mini(args: &Args, world: World, sandbox: &Sandbox) -> Result<Exit> {
    let Some(model) = &args.model else { bail!("{} asks a model: give --model DIR", world.benchmark()) };
    mini::run(world, model, (&args.mini, &args.sampling), sandbox, args.json)
}

#[cfg(not(feature = "train"))]
fn mini(_: &Args, world: World, _: &Sandbox) -> Result<Exit> {
    bail!("{} needs the build with models: build without `--no-default-features`", world.benchmark())
}
