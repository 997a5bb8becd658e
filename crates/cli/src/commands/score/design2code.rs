//! `score design2code`: the automatic metrics of a pair of pages, or of many.

use super::many;
use super::page_scorer;
use crate::commands::source;
use crate::{Exit, terminal};
use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_score::design2code::print::{as_json, error};
use vsdpo_score::design2code::scorer::{self as pages, PageScorer, Scored};
use vsdpo_score::design2code::unscored::Unscored;

/// Score a page by Design2Code's metrics: block match, text, position, colour, and CLIP where
/// weights are given.
///
/// The candidate is cleaned as the benchmark does; neither file is changed. Pages are drawn by
/// Chromium without a network; pictures beside them are shown.
///
/// Examples: visual-sdpo score design2code candidate.html reference.html --clip
/// models/clip-vit-base-patch32; visual-sdpo score design2code --pairs pairs.jsonl
#[derive(Parser)]
pub struct Args {
    /// The predicted page.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    cand: Option<PathBuf>,
    /// The page that was to be reproduced.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    reference: Option<PathBuf>,
    /// Folder of openai/clip-vit-base-patch32 in safetensors form.
    #[arg(long, value_name = "DIR")]
    clip: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Score many: lines of {"cand": PATH, "ref": PATH}, paths from the file's folder. Prints a
    /// JSON line for each, in the same order; a pair that cannot be scored has an `error`.
    #[arg(long, value_name = "FILE.jsonl")]
    pairs: Option<PathBuf>,
    /// Where the text blocks of references are kept for later runs.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Seconds that a screenshot may take, as in the benchmark.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

pub fn run(args: &Args) -> Result<Exit> {
    let pairs = match (&args.pairs, &args.cand, &args.reference) {
        (Some(list), ..) => read(list)?,
        (None, Some(cand), Some(reference)) => vec![(cand.clone(), reference.clone())],
        _ => bail!("give CAND and REF, or --pairs FILE.jsonl"),
    };
    let scorer = page_scorer(args.timeout, args.clip.as_deref(), args.cache.as_deref())?;
    if args.pairs.is_some() {
        let line = |i: usize| Ok(line(&scorer, &pairs[i])?.to_string());
        many::print_lines(pairs.len(), scorer.workers(), line)?;
        return Ok(Exit::Fine);
    }
    let (cand, reference) = &pairs[0];
    let scored = scorer.score(&pages::read(cand)?, &pages::read(reference)?)?;
    let scored = scored.map_err(|unscored| anyhow!(unscored.why))?;
    let text = if args.json {
        terminal::escaped_json(&(serde_json::to_string_pretty(&as_json(&scored))? + "\n")).into_owned()
    } else {
        table(&scored)
    };
    terminal::out(&text)?;
    Ok(Exit::Fine)
}

/// The line of a pair; a pair that cannot be scored is no reason to end.
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

/// The pairs of a JSONL file.
fn read(list: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let shown = list.display();
    let bytes = std::fs::read(list).with_context(|| format!("cannot read `{shown}`"))?;
    let text = source::utf8(&shown.to_string(), bytes)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let pair = |(i, line): (usize, &str)| {
        let line: Line = serde_json::from_str(line).map_err(|e| {
            anyhow!("`{shown}` line {}: {e}: write {{\"cand\": PATH, \"ref\": PATH}} on each line", i + 1)
        })?;
        Ok((folder.join(line.cand), folder.join(line.r#ref)))
    };
    let pairs: Vec<_> = lines.map(pair).collect::<Result<_>>()?;
    if pairs.is_empty() {
        bail!("`{shown}` names no pairs: write {{\"cand\": PATH, \"ref\": PATH}} on each line");
    }
    Ok(pairs)
}

fn table(scored: &Scored) -> String {
    let s = &scored.scores;
    let mut text = String::new();
    let rows =
        [("block match", s.block_match), ("text", s.text), ("position", s.position), ("color", s.color)];
    for (name, value) in rows {
        text.push_str(&format!("{name:22} {value:.4}\n"));
    }
    match scored.clip {
        Ok(clip) => {
            text.push_str(&format!("{:22} {clip:.4}\n{:22} {:.4}\n", "clip", "overall", s.overall(clip)));
        }
        Err(why) => {
            let without = s.overall(0.0);
            text.push_str(&format!(
                "{:22} not judged: {why}\n{:22} {without:.4}\n",
                "clip", "overall without clip"
            ));
        }
    }
    let (cand, reference) = (scored.blocks.cand, scored.blocks.r#ref);
    text.push_str(&format!(
        "{:22} {cand} of the candidate, {reference} of the reference, {} matched\n",
        "text blocks", scored.matched
    ));
    let sides = [("candidate", cand, &scored.unmet.cand), ("reference", reference, &scored.unmet.r#ref)];
    for (side, blocks, urls) in sides {
        // A page may show texts and have none for the metric (docs/specs/design2code.md, 6 and 7).
        if blocks == 0 {
            text.push_str(&format!(
                "note: the metric finds no text on the {side}: it sees that of <body> whose colour it can set; so all is 0\n"
            ));
        }
        for url in urls {
            text.push_str(&terminal::clean_line(&format!("note: the {side} did not get {url}")));
            text.push('\n');
        }
    }
    if scored.retried > 0 {
        text.push_str(&format!("note: {} screenshots failed and were taken again\n", scored.retried));
    }
    text
}
