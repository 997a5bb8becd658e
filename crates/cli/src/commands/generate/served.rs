//! The answer of a model behind a server.

use super::{Answer, Args};
use crate::terminal;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use vsdpo_artifact::{Domain, extract_code};
use vsdpo_score::endpoint::{Endpoint, Limits, Sampling, media_type};

/// The answer of the model of --endpoint.
pub fn answer(args: &Args, domain: Domain) -> Result<Answer> {
    #[cfg(feature = "train")]
    if args.reflecting.reflection().is_some() {
        bail!("generate --reflect needs the model's folder; help: give --model DIR, or leave --reflect out");
    }
    let server = open(args)?;
    let pictures = args.pictures()?;
    if let Some(i) = pictures.iter().position(|bytes| media_type(bytes).is_none()) {
        bail!("`{}` is neither PNG nor JPEG; help: convert it", args.image[i].display());
    }
    let bar = terminal::progress("asking", 0);
    let reply = server.complete(&pictures, &args.prompt);
    bar.finish_and_clear();
    let reply = reply.map_err(|lack| {
        let help = "check --endpoint and --served-model, and what the server logs";
        anyhow!("the server gave no answer: {}; help: {help}", lack.why())
    })?;
    let more = json!({
        "request": server.saved_request(&pictures, &args.prompt),
        "finish_reason": reply.finish_reason,
        "server_model": reply.model,
        "usage": reply.usage,
    });
    let (code, finished) = (extract_code(&reply.text, domain.default_language()), !reply.is_cut());
    let tokens = reply.usage.completion_tokens.and_then(|n| n.try_into().ok());
    Ok(Answer { text: reply.text, code, tokens, finished, outcome: None, more })
}

fn open(args: &Args) -> Result<Endpoint> {
    let sampling = Sampling {
        temperature: args.temperature.unwrap_or(0.0),
        top_p: args.top_p.unwrap_or(1.0),
        max_completion_tokens: args.max_tokens,
        seed: args.seed,
        limits: Limits::default(),
    };
    args.endpoint.open(sampling, false)?.context("no server is given")
}
