//! `train`: trains a policy as a recipe says, and writes its run folder and report.

use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vsdpo_train::recipe::Recipe;
use vsdpo_train::{End, Environment, RunOptions, RunSummary, StepReport};

/// Train a policy as a recipe says.
///
/// Writes a run folder: resolved recipe, manifest, metrics, rollouts with pictures, checkpoints in
/// Hugging Face format, and a report that opens from disk. Ctrl-C finishes the step, saves and
/// exits with 130; --resume continues from there, bit for bit. A second Ctrl-C exits without
/// saving.
///
/// Example: visual-sdpo train recipes/chart-visual-sdpo.toml --set steps=40
#[derive(Parser)]
pub struct Args {
    /// The recipe, a TOML file; unknown keys are errors.
    recipe: PathBuf,
    /// Override a value of the recipe; may be given several times.
    #[arg(long, value_name = "A.B=C")]
    set: Vec<String>,
    /// Continue the run in the output folder.
    #[arg(long)]
    resume: bool,
}

pub fn run(args: &Args) -> Result<Exit> {
    let recipe = Recipe::load(&args.recipe, &args.set)?;
    vsdpo_data::prepare(&recipe.data, &mut |note| terminal::remark(note))?;
    let stop = Arc::new(AtomicBool::new(false));
    save_on_interrupt(&stop)?;
    let bar = terminal::progress("loading", recipe.steps as u64);
    let mut on_step = |step: &StepReport| show(&bar, step);
    let options = RunOptions { resume: args.resume, stop, on_step: &mut on_step };
    let environment = Environment::open(&recipe)?;
    let summary = vsdpo_train::run(&recipe, &environment, options);
    bar.finish_and_clear();
    let summary = summary?;
    let page = vsdpo_report::write(&summary.folder)?.index;
    terminal::out(&closing_lines(&summary, &page.display().to_string()))?;
    match summary.end {
        End::Interrupted => Ok(Exit::Interrupted),
        End::Finished | End::Fell(_) => Ok(Exit::Fine),
    }
}

/// The first Ctrl-C asks the run to save; the second one exits at once.
pub fn save_on_interrupt(stop: &Arc<AtomicBool>) -> Result<()> {
    let stop = stop.clone();
    super::on_interrupt(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
        terminal::remark("interrupted, saving; help: press Ctrl-C again to exit without saving");
    })
}

/// A line per step and evaluation; on a terminal a bar below them.
fn show(bar: &ProgressBar, report: &StepReport) {
    let line = match report.eval {
        Some(eval) => {
            let s = eval.student();
            format!(
                "eval at step {}: executes {:.1} %, defect-free {:.1} % [{:.0}, {:.0}], reward {:.3} ({} tasks)",
                report.step,
                100.0 * s.exec.mean,
                100.0 * s.defect_free.mean,
                100.0 * s.defect_free.low,
                100.0 * s.defect_free.high,
                s.reward.mean,
                s.tasks
            )
        }
        None => step_line(report),
    };
    bar.set_position(report.step as u64);
    bar.set_message("training");
    match bar.is_hidden() {
        true => terminal::remark(&line),
        false => bar.println(terminal::clean(&line)),
    }
}

fn step_line(report: &StepReport) -> String {
    const SHOWN: [(&str, &str); 7] = [
        ("reward", "reward"),
        ("defect_free", "defect-free"),
        ("exec/success", "executes"),
        ("loss", "loss"),
        ("distill/kl_mean", "kl"),
        ("entropy", "entropy"),
        ("step_time", "s"),
    ];
    let values =
        SHOWN.iter().filter_map(|(key, name)| Some(format!("{name} {:.3}", report.metrics.get(*key)?)));
    format!("step {}/{}: {}", report.step, report.steps, values.collect::<Vec<_>>().join(", "))
}

fn closing_lines(summary: &RunSummary, page: &str) -> String {
    let end = match &summary.end {
        End::Finished => "finished",
        End::Interrupted => "interrupted and saved; help: continue with --resume",
        End::Fell(why) => &format!(
            "stopped because {why}; help: `--resume --set stop.enabled=false` continues all the same"
        ),
    };
    let mut text = format!(
        "after {} steps: {end}\ncheckpoint {}\n",
        summary.progress.step,
        summary.checkpoint.display()
    );
    if let Some(best) = summary.best() {
        let share = 100.0 * best.defect_free;
        text.push_str(&format!(
            "best       step {}, {share:.1} % defect-free, in checkpoints/best\n",
            best.step
        ));
    }
    terminal::clean(&format!("{text}report     {page}\n")).into_owned()
}
