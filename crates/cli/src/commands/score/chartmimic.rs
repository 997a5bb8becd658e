//! `score chartmimic`: the four low-level metrics of a pair of chart scripts, or of many.

use super::pairs::{self, Pair};
use super::{Mode, many};
use crate::commands::{Sandbox, source};
use crate::{Exit, terminal};
use anyhow::{Result, anyhow};
use clap::Parser;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use vsdpo_artifact::ChartRecords;
use vsdpo_render::Recordable;
use vsdpo_score::chartmimic::print;
use vsdpo_score::chartmimic::scorer::{Scored, Scorer};
use vsdpo_score::chartmimic::script;

/// Score chart code by ChartMimic's low-level metrics: text, layout, chart type and colour.
///
/// The code of a prediction is taken as it stood in its fence, before any processing; an empty file
/// stands for a response without a fence. Code runs in a sandbox.
///
/// Examples: visual-sdpo score chartmimic prediction.py truth.py --name bar_12;
/// visual-sdpo score chartmimic --pairs pairs.jsonl
#[derive(Parser)]
pub struct Args {
    /// The predicted code.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    pred: Option<PathBuf>,
    /// The code of the chart that was to be reproduced.
    #[arg(required_unless_present = "pairs", conflicts_with = "pairs")]
    gt: Option<PathBuf>,
    /// The chart's name in the benchmark, which changes two rules (`graph…`, `…box…`); else the
    /// file's stem.
    #[arg(long, value_name = "STEM", conflicts_with = "pairs")]
    name: Option<String>,
    /// `official` gives the benchmark's own numbers, `fixed` fixes its known bugs.
    #[arg(long, value_enum, default_value = "official")]
    mode: Mode,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Score many: lines of {"pred": PATH, "gt": PATH, "name": STEM}, paths from the file's folder.
    /// Prints a JSON line for each, in the same order.
    #[arg(long, value_name = "FILE.jsonl")]
    pairs: Option<PathBuf>,
    /// Seconds that a script may take. The benchmark has no limit.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Run scripts even where the kernel offers no landlock or seccomp. They may then read your
    /// files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
}

pub fn run(args: &Args) -> Result<Exit> {
    let pairs = match (&args.pairs, &args.pred, &args.gt) {
        (Some(list), ..) => pairs::read(list)?,
        (None, Some(pred), Some(gt)) => vec![Pair {
            name: args.name.clone().unwrap_or_else(|| pairs::stem(gt)),
            pred: source::read_even_empty(pred)?,
            gt: Arc::new(source::read(gt)?),
        }],
        _ => return Err(anyhow!("give PRED and GT, or --pairs FILE.jsonl")),
    };
    let sandbox = Sandbox { timeout: args.timeout, unsafe_no_sandbox: args.unsafe_no_sandbox };
    let scorer =
        Many { scorer: Scorer::start(sandbox.config(), args.mode.into())?, truths: Mutex::default() };
    if args.pairs.is_some() {
        let line = |i: usize| scorer.score(&pairs[i]).map(|scored| print::json(&scored).to_string());
        many::print_lines(pairs.len(), scorer.scorer.workers(), line)?;
    } else if let Some(pair) = pairs.first() {
        let scored = scorer.score(pair)?;
        let json = || Ok::<_, serde_json::Error>(serde_json::to_string_pretty(&print::json(&scored))? + "\n");
        terminal::out(&if args.json {
            terminal::escaped_json(&json()?).into_owned()
        } else {
            print::table(&scored)
        })?;
    }
    Ok(Exit::Fine)
}

type Truth = Arc<OnceLock<Result<Arc<ChartRecords>, String>>>;

struct Many {
    scorer: Scorer,
    /// Every ground truth is recorded once.
    truths: Mutex<HashMap<Recordable, Truth>>,
}

impl Many {
    fn score<'a>(&self, pair: &'a Pair) -> Result<Scored<'a>> {
        let scripts = script::of_code(&pair.pred, self.scorer.rules());
        self.scorer.score(&pair.name, scripts, || self.truth(pair))
    }

    fn truth(&self, pair: &Pair) -> Result<Arc<ChartRecords>> {
        let job = self.scorer.truth_job(&pair.name, &pair.gt);
        let known = {
            let mut truths = self.truths.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(truths.entry(job.clone()).or_default())
        };
        let record = || self.scorer.record(&job).map(Arc::new).map_err(|e| e.to_string());
        known.get_or_init(record).clone().map_err(|e| anyhow!(e))
    }
}
