//! `data filter`: the rows of a corpus whose scripts run and whose pictures can be read.

use super::outputs::{Outputs, State};
use crate::{Exit, terminal};
use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use vsdpo_artifact::{Domain, Outcome};
use vsdpo_data::{Corpus, DataConfig, Record, Skipped, decode_picture};
use vsdpo_render::{ChartRenderer, RenderConfig};

/// Rows per worker between two saved states: what an interruption costs at most.
const CHUNK: usize = 8;

/// Keep the rows of a corpus whose reference scripts run in the sandbox.
///
/// Writes the kept rows in trl's conversational form, which `[data] type = "jsonl"` reads; pictures out of an
/// archive are written to a folder beside. Interrupted, the same command goes on where it stopped.
///
/// Example: visual-sdpo data filter --type chart2code --path data/chart2code --out kept.jsonl
#[derive(Parser)]
pub struct Args {
    /// The form of the corpus: chart2code, chartmimic or jsonl.
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// Its folder or file.
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// Its part, where it has several.
    #[arg(long, default_value = "train")]
    split: String,
    /// The kept rows, to be written.
    #[arg(long, value_name = "JSONL")]
    out: PathBuf,
    /// The other rows, to be written: number, id, kind and message.
    #[arg(long, value_name = "JSONL")]
    rejected: Option<PathBuf>,
    /// Scripts that run at the same time; one per core if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    workers: Option<u64>,
    /// Only the first so many well-formed rows; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sandbox: crate::commands::Sandbox,
}

impl Args {
    fn data(&self) -> DataConfig {
        DataConfig {
            kind: self.kind.clone(),
            path: self.path.clone(),
            domain: Domain::Chart,
            split: self.split.clone(),
            limit: self.limit,
        }
    }

    fn render(&self) -> RenderConfig {
        let config = self.sandbox.config();
        let workers = self.workers.map_or(config.workers, |n| n as usize);
        // Every script is run once: a cache would only grow.
        RenderConfig { workers, cache_entries: 0, ..config }
    }
}

pub fn run(args: &Args) -> Result<Exit> {
    crate::commands::on_interrupt(|| {
        terminal::remark("interrupted: the same command goes on");
        std::process::exit(Exit::Interrupted as i32)
    })?;
    let config = args.data();
    vsdpo_data::prepare(&config, &mut |note| terminal::remark(note))?;
    let job = json!({"type": args.kind, "path": args.path, "split": args.split, "limit": args.limit});
    let mut outputs = Outputs::open(&args.out, args.rejected.as_deref(), job)?;
    let corpus = open(&config, &mut outputs)?;
    let render = args.render();
    let chunk = (render.workers * CHUNK) as u64;
    let renderer = ChartRenderer::start(render)?;
    let bar = terminal::progress("running", corpus.len());
    let mut told = std::time::Instant::now();
    while outputs.state.done < corpus.len() {
        let first = outputs.state.done;
        let rows = first..corpus.len().min(first + chunk);
        bar.set_position(first);
        if bar.is_hidden() && told.elapsed() > Duration::from_secs(10) {
            told = std::time::Instant::now();
            terminal::remark(&format!("{first} of {} rows", corpus.len()));
        }
        judge(&corpus, &renderer, rows, &mut outputs)?;
        outputs.save()?;
    }
    bar.finish_and_clear();
    outputs.finish()?;
    terminal::out(&summary(&outputs.state, args)?)?;
    Ok(Exit::Fine)
}

/// Opens the corpus. The first time, the rows that are malformed go to the rejected ones.
fn open(config: &DataConfig, outputs: &mut Outputs) -> Result<Corpus> {
    let fresh = !outputs.state.opened;
    let mut failed = None;
    let corpus = Corpus::open(config, &mut |skipped: &Skipped| {
        if fresh && failed.is_none() {
            failed = outputs.reject(skipped.row, None, skipped.reason.name(), &skipped.message).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    outputs.state.opened = true;
    outputs.save()?;
    Ok(corpus)
}

/// Runs the scripts of some rows and writes each row to where it belongs, in the order of the file.
fn judge(
    corpus: &Corpus,
    renderer: &ChartRenderer,
    rows: std::ops::Range<u64>,
    outputs: &mut Outputs,
) -> Result<()> {
    let records = rows.clone().map(|i| corpus.record(i)).collect::<Result<Vec<Record>, _>>()?;
    let sources: Vec<&str> = records.iter().map(|r| r.reference.as_deref().unwrap_or("")).collect();
    let outcomes = renderer.render_all(&sources);
    for ((i, record), outcome) in rows.zip(&records).zip(outcomes) {
        let number = corpus.number(i);
        let outcome = outcome.with_context(|| format!("cannot render row {number}"))?;
        let id = Some(record.id.as_str());
        if record.reference.is_none() {
            outputs.reject(number, id, "no-code", "the row has no answer")?;
        } else if let Outcome::Failed { error } = outcome {
            let kind = serde_json::to_value(error.kind)?;
            outputs.reject(number, id, kind.as_str().unwrap_or("failed"), &error.message)?;
        } else if let Some(problem) = bad_picture(corpus, record) {
            outputs.reject(number, id, "bad-image", &problem)?;
        } else {
            outputs.keep(corpus, number, record)?;
        }
        outputs.state.done = i + 1;
    }
    Ok(())
}

/// What is wrong with the first picture that cannot be read.
fn bad_picture(corpus: &Corpus, record: &Record) -> Option<String> {
    record.pictures.iter().find_map(|picture| match corpus.picture(picture) {
        Ok(bytes) => decode_picture(&bytes).err(),
        Err(error) => Some(error.to_string()),
    })
}

fn summary(state: &State, args: &Args) -> Result<String> {
    let rejected: u64 = state.reasons.values().sum();
    if args.json {
        let value = json!({"kept": state.kept, "rejected": rejected, "reasons": state.reasons});
        return Ok(terminal::escaped_json(&value.to_string()).into_owned() + "\n");
    }
    let rows = state.kept + rejected;
    let share = if rows > 0 { 100.0 * state.kept as f64 / rows as f64 } else { 0.0 };
    let mut text = format!("kept {} of {rows} rows ({share:.1} %) in {}\n", state.kept, args.out.display());
    for (reason, n) in &state.reasons {
        text.push_str(&format!("{n:>8} {reason}\n"));
    }
    Ok(terminal::clean(&text).into_owned())
}
