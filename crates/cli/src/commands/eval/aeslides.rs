//! `eval --benchmark aeslides`: scores many slides, or a model's answers to prompts.

use super::{Args, beside};
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::time::Duration;
use vsdpo_score::aeslides::eval::{EvalConfig, evaluate};
use vsdpo_score::aeslides::{Predictions, summary_table};
use vsdpo_score::questions::Asked;

pub fn run(args: &Args, model: Option<&Asked>) -> Result<Exit> {
    let places = &args.places;
    let data = || match &places.data {
        Some(data) => Ok(data.as_path()),
        None => bail!("the prompts are not given; help: give --data FILE, JSON lines with `id` and `prompt`"),
    };
    let (out, predictions): (PathBuf, _) = match (&places.predictions, &places.responses, model) {
        (Some(_), None, None) if places.data.is_some() => {
            bail!("--predictions and --data exclude each other; help: a folder of slides needs no prompts")
        }
        (Some(folder), None, None) => (beside(folder), Predictions::Folder(folder)),
        (None, Some(file), None) => (beside(file), Predictions::Responses { data: data()?, file }),
        (None, None, Some(asked)) => (asked.out.clone(), Predictions::Model { data: data()?, asked }),
        (None, None, None) => bail!(
            "aeslides has nothing to score; help: give --predictions DIR, or --data FILE with --responses FILE \
             or --model DIR or --endpoint URL"
        ),
        _ => bail!(
            "--predictions, --responses and --model or --endpoint exclude each other; help: give one of them"
        ),
    };
    let out = places.out.clone().unwrap_or(out);
    let timeout = Duration::from_secs(args.timeout(30));
    let config = EvalConfig { predictions, timeout, out: &out };
    let summary = evaluate(&config, &terminal::Terminal::default())?;
    terminal::out_json_or(args.json, &summary, || summary_table(&summary))?;
    Ok(Exit::Fine)
}
