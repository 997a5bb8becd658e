//! `eval --benchmark design2code`: scores a folder of predicted pages as the benchmark does.

use super::{Args, beside};
use crate::commands::score::page_scorer_config;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use std::path::PathBuf;
use vsdpo_score::design2code;
use vsdpo_score::design2code::eval::{EvalConfig, Predictions, evaluate};
use vsdpo_score::files;
use vsdpo_score::questions::Asked;

#[derive(clap::Args)]
#[command(next_help_heading = "design2code")]
#[group(skip)]
pub struct Options {
    /// Folder of openai/clip-vit-base-patch32 in safetensors form.
    #[arg(long, value_name = "DIR")]
    clip: Option<PathBuf>,
}

pub fn run(args: &Args, model: Option<&Asked>) -> Result<Exit> {
    let (options, places) = (&args.design2code, &args.places);
    let Some(data) = &places.data else {
        bail!("design2code needs its data; help: give --data PATH, the benchmark's folder or Parquet file")
    };
    let (out, predictions) = match (&places.predictions, model) {
        (Some(folder), None) => (beside(folder), Predictions::Folder(folder)),
        (None, Some(asked)) => (asked.out.clone(), Predictions::Model(asked)),
        (Some(_), Some(_)) => {
            bail!("--predictions and --model or --endpoint exclude each other; help: give one of them")
        }
        (None, None) => {
            bail!(
                "design2code has nothing to score; help: give --predictions DIR, --model DIR or --endpoint URL"
            )
        }
    };
    let out = places.out.clone().unwrap_or(out);
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let scorer = page_scorer_config(args.timeout(60), options.clip.as_deref(), Some(&cache))?;
    let config = EvalConfig { data, predictions, scorer, out: &out };
    let summary = evaluate(config, &terminal::Terminal::default())?;
    terminal::out_json_or(args.json, &summary, || design2code::table(&summary))?;
    if summary.failed > 0 {
        bail!(
            "the screenshots of {} of {} examples failed, so these have no scores; help: rerun the same command to retry them",
            summary.failed,
            summary.examples
        );
    }
    Ok(Exit::Fine)
}
