//! What `reproduce`, `ablate` and `tune` share: their options, what they show, and the files of
//! results.

use super::input::Kind as DomainKind;
use super::train::save_on_interrupt;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vsdpo_artifact::Domain;
use vsdpo_data::mini::Split;
use vsdpo_train::campaign::{Arm, Campaign, Event, Hooks, Kind, Results, Test, Trial, markdown, run};
use vsdpo_train::{Environment, StepReport};

/// What is trained and where.
#[derive(clap::Args)]
pub struct Options {
    /// Train with the seeds 1 to N.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Optimizer steps of every run. Default: what the recipes say.
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Tasks of the test, one answer each; the same ones for every arm and seed.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    tasks: u32,
    /// Only these arms, by name.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    /// The model that every arm begins with, a Hugging Face folder. Default: what the recipes say.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Override a value of every recipe; may be given several times.
    #[arg(long, value_name = "A.B=C")]
    set: Vec<String>,
    /// Folder of the recipes, such as DIR/chart-grpo.toml.
    #[arg(long, value_name = "DIR", default_value = "recipes")]
    recipes: PathBuf,
    /// Folder of the runs and results; the same command with the same folder continues. Default:
    /// the command's words in `runs`, such as runs/reproduce-chart.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the arms with their overrides and rollouts, and train nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// A comparison as a command names it.
pub struct Asked<'a> {
    /// The words after `visual-sdpo`, such as `reproduce chart`.
    pub words: String,
    /// The domain.
    pub domain: DomainKind,
    /// All arms that it has.
    pub arms: Vec<Arm>,
    /// The arm of the paired tests.
    pub main: &'a str,
    /// The arm whose end is to be reached.
    pub reached: Option<&'a str>,
    /// Split of the tasks.
    pub split: Split,
}

impl Options {
    fn campaign(&self, asked: Asked) -> Result<Campaign> {
        let known: Vec<&str> = asked.arms.iter().map(|arm| arm.name.as_str()).collect();
        if let Some(name) = self.arms.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("--arms: there is no arm {name:?}; help: use {}", known.join(", "));
        }
        let command = self.command(&asked.words);
        let chosen = |arm: &Arm| self.arms.is_empty() || self.arms.contains(&arm.name);
        let arms: Vec<Arm> = asked.arms.into_iter().filter(chosen).collect();
        // Without the main arm the tests compare the first one that is trained.
        let main = arms.iter().find(|arm| arm.name == asked.main);
        let main = main.or_else(|| arms.iter().find(|arm| arm.kind == Kind::Trained)).unwrap_or(&arms[0]);
        let toml = |path: &Path| format!("{:?}", path.display().to_string());
        let mut set: Vec<String> = self.steps.iter().map(|steps| format!("steps={steps}")).collect();
        set.extend(self.model.iter().map(|model| format!("policy.model={}", toml(model))));
        set.extend(self.set.iter().cloned());
        let out = self.out.clone().unwrap_or_else(|| Path::new("runs").join(asked.words.replace(' ', "-")));
        Ok(Campaign {
            command,
            domain: Domain::from(asked.domain),
            recipes: self.recipes.clone(),
            main: main.name.clone(),
            reached: asked.reached.map(str::to_owned),
            arms,
            set,
            seeds: self.seeds,
            tasks: self.tasks as usize,
            split: asked.split,
            out,
        })
    }

    /// The command without what does not change the numbers.
    fn command(&self, words: &str) -> String {
        let mut command = format!("visual-sdpo {words} --seeds {} --tasks {}", self.seeds, self.tasks);
        command.extend(self.steps.map(|steps| format!(" --steps {steps}")));
        if !self.arms.is_empty() {
            command.push_str(&format!(" --arms {}", self.arms.join(",")));
        }
        command.extend(self.model.iter().map(|model| format!(" --model {}", model.display())));
        command.extend(self.set.iter().map(|set| format!(" --set {set}")));
        command
    }
}

/// Plans and runs a comparison, and writes its results.
pub fn compare(options: &Options, asked: Asked) -> Result<Exit> {
    let campaign = options.campaign(asked)?;
    let plan = campaign.plan()?;
    if options.dry_run {
        terminal::out(&terminal::clean(&dry_run(&campaign, &plan)))?;
        return Ok(Exit::Fine);
    }
    if let Some(trial) = plan.first() {
        vsdpo_data::prepare(&trial.recipe.data, &mut |note| terminal::remark(note))?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    save_on_interrupt(&stop)?;
    let bar = terminal::progress("loading", plan.iter().map(steps).sum());
    let mut written = Ok(());
    let on_event = &mut |event: &Event| match event {
        Event::Results(results) => {
            if written.is_ok() {
                written = write(&campaign.out, results);
            }
        }
        other => show(&bar, &plan, other),
    };
    let done = run(&campaign, Hooks { stop, open: &Environment::open, on_event });
    bar.finish_and_clear();
    let (results, finished) = done?;
    written?;
    terminal::out_json_or(options.json, &results, || terminal::clean(&markdown(&results)).into_owned())?;
    terminal::remark(&format!("results in {}", campaign.out.join("results.html").display()));
    if !finished {
        let (done, all) = results.done;
        terminal::remark(&format!(
            "interrupted with {done} of {all} runs finished; help: the same command continues"
        ));
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::Fine)
}

/// Writes the results in every form.
fn write(out: &Path, results: &Results) -> Result<()> {
    let json = serde_json::to_string_pretty(results)? + "\n";
    let html = vsdpo_report::campaign_page(results);
    for (name, text) in [("results.json", json), ("results.md", markdown(results)), ("results.html", html)] {
        vsdpo_score::files::write(&out.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Training steps of a trial.
fn steps(trial: &Trial) -> u64 {
    match trial.arm.kind {
        Kind::Trained => trial.recipe.steps as u64,
        Kind::Base | Kind::Constant => 0,
    }
}

/// The progress of a campaign: a line per run, evaluation and test, and on a terminal a bar over
/// all steps.
fn show(bar: &ProgressBar, plan: &[Trial], event: &Event) {
    let line = match event {
        Event::Begun { trial, number, of } => {
            let before: u64 = plan[..number - 1].iter().map(steps).sum();
            bar.set_position(before);
            bar.reset_eta();
            bar.set_message(format!("{number}/{of}"));
            format!("run {number} of {of}: {}", named(trial))
        }
        Event::Step(StepReport { step, steps, eval: Some(eval), .. }) => {
            let s = eval.student();
            let share = 100.0 * s.defect_free.mean;
            format!("  step {step}/{steps}: defect-free {share:.1} %, reward {:.3} (dev)", s.reward.mean)
        }
        Event::Step(_) => return bar.inc(1),
        Event::Tested { test, .. } => tested(test),
        Event::Results(_) => return,
    };
    match bar.is_hidden() {
        true => terminal::remark(&line),
        false => bar.println(terminal::clean(&line)),
    }
}

fn named(trial: &Trial) -> String {
    match trial.arm.kind {
        Kind::Trained => format!("{}, seed {} ({})", trial.arm.label, trial.seed, trial.folder().display()),
        Kind::Base | Kind::Constant => trial.arm.label.clone(),
    }
}

fn tested(test: &Test) -> String {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let scores = &test.scores;
    let why = test.trained.stopped.as_ref().map_or(String::new(), |why| format!("; stopped because {why}"));
    format!(
        "  tested: defect-free {:.1} %, reward {:.3} ({} tasks){why}",
        100.0 * mean(&scores.defect_free),
        mean(&scores.reward),
        scores.exec.len()
    )
}

/// The arms, their overrides and what they will use.
fn dry_run(campaign: &Campaign, plan: &[Trial]) -> String {
    let mut text = format!("{}, in {}\n\n", campaign.command, campaign.out.display());
    let first: Vec<&Trial> = plan.iter().filter(|trial| trial.seed == 1).collect();
    let wide = first.iter().map(|trial| trial.arm.name.len()).max().unwrap_or(0);
    text.push_str(&format!("{:wide$} {:>9} {:>10}  recipe and overrides\n", "arm", "rollouts", "references"));
    for trial in first {
        let (rollouts, references) = trial.budget();
        let arm = &trial.arm;
        let what = match arm.kind {
            Kind::Trained => format!("{}-{}.toml {}", campaign.domain.name(), arm.recipe, arm.set.join(" ")),
            Kind::Base | Kind::Constant => format!("{} (not trained)", arm.label),
        };
        text.push_str(&format!("{:wide$} {rollouts:>9} {references:>10}  {}\n", arm.name, what.trim_end()));
    }
    let total = plan.iter().map(Trial::budget).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let trained: BTreeSet<&Path> =
        plan.iter().filter(|t| t.arm.kind == Kind::Trained).map(Trial::folder).collect();
    text.push_str(&format!(
        "\n{} training runs ({} seeds): at most {} rollouts, {} references; {} tests of {} tasks\n",
        trained.len(),
        campaign.seeds,
        total.0,
        total.1,
        plan.len(),
        campaign.tasks
    ));
    text
}
