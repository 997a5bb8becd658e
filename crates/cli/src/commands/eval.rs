//! `eval`: scores a model on a benchmark, with confidence intervals.

mod aeslides;
mod chartmimic;
mod design2code;
mod mini;

#[cfg(feature = "train")]
use super::folder::{Drawing, Storage};
use super::{Sandbox, endpoint as options};
use crate::Exit;
use crate::terminal::Terminal;
#[cfg(not(feature = "train"))]
use anyhow::bail;
use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use vsdpo_data::mini::World;
use vsdpo_render::RenderConfig;
use vsdpo_score::endpoint;
use vsdpo_score::questions::Asked;
#[cfg(feature = "train")]
use vsdpo_train::answers::{Answerer, BLOCK, answer};

/// Score a model on a benchmark, with 95 % confidence intervals over tasks.
///
/// chartmimic: scores the responses of any model against the benchmark's folder and prints a row of
/// the benchmark's table. Each example is saved as soon as it is scored, so an interrupted run
/// resumes where it stopped. With a judge, a language model also compares the pictures. With
/// --model, the model is asked for its responses first; with --endpoint, a model behind an
/// OpenAI-compatible server.
///
/// design2code: the same for a folder of predicted pages. Without the weights of CLIP, that column
/// stays empty.
///
/// aeslides: scores slides on the four axes of AeSlides and their mean, Avg: a folder of slides and
/// decks, or the answers of any model to prompts. What cannot be drawn counts 0.
///
/// mini-chart, mini-web, mini-slide: scores a model on dev or test tasks of the embedded world, and
/// beside it the best constant layout, which is the score without reading the prompt. With
/// --feedback, the model is also scored with feedback on its own answers and with shuffled
/// feedback. With --reflect N, the arm reflect-K is the best answer after at most K revisions, and
/// the mean tokens, renders and seconds of a task stand beside its scores.
///
/// Examples: visual-sdpo eval --benchmark chartmimic --data dataset/direct_600 --responses
/// results.json; visual-sdpo eval --benchmark design2code --data testset_final --predictions
/// my_model --clip clip-vit-base-patch32; visual-sdpo eval --benchmark aeslides --predictions
/// my_slides; visual-sdpo eval --model assets/mini --benchmark mini-chart; visual-sdpo eval
/// --endpoint http://127.0.0.1:8000 --served-model Qwen/Qwen3-VL-8B-Instruct --benchmark chartmimic
/// --data dataset/direct_600
#[derive(Parser)]
pub struct Args {
    /// The benchmark.
    #[arg(long, value_enum)]
    benchmark: Benchmark,
    /// A Hugging Face folder: the model that answers.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// A PEFT adapter of that model, in its folder.
    #[arg(long, value_name = "DIR", requires = "model")]
    adapter: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// mini-slide: the language of the slides.
    #[arg(long, value_enum, default_value_t = SlideLanguage::Html)]
    language: SlideLanguage,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Time limit of a script or a screenshot in seconds. Default: 30 for chartmimic (the benchmark
    /// has no limit) and aeslides, 60 for design2code (the benchmark's limit), otherwise 10.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: Option<u64>,
    /// Run scripts even if the kernel has no landlock or seccomp. They can then read your files.
    #[arg(long)]
    unsafe_no_sandbox: bool,
    #[command(flatten)]
    sampling: Sampling,
    #[cfg(feature = "train")]
    #[command(flatten)]
    storage: Storage,
    #[cfg(feature = "train")]
    #[command(flatten)]
    drawing: Drawing,
    #[command(flatten)]
    endpoint: options::Options,
    /// Score also if the server gives no answer to some questions; they count as failed.
    #[arg(long, requires = "endpoint", help_heading = "endpoint")]
    allow_missing: bool,
    #[command(flatten)]
    mini: mini::Options,
    #[command(flatten)]
    chartmimic: chartmimic::Options,
    #[command(flatten)]
    design2code: design2code::Options,
}

/// The folders of a benchmark and of its results; the embedded world needs none of them.
#[derive(clap::Args)]
#[group(skip)]
struct Places {
    /// The benchmark's folder: STEM.py and STEM.png (chartmimic), N.html and N.png (design2code);
    /// or a file of JSON lines with prompts (aeslides, as `[data] type = "aeslides"`).
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// chartmimic, aeslides: a model's answers, as JSON lines {"name", "response"}, for chartmimic
    /// also {"file", "response"}.
    #[arg(long, value_name = "FILE")]
    responses: Option<PathBuf>,
    /// design2code: folder of the model's pages, named like the benchmark's, with rick.jpg beside
    /// them. aeslides: folder of slides (.html) and decks (.pptx, or .py that saves one); prompts
    /// are not needed.
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    /// Folder of the results, which `compare` reads; a run with the same folder resumes. Default:
    /// beside the input; with --endpoint NAME-BENCHMARK.scored in the current folder. With --model,
    /// the mini worlds write it only if it is given, and do not resume.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder that keeps the records of references and the replies of judges for later runs.
    /// Default: the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// The default folder of results: `x.scored` for the file `x.jsonl` or the folder `x`.
fn beside(what: &Path) -> PathBuf {
    let mut name =
        if what.is_dir() { what.file_name() } else { what.file_stem() }.unwrap_or_default().to_owned();
    name.push(".scored");
    what.with_file_name(name)
}

/// How answers are sampled.
#[derive(clap::Args)]
#[group(skip)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the most likely token. Default: 1 for the mini worlds,
    /// otherwise, like the next ones, of generation_config.json of --model where it recommends a
    /// way of sampling, else 0.
    #[arg(long)]
    temperature: Option<f64>,
    /// Share of probability that tokens are drawn from: the most likely ones that together have it.
    /// Default: 1.
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Seed of tasks and answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Maximum number of tokens of an answer. Default: 256 for mini-chart and mini-web, 512 (HTML)
    /// or 640 (Python) for mini-slide, otherwise 4096.
    #[arg(long, value_name = "N", visible_alias = "max-completion-tokens")]
    max_tokens: Option<usize>,
}

impl Sampling {
    /// The settings, with defaults.
    fn with(&self, temperature: f64, max_tokens: usize) -> endpoint::Sampling {
        endpoint::Sampling {
            temperature: self.temperature.unwrap_or(temperature),
            top_p: self.top_p.unwrap_or(1.0),
            max_completion_tokens: self.max_tokens.unwrap_or(max_tokens),
            seed: self.seed,
            limits: endpoint::Limits::default(),
        }
    }
}

/// The same settings for a model's folder, with what `recommending` recommends.
#[cfg(feature = "train")]
fn of_policy(
    args: &Args,
    sampling: &endpoint::Sampling,
    recommending: Option<&Path>,
) -> Result<vsdpo_policy::SampleConfig> {
    let pure = vsdpo_policy::SampleConfig {
        max_completion_tokens: sampling.max_completion_tokens,
        temperature: sampling.temperature as f32,
        top_p: sampling.top_p as f32,
        ..Default::default()
    };
    args.drawing.config(recommending, (args.sampling.temperature, args.sampling.top_p), pure)
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// ChartMimic: charts to reproduce, in the benchmark's own folder layout.
    Chartmimic,
    /// Design2Code and Design2Code-HARD: pages to reproduce, in the benchmark's own folder layout.
    Design2code,
    /// Slides by AeSlides.
    Aeslides,
    /// Held-out charts of the embedded world.
    MiniChart,
    /// Held-out pages of the embedded world.
    MiniWeb,
    /// Held-out slides of the embedded world, in the language of --language.
    MiniSlide,
}

/// The languages of slides.
#[derive(Clone, Copy, ValueEnum)]
enum SlideLanguage {
    /// One HTML page for each slide.
    Html,
    /// A python-pptx script.
    Python,
}

impl SlideLanguage {
    fn world(self) -> World {
        match self {
            SlideLanguage::Html => World::Slide,
            SlideLanguage::Python => World::Deck,
        }
    }
}

impl Args {
    fn timeout(&self, default: u64) -> u64 {
        self.timeout.unwrap_or(default)
    }

    fn rendering(&self, default_timeout: u64) -> RenderConfig {
        let timeout = self.timeout(default_timeout);
        Sandbox { timeout, unsafe_no_sandbox: self.unsafe_no_sandbox }.config()
    }
}

impl Benchmark {
    fn name(self) -> &'static str {
        match self {
            Benchmark::Chartmimic => "chartmimic",
            Benchmark::Design2code => "design2code",
            Benchmark::Aeslides => "aeslides",
            Benchmark::MiniChart => World::Chart.benchmark(),
            Benchmark::MiniWeb => World::Web.benchmark(),
            Benchmark::MiniSlide => World::Slide.benchmark(),
        }
    }
}

pub fn run(args: &Args) -> Result<Exit> {
    match args.benchmark {
        Benchmark::Chartmimic => asked(args, |asked| chartmimic::run(args, asked)),
        Benchmark::Design2code => asked(args, |asked| design2code::run(args, asked)),
        Benchmark::Aeslides => asked(args, |asked| aeslides::run(args, asked)),
        Benchmark::MiniChart => mini::run(args, World::Chart),
        Benchmark::MiniWeb => mini::run(args, World::Web),
        Benchmark::MiniSlide => mini::run(args, args.language.world()),
    }
}

/// Runs a benchmark with the model of --endpoint or --model, if one is given.
fn asked(args: &Args, run: impl FnOnce(Option<&Asked>) -> Result<Exit>) -> Result<Exit> {
    let sampling = args.sampling.with(0.0, 4096);
    if args.endpoint.is_given() {
        return of_server(args, sampling, |asked| run(Some(asked)));
    }
    of_folder(args, sampling, run)
}

/// Calls `run` with the model of --endpoint.
fn of_server(
    args: &Args,
    sampling: endpoint::Sampling,
    run: impl FnOnce(&Asked) -> Result<Exit>,
) -> Result<Exit> {
    let server = args.endpoint.open(sampling, args.allow_missing)?.context("no server is given")?;
    let model = server.config().model.clone();
    let out = options::results_folder(&model, args.benchmark.name());
    run(&Asked { model, out, answer: &|questions, out| server.answer(questions, out, &Terminal::default()) })
}

#[cfg(feature = "train")]
fn of_folder(
    args: &Args,
    sampling: endpoint::Sampling,
    run: impl FnOnce(Option<&Asked>) -> Result<Exit>,
) -> Result<Exit> {
    let Some(model) = &args.model else { return run(None) };
    let (sampling, seed) = (of_policy(args, &sampling, Some(model))?, sampling.seed);
    let adapter = args.adapter.as_deref();
    let loading = args.storage.loading_to_sample(model, BLOCK, &sampling);
    let answerer = Answerer { model, adapter, loading, sampling, seed, reporter: &Terminal::default() };
    let (name, out) = (answerer.name(), beside(adapter.unwrap_or(model)));
    run(Some(&Asked { model: name, out, answer: &|questions, out| answer(&answerer, questions, out) }))
}

#[cfg(not(feature = "train"))]
fn of_folder(
    args: &Args,
    _: endpoint::Sampling,
    run: impl FnOnce(Option<&Asked>) -> Result<Exit>,
) -> Result<Exit> {
    if args.model.is_some() {
        bail!(
            "--model is not in this build; help: give --endpoint, or build without `--no-default-features`"
        );
    }
    run(None)
}
