//! `eval --benchmark design2code`: a folder of predicted pages, scored as the benchmark does.

mod answers;
mod dataset;
mod example;
mod parquet;
mod summary;

use super::questions::Asked;
use super::results::{self, Results};
use super::{Places, beside};
use crate::commands::score::design2code::{as_json, error};
use crate::commands::score::page_scorer;
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Args;
use example::{Example, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use summary::{Shown, Summary};
use vsdpo_data::DESIGN2CODE_PLACEHOLDER as PLACEHOLDER;
use vsdpo_render::spread;
use vsdpo_score::design2code::cache::{Beside, unchanged};
use vsdpo_score::design2code::scorer::{self as pages, Both, Cause, Page, PageScorer};
use vsdpo_score::files::{self, hash_bytes};

#[derive(Args)]
#[command(next_help_heading = "design2code")]
#[group(skip)]
pub struct Options {
    /// The model's pages, named as the benchmark's, with rick.jpg beside them.
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    /// Folder of openai/clip-vit-base-patch32 in safetensors form.
    #[arg(long, value_name = "DIR")]
    clip: Option<PathBuf>,
}

/// What a run works on.
struct Run<'a> {
    examples: &'a [dataset::Example],
    data: &'a Path,
    predictions: &'a Path,
    scorer: PageScorer,
    keys: BTreeMap<&'a str, String>,
}

pub fn run(args: &Options, places: &Places, model: Option<&Asked>, timeout: u64, json: bool) -> Result<Exit> {
    let Some(data) = &places.data else {
        bail!("design2code needs --data PATH: the benchmark's folder, or its Parquet file")
    };
    let whose = match (&args.predictions, model) {
        (Some(folder), None) => folder,
        (None, Some(asked)) => asked.model,
        (Some(_), Some(_)) => bail!("--predictions and --model exclude each other: who is to be scored?"),
        (None, None) => {
            bail!("design2code needs --predictions DIR (a model's pages) or --model DIR (to be asked)")
        }
    };
    let out = places.out.clone().unwrap_or_else(|| beside(whose));
    let _lock = results::lock(&out)?;
    let data = &parquet::unpacked(data, &out)?;
    let examples = dataset::examples(data)?;
    let predictions = match model {
        Some(asked) => {
            let file = dataset::questions(&examples, |questions| (asked.answer)(questions, &out))?;
            answers::write_pages(&file, data, &out)?
        }
        None => whose.to_owned(),
    };
    check(&examples, data, &predictions)?;
    let cache = files::cache_folder(places.cache.as_deref(), &out);
    let scorer = page_scorer(timeout, args.clip.as_deref(), Some(&cache))?;
    let run = Run { examples: &examples, data, predictions: &predictions, keys: BTreeMap::new(), scorer };
    let known = run.score(&out)?;
    let shown = Shown { predictions: &predictions, data, timeout, clip: args.clip.is_some() };
    let rows: Vec<&Example> = examples.iter().filter_map(|e| known.get(&e.name)).collect();
    let summary = Summary::new(&shown, &rows);
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    files::replace(&out.join("summary.json"), text.as_bytes())?;
    terminal::out(&if json { terminal::escaped_json(&text).into_owned() } else { summary::table(&summary) })?;
    if summary.failed > 0 {
        bail!(
            "the screenshots of {} of {} examples failed, so they have no scores: the same command tries these again",
            summary.failed,
            summary.examples
        );
    }
    Ok(Exit::Fine)
}

/// Tells what would otherwise look like many bad predictions.
fn check(examples: &[dataset::Example], data: &Path, predictions: &Path) -> Result<()> {
    let shown = predictions.display();
    if !examples.iter().any(|e| page(predictions, &e.name).is_file()) {
        let (first, data) = (&examples[0].name, data.display());
        bail!(
            "`{shown}` holds no page of `{data}`, such as {first}.html: give the folder with the model's pages"
        );
    }
    if data.join(PLACEHOLDER).is_file() && !predictions.join(PLACEHOLDER).is_file() {
        terminal::remark(&format!(
            "note: `{shown}` holds no {PLACEHOLDER}, which pages show for pictures: copy it there"
        ));
    }
    Ok(())
}

fn page(predictions: &Path, name: &str) -> PathBuf {
    predictions.join(format!("{name}.html"))
}

/// What decides the score of a page: its text, or why it has none.
fn page_bytes(page: &Page) -> &[u8] {
    page.as_ref().map_or_else(|unscored| unscored.why.as_bytes(), |source| source.text.as_bytes())
}

/// Both pages of an example.
enum Pair {
    Both(Page, Page),
    None(Status, String),
}

impl Run<'_> {
    /// Scores what the folder of results does not know yet; the lines by name.
    fn score(mut self, out: &Path) -> Result<BTreeMap<String, Example>> {
        for example in self.examples {
            self.keys.insert(&example.name, self.key(example)?);
        }
        let results = Results::open(&out.join("examples.jsonl"), |e| self.holds(e))?;
        let before = results.count();
        let open: Vec<_> = self.examples.iter().filter(|e| !results.knows(&e.name)).collect();
        let bar = terminal::progress("scoring", open.len() as u64);
        let score = |i: usize| {
            let added = self.line(open[i]).and_then(|line| results.add(&line));
            bar.inc(1);
            added
        };
        let scored = spread(self.scorer.workers(), open.len(), score);
        bar.finish_and_clear();
        scored.map(drop).context("what was scored until then is kept; run again to go on")?;
        terminal::remark(&format!(
            "{} examples looked at now, {before} known from before; {} references were in the cache; details in `{}`",
            results.count() - before,
            self.scorer.hits(),
            out.display()
        ));
        Ok(results.into_examples())
    }

    /// Whether a line would come out the same again. A screenshot that failed is no result.
    fn holds(&self, line: &Example) -> bool {
        self.keys.get(line.name.as_str()) == Some(&line.key)
            && line.status != Status::Failed
            && unchanged(Some(self.predictions), &line.beside.cand)
            && unchanged(Some(self.data), &line.beside.r#ref)
    }

    /// What decides an example's line, but for the files beside its pages.
    fn key(&self, example: &dataset::Example) -> Result<String> {
        let identity = [self.scorer.identity().as_bytes(), example.name.as_bytes()];
        Ok(match self.pair(example)? {
            Pair::Both(cand, reference) => {
                hash_bytes(&[identity[0], identity[1], page_bytes(&cand), page_bytes(&reference)])
            }
            Pair::None(..) => hash_bytes(&identity),
        })
    }

    fn pair(&self, example: &dataset::Example) -> Result<Pair> {
        let path = page(self.predictions, &example.name);
        if !path.exists() {
            return Ok(Pair::None(Status::Missing, "there is no prediction".into()));
        }
        match pages::read(&path) {
            Ok(cand) => Ok(Pair::Both(cand, example.page()?)),
            Err(why) => Ok(Pair::None(Status::Raised, format!("{why:#}"))),
        }
    }

    /// The line of an example.
    fn line(&self, example: &dataset::Example) -> Result<Value> {
        let (status, beside, row) = match self.pair(example)? {
            Pair::None(status, why) => (status, Both::<Beside>::default(), error(&why)),
            Pair::Both(cand, reference) => match self.scorer.score(&cand, &reference)? {
                Ok(scored) => (Status::Scored, scored.beside.clone(), as_json(&scored)),
                Err(unscored) => {
                    let failed = unscored.cause == Cause::Capture;
                    let status = if failed { Status::Failed } else { Status::Raised };
                    (status, Both::default(), error(&unscored.why))
                }
            },
        };
        let mut line =
            json!({"key": self.keys.get(example.name.as_str()), "name": example.name, "status": status});
        line["beside"] = serde_json::to_value(beside)?;
        if let (Value::Object(line), Value::Object(row)) = (&mut line, row) {
            line.extend(row);
        }
        Ok(line)
    }
}
