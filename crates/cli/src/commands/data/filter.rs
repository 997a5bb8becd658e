//! `data filter`: the rows of a corpus whose code can be drawn and whose pictures can be read.

use super::outputs::{Outputs, State};
use crate::{Exit, terminal};
use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use vsdpo_artifact::{Domain, ExecError, Source};
use vsdpo_data::{Corpus, DataConfig, DataSet, Record, Skipped, decode_picture};
use vsdpo_render::{RenderConfig, RenderError, Renderer, open as open_renderer, spread};

/// Rows per worker between two saved states: what an interruption costs at most.
const CHUNK: u64 = 8;

/// Keep the rows of a corpus whose reference scripts run in the sandbox, or whose pages can be
/// drawn.
///
/// Writes the kept rows in trl's conversational form, which `[data] type = "jsonl"` reads; pictures
/// out of an archive or a Parquet file are written to a folder beside. Interrupted, the same
/// command goes on where it stopped.
///
/// Example: visual-sdpo data filter --type chart2code --path data/chart2code --out kept.jsonl
#[derive(Parser)]
pub struct Args {
    /// The form of the corpus: chart2code, chartmimic, websight, webcode2m, design2code or jsonl
    /// (of charts).
    #[arg(long = "type", value_name = "TYPE")]
    dataset: DataSet,
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
    /// Scripts or pages that are drawn at the same time; one per core if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    workers: Option<u64>,
    /// Only the first so many well-formed rows; 0 is all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    /// Only pages with at least this score (webcode2m).
    #[arg(long, value_name = "N")]
    min_score: Option<i64>,
    /// Only pages in these languages (webcode2m).
    #[arg(long, value_name = "LANG", value_delimiter = ',')]
    lang: Vec<String>,
    /// Only pages of at most so many GPT-2 tokens, CSS and HTML together (webcode2m).
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sandbox: crate::commands::Sandbox,
}

impl Args {
    fn data(&self) -> DataConfig {
        DataConfig {
            dataset: self.dataset,
            path: self.path.clone(),
            domain: self.dataset.default_domain(),
            split: self.split.clone(),
            limit: self.limit,
            min_score: self.min_score,
            lang: self.lang.clone(),
            max_tokens: self.max_tokens,
        }
    }

    fn renderer(&self, domain: Domain) -> Result<Box<dyn Renderer>, RenderError> {
        let config = self.sandbox.config();
        let workers = self.workers.map_or(config.workers, |n| n as usize);
        // Every source is rendered once: a cache would only grow.
        let config = RenderConfig { workers, cache_entries: 0, ..config };
        open_renderer(domain, domain.default_language(), config)
    }
}

/// Why each of these sources cannot be rendered.
fn failures(
    renderer: &dyn Renderer,
    domain: Domain,
    sources: &[Source],
) -> Result<Vec<Option<ExecError>>, RenderError> {
    match domain {
        Domain::Chart | Domain::Slide => {
            let outcomes = renderer.render_all(sources)?;
            Ok(outcomes.into_iter().map(|outcome| outcome.error().cloned()).collect())
        }
        // A page without elements is still a page, so a screenshot decides.
        Domain::Web => {
            spread(renderer.workers(), sources.len(), |i| Ok(renderer.screenshot(&sources[i])?.err()))
        }
    }
}

pub fn run(args: &Args) -> Result<Exit> {
    crate::commands::on_interrupt(|| {
        terminal::remark("interrupted: the same command goes on");
        std::process::exit(Exit::Interrupted as i32)
    })?;
    let config = args.data();
    vsdpo_data::prepare(&config, &mut |note| terminal::remark(note))?;
    let mut outputs = Outputs::open(&args.out, args.rejected.as_deref(), json!(config))?;
    let corpus = open(&config, &mut outputs)?;
    let chunk = CHUNK * args.workers.unwrap_or(args.sandbox.config().workers as u64);
    let renderer = args.renderer(config.domain)?;
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
        filter(&corpus, &*renderer, config.domain, rows, &mut outputs)?;
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

/// Draws the references of some rows and writes each row to where it belongs, in the order of the
/// file.
fn filter(
    corpus: &Corpus,
    renderer: &dyn Renderer,
    domain: Domain,
    rows: std::ops::Range<u64>,
    outputs: &mut Outputs,
) -> Result<()> {
    let records = corpus.records(&rows.clone().collect::<Vec<u64>>())?;
    let language = domain.default_language();
    let source = |r: &Record| Source::new(r.reference.as_deref().unwrap_or(""), language);
    let sources: Vec<Source> = records.iter().map(source).collect();
    let failures = failures(renderer, domain, &sources).with_context(|| {
        format!("cannot render rows {} to {}", corpus.number(rows.start), corpus.number(rows.end - 1))
    })?;
    for ((i, record), failure) in rows.zip(&records).zip(failures) {
        let number = corpus.number(i);
        let id = Some(record.id.as_str());
        if record.reference.is_none() {
            outputs.reject(number, id, "no-code", "the row has no answer")?;
        } else if let Some(error) = failure {
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
