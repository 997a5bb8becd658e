//! Scores a model's responses as the benchmark does. Each example is saved as soon as it is scored,
//! so that an interrupted run can resume.

use super::Rules;
use super::dataset::Dataset;
use super::example::{Example, Metric};
use super::judge::{self, JudgeConfig, Panel, Pictures};
use super::official::Official;
use super::print;
use super::responses::{Format, Responses};
use super::scorer::Scorer;
use super::summary::{Shown, Summary};
use super::truths::Truths;
use crate::files::{self, hash};
use crate::provenance::{Asking, Provenance};
use crate::questions::{Answered, Asked};
use crate::report::Reporter;
use crate::results::{self, Results};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_render::RenderConfig;

/// Where the answers come from.
pub enum Answers<'a> {
    /// A file of responses in this form.
    File(&'a Path, Format),
    /// A model that is asked before scoring.
    Model(&'a Asked<'a>),
}

/// An evaluation.
pub struct EvalConfig<'a> {
    /// The benchmark's folder.
    pub data: &'a Path,
    /// The model's answers.
    pub answers: Answers<'a>,
    /// D, by which sums are divided; the number of examples in the folder if not given.
    pub total: Option<usize>,
    /// Which rules apply.
    pub rules: Rules,
    /// How scripts are run.
    pub rendering: RenderConfig,
    /// The judges, if any.
    pub judge: Option<&'a JudgeConfig>,
    /// The folder of results.
    pub out: &'a Path,
    /// Where ground truths and replies of judges are kept.
    pub cache: &'a Path,
}

/// The state of a run.
struct Run<'a> {
    data: &'a Dataset,
    responses: &'a Responses,
    scorer: Scorer,
    truths: Truths,
    keys: BTreeMap<String, String>,
    reporter: &'a dyn Reporter,
}

/// Scores the answers; each result is written to the folder at once. A pair without a judge's score
/// is an error in the summary.
///
/// # Errors
/// Returns an error for input that cannot be read, and if rendering itself fails. The examples
/// scored before it are kept.
pub fn evaluate(config: &EvalConfig, reporter: &dyn Reporter) -> Result<Summary> {
    let EvalConfig { data: folder, out, cache, .. } = *config;
    let panel = config.judge.map(Panel::new).transpose()?;
    let data = Dataset::open(folder)?;
    let total = config.total.unwrap_or(data.stems.len());
    if total < data.stems.len() {
        bail!("--total {total} is less than the {} examples in `{}`", data.stems.len(), folder.display());
    }
    let _lock = results::lock(out)?;
    let (file, format, asking) = answered(config, &data, reporter)?;
    let responses = Responses::open(&file, format, &data)?;
    if responses.repeated > 0 {
        reporter
            .note(&format!("note: {} charts are answered again; the last line counts", responses.repeated));
    }
    let scorer = Scorer::start(config.rendering.clone(), config.rules)?;
    let run = Run {
        keys: keys(&data, &responses, &scorer)?,
        truths: Truths::open(cache, &scorer)?,
        data: &data,
        responses: &responses,
        scorer,
        reporter,
    };
    let matplotlib = run.scorer.matplotlib();
    let examples = run.score(out)?;
    let official = Official::new(out, &file, folder);
    official.write(&examples)?;
    let judged = match panel {
        None => None,
        Some(panel) => {
            let renderer = judge::renderer(config.rendering.clone())?;
            let pictures = Pictures { data: &data, responses: &responses, renderer: &*renderer };
            let judged = panel.judge(&pictures, &examples, &judge::Places { out, cache }, reporter)?;
            official.write_judged(&judged.rows)?;
            Some(judged)
        }
    };
    let timeout = config.rendering.timeout.as_secs();
    let mode = print::mode(config.rules);
    let provenance = Provenance {
        judges: config.judge.map(|judge| judge.models.clone()).unwrap_or_default(),
        matplotlib,
        ..Provenance::new(asking, format!("{mode} rules, sums over D = {total}, what does not run counts 0"))
    };
    let shown = Shown { mode, responses: &file, data: folder, total, timeout, provenance };
    let summary = Summary::new(shown, &examples, judged);
    files::replace(&out.join("summary.json"), (serde_json::to_string_pretty(&summary)? + "\n").as_bytes())?;
    Ok(summary)
}

/// The file of the answers, which a model writes first, and how the model was asked.
fn answered(
    config: &EvalConfig,
    data: &Dataset,
    reporter: &dyn Reporter,
) -> Result<(PathBuf, Format, Option<Asking>)> {
    Ok(match config.answers {
        Answers::Model(asked) => {
            let Answered { file, asking } =
                data.questions(reporter, |questions| (asked.answer)(questions, config.out))?;
            (file, Format::Plain, Some(asking))
        }
        Answers::File(file, format) => (file.to_owned(), format, None),
    })
}

/// The key of each example: a hash of everything that decides its line.
fn keys(data: &Dataset, responses: &Responses, scorer: &Scorer) -> Result<BTreeMap<String, String>> {
    let identity = hash(&[&scorer.identity()]);
    let key = |stem: &String| {
        let (truth, response) = (data.script(stem)?, responses.get(stem)?);
        // The debug text of scripts is never empty, so the empty text stands for no response.
        let scripts = response.map(|r| format!("{:?}", r.scripts(scorer.rules()))).unwrap_or_default();
        Ok((stem.clone(), hash(&[&identity, stem, &truth, &scripts])))
    };
    data.stems.iter().map(key).collect()
}

impl Run<'_> {
    /// Scores the examples that have no current line yet; returns all examples by name.
    fn score(&self, out: &Path) -> Result<BTreeMap<String, Example>> {
        let holds = |e: &Example| self.keys.get(&e.name) == Some(&e.key);
        let results = Results::open(&out.join("examples.jsonl"), holds)?;
        let before = results.count();
        let open: Vec<&String> = self.data.stems.iter().filter(|stem| !results.knows(stem)).collect();
        results.fill(&open, self.scorer.workers(), |stem| self.example(stem), self.reporter)?;
        self.reporter.note(&format!(
            "{} examples scored now, {before} known from before; {} ground truths were in the cache; details in `{}`",
            results.count() - before,
            self.truths.hits(),
            out.display()
        ));
        Ok(results.into_examples())
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
