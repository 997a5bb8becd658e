//! `logprobs`: the log-probabilities of a given text under a model.

use super::folder::Storage;
use super::source;
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use vsdpo_policy::{Policy, read_messages};

/// Print the log-probability of every token of a completion.
///
/// Prints `{"tokens": [{"id", "start", "end", "logp"}], "sum"}` with byte offsets into the file of
/// the completion and natural logarithms at temperature 1. No end token is added.
///
/// Example: visual-sdpo logprobs --model assets/mini --messages chat.json --completion answer.txt
#[derive(Parser)]
pub struct Args {
    /// A Hugging Face folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A PEFT adapter of that model, in its folder.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// The conversation before the completion, as JSON: `[{"role": "user", "content": "..."}]`.
    #[arg(long, value_name = "FILE.json")]
    messages: PathBuf,
    /// The file of the text to score; it is scored unchanged.
    #[arg(long, value_name = "FILE")]
    completion: PathBuf,
    #[command(flatten)]
    storage: Storage,
}

pub fn run(args: &Args) -> Result<Exit> {
    let messages = read_messages(&args.messages)?;
    let shown = args.completion.display();
    let bytes = fs::read(&args.completion).with_context(|| format!("cannot read `{shown}`"))?;
    let text = source::utf8(&shown.to_string(), bytes)?;
    if text.is_empty() {
        bail!("`{shown}` is empty; help: give the text to score");
    }
    let policy = Policy::load_with(&args.model, args.adapter.as_deref(), &args.storage.loading())?;
    let prompt = policy.encode(&messages)?;
    let ids = policy.tokenizer().encode(&text)?;
    let (_, spans) = policy.tokenizer().decode(&ids);
    let logprobs = policy.logprobs(&prompt, &ids)?;
    let tokens: Vec<_> = ids
        .iter()
        .zip(&spans)
        .zip(&logprobs)
        .map(|((id, span), logp)| json!({"id": id, "start": span.start, "end": span.end, "logp": logp}))
        .collect();
    let sum: f64 = logprobs.iter().map(|&v| f64::from(v)).sum();
    terminal::out(&terminal::json_line(&json!({"tokens": tokens, "sum": sum})))?;
    Ok(Exit::Fine)
}
