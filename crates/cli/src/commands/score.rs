//! `score`: scores a prediction with the metrics of a benchmark, against its reference where it has
//! one.

mod aeslides;
mod chartmimic;
pub mod design2code;
mod pairs;

use crate::Exit;
use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_score::chartmimic::Rules;
use vsdpo_score::design2code::scorer::{Clip, PageScorer, PageScorerConfig};

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
    Aeslides(aeslides::Args),
    Chartmimic(chartmimic::Args),
    Design2code(design2code::Args),
}

pub fn run(args: &Args) -> Result<Exit> {
    match &args.benchmark {
        Benchmark::Aeslides(args) => aeslides::run(args),
        Benchmark::Chartmimic(args) => chartmimic::run(args),
        Benchmark::Design2code(args) => design2code::run(args),
    }
}

/// Which variant of the benchmark's metrics is computed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Official,
    Fixed,
}

impl From<Mode> for Rules {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Official => Rules::Official,
            Mode::Fixed => Rules::Fixed,
        }
    }
}

/// A scorer of pages; `clip` is the folder of CLIP's weights.
pub fn page_scorer(timeout: u64, clip: Option<&Path>, cache: Option<&Path>) -> Result<PageScorer> {
    PageScorer::start(page_scorer_config(timeout, clip, cache)?)
}

/// The settings of such a scorer.
pub fn page_scorer_config(
    timeout: u64,
    clip: Option<&Path>,
    cache: Option<&Path>,
) -> Result<PageScorerConfig> {
    Ok(PageScorerConfig {
        timeout: Duration::from_secs(timeout),
        clip: clip.map(load_clip).transpose()?,
        cache: cache.map(PathBuf::from),
    })
}

#[cfg(feature = "train")]
fn load_clip(folder: &Path) -> Result<Clip> {
    let model = vsdpo_policy::ClipModel::load(folder)?;
    let embed = Box::new(move |images: &[&vsdpo_artifact::Image]| Ok(model.embed(images)?));
    Ok(Clip { embed, folder: folder.to_path_buf() })
}

#[cfg(not(feature = "train"))]
fn load_clip(_: &Path) -> Result<Clip> {
    anyhow::bail!("--clip is not in this build; help: leave it out, or build without `--no-default-features`")
}
