//! `score design2code`: the automatic metrics of a pair of pages, or of many.

use super::{page_scorer, pairs};
use crate::{Exit, terminal};
use anyhow::{Result, anyhow, bail};
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_score::design2code::print::{as_json, error, table};
use vsdpo_score::design2code::scorer::{self as pages, PageScorer};
use vsdpo_score::design2code::unscored::Unscored;

/// Score a page by Design2Code's metrics: block match, text, position, colour, and CLIP if its
/// weights are given.
///
/// The candidate is cleaned as the benchmark does; neither file is changed. Pages are rendered by
/// Chromium without a network; they may use the pictures beside them.
///
/// Examples: visual-sdpo score design2code candidate.html reference.html --clip
/// models/clip-vit-base-patch32; visual-sdpo score design2code --pairs pairs.jsonl
#[derive(Parser)]
pub struct Args {
    /// The predicted page.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    cand: Option<PathBuf>,
    /// The page to reproduce.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    reference: Option<PathBuf>,
    /// Folder of openai/clip-vit-base-patch32 in safetensors form.
    #[arg(long, value_name = "DIR")]
    clip: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Score many pairs: lines of {"cand": PATH, "ref": PATH}, with paths relative to this file.
    /// Prints one JSON line per pair, in the same order; a pair that cannot be scored has an
    /// `error`.
    #[arg(long, value_name = "FILE.jsonl")]
    pairs: Option<PathBuf>,
    /// Folder that keeps the text blocks of references for later runs.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Time limit of a screenshot in seconds; the default is the benchmark's.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

pub fn run(args: &Args) -> Result<Exit> {
    let pairs = match (&args.pairs, &args.cand, &args.reference) {
        (Some(list), ..) => read(list)?,
        (None, Some(cand), Some(reference)) => vec![(cand.clone(), reference.clone())],
        _ => bail!("no pair is given; help: give CAND and REF, or --pairs FILE.jsonl"),
    };
    let scorer = page_scorer(args.timeout, args.clip.as_deref(), args.cache.as_deref())?;
    if args.pairs.is_some() {
        pairs::print_lines(pairs.len(), scorer.workers(), |i| line(&scorer, &pairs[i]))?;
        return Ok(Exit::Fine);
    }
    let (cand, reference) = &pairs[0];
    let scored = scorer.score(&pages::read(cand)?, &pages::read(reference)?)?;
    let scored = scored.map_err(|unscored| anyhow!(unscored.why))?;
    terminal::out_json_or(args.json, &as_json(&scored), || table(&scored))?;
    Ok(Exit::Fine)
}

/// The line of a pair. A pair that cannot be scored is a line with an `error`.
fn line(scorer: &PageScorer, (cand, reference): &(PathBuf, PathBuf)) -> Result<Value> {
    let sources = pages::read(cand).and_then(|cand| Ok((cand, pages::read(reference)?)));
    Ok(match sources {
        Ok((cand, reference)) => match scorer.score(&cand, &reference)? {
            Ok(scored) => as_json(&scored),
            Err(Unscored { why, .. }) => error(&why),
        },
        Err(unread) => error(&format!("{unread:#}")),
    })
}

#[derive(Deserialize)]
struct Line {
    cand: PathBuf,
    r#ref: PathBuf,
}

/// The paths of a list of pairs.
fn read(list: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let folder = list.parent().unwrap_or(Path::new(""));
    let lines = pairs::read::<Line>(list, "{\"cand\": PATH, \"ref\": PATH}")?;
    Ok(lines.into_iter().map(|(_, line)| (folder.join(line.cand), folder.join(line.r#ref))).collect())
}
