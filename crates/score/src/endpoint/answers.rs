//! The answers of a server's model to the questions of a benchmark, in `answers.jsonl`: one line as
//! soon as an answer is there, with the request that it answers. The next run asks only for what is
//! missing, and refuses to add answers to other requests.

use super::client::{Usage, is_cut};
use super::request::{picture_hash, turn};
use super::{Endpoint, picture};
use crate::files;
use crate::provenance::{Asking, Tokens, prompts};
use crate::questions::{Answered, Question, Questions};
use crate::report::Reporter;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use vsdpo_render::spread;

/// Questions without an answer that an error lists.
const LISTED: usize = 10;

/// The name of a question without an answer, and why.
type Unanswered = (String, String);

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    name: String,
    response: String,
    finish_reason: Option<String>,
    usage: Usage,
    /// The model's name as the server reports it.
    server_model: Option<String>,
    /// Seconds from the first try to the answer.
    seconds: f64,
    /// The request; a picture is `sha256:` and the hash of its file.
    request: Value,
}

impl Endpoint {
    /// Asks the questions that `out/answers.jsonl` does not answer yet.
    ///
    /// # Errors
    /// Returns an error if that file answers other requests, cannot be read or written, or if
    /// questions stay without an answer and must not.
    pub fn answer(&self, questions: &Questions, out: &Path, reporter: &dyn Reporter) -> Result<Answered> {
        files::make_folder(out)?;
        let path = out.join("answers.jsonl");
        let asked =
            (0..questions.count).map(|i| self.asked(&(questions.get)(i)?)).collect::<Result<Vec<_>>>()?;
        let requests: BTreeMap<&str, &Value> = asked.iter().map(|a| (a.name.as_str(), &a.request)).collect();
        let before = known(&path, &requests)?;
        let names: BTreeSet<&str> = before.iter().map(|line| line.name.as_str()).collect();
        let open: Vec<usize> =
            (0..asked.len()).filter(|i| !names.contains(asked[*i].name.as_str())).collect();
        let open_file = OpenOptions::new().append(true).create(true).open(&path);
        let file = Mutex::new(open_file.with_context(|| cannot(&path))?);
        let (new, failed) = self.ask_all(questions, &asked, &open, &file, reporter)?;
        let all: Vec<&Line> = before.iter().chain(&new).collect();
        let tokens = self.tell(&all, new.len(), &path, reporter);
        if !(failed.is_empty() || self.config.allow_missing) {
            bail!(missing(&failed, asked.len()));
        }
        let server_models: BTreeSet<&String> = all.iter().filter_map(|l| l.server_model.as_ref()).collect();
        let asking = Asking {
            model: self.config.model.clone(),
            server_models: server_models.into_iter().cloned().collect(),
            prompt: Some(prompts(questions.variant, asked.iter().map(|a| a.prompt.as_str()))),
            sampling: self.config.sampling,
            tokens: Some(tokens),
        };
        Ok(Answered { file: path, asking })
    }

    /// A question, as it is saved.
    fn asked(&self, question: &Question) -> Result<Asked> {
        if question.pictures.iter().any(|bytes| super::media_type(bytes).is_none()) {
            bail!("the picture of `{}` is neither PNG nor JPEG; help: convert it", question.name);
        }
        let request = self.config.request(turn(&question.pictures, &question.prompt, picture_hash));
        Ok(Asked { name: question.name.clone(), prompt: question.prompt.clone(), request })
    }

    /// Asks, and appends each answer to the file. Returns the answers, and the questions without
    /// one with the reason.
    fn ask_all(
        &self,
        questions: &Questions,
        asked: &[Asked],
        open: &[usize],
        file: &Mutex<File>,
        reporter: &dyn Reporter,
    ) -> Result<(Vec<Line>, Vec<Unanswered>)> {
        if open.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        reporter.begin("asking", open.len() as u64);
        let ask = |k: usize| -> Result<Result<Line, Unanswered>> {
            let i = open[k];
            // Read again, because the pictures of all questions may not fit into memory.
            let line = self.line(&(questions.get)(i)?, &asked[i]);
            reporter.advance();
            let Ok(line) = line else { return Ok(line) };
            let text = serde_json::to_string(&line)? + "\n";
            let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
            written.context("cannot write answers.jsonl; help: make room, then run again to resume")?;
            Ok(Ok(line))
        };
        let all = spread(self.config.concurrency.into(), open.len(), ask);
        reporter.end();
        let (mut lines, mut failed) = (Vec::new(), Vec::new());
        for result in all? {
            match result {
                Ok(line) => lines.push(line),
                Err(failure) => failed.push(failure),
            }
        }
        Ok((lines, failed))
    }

    fn line(&self, question: &Question, asked: &Asked) -> Result<Line, Unanswered> {
        let begun = Instant::now();
        let request = self.config.request(turn(&question.pictures, &question.prompt, picture));
        let reply = self.send(&request).map_err(|lack| (asked.name.clone(), lack.why().to_owned()))?;
        Ok(Line {
            name: asked.name.clone(),
            response: reply.text,
            finish_reason: reply.finish_reason,
            usage: reply.usage,
            server_model: reply.model,
            seconds: begun.elapsed().as_secs_f64(),
            request: asked.request.clone(),
        })
    }

    /// Notes about all answers, and their tokens.
    fn tell(&self, all: &[&Line], new: usize, path: &Path, reporter: &dyn Reporter) -> Tokens {
        let tokens = Tokens::of(all.iter().map(|line| &line.usage));
        let before = all.len() - new;
        reporter.note(&format!(
            "{new} answers asked for now, {before} known from before, in `{}`",
            path.display()
        ));
        reporter.note(&tokens.shown());
        let cut = all.iter().filter(|line| is_cut(line.finish_reason.as_deref())).count();
        if cut > 0 {
            let limit = self.config.sampling.max_completion_tokens;
            reporter.note(&format!(
                "note: {cut} answers were cut after {limit} tokens; help: raise the limit with --max-tokens"
            ));
        }
        tokens
    }
}

/// The answers in a file by name, each with whether it ended before the limit of tokens.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, (String, bool)>> {
    let line = |line: Line| (line.name, (line.response, !is_cut(line.finish_reason.as_deref())));
    Ok(lines(path)?.into_iter().map(line).collect())
}

/// A question, as it is saved.
struct Asked {
    name: String,
    prompt: String,
    request: Value,
}

/// The answers of earlier runs. A last line that was not written whole is removed.
fn known(path: &Path, requests: &BTreeMap<&str, &Value>) -> Result<Vec<Line>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    cut_torn_line(path).with_context(|| cannot(path))?;
    let all = lines(path)?;
    let help = "give the settings of the first run, another --out, or remove the file";
    for line in &all {
        let (shown, name) = (path.display(), &line.name);
        let Some(request) = requests.get(name.as_str()) else {
            bail!("`{shown}` answers `{name}`, which this run does not ask; help: {help}");
        };
        if let Some(what) = difference(&line.request, request) {
            bail!(
                "`{shown}` answers other requests than those of this run: {what} of `{name}`; help: {help}"
            );
        }
    }
    Ok(all)
}

/// What differs between a saved request and the present one.
fn difference(saved: &Value, now: &Value) -> Option<String> {
    let none = Map::new();
    let [saved, now] = [saved, now].map(|request| request.as_object().unwrap_or(&none));
    let fields: BTreeSet<&String> = saved.keys().chain(now.keys()).collect();
    let differs = |field: &&String| saved.get(*field) != now.get(*field);
    let shown = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    let tell = |field: &String| match field.as_str() {
        "messages" => "the prompt or a picture differs".to_owned(),
        _ => format!("{field} was {} and is now {}", shown(saved.get(field)), shown(now.get(field))),
    };
    let all: Vec<String> = fields.into_iter().filter(differs).map(tell).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn cut_torn_line(path: &Path) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    Ok(())
}

fn lines(path: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut names = BTreeSet::new();
    let read = |(i, line): (usize, &str)| {
        let place = || format!("`{}` line {}", path.display(), i + 1);
        let line: Line = serde_json::from_str(line).map_err(|e| {
            anyhow!("{}: {e}; help: remove the line, and its question is asked again", place())
        })?;
        if !names.insert(line.name.clone()) {
            bail!("{}: `{}` is answered again; help: remove one of the lines", place(), line.name);
        }
        Ok(line)
    };
    text.lines().enumerate().map(read).collect()
}

/// The error for questions without an answer.
fn missing(failed: &[Unanswered], all: usize) -> String {
    let list: Vec<String> = failed.iter().take(LISTED).map(|(name, why)| format!("{name}: {why}")).collect();
    let more = failed.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!(
        "{} of {all} questions have no answer: {}{more}; help: run the same command again to ask for these only, or \
         add --allow-missing to count them as failed",
        failed.len(),
        list.join("; ")
    )
}

fn cannot(path: &Path) -> String {
    format!("cannot write `{}`", path.display())
}
