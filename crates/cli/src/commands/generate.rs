//! `generate`: samples one answer of a model, as it is used after training; or several, as the loop
//! of critique and revision uses it.

#[cfg(feature = "train")]
mod local;
#[cfg(feature = "train")]
mod revised;
mod served;

use super::endpoint::Options as Endpoint;
#[cfg(feature = "train")]
use super::folder::{Drawing, Storage};
use super::input::{File, Rendering};
use super::render::write_pages;
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use vsdpo_artifact::{Domain, Outcome, Source, Span};

#[cfg(feature = "train")]
pub use revised::Reflecting;

/// Ask a model for the code of a chart or a page. Neither a renderer nor a teacher is used.
///
/// Prints the code. With --render, the code is then run in the sandbox and its picture is written.
///
/// With --reflect N the model revises its answer: the code is rendered, and while it has defects or
/// fails, the model is asked again at most N times with the render and the rubric, or the error
/// text, as a teacher is in training. The answer is the last of the best attempts by (runs,
/// reward). Standard error, or --json, has the tokens, renders and seconds of every round.
///
/// With --endpoint, a model behind an OpenAI-compatible server answers.
///
/// Examples: visual-sdpo generate --model assets/mini "A line chart of 1, 3, 2." --render out.png;
/// visual-sdpo generate --model assets/mini --domain chart --reflect 3 "A line chart of 1, 3, 2.";
/// visual-sdpo generate --endpoint http://127.0.0.1:8000 --served-model Qwen/Qwen3-VL-8B-Instruct
/// --image chart.png "Draw this chart again with matplotlib."
#[derive(Parser)]
pub struct Args {
    /// A Hugging Face folder.
    #[arg(long, value_name = "DIR", required_unless_present = "endpoint")]
    model: Option<PathBuf>,
    /// A PEFT adapter of that model, in its folder.
    #[arg(long, value_name = "DIR", requires = "model")]
    adapter: Option<PathBuf>,
    /// The instruction: what to draw.
    prompt: String,
    /// A picture that belongs to the prompt (PNG or JPEG); may be given several times.
    #[arg(long, value_name = "PNG")]
    image: Vec<PathBuf>,
    /// Also run the code and write its picture.
    #[arg(long, value_name = "PNG")]
    render: Option<PathBuf>,
    /// Softmax temperature; 0 takes the most likely token. Default: of the folder's
    /// generation_config.json where it recommends a way of sampling, otherwise 0.
    #[arg(long)]
    temperature: Option<f64>,
    /// Share of probability that tokens are drawn from: the most likely ones that together have it.
    /// Default: as the temperature's, otherwise 1.
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Seed of the sampler.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Maximum number of tokens of the answer.
    #[arg(long, default_value_t = 512, value_name = "N", visible_alias = "max-completion-tokens")]
    max_tokens: usize,
    /// Print `{text, code: {start, end}, tokens, finished}` instead of the code; with --reflect
    /// also `reflect: {answer, rounds, total, single_pass}`, with --endpoint also `request`,
    /// `finish_reason`, `server_model` and `usage`.
    #[arg(long)]
    json: bool,
    #[cfg(feature = "train")]
    #[command(flatten)]
    reflecting: Reflecting,
    #[cfg(feature = "train")]
    #[command(flatten)]
    storage: Storage,
    #[cfg(feature = "train")]
    #[command(flatten)]
    drawing: Drawing,
    #[command(flatten)]
    endpoint: Endpoint,
    #[command(flatten)]
    rendering: Rendering,
}

/// What the model answered.
struct Answer {
    text: String,
    code: Span,
    /// `None` if the server does not say.
    tokens: Option<usize>,
    finished: bool,
    /// What the code drew, if it was rendered.
    outcome: Option<Outcome>,
    /// Further fields of the JSON.
    more: Value,
}

pub fn run(args: &Args) -> Result<Exit> {
    let domain = args.domain()?;
    let answer = if args.endpoint.is_given() { served::answer(args, domain)? } else { local(args, domain)? };
    let source = answer.code.text(&answer.text).unwrap_or("");
    if args.json {
        let mut value = json!({
            "text": answer.text, "code": answer.code, "tokens": answer.tokens, "finished": answer.finished,
        });
        if let (Value::Object(value), Value::Object(more)) = (&mut value, answer.more) {
            value.extend(more);
        }
        terminal::out(&terminal::json_line(&value))?;
    } else {
        terminal::out(&shown(source))?;
    }
    if !answer.finished {
        terminal::remark(&format!(
            "note: the answer was cut after {} tokens; help: raise the limit with --max-tokens",
            answer.tokens.unwrap_or(args.max_tokens)
        ));
    }
    if let Some(path) = &args.render {
        match answer.outcome {
            Some(Outcome::Rendered(rendered)) => write_pages(path, &rendered.pages)?,
            _ => {
                let language = domain.default_language();
                let (name, source) = ("the model's code".into(), Source::new(source, language));
                write_pages(path, &args.rendering.render(&File::new(name, domain, source))?.pages)?
            }
        };
    }
    Ok(Exit::Fine)
}

impl Args {
    /// The domain of the answer.
    fn domain(&self) -> Result<Domain> {
        #[cfg(feature = "train")]
        if self.rendering.domain().is_none() && self.reflecting.reflection().is_some() {
            bail!("--reflect needs the domain; help: add --domain chart or --domain web");
        }
        Ok(self.rendering.domain().unwrap_or(Domain::Chart))
    }

    /// The bytes of the pictures.
    fn pictures(&self) -> Result<Vec<Vec<u8>>> {
        let read = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("cannot read the picture `{}`", path.display()))
        };
        self.image.iter().map(read).collect()
    }
}

#[cfg(feature = "train")]
fn local(args: &Args, domain: Domain) -> Result<Answer> {
    local::answer(args, domain)
}

#[cfg(not(feature = "train"))]
fn local(_: &Args, _: Domain) -> Result<Answer> {
    bail!("--model is not in this build; help: give --endpoint, or build without `--no-default-features`")
}

/// The code with a line end. On a terminal control characters are replaced; elsewhere the code is
/// exact.
fn shown(code: &str) -> String {
    let code = if io::stdout().is_terminal() { terminal::clean(code) } else { code.into() };
    format!("{}\n", code.trim_end_matches('\n'))
}
