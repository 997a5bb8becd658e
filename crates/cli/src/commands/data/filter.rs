//! `data filter`: keeps the rows of a corpus whose reference renders and whose pictures decode.

use crate::{Exit, terminal};
use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vsdpo_artifact::{Domain, ExecError, Source};
use vsdpo_data::{DataConfig, DataSet, Filter, Filtered};
use vsdpo_render::{RenderConfig, RenderError, Renderer, open as open_renderer, spread};

/// Rows per worker between two saved states: an interruption loses at most these.
const CHUNK: u64 = 8;

/// Keep the rows of a corpus whose reference scripts run in the sandbox, or whose reference pages
/// render.
///
/// Writes the kept rows in trl's conversational form, which `[data] type = "jsonl"` reads; pictures
/// from an archive or a Parquet file are written to a folder beside it. After an interruption,
/// rerunning the same command resumes where it stopped.
///
/// Example: visual-sdpo data filter --type chart2code --path data/chart2code --out kept.jsonl
#[derive(Parser)]
pub struct Args {
    /// The format of the corpus: chart2code, chartmimic, websight, webcode2m, design2code or jsonl
    /// (of charts).
    #[arg(long = "type", value_name = "TYPE")]
    dataset: DataSet,
    /// The folder or file of the corpus.
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// The split of the corpus, if it has several.
    #[arg(long, default_value = "train")]
    split: String,
    /// The file to write the kept rows to.
    #[arg(long, value_name = "JSONL")]
    out: PathBuf,
    /// The file to write the other rows to: number, id, kind and message.
    #[arg(long, value_name = "JSONL")]
    rejected: Option<PathBuf>,
    /// Scripts or pages that are rendered in parallel. Default: one per core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    workers: Option<u64>,
    /// Filter only the first N well-formed rows; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u64,
    /// Keep only pages with at least this score (webcode2m).
    #[arg(long, value_name = "N")]
    min_score: Option<i64>,
    /// Keep only pages in these languages (webcode2m).
    #[arg(long, value_name = "LANG", value_delimiter = ',')]
    lang: Vec<String>,
    /// Keep only pages of at most N GPT-2 tokens, CSS and HTML together (webcode2m).
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
            ..DataConfig::default()
        }
    }

    fn renderer(&self, domain: Domain) -> Result<Box<dyn Renderer>, RenderError> {
        let config = self.sandbox.config();
        let workers = self.workers.map_or(config.workers, |n| n as usize);
        // Every source is rendered once, so a cache would never hit.
        let config = RenderConfig { workers, cache_entries: 0, ..config };
        open_renderer(domain, domain.default_language(), config)
    }
}

/// The error of each source that does not render.
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
        terminal::remark("interrupted; help: rerun the same command to resume");
        std::process::exit(Exit::Interrupted as i32)
    })?;
    let config = args.data();
    let domain = config.domain;
    vsdpo_data::prepare(&config, &mut |note| terminal::remark(note))?;
    let filter = Filter::open(config, &args.out, args.rejected.as_deref())?;
    let renderer = args.renderer(domain)?;
    let chunk = CHUNK * renderer.workers() as u64;
    let total = filter.total();
    let bar = terminal::progress("rendering", total);
    let mut noted = Instant::now();
    let filtered = filter.run(
        chunk,
        |rows, sources| {
            failures(&*renderer, domain, sources)
                .with_context(|| format!("cannot render rows {} to {}", rows.start(), rows.end()))
        },
        |done| {
            bar.set_position(done);
            if bar.is_hidden() && noted.elapsed() > Duration::from_secs(10) {
                noted = Instant::now();
                terminal::remark(&format!("{done} of {total} rows"));
            }
        },
    )?;
    bar.finish_and_clear();
    terminal::out(&summary(&filtered, args))?;
    Ok(Exit::Fine)
}

fn summary(filtered: &Filtered, args: &Args) -> String {
    let Filtered { kept, rejected: reasons } = filtered;
    let rejected: u64 = reasons.values().sum();
    if args.json {
        let value = json!({"kept": kept, "rejected": rejected, "reasons": reasons});
        return terminal::json_line(&value);
    }
    let rows = kept + rejected;
    let share = if rows > 0 { 100.0 * *kept as f64 / rows as f64 } else { 0.0 };
    let mut text = format!("kept {kept} of {rows} rows ({share:.1} %) in {}\n", args.out.display());
    for (reason, n) in reasons {
        text.push_str(&format!("{n:>8} {reason}\n"));
    }
    terminal::clean(&text).into_owned()
}
