//! `eval --benchmark chartmimic`: the responses of any model, scored as the benchmark does.

mod dataset;
mod example;
mod judge;
mod official;
mod responses;
mod summary;
mod truths;

use super::questions::Asked;
use super::results::{self, Results};
use super::{Places, beside};
use crate::commands::Sandbox;
use crate::commands::score::{Mode, print};
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Args;
use dataset::Dataset;
use example::{Example, Metric};
use official::Official;
use responses::{Format, Responses};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use summary::{Shown, Summary};
use truths::Truths;
use vsdpo_render::spread;
use vsdpo_score::chartmimic::scorer::Scorer;
use vsdpo_score::files::{self, hash};

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
    /// `official` gives the benchmark's own numbers, `fixed` mends its accidents.
    #[arg(long, value_enum, default_value = "official")]
    mode: Mode,
    #[command(flatten)]
    judge: judge::Options,
}

/// What a run works on.
struct Run<'a> {
    data: &'a Dataset,
    responses: &'a Responses,
    scorer: Scorer,
    truths: Truths,
    keys: BTreeMap<String, String>,
}

pub fn run(
    args: &Options,
    places: &Places,
    model: Option<&Asked>,
    sandbox: &Sandbox,
    json: bool,
) -> Result<Exit> {
    let Some(folder) = &places.data else { bail!("chartmimic needs --data DIR: the benchmark's folder") };
    let whose = match (&args.responses, model) {
        (Some(file), None) => file,
        (None, Some(asked)) => asked.model,
        (Some(_), Some(_)) => bail!("--responses and --model exclude each other: who is to be scored?"),
        (None, None) => {
            bail!("chartmimic needs --responses FILE (a model's answers) or --model DIR (to be asked)")
        }
    };
    let out = places.out.clone().unwrap_or_else(|| beside(whose));
    let panel = judge::Panel::new(&args.judge)?;
    let data = Dataset::open(folder)?;
    let total = args.total.unwrap_or(data.stems.len());
    if total < data.stems.len() {
        bail!("--total {total} is less than the {} examples in `{}`", data.stems.len(), folder.display());
    }
    let _lock = results::lock(&out)?;
    let (file, format) = match model {
        Some(asked) => (data.questions(|questions| (asked.answer)(questions, &out))?, Format::Plain),
        None => (whose.to_owned(), args.format),
    };
    let responses = Responses::open(&file, format, &data)?;
    if responses.repeated > 0 {
        terminal::remark(&format!(
            "note: {} charts are answered again; the last line counts",
            responses.repeated
        ));
    }
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let rules = args.mode.into();
    let examples = score(&data, &responses, Scorer::start(sandbox.config(), rules)?, (&out, &cache))?;
    let official = Official::new(&out, &file, folder);
    official.write(&examples)?;
    let places = judge::Places { out: &out, cache: &cache, official: &official };
    let judged = panel.map(|p| p.judge(&data, &responses, &examples, sandbox, &places)).transpose()?;
    let shown =
        Shown { mode: print::mode(rules), responses: &file, data: folder, total, timeout: sandbox.timeout };
    let summary = Summary::new(&shown, &examples, judged);
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    files::replace(&out.join("summary.json"), text.as_bytes())?;
    terminal::out(&if json { terminal::escaped_json(&text).into_owned() } else { summary::table(&summary) })?;
    summary.judge.map_or(Ok(Exit::Fine), |j| j.complete().map(|()| Exit::Fine))
}

/// Scores what `places`, the folders of results and of the cache, do not know yet.
fn score(
    data: &Dataset,
    responses: &Responses,
    scorer: Scorer,
    (out, cache): (&Path, &Path),
) -> Result<BTreeMap<String, Example>> {
    let keys = keys(data, responses, &scorer)?;
    let run = Run { data, responses, truths: Truths::open(cache, &scorer)?, scorer, keys };
    let holds = |e: &Example| run.keys.get(&e.name) == Some(&e.key);
    let results = Results::open(&out.join("examples.jsonl"), holds)?;
    let before = results.count();
    run.score_all(&results)?;
    terminal::remark(&format!(
        "{} examples scored now, {before} known from before; {} ground truths were in the cache; details in `{}`",
        results.count() - before,
        run.truths.hits(),
        out.display()
    ));
    Ok(results.into_examples())
}

/// What decides each example's line.
fn keys(data: &Dataset, responses: &Responses, scorer: &Scorer) -> Result<BTreeMap<String, String>> {
    let identity = hash(&[&scorer.identity()]);
    let key = |stem: &String| {
        let (truth, response) = (data.script(stem)?, responses.get(stem)?);
        // A response's own text cannot be mistaken for none: scripts are compared, and none has no
        // script.
        let scripts = response.map(|r| format!("{:?}", r.scripts(scorer.rules()))).unwrap_or_default();
        Ok((stem.clone(), hash(&[&identity, stem, &truth, &scripts])))
    };
    data.stems.iter().map(key).collect()
}

impl Run<'_> {
    /// Scores over all slots what is not known yet; the first error ends all, with what is known in
    /// the file.
    fn score_all(&self, results: &Results<Example>) -> Result<()> {
        let open: Vec<&String> = self.data.stems.iter().filter(|stem| !results.knows(stem)).collect();
        let bar = terminal::progress("scoring", open.len() as u64);
        let score = |i: usize| {
            let added = self.example(open[i]).and_then(|row| results.add(&row));
            bar.inc(1);
            added
        };
        let scored = spread(self.scorer.workers(), open.len(), score);
        bar.finish_and_clear();
        scored.map(|_| ()).context("what was scored until then is kept; run again to go on")
    }

    /// The line of an example.
    fn example(&self, stem: &str) -> Result<Value> {
        let mut row = json!({"key": self.keys.get(stem), "name": stem});
        let Some(response) = self.responses.get(stem)? else {
            let none = Metric::default();
            return Ok(with(
                row,
                json!({
                    "answered": false, "code": false, "exec": false,
                    "text": none, "layout": none, "chart_type": none, "color": none, "low": 0.0,
                    "reasons": {"exec": "there is no response"},
                }),
            ));
        };
        let scripts = response.scripts(self.scorer.rules());
        row["answered"] = true.into();
        row["code"] = scripts.bare.is_some().into();
        let truth = || self.truths.get(&self.scorer, stem, &self.data.script(stem)?);
        Ok(with(row, print::json(&self.scorer.score(stem, scripts, truth)?)))
    }
}

/// The members of both objects.
fn with(mut row: Value, more: Value) -> Value {
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}
