//! `eval --benchmark mini-chart`, `mini-web` and `mini-slide`: a model on the dev or test tasks of
//! an embedded world.

use super::Args;
#[cfg(feature = "train")]
use crate::commands::generate::Reflecting;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use vsdpo_data::mini::web::WINDOW;
use vsdpo_data::mini::{Split, World};
use vsdpo_render::{RenderConfig, Renderer, open};
use vsdpo_score::endpoint::Sampling;
use vsdpo_score::mini::answered;
use vsdpo_score::mini::table;

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
    #[cfg(feature = "train")]
    #[arg(long, conflicts_with = "endpoint")]
    feedback: bool,
    #[cfg(feature = "train")]
    #[command(flatten)]
    reflecting: Reflecting,
}

pub fn run(args: &Args, world: World) -> Result<Exit> {
    let sampling = args.sampling.with(1.0, world.answer_tokens());
    if args.endpoint.is_given() { served(args, world, sampling) } else { local(args, world, &sampling) }
}

fn renderer(args: &Args, world: World) -> Result<Box<dyn Renderer>> {
    let config = RenderConfig { window: WINDOW, ..args.rendering(10) };
    Ok(open(world.domain(), world.language(), config)?)
}

/// The model of --endpoint.
fn served(args: &Args, world: World, sampling: Sampling) -> Result<Exit> {
    #[cfg(feature = "train")]
    if args.mini.reflecting.reflection().is_some() {
        bail!("eval --reflect needs the model's folder; help: give --model DIR, or leave --reflect out");
    }
    super::of_server(args, sampling, |asked| {
        let config = answered::EvalConfig {
            world,
            split: args.mini.split,
            tasks: args.mini.tasks as usize,
            seed: sampling.seed,
            asked,
            renderer: &*renderer(args, world)?,
            out: args.places.out.as_ref().unwrap_or(&asked.out),
        };
        let report = answered::evaluate(&config, &terminal::Terminal::default())?;
        terminal::out_json_or(args.json, &report, || table(&report))?;
        Ok(Exit::Fine)
    })
}

/// The model of --model.
#[cfg(feature = "train")]
fn local(args: &Args, world: World, sampling: &Sampling) -> Result<Exit> {
    use vsdpo_diagnose::AxisWeights;
    use vsdpo_score::files;
    use vsdpo_train::eval::{EvalConfig, WAYS, evaluate};
    let Some(model) = &args.model else {
        bail!("{} needs a model; help: give --model DIR or --endpoint URL", world.benchmark())
    };
    args.places.out.as_deref().map_or(Ok(()), files::make_folder)?;
    let drawing = super::of_policy(args, sampling, None)?;
    let loading = args.storage.loading_to_sample(model, args.mini.tasks as usize, &drawing);
    let policy = vsdpo_policy::Policy::load_with(model, args.adapter.as_deref(), &loading)?;
    let name = vsdpo_train::answers::model_name(model, args.adapter.as_deref());
    let renderer = renderer(args, world)?;
    let config = EvalConfig {
        world,
        own: None,
        references: None,
        split: args.mini.split,
        tasks: args.mini.tasks as usize,
        sampling: drawing,
        seed: sampling.seed,
        constant: true,
        reflection: args.mini.reflecting.reflection(),
        feedback: if args.mini.feedback { &WAYS } else { &[] },
        weights: AxisWeights::equal(world.domain()),
    };
    let bar = terminal::progress("sampling and rendering", 0);
    let report = evaluate(&policy, &*renderer, &config);
    bar.finish_and_clear();
    let mut report = report?;
    report.provenance = Some(provenance(&report, name, *sampling, renderer.matplotlib()));
    let save = |out| answered::save(&report, out, &terminal::Terminal::default());
    args.places.out.as_deref().map_or(Ok(()), save)?;
    terminal::out_json_or(args.json, &report, || table(&report))?;
    Ok(Exit::Fine)
}

/// What decides the numbers of a model's folder.
#[cfg(feature = "train")]
fn provenance(
    report: &vsdpo_score::mini::EvalReport,
    model: String,
    sampling: Sampling,
    matplotlib: Option<String>,
) -> vsdpo_score::provenance::Provenance {
    use vsdpo_score::provenance::{Asking, Provenance, prompts};
    let asking = Asking {
        model,
        server_models: Vec::new(),
        prompt: Some(prompts("mini", report.rows.iter().map(|row| row.prompt.as_str()))),
        sampling,
        tokens: None,
    };
    Provenance { matplotlib, ..Provenance::new(Some(asking), answered::AGGREGATION) }
}

#[cfg(not(feature = "train"))]
fn local(args: &Args, world: World, _: &Sampling) -> Result<Exit> {
    let benchmark = world.benchmark();
    if args.model.is_some() {
        bail!(
            "--model is not in this build; help: give --endpoint, or build without `--no-default-features`"
        );
    }
    bail!("{benchmark} needs a model; help: give --endpoint URL")
}
