//! `eval --benchmark chartmimic`: scores the responses of any model as the benchmark does.

use super::{Args, beside};
use crate::commands::judge::Judge;
use crate::commands::score::Mode;
use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::ValueEnum;
use vsdpo_score::chartmimic;
use vsdpo_score::chartmimic::eval::{Answers, EvalConfig, evaluate};
use vsdpo_score::files;
use vsdpo_score::questions::Asked;

#[derive(clap::Args)]
#[command(next_help_heading = "chartmimic")]
#[group(skip)]
pub struct Options {
    /// The format of a response; `auto` detects it.
    #[arg(long, value_enum, default_value = "auto")]
    format: Format,
    /// The number D that sums are divided by. Default: the number of examples in the folder.
    #[arg(long, value_name = "D")]
    total: Option<usize>,
    /// `official` gives the benchmark's own numbers, `fixed` fixes its known bugs.
    #[arg(long, value_enum, default_value = "official")]
    mode: Mode,
    #[command(flatten, next_help_heading = "chartmimic judge (High)")]
    judge: Judge,
}

/// The format of a response.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// By the form of the responses, and `idefics2` by the file's name.
    Auto,
    /// Text.
    Plain,
    /// A chat completion as JSON in a string.
    Gpt,
    /// A chat completion as an object.
    Claude,
    /// Text; without a fence, everything after the first "Assistant: " is code.
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

pub fn run(args: &Args, model: Option<&Asked>) -> Result<Exit> {
    let (options, places) = (&args.chartmimic, &args.places);
    let Some(data) = &places.data else {
        bail!("chartmimic needs its data; help: give --data DIR, the benchmark's folder")
    };
    let (out, answers) = match (&places.responses, model) {
        (Some(file), None) => (beside(file), Answers::File(file, options.format.into())),
        (None, Some(asked)) => (asked.out.clone(), Answers::Model(asked)),
        (Some(_), Some(_)) => {
            bail!("--responses and --model or --endpoint exclude each other; help: give one of them")
        }
        (None, None) => {
            bail!(
                "chartmimic has nothing to score; help: give --responses FILE, --model DIR or --endpoint URL"
            )
        }
    };
    let out = places.out.clone().unwrap_or(out);
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let judge = options.judge.config();
    let config = EvalConfig {
        data,
        answers,
        total: options.total,
        rules: options.mode.into(),
        rendering: args.rendering(30),
        judge: judge.as_ref(),
        out: &out,
        cache: &cache,
    };
    let summary = evaluate(&config, &terminal::Terminal::default())?;
    terminal::out_json_or(args.json, &summary, || chartmimic::table(&summary))?;
    summary.judge.map_or(Ok(Exit::Fine), |j| j.complete().map(|()| Exit::Fine))
}
