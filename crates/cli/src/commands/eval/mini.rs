//! `eval --benchmark mini-chart`, `mini-web` and `mini-slide`: a model on the dev or test tasks of
//! an embedded world.

use super::Args;
use crate::commands::generate::Reflecting;
use crate::{Exit, terminal};
use anyhow::Result;
use std::path::Path;
use vsdpo_data::mini::web::WINDOW;
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::AxisWeights;
use vsdpo_policy::Policy;
use vsdpo_render::{RenderConfig, open};
use vsdpo_score::files;
use vsdpo_train::eval::{EvalConfig, EvalReport, WAYS, evaluate, table};

#[derive(clap::Args)]
#[command(next_help_heading = "mini-chart, mini-web, mini-slide")]
#[group(skip)]
pub struct Options {
    /// Number of tasks, one answer each.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: u32,
    /// Tasks to score: dev, or test for a final report.
    #[arg(long, default_value = "dev", value_name = "SPLIT")]
    split: Split,
    /// Also score the model when it is shown the feedback on its own answers, in each way that a
    /// recipe can set, and when it is shown the feedback on the answers to other tasks.
    #[arg(long)]
    feedback: bool,
    #[command(flatten)]
    reflecting: Reflecting,
}

pub fn run(args: &Args, world: World, model: &Path) -> Result<Exit> {
    args.places.out.as_deref().map_or(Ok(()), files::make_folder)?;
    let policy = Policy::load(model)?;
    let domain = world.domain();
    let config = RenderConfig { window: WINDOW, ..args.rendering(10) };
    let renderer = open(domain, world.language(), config)?;
    let config = EvalConfig {
        world,
        own: None,
        references: None,
        split: args.mini.split,
        tasks: args.mini.tasks as usize,
        sampling: args.sampling.config(1.0, 256),
        seed: args.sampling.seed,
        constant: true,
        reflection: args.mini.reflecting.reflection(),
        feedback: if args.mini.feedback { &WAYS } else { &[] },
        weights: AxisWeights::equal(domain),
    };
    let bar = terminal::progress("sampling and rendering", 0);
    let report = evaluate(&policy, &*renderer, &config);
    bar.finish_and_clear();
    let report = report?;
    args.places.out.as_deref().map_or(Ok(()), |out| save(&report, out))?;
    terminal::out_json_or(args.json, &report, || table(&report))?;
    Ok(Exit::Fine)
}

/// Writes the student's score on each task to `examples.jsonl`, and the report to `summary.json`.
fn save(report: &EvalReport, out: &Path) -> Result<()> {
    let lines: String = report
        .rows
        .iter()
        .map(|row| Ok(serde_json::to_string(row)? + "\n"))
        .collect::<serde_json::Result<_>>()?;
    files::replace(&out.join("examples.jsonl"), lines.as_bytes())?;
    files::replace(&out.join("summary.json"), (serde_json::to_string_pretty(report)? + "\n").as_bytes())?;
    terminal::remark(&format!("{} tasks saved in `{}`", report.rows.len(), out.display()));
    Ok(())
}
