//! `generate`: samples one answer of a model, as it is used after training.

use super::input::{File, Rendering};
use super::render::write_pages;
use crate::{Exit, terminal};
use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use vsdpo_artifact::{Domain, Source, Task, extract_code};
use vsdpo_policy::{Policy, SampleConfig, read_image};
use vsdpo_train::context::student_prompt;

/// Ask a model for the code of a chart or a page. Neither a renderer nor a teacher is used.
///
/// Prints the code. With --render, the code is then run in the sandbox and its picture is written.
///
/// Example: visual-sdpo generate --model assets/mini "A line chart of 1, 3, 2." --render out.png
#[derive(Parser)]
pub struct Args {
    /// A Hugging Face folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The instruction: what to draw.
    prompt: String,
    /// A picture that belongs to the prompt (PNG or JPEG); may be given several times.
    #[arg(long, value_name = "PNG")]
    image: Vec<PathBuf>,
    /// Also run the code and write its picture.
    #[arg(long, value_name = "PNG")]
    render: Option<PathBuf>,
    /// Softmax temperature; 0 takes the most likely token.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Seed of the sampler.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Maximum number of tokens of the answer.
    #[arg(long, default_value_t = 512, value_name = "N")]
    max_tokens: usize,
    /// Print `{text, code: {start, end}, tokens, finished}` instead of the code.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rendering: Rendering,
}

pub fn run(args: &Args) -> Result<Exit> {
    let policy = Policy::load(&args.model)?;
    let images = args.image.iter().map(|path| read_image(path)).collect::<Result<Vec<_>, _>>()?;
    let domain = args.rendering.domain().unwrap_or(Domain::Chart);
    let language = domain.default_language();
    let task = Task { prompt: args.prompt.clone(), images, ..Task::unspecified(domain, language) };
    let prompt = policy.encode(&student_prompt(&task))?;
    let config =
        SampleConfig { max_completion_tokens: args.max_tokens, temperature: args.temperature, top_p: 1.0 };
    let bar = terminal::progress("sampling", 0);
    let sampled = policy.sample(&[prompt], 1, &config, args.seed);
    bar.finish_and_clear();
    let answer = sampled?.into_iter().next().context("the model gave no answer")?;
    let code = extract_code(&answer.text, language);
    let source = code.text(&answer.text).unwrap_or("");
    if args.json {
        let value = json!({
            "text": answer.text, "code": code, "tokens": answer.tokens.len(), "finished": answer.finished,
        });
        terminal::out(&terminal::json_line(&value))?;
    } else {
        terminal::out(&shown(source))?;
    }
    if !answer.finished {
        terminal::remark(&format!(
            "note: the answer was cut after {} tokens; help: raise the limit with --max-tokens",
            answer.tokens.len()
        ));
    }
    if let Some(path) = &args.render {
        let (name, source) = ("the model's code".into(), Source::new(source, language));
        let rendered = args.rendering.render(&File { name, domain, source })?;
        write_pages(path, &rendered.pages)?;
    }
    Ok(Exit::Fine)
}

/// The code with a line end. On a terminal control characters are replaced; elsewhere the code is
/// exact.
fn shown(code: &str) -> String {
    let code = if io::stdout().is_terminal() { terminal::clean(code) } else { code.into() };
    format!("{}\n", code.trim_end_matches('\n'))
}
