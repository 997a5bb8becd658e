//! Compares the results of models item by item: per metric the paired difference with its interval
//! and a permutation test, and the opinion of a judge on the pictures.

mod drawings;
mod inputs;
mod lines;
mod pairwise;
mod prompt;
mod table;

pub use inputs::Input;
pub(crate) use inputs::Items;
pub(crate) use lines::each_line;
pub use pairwise::{JudgeSetup, Judges, judge};
pub use table::table;

use anyhow::{Result, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use vsdpo_artifact::Domain;
use vsdpo_render::{RenderConfig, Renderer, open};
use vsdpo_stats::paired::{Paired, holm, paired};

/// Seed of intervals and random flips.
const SEED: u64 = 1;
/// Names that a message lists at most.
const LISTED: usize = 5;

/// What a judge is shown of an item of one input.
pub(crate) struct Shown {
    /// The instruction.
    pub task: Option<String>,
    /// A PNG or JPEG file of what the answer should look like.
    pub reference: Option<Vec<u8>>,
    /// The answer as a PNG or JPEG file, or why there is none.
    pub picture: Result<Vec<u8>, String>,
}

/// Where the pictures of an input come from.
pub(crate) trait PictureSource: Sync {
    /// The pictures of an item that the input has.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or the renderer itself fails.
    fn shown(&self, id: &str) -> Result<Shown>;
}

/// The renderers of a comparison, one per domain. All inputs are of one kind and share them.
pub(crate) struct Renderers {
    config: RenderConfig,
    started: BTreeMap<Domain, Arc<dyn Renderer>>,
}

impl Renderers {
    /// The renderer of a domain, which is started with an adapted configuration at the first call.
    ///
    /// # Errors
    /// Returns an error that names a missing part of the installation.
    pub fn get(
        &mut self,
        domain: Domain,
        adapt: impl FnOnce(RenderConfig) -> RenderConfig,
    ) -> Result<Arc<dyn Renderer>> {
        if let Some(renderer) = self.started.get(&domain) {
            return Ok(Arc::clone(renderer));
        }
        let renderer = open(domain, domain.default_language(), adapt(self.config.clone()))?;
        Ok(Arc::clone(self.started.entry(domain).or_insert(Arc::from(renderer))))
    }
}

/// The name of an input in tables: A, B, C, ...
pub(crate) fn label(input: usize) -> char {
    (b'A'..=b'Z').nth(input).map_or('?', char::from)
}

/// All results of a comparison.
#[derive(Serialize)]
pub struct Report {
    /// The inputs.
    pub inputs: Vec<InputLine>,
    /// Each other input against the first one.
    pub comparisons: Vec<InputPair>,
    /// What judges prefer, if any was asked.
    pub judges: Option<Judges>,
}

/// One input.
#[derive(Serialize)]
pub struct InputLine {
    /// A, B, ...
    pub label: char,
    /// As it was typed.
    pub path: String,
    /// The benchmark, with its mode.
    pub kind: String,
    /// Number of items.
    pub items: usize,
}

/// One input against another one.
#[derive(Serialize)]
pub struct InputPair {
    /// The first input.
    pub a: char,
    /// The other one.
    pub b: char,
    /// Items that both have.
    pub shared: usize,
    /// Items that only the first has.
    pub only_a: Vec<String>,
    /// Items that only the other has.
    pub only_b: Vec<String>,
    /// Metrics that only one of them has.
    pub other_metrics: Vec<String>,
    /// The metrics that both have.
    pub metrics: Vec<MetricResult>,
}

/// One metric over the items that both inputs have a value for.
#[derive(Serialize)]
pub struct MetricResult {
    /// The metric.
    pub metric: String,
    /// The difference; `None` if no item has two values.
    #[serde(flatten)]
    pub paired: Option<Paired>,
    /// p, corrected for the metrics of this comparison.
    pub p_holm: Option<f64>,
    /// Shared items without two values, by the reason.
    pub left_out: BTreeMap<String, usize>,
}

/// Compares each other input with the first one, over these metrics or over all.
///
/// # Errors
/// Returns an error if the inputs are of different kinds or share no items, or a metric is unknown.
pub fn compare(inputs: &[Input], metrics: &[String]) -> Result<Report> {
    let [first, others @ ..] = inputs else { bail!("nothing to compare; help: give two inputs") };
    for (i, other) in others.iter().enumerate() {
        if other.kind() != first.kind() {
            bail!(
                "`{}` holds {} and `{}` {}; help: compare results of one benchmark",
                first.path.display(),
                first.kind(),
                other.path.display(),
                other.kind()
            );
        }
        let known = |m: &&String| !first.items.metrics.contains(m) && !other.items.metrics.contains(m);
        if let Some(unknown) = metrics.iter().find(known) {
            let all = first.items.metrics.join(", ");
            bail!(
                "--metric `{unknown}` is in no input {} or {}; help: give some of {all}",
                'A',
                label(i + 1)
            );
        }
    }
    let line = |(i, input): (usize, &Input)| InputLine {
        label: label(i),
        path: input.path.display().to_string(),
        kind: input.kind(),
        items: input.items.rows.len(),
    };
    let pair = |(i, other)| against(first, other, label(i + 1), metrics);
    Ok(Report {
        inputs: inputs.iter().enumerate().map(line).collect(),
        comparisons: others.iter().enumerate().map(pair).collect::<Result<_>>()?,
        judges: None,
    })
}

fn against(a: &Input, b: &Input, label_b: char, selected: &[String]) -> Result<InputPair> {
    let only = |x: &Input, y: &Input| -> Vec<String> {
        x.items.rows.keys().filter(|id| !y.items.rows.contains_key(*id)).cloned().collect()
    };
    let (only_a, only_b) = (only(a, b), only(b, a));
    let shared = a.items.rows.len() - only_a.len();
    if shared == 0 {
        let (a_path, b_path) = (a.path.display(), b.path.display());
        bail!(
            "`{a_path}` and `{b_path}` share no item: {} and {}; help: compare results on the same examples",
            named(&only_a),
            named(&only_b)
        );
    }
    let chosen = |m: &&String| selected.is_empty() || selected.contains(m);
    let (here, there) = (&a.items.metrics, &b.items.metrics);
    let mut metrics: Vec<MetricResult> =
        here.iter().filter(|m| there.contains(m)).filter(chosen).map(|m| metric(a, b, m)).collect();
    let p: Vec<f64> = metrics.iter().filter_map(|m| Some(m.paired?.p)).collect();
    let mut corrected = holm(&p).into_iter();
    metrics.iter_mut().filter(|m| m.paired.is_some()).for_each(|m| m.p_holm = corrected.next());
    let missing = |x: &Vec<String>, y: &Vec<String>| -> Vec<String> {
        x.iter().filter(|m| !y.contains(m)).filter(chosen).cloned().collect()
    };
    let other_metrics = [missing(here, there), missing(there, here)].concat();
    Ok(InputPair { a: label(0), b: label_b, shared, only_a, only_b, other_metrics, metrics })
}

fn metric(a: &Input, b: &Input, name: &str) -> MetricResult {
    let mut values = Vec::new();
    let mut left_out = BTreeMap::new();
    for id in a.items.rows.keys().filter(|id| b.items.rows.contains_key(*id)) {
        match (a.items.value(id, name), b.items.value(id, name)) {
            (Ok(x), Ok(y)) => values.push((x, y)),
            (Err(why), _) | (_, Err(why)) => *left_out.entry(why).or_default() += 1,
        }
    }
    MetricResult { metric: name.to_owned(), paired: paired(&values, SEED), p_holm: None, left_out }
}

/// The first names of a list, and how many more there are.
fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(LISTED);
    let list = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}

/// A path that must exist, for messages that name it.
fn existing(path: &Path) -> Result<()> {
    if !path.exists() {
        bail!("`{}` does not exist; help: check the path", path.display());
    }
    Ok(())
}
