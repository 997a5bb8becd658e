//! `eval --benchmark mini-chart` and `mini-web`: a model on the held-out tasks of an embedded
//! world.

use super::Sampling;
use crate::commands::Sandbox;
use crate::{Exit, terminal};
use anyhow::Result;
use clap::Args;
use std::path::Path;
use vsdpo_data::mini::web::WINDOW;
use vsdpo_data::mini::{Split, World};
use vsdpo_policy::Policy;
use vsdpo_render::{RenderConfig, open};
use vsdpo_train::eval::{Arm, Estimate, EvalConfig, EvalReport, evaluate};

#[derive(Args)]
#[command(next_help_heading = "mini-chart, mini-web")]
#[group(skip)]
pub struct Options {
    /// Number of tasks, one answer each.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: u32,
    /// Also score the model when it is shown feedback on its own answers, and on somebody else's.
    #[arg(long)]
    feedback: bool,
}

pub fn run(
    world: World,
    model: &Path,
    (args, sampling): (&Options, &Sampling),
    sandbox: &Sandbox,
    json: bool,
) -> Result<Exit> {
    let policy = Policy::load(model)?;
    let domain = world.domain();
    let config = RenderConfig { window: WINDOW, ..sandbox.config() };
    let renderer = open(domain, domain.default_language(), config)?;
    let config = EvalConfig {
        world,
        split: Split::Heldout,
        tasks: args.tasks as usize,
        sampling: sampling.config(1.0, 256),
        seed: sampling.seed,
        constant: true,
        feedback: args.feedback,
    };
    let bar = terminal::progress("writing and rendering", 0);
    let report = evaluate(&policy, &*renderer, &config);
    bar.finish_and_clear();
    let report = report?;
    terminal::out_json_or(json, &report, || table(&report))?;
    Ok(Exit::Fine)
}

/// The arms as rows.
fn table(report: &EvalReport) -> String {
    let wide = report.arms.iter().map(|a| a.arm.len()).max().unwrap_or(0);
    let axes: Vec<&String> = report.arms.first().map_or(Vec::new(), |a| a.axes.keys().collect());
    let mut text = format!(
        "{}, {} tasks, temperature {}, seed {}; share of tasks in %, [95 % interval]\n{:wide$}  {:16} {:16} {:18}",
        report.benchmark,
        report.student().tasks,
        report.temperature,
        report.seed,
        "",
        "executes",
        "defect-free",
        "reward"
    );
    axes.iter().for_each(|axis| text.push_str(&format!(" {axis:>9}")));
    text.push('\n');
    for arm in &report.arms {
        text.push_str(&row(arm, wide));
    }
    text
}

fn row(arm: &Arm, wide: usize) -> String {
    let share = |e: &Estimate| {
        let [mean, low, high] = [e.mean, e.low, e.high].map(|v| 100.0 * v);
        format!("{mean:5.1} [{low:.0}, {high:.0}]")
    };
    let reward = format!("{:.3} [{:.2}, {:.2}]", arm.reward.mean, arm.reward.low, arm.reward.high);
    let mut text =
        format!("{:wide$}  {:16} {:16} {:18}", arm.arm, share(&arm.exec), share(&arm.defect_free), reward);
    arm.axes.values().for_each(|e| text.push_str(&format!(" {:9.1}", 100.0 * e.mean)));
    text + "\n"
}
