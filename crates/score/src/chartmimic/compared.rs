//! A finished evaluation as one side of a comparison: each example's part of the row, and the
//! pictures for a judge.

use super::dataset::Dataset;
use super::example::Example;
use super::judge::Pictures;
use super::judge::pictures::Pair;
use super::responses::{Format, Responses};
use crate::compare::{Items, PictureSource, Renderers, Shown, each_line};
use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use vsdpo_artifact::Domain;
use vsdpo_render::{RenderConfig, Renderer};

/// The task, as a judge is told.
const TASK: &str = "Write code that reproduces the chart in the reference picture.";

/// The lines of a finished evaluation, in percent as in its row.
pub fn items(folder: &Path, summary: &Value) -> Result<Items> {
    let judge = summary["judge"]["judges"][0]["model"].as_str();
    let high = judge.map(|model| high(folder, model)).transpose()?;
    let mut items = Items::default();
    each_line(&folder.join("examples.jsonl"), |text| {
        let e: Example = serde_json::from_str(text)?;
        let p = e.percents();
        let mut values = vec![
            ("exec", Ok(p.exec)),
            ("text", Ok(p.text)),
            ("layout", Ok(p.layout)),
            ("chart_type", Ok(p.chart_type)),
            ("color", Ok(p.color)),
            ("low", Ok(p.low)),
        ];
        if let Some(high) = &high {
            // Examples that did not run are not judged, and count 0.
            let none = || Err("the judge gave no score".to_owned());
            let score = if e.exec { high.get(&e.name).cloned().unwrap_or_else(none) } else { Ok(0.0) };
            values.push(("overall", score.clone().map(|score| (p.low + score) / 2.0)));
            values.push(("high", score));
        }
        items.add(e.name, values)
    })?;
    Ok(items)
}

#[derive(Deserialize)]
struct Judged {
    name: String,
    model: String,
    score: Option<f64>,
    error: Option<String>,
}

/// The scores of one judge, or why there are none.
fn high(folder: &Path, model: &str) -> Result<HashMap<String, Result<f64, String>>> {
    let mut scores = HashMap::new();
    each_line(&folder.join("judged.jsonl"), |text| {
        let row: Judged = serde_json::from_str(text)?;
        if row.model == model {
            scores.insert(row.name, row.score.ok_or_else(|| row.error.unwrap_or_default()));
        }
        Ok(())
    })?;
    Ok(scores)
}

/// The charts that a file of responses draws.
pub struct Charts<'a> {
    items: &'a Items,
    data: Dataset,
    responses: Responses,
    renderer: Arc<dyn Renderer>,
}

impl<'a> Charts<'a> {
    /// Opens the benchmark's folder and the responses that the summary of these items names.
    pub fn open(summary: &Value, items: &'a Items, renderers: &mut Renderers) -> Result<Self> {
        let path = |key: &str| {
            let path = summary[key].as_str().map(Path::new);
            path.ok_or_else(|| anyhow!("the summary has no `{key}`; help: run the evaluation again"))
        };
        let data = Dataset::open(path("data")?)?;
        let responses = Responses::open(path("responses")?, Format::Auto, &data)?;
        let renderer = renderers.get(Domain::Chart, |c| RenderConfig { cache_entries: 0, ..c })?;
        Ok(Self { items, data, responses, renderer })
    }
}

impl PictureSource for Charts<'_> {
    fn shown(&self, id: &str) -> Result<Shown> {
        let Self { items, data, responses, renderer } = self;
        let task = Some(TASK.into());
        // The script for the judge catches exceptions, so it may leave a picture where the bare
        // script, which decides, fails.
        if items.value(id, "exec") != Ok(100.0) {
            return Ok(Shown { task, reference: None, picture: Err("the script left no picture".into()) });
        }
        let pair = Pictures { data, responses, renderer: &**renderer }.pair(id)?;
        let (reference, picture) = match pair {
            Pair::Judge { reference, prediction } => (Some(reference), Ok(prediction)),
            Pair::Zero { source, why } => (None, Err(why.unwrap_or_else(|| source.to_owned()))),
        };
        Ok(Shown { task, reference, picture })
    }
}
