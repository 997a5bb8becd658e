//! `score chartmimic`: the four low-level metrics of a pair of chart scripts, or of many.

use super::{Mode, pairs};
use crate::commands::{Sandbox, source};
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vsdpo_score::chartmimic::pairs::{Pair, PairScorer};
use vsdpo_score::chartmimic::print;

/// Score chart code by ChartMimic's low-level metrics: text, layout, chart type and colour.
///
/// The code of a prediction is the unprocessed text between the fences; an empty file stands for a
/// response without a fence. Code runs in a sandbox.
///
/// Examples: visual-sdpo score chartmimic prediction.py truth.py --name bar_12;
/// visual-sdpo score chartmimic --pairs pairs.jsonl
#[derive(Parser)]
pub struct Args {
    /// The predicted code.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    pred: Option<PathBuf>,
    /// The code of the chart to reproduce.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    gt: Option<PathBuf>,
    /// The chart's name in the benchmark; two metrics depend on it (`graph…`, `…box…`). Default:
    /// the stem of the reference's file name.
    #[arg(long, value_name = "STEM", conflicts_with = "pairs")]
    name: Option<String>,
    /// `official` gives the benchmark's own numbers, `fixed` fixes its known bugs.
    #[arg(long, value_enum, default_value = "official")]
    mode: Mode,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Score many pairs: lines of {"pred": PATH, "gt": PATH, "name": STEM}, with paths relative to
    /// this file. Prints one JSON line per pair, in the same order.
    #[arg(long, value_name = "FILE.jsonl")]
    pairs: Option<PathBuf>,
    /// Time limit of a script in seconds. The benchmark has no limit.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Run scripts even if the kernel has no landlock or seccomp. They can then read your files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
}

pub fn run(args: &Args) -> Result<Exit> {
    let pairs = match (&args.pairs, &args.pred, &args.gt) {
        (Some(list), ..) => read(list)?,
        (None, Some(pred), Some(gt)) => vec![Pair {
            name: args.name.clone().unwrap_or_else(|| stem(gt)),
            pred: source::read_even_empty(pred)?,
            gt: Arc::new(source::read(gt)?),
        }],
        _ => bail!("no pair is given; help: give PRED and GT, or --pairs FILE.jsonl"),
    };
    let sandbox = Sandbox { timeout: args.timeout, unsafe_no_sandbox: args.unsafe_no_sandbox };
    let scorer = PairScorer::start(sandbox.config(), args.mode.into())?;
    if args.pairs.is_some() {
        let line = |i: usize| scorer.score(&pairs[i]).map(|scored| print::json(&scored));
        pairs::print_lines(pairs.len(), scorer.workers(), line)?;
    } else if let Some(pair) = pairs.first() {
        let scored = scorer.score(pair)?;
        terminal::out_json_or(args.json, &print::json(&scored), || print::table(&scored))?;
    }
    Ok(Exit::Fine)
}

#[derive(Deserialize)]
struct Line {
    pred: PathBuf,
    gt: PathBuf,
    name: Option<String>,
}

/// Reads the list of pairs and all scripts that it names, so that a mistake in it is reported
/// before any script runs.
fn read(list: &Path) -> Result<Vec<Pair>> {
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut truths = HashMap::new();
    let mut pairs = Vec::new();
    let form = "{\"pred\": PATH, \"gt\": PATH, \"name\": STEM}";
    for (number, line) in pairs::read::<Line>(list, form)? {
        let place = || format!("`{}` line {number}", list.display());
        let (pred, gt) = (folder.join(&line.pred), folder.join(&line.gt));
        if !truths.contains_key(&gt) {
            truths.insert(gt.clone(), Arc::new(source::read(&gt).with_context(place)?));
        }
        let name = line.name.unwrap_or_else(|| stem(&gt));
        let pred = source::read_even_empty(&pred).with_context(place)?;
        pairs.push(Pair { name, pred, gt: Arc::clone(&truths[&gt]) });
    }
    Ok(pairs)
}

/// The name of a chart when none is given.
fn stem(gt: &Path) -> String {
    gt.file_stem().map_or(String::new(), |s| s.to_string_lossy().into_owned())
}
