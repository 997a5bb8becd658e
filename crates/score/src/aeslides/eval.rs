//! Scores many slides and decks, or a model's answers to prompts. An interrupted run can resume.

use super::example::{Example, Status};
use super::inputs::{Drawable, Item, Predictions};
use super::summary::{Shown, Summary};
use super::{Scored, SlideScorer, axes_json};
use crate::files::{self, hash_bytes};
use crate::provenance::Provenance;
use crate::report::Reporter;
use crate::results::{self, Results};
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use vsdpo_artifact::Source;
use vsdpo_diagnose::slide::SlideMetrics;

/// An evaluation.
pub struct EvalConfig<'a> {
    /// The slides.
    pub predictions: Predictions<'a>,
    /// Wall-clock limit of one slide or deck.
    pub timeout: Duration,
    /// The folder of results.
    pub out: &'a Path,
}

/// A hash of everything that decides the line of each item, by name. `beside` identifies the files
/// that slides may use.
fn keys<'a>(items: &'a [Item], scorer: &SlideScorer, beside: &str) -> Result<BTreeMap<&'a str, String>> {
    let mut identities: BTreeMap<&str, String> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for item in items {
        let drawable = item.drawable()?;
        let identity = match drawable.source() {
            None => "",
            Some(Source { language, .. }) => {
                let name = language.name();
                if !identities.contains_key(name) {
                    identities.insert(name, scorer.identity(*language)?);
                }
                identities.get(name).map_or("", String::as_str)
            }
        };
        let parts = [identity.as_bytes(), beside.as_bytes(), item.name.as_bytes(), drawable.key_part()];
        keys.insert(item.name.as_str(), hash_bytes(&parts));
    }
    Ok(keys)
}

/// The state of a run.
struct Run<'a> {
    items: &'a [Item],
    scorer: SlideScorer,
    keys: BTreeMap<&'a str, String>,
    reporter: &'a dyn Reporter,
}

/// Scores the slides; each result is written to the folder at once.
///
/// # Errors
/// Returns an error for input that cannot be read, and if rendering itself fails. The slides that
/// were scored before it are kept.
pub fn evaluate(config: &EvalConfig, reporter: &dyn Reporter) -> Result<Summary> {
    let EvalConfig { predictions, timeout, out } = config;
    let _lock = results::lock(out)?;
    let (items, asking) = predictions.items(out, reporter)?;
    let scorer = SlideScorer::new(*timeout);
    let keys = keys(&items, &scorer, &predictions.beside(out)?)?;
    let run = Run { items: &items, scorer, keys, reporter };
    let known = run.score(out)?;
    let rows: Vec<&Example> = items.iter().filter_map(|item| known.get(&item.name)).collect();
    let provenance = Provenance::new(asking, "mean over all examples, what cannot be drawn counts 0");
    let summary = Summary::new(Shown { predictions, timeout: timeout.as_secs(), provenance }, &rows);
    let text = serde_json::to_string_pretty(&summary)? + "\n";
    files::replace(&out.join("summary.json"), text.as_bytes())?;
    Ok(summary)
}

impl Run<'_> {
    /// Scores the items that have no current line yet; returns all lines by name.
    fn score(self, out: &Path) -> Result<BTreeMap<String, Example>> {
        let holds = |e: &Example| self.keys.get(e.name.as_str()) == Some(&e.key) && e.status != Status::Lost;
        let results = Results::open(&out.join("examples.jsonl"), holds)?;
        let before = results.count();
        let open: Vec<&Item> = self.items.iter().filter(|item| !results.knows(&item.name)).collect();
        results.fill(&open, self.scorer.workers(), |item| self.line(item), self.reporter)?;
        self.reporter.note(&format!(
            "{} examples scored now, {before} known from before; details in `{}`",
            results.count() - before,
            out.display()
        ));
        Ok(results.into_examples())
    }

    /// The line of an item.
    fn line(&self, item: &Item) -> Result<Value> {
        let (status, scored) = match item.drawable()? {
            Drawable::Missing => (Status::Missing, Err("there is no response".to_owned())),
            Drawable::Unusable(why) => (Status::Failed, Err(why)),
            Drawable::Source(source) => self.drawn(&source)?,
        };
        let (slides, error) = scored.map_or_else(|why| (vec![], Some(why)), |slides| (slides, None));
        let mut line = axes_json(&slides);
        line["key"] = self.keys.get(item.name.as_str()).cloned().into();
        line["name"] = item.name.clone().into();
        line["status"] = serde_json::to_value(status)?;
        line["slides"] = serde_json::to_value(slides)?;
        if let Some(error) = error {
            line["error"] = error.into();
        }
        Ok(line)
    }

    /// The slides of a source. One that meets a limit which a busy machine can cause is drawn once
    /// more.
    fn drawn(&self, source: &Source) -> Result<(Status, Result<Vec<SlideMetrics>, String>)> {
        let mut scored = self.scorer.score(source)?;
        let lost = |scored: &Scored| scored.as_ref().is_err_and(|error| error.kind.depends_on_load());
        if lost(&scored) {
            scored = self.scorer.score(source)?;
        }
        let status = match &scored {
            Ok(_) => Status::Scored,
            Err(_) if lost(&scored) => Status::Lost,
            Err(_) => Status::Failed,
        };
        Ok((status, scored.map_err(|error| error.message)))
    }
}
