//! `eval --benchmark chartmimic`: the responses of any model, scored as the benchmark does.

use super::{Places, beside};
use crate::commands::Sandbox;
use crate::commands::score::Mode;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use vsdpo_score::chartmimic::eval::{Answers, EvalConfig, evaluate};
use vsdpo_score::chartmimic::{self, JudgeConfig};
use vsdpo_score::files;
use vsdpo_score::questions::Asked;

#[derive(Args)]
#[command(next_help_heading = "chartmimic")]
#[group(skip)]
pub struct Options {
    /// The model's answers: the benchmark's JSON lines {"file", "response"} or {"name",
    /// "response"}.
    #[arg(long, value_name = "FILE")]
    responses: Option<PathBuf>,
    /// What a response is; `auto` tells completions by their shape.
    #[arg(long, value_enum, default_value = "auto")]
    format: Format,
    /// D, by which sums are divided. Default: the number of examples in the folder.
    #[arg(long, value_name = "D")]
    total: Option<usize>,
    /// `official` gives the benchmark's own numbers, `fixed` fixes its known bugs.
    #[arg(long, value_enum, default_value = "official")]
    mode: Mode,
    #[command(flatten)]
    judge: Judge,
}

/// What a response is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// By shape, and `idefics2` by the file's name.
    Auto,
    /// Text.
    Plain,
    /// A chat completion as JSON in a string.
    Gpt,
    /// A chat completion as an object.
    Claude,
    /// Text; without a fence, all after the first "Assistant: " is code.
    Idefics2,
}

impl From<Format> for chartmimic::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Auto => Self::Auto,
            Format::Plain => Self::Plain,
            Format::Gpt => Self::Gpt,
            Format::Claude => Self::Claude,
            Format::Idefics2 => Self::Idefics2,
        }
    }
}

#[derive(Args)]
#[command(next_help_heading = "chartmimic judge (High)")]
#[group(skip)]
struct Judge {
    /// An OpenAI-compatible server, such as http://127.0.0.1:8000/v1.
    #[arg(long, value_name = "URL", requires = "judge_model")]
    judge_url: Option<String>,
    /// The model that judges. Give it again for a second opinion; the first one makes the row's
    /// High.
    #[arg(long, value_name = "MODEL", requires = "judge_url")]
    judge_model: Vec<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", requires = "judge_url")]
    judge_key_env: Option<String>,
    /// Calls at most in this run, retries included.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    judge_budget: u64,
    /// Tries for each pair.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=50))]
    judge_tries: u32,
    /// Seconds before the second try; each further wait is twice as long.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    judge_wait: f64,
    /// Pairs that are judged at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    judge_parallel: u16,
    /// Seconds that a call may take.
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = clap::value_parser!(u64).range(1..=3600))]
    judge_timeout: u64,
}

impl Judge {
    fn config(&self) -> Option<JudgeConfig> {
        Some(JudgeConfig {
            url: self.judge_url.clone()?,
            models: self.judge_model.clone(),
            key_env: self.judge_key_env.clone(),
            budget: self.judge_budget,
            tries: self.judge_tries,
            wait: self.judge_wait,
            parallel: self.judge_parallel,
            timeout: self.judge_timeout,
        })
    }
}

pub fn run(
    args: &Options,
    places: &Places,
    model: Option<&Asked>,
    sandbox: &Sandbox,
    json: bool,
) -> Result<Exit> {
    let Some(data) = &places.data else { bail!("chartmimic needs --data DIR: the benchmark's folder") };
    let (whose, answers) = match (&args.responses, model) {
        (Some(file), None) => (file.as_path(), Answers::File(file, args.format.into())),
        (None, Some(asked)) => (asked.model, Answers::Model(asked)),
        (Some(_), Some(_)) => bail!("--responses and --model exclude each other: who is to be scored?"),
        (None, None) => {
            bail!("chartmimic needs --responses FILE (a model's answers) or --model DIR (to be asked)")
        }
    };
    let out = places.out.clone().unwrap_or_else(|| beside(whose));
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let judge = args.judge.config();
    let config = EvalConfig {
        data,
        answers,
        total: args.total,
        rules: args.mode.into(),
        rendering: sandbox.config(),
        judge: judge.as_ref(),
        out: &out,
        cache: &cache,
    };
    let summary = evaluate(&config, &terminal::Terminal::default())?;
    terminal::out_json_or(json, &summary, || chartmimic::table(&summary))?;
    summary.judge.map_or(Ok(Exit::Fine), |j| j.complete().map(|()| Exit::Fine))
}
