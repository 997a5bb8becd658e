//! Scores a folder of predicted pages as the benchmark does. An interrupted run can resume.

use super::cache::{Beside, unchanged};
use super::example::{Example, Status};
use super::print::{as_json, error};
use super::scorer::{self, Both, PageScorer, PageScorerConfig};
use super::summary::{Shown, Summary};
use super::unscored::{Cause, Unscored};
use super::{answers, dataset, unpack};
use crate::files::{self, hash_bytes};
use crate::provenance::Provenance;
use crate::questions::{Answered, Asked};
use crate::report::Reporter;
use crate::results::{self, Results};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_artifact::Source;
use vsdpo_data::DESIGN2CODE_PLACEHOLDER as PLACEHOLDER;

/// Where the pages come from.
pub enum Predictions<'a> {
    /// A folder of pages, named as the benchmark's.
    Folder(&'a Path),
    /// A model that is asked before scoring.
    Model(&'a Asked<'a>),
}

/// An evaluation.
pub struct EvalConfig<'a> {
    /// The benchmark's folder, or its Parquet file.
    pub data: &'a Path,
    /// The model's pages.
    pub predictions: Predictions<'a>,
    /// Timeout of a screenshot, CLIP and the cache of references.
    pub scorer: PageScorerConfig,
    /// The folder of results.
    pub out: &'a Path,
}

/// The state of a run.
struct Run<'a> {
    examples: &'a [dataset::Example],
    data: &'a Path,
    predictions: &'a Path,
    scorer: PageScorer,
    keys: BTreeMap<&'a str, String>,
    reporter: &'a dyn Reporter,
}

/// Scores the pages; each result is written to the folder at once. The summary counts failed
/// screenshots.
///
/// # Errors
/// Returns an error for input that cannot be read, and if rendering itself fails. The examples
/// scored before it are kept.
pub fn evaluate(config: EvalConfig, reporter: &dyn Reporter) -> Result<Summary> {
    let EvalConfig { data, predictions, scorer, out } = config;
    let _lock = results::lock(out)?;
    let data = &unpack::unpacked(data, out, reporter)?;
    let examples = dataset::examples(data)?;
    let (predictions, asking) = match predictions {
        Predictions::Model(asked) => {
            let Answered { file, asking } =
                dataset::questions(&examples, reporter, |questions| (asked.answer)(questions, out))?;
            (answers::write_pages(&file, data, out, reporter)?, Some(asking))
        }
        Predictions::Folder(folder) => (folder.to_owned(), None),
    };
    check(&examples, data, &predictions, reporter)?;
    let (timeout, clip) = (scorer.timeout.as_secs(), scorer.clip.is_some());
    let scorer = PageScorer::start(scorer)?;
    let keys = BTreeMap::new();
    let run = Run { examples: &examples, data, predictions: &predictions, keys, scorer, reporter };
    let known = run.score(out)?;
    let provenance =
        Provenance::new(asking, "mean over the scored examples, and over all with 0 for the others");
    let shown = Shown { predictions: &predictions, data, timeout, clip, provenance };
    let rows: Vec<&Example> = examples.iter().filter_map(|e| known.get(&e.name)).collect();
    let summary = Summary::new(shown, &rows);
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    files::replace(&out.join("summary.json"), text.as_bytes())?;
    Ok(summary)
}

/// Checks that the folder holds predictions of this data, and the placeholder picture: mistakes
/// that would otherwise only show as low scores.
fn check(
    examples: &[dataset::Example],
    data: &Path,
    predictions: &Path,
    reporter: &dyn Reporter,
) -> Result<()> {
    let shown = predictions.display();
    if !examples.iter().any(|e| page(predictions, &e.name).is_file()) {
        let (first, data) = (&examples[0].name, data.display());
        bail!(
            "`{shown}` holds no page of `{data}`, such as {first}.html; help: give the folder with the model's pages"
        );
    }
    if data.join(PLACEHOLDER).is_file() && !predictions.join(PLACEHOLDER).is_file() {
        reporter.note(&format!(
            "note: `{shown}` holds no {PLACEHOLDER}, which pages show for pictures: copy it there"
        ));
    }
    Ok(())
}

fn page(predictions: &Path, name: &str) -> PathBuf {
    predictions.join(format!("{name}.html"))
}

/// The part of an example's key for one page: its text, or why it cannot be scored.
fn page_bytes(page: &Result<Source, Unscored>) -> &[u8] {
    page.as_ref().map_or_else(|unscored| unscored.why.as_bytes(), |source| source.text.as_bytes())
}

/// Both pages of an example.
enum Pair {
    /// The candidate, then the reference.
    Both(Box<[Result<Source, Unscored>; 2]>),
    None(Status, String),
}

impl Run<'_> {
    /// Scores the examples that have no current line yet; returns all lines by name.
    fn score(mut self, out: &Path) -> Result<BTreeMap<String, Example>> {
        for example in self.examples {
            self.keys.insert(&example.name, self.key(example)?);
        }
        let results = Results::open(&out.join("examples.jsonl"), |e| self.holds(e))?;
        let before = results.count();
        let open: Vec<_> = self.examples.iter().filter(|e| !results.knows(&e.name)).collect();
        results.fill(&open, self.scorer.workers(), |example| self.line(example), self.reporter)?;
        self.reporter.note(&format!(
            "{} examples scored now, {before} known from before; {} references were in the cache; details in `{}`",
            results.count() - before,
            self.scorer.hits(),
            out.display()
        ));
        Ok(results.into_examples())
    }

    /// Whether a line is still current. A failed screenshot is tried again.
    fn holds(&self, line: &Example) -> bool {
        self.keys.get(line.name.as_str()) == Some(&line.key)
            && line.status != Status::Failed
            && unchanged(Some(self.predictions), &line.beside.cand)
            && unchanged(Some(self.data), &line.beside.r#ref)
    }

    /// A hash of everything that decides an example's line, except the files that its pages
    /// request.
    fn key(&self, example: &dataset::Example) -> Result<String> {
        let identity = [self.scorer.identity().as_bytes(), example.name.as_bytes()];
        Ok(match self.pair(example)? {
            Pair::Both(pages) => {
                hash_bytes(&[identity[0], identity[1], page_bytes(&pages[0]), page_bytes(&pages[1])])
            }
            Pair::None(..) => hash_bytes(&identity),
        })
    }

    fn pair(&self, example: &dataset::Example) -> Result<Pair> {
        let path = page(self.predictions, &example.name);
        if !path.exists() {
            return Ok(Pair::None(Status::Missing, "there is no prediction".into()));
        }
        match scorer::read(&path) {
            Ok(cand) => Ok(Pair::Both(Box::new([cand, example.page()?]))),
            Err(why) => Ok(Pair::None(Status::Raised, format!("{why:#}"))),
        }
    }

    /// The line of an example.
    fn line(&self, example: &dataset::Example) -> Result<Value> {
        let (status, beside, row) = match self.pair(example)? {
            Pair::None(status, why) => (status, Both::<Beside>::default(), error(&why)),
            Pair::Both(pages) => match self.scorer.score(&pages[0], &pages[1])? {
                Ok(scored) => (Status::Scored, scored.beside.clone(), as_json(&scored)),
                Err(unscored) => {
                    let status = match unscored.cause {
                        Cause::Page => Status::Raised,
                        Cause::Screenshot => Status::Failed,
                    };
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
