//! `eval --benchmark design2code`: a folder of predicted pages, scored as the benchmark does.

use super::{Places, beside};
use crate::commands::score::page_scorer_config;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use vsdpo_score::design2code;
use vsdpo_score::design2code::eval::{EvalConfig, Predictions, evaluate};
use vsdpo_score::files;
use vsdpo_score::questions::Asked;

#[derive(Args)]
#[command(next_help_heading = "design2code")]
#[group(skip)]
pub struct Options {
    /// The model's pages, named as the benchmark's, with rick.jpg beside them.
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    /// Folder of openai/clip-vit-base-patch32 in safetensors form.
    #[arg(long, value_name = "DIR")]
    clip: Option<PathBuf>,
}

pub fn run(args: &Options, places: &Places, model: Option<&Asked>, timeout: u64, json: bool) -> Result<Exit> {
    let Some(data) = &places.data else {
        bail!("design2code needs --data PATH: the benchmark's folder, or its Parquet file")
    };
    let (whose, predictions) = match (&args.predictions, model) {
        (Some(folder), None) => (folder.as_path(), Predictions::Folder(folder)),
        (None, Some(asked)) => (asked.model, Predictions::Model(asked)),
        (Some(_), Some(_)) => bail!("--predictions and --model exclude each other: who is to be scored?"),
        (None, None) => {
            bail!("design2code needs --predictions DIR (a model's pages) or --model DIR (to be asked)")
        }
    };
    let out = places.out.clone().unwrap_or_else(|| beside(whose));
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let scorer = page_scorer_config(timeout, args.clip.as_deref(), Some(&cache))?;
    let config = EvalConfig { data, predictions, scorer, out: &out };
    let summary = evaluate(config, &terminal::Terminal::default())?;
    terminal::out_json_or(json, &summary, || design2code::table(&summary))?;
    if summary.failed > 0 {
        bail!(
            "the screenshots of {} of {} examples failed, so they have no scores: the same command tries these again",
            summary.failed,
            summary.examples
        );
    }
    Ok(Exit::Fine)
}
