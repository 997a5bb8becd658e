//! `compare`: compares the results of models on the same items.

use super::Sandbox;
use super::judge::Judge;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::Parser;
use std::path::{Path, PathBuf};
use vsdpo_score::compare::{Input, JudgeSetup, compare, judge, table};
use vsdpo_score::files;
use vsdpo_score::report::Reporter;

/// Compare the results of two or more models on the same items, each other one with the first.
///
/// Per metric: both means, the paired difference with a 95 % interval, the numbers of wins, ties
/// and losses, and p of a sign-flip test, also corrected for the number of metrics (Holm). Items
/// that only one input has, and missing values, are counted and left out.
///
/// An input is a folder of results that `eval` wrote (--out), or a file of JSON lines such as
/// {"id": "bar_1", "score": 0.5, "passed": true}.
///
/// With a judge, a language model also compares the pictures of every two inputs, twice with the
/// positions swapped; the result are win rates and Bradley-Terry abilities.
///
/// Examples: visual-sdpo compare base.scored trained.scored; visual-sdpo compare base.scored
/// trained.scored --judge-url http://127.0.0.1:8000/v1 --judge-model Qwen3-VL-32B-Instruct
#[derive(Parser)]
pub struct Args {
    /// Folders of results, or files of JSON lines.
    #[arg(required = true, num_args = 2..=26, value_name = "RESULTS")]
    inputs: Vec<PathBuf>,
    /// Compare only these metrics. The correction for several tests counts only these.
    #[arg(long, value_delimiter = ',', value_name = "METRICS")]
    metric: Vec<String>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    judging: Judging,
}

/// The judge, and what its pictures need.
#[derive(clap::Args)]
#[command(next_help_heading = "judge")]
#[group(skip)]
struct Judging {
    #[command(flatten)]
    judge: Judge,
    /// Folder that keeps the replies of judges for later runs. Default: the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Time limit of a script or a page in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Run scripts even if the kernel has no landlock or seccomp. They can then read your files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
}

pub fn run(args: &Args) -> Result<Exit> {
    let inputs = args.inputs.iter().map(|path| Input::open(path)).collect::<Result<Vec<_>>>()?;
    let mut report = compare(&inputs, &args.metric)?;
    let terminal = terminal::Terminal::default();
    note_data(&inputs, &terminal);
    note_provenance(&inputs, &terminal);
    let Judging { judge: options, cache, timeout, unsafe_no_sandbox } = &args.judging;
    if let Some(config) = options.config() {
        let cache = files::cache_folder(cache.as_deref(), Path::new("."));
        let sandbox = Sandbox { timeout: *timeout, unsafe_no_sandbox: *unsafe_no_sandbox };
        let setup = JudgeSetup { rendering: sandbox.config(), cache: &cache };
        report.judges = Some(judge(&inputs, &config, setup, &terminal)?);
    } else if let Some(empty) = report.comparisons.iter().find(|c| c.metrics.is_empty()) {
        bail!(
            "inputs {} and {} have no metric in common; help: give results with the same metrics, or a judge",
            empty.a,
            empty.b
        );
    }
    terminal::out_json_or(args.json, &report, || table(&report))?;
    report.judges.map_or(Ok(Exit::Fine), |judges| judges.complete().map(|()| Exit::Fine))
}

/// Remarks on inputs that were not measured as the first one was.
fn note_provenance(inputs: &[Input], terminal: &terminal::Terminal) {
    let Some((first, others)) = inputs.split_first() else { return };
    for other in others {
        let differences = first.measured_otherwise(other);
        if !differences.is_empty() {
            let (a, b) = (first.path.display(), other.path.display());
            terminal.note(&format!("note: `{a}` and `{b}` differ in {}", differences.join(", ")));
        }
    }
}

/// Remarks if evaluations name different folders of the benchmark, which may hold other examples.
fn note_data(inputs: &[Input], terminal: &terminal::Terminal) {
    let mut folders: Vec<&str> = inputs.iter().filter_map(Input::data).collect();
    folders.dedup();
    if folders.len() > 1 {
        terminal.note(&format!(
            "note: the inputs were scored on {}; their examples are matched by name",
            folders.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(" and ")
        ));
    }
}
