//! The inputs of a comparison: folders that `eval` wrote, and files of JSON lines.

use super::drawings::{Drawing, Drawings};
use super::lines::{self, FORM};
use super::{PictureSource, Renderers, existing};
use crate::{aeslides, chartmimic, design2code, provenance};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_data::mini::World;
use vsdpo_data::mini::web::WINDOW;

/// The values of an item by metric, or why one is missing.
pub(crate) type Values = BTreeMap<String, Result<f64, String>>;

/// Why a value is missing if nothing else is said.
pub(super) const NO_VALUE: &str = "there is no value";

/// The items of an input.
#[derive(Default)]
pub(crate) struct Items {
    /// All metrics, in the order in which they occur.
    pub metrics: Vec<String>,
    /// The values by the item's id.
    pub rows: BTreeMap<String, Values>,
}

impl Items {
    /// The value of a metric of an item, or why it is missing.
    pub fn value(&self, id: &str, metric: &str) -> Result<f64, String> {
        let value = self.rows.get(id).and_then(|row| row.get(metric));
        value.cloned().unwrap_or_else(|| Err(NO_VALUE.to_owned()))
    }

    /// Adds an item.
    ///
    /// # Errors
    /// Returns an error if there is one with this id.
    pub fn add<M: Into<String>>(&mut self, id: String, values: Vec<(M, Result<f64, String>)>) -> Result<()> {
        if self.rows.contains_key(&id) {
            bail!("the id `{id}` occurs again; help: give one line per id");
        }
        let mut row = Values::new();
        for (metric, value) in values {
            let metric = metric.into();
            if !self.metrics.contains(&metric) {
                self.metrics.push(metric.clone());
            }
            row.insert(metric, value);
        }
        self.rows.insert(id, row);
        Ok(())
    }
}

/// What an input is, with what its pictures need.
enum Kind {
    /// A summary of ChartMimic.
    ChartMimic(Value),
    /// A summary of Design2Code.
    Design2Code(Value),
    /// A summary of AeSlides.
    AeSlides(Value),
    /// An evaluation on an embedded world, with its summary.
    Mini(World, BTreeMap<String, Drawing>, Value),
    /// Lines that somebody wrote.
    Lines(BTreeMap<String, Drawing>),
}

/// The results of one model.
pub struct Input {
    /// As it was typed.
    pub path: PathBuf,
    pub(super) items: Items,
    kind: Kind,
}

impl Input {
    /// Reads a folder that `eval` wrote, or a file of JSON lines.
    ///
    /// # Errors
    /// Returns an error that names the file, the line and the help.
    pub fn open(path: &Path) -> Result<Self> {
        existing(path)?;
        let (items, kind) = if path.is_dir() { folder(path)? } else { own(path)? };
        if items.rows.is_empty() {
            bail!("`{}` holds no results; help: {FORM}", path.display());
        }
        Ok(Self { path: path.to_owned(), items, kind })
    }

    /// The benchmark, with its mode.
    pub(super) fn kind(&self) -> String {
        match &self.kind {
            Kind::ChartMimic(summary) => {
                format!("ChartMimic ({} rules)", summary["mode"].as_str().unwrap_or_default())
            }
            Kind::Design2Code(_) => "Design2Code".into(),
            Kind::AeSlides(_) => "AeSlides".into(),
            Kind::Mini(world, ..) => world.benchmark().into(),
            Kind::Lines(_) => "JSON lines".into(),
        }
    }

    /// Its pictures.
    ///
    /// # Errors
    /// Returns an error if the answers cannot be found, or a renderer does not start.
    pub(super) fn pictures(&self, renderers: &mut Renderers) -> Result<Box<dyn PictureSource + '_>> {
        let mut open = || -> Result<Box<dyn PictureSource + '_>> {
            Ok(match &self.kind {
                Kind::ChartMimic(summary) => {
                    Box::new(chartmimic::compared::Charts::open(summary, &self.items, renderers)?)
                }
                Kind::Design2Code(summary) => {
                    Box::new(design2code::compared::Pages::open(summary, renderers)?)
                }
                Kind::AeSlides(_) => bail!("no judge compares slides; help: leave the judge out"),
                Kind::Mini(_, drawings, _) => Box::new(Drawings::open(drawings, renderers, Some(WINDOW))?),
                Kind::Lines(drawings) => Box::new(Drawings::open(drawings, renderers, None)?),
            })
        };
        open().with_context(|| format!("`{}` has no pictures for a judge", self.path.display()))
    }

    /// What differs in how this input and another one were measured, as `field (value, value)`.
    pub fn measured_otherwise(&self, other: &Input) -> Vec<String> {
        self.summary().zip(other.summary()).map_or(Vec::new(), |(a, b)| provenance::differences(a, b))
    }

    fn summary(&self) -> Option<&Value> {
        match &self.kind {
            Kind::ChartMimic(summary)
            | Kind::Design2Code(summary)
            | Kind::AeSlides(summary)
            | Kind::Mini(_, _, summary) => Some(summary),
            Kind::Lines(_) => None,
        }
    }

    /// The folder of the benchmark, where it is known.
    pub fn data(&self) -> Option<&str> {
        match &self.kind {
            Kind::ChartMimic(summary) | Kind::Design2Code(summary) | Kind::AeSlides(summary) => {
                summary["data"].as_str()
            }
            Kind::Mini(..) | Kind::Lines(_) => None,
        }
    }
}

fn own(path: &Path) -> Result<(Items, Kind)> {
    let (items, drawings) = lines::read(path)?;
    Ok((items, Kind::Lines(drawings)))
}

fn folder(path: &Path) -> Result<(Items, Kind)> {
    let shown = path.display();
    let file = path.join("summary.json");
    if !file.is_file() {
        bail!(
            "`{shown}` holds no summary.json, so it is no finished evaluation; help: give the folder of results \
             that `eval` named (--out), or a file of JSON lines"
        );
    }
    let text = std::fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let help = || format!("`{}` is not the summary of an evaluation; help: run it again", file.display());
    let summary: Value = serde_json::from_slice(&text).with_context(help)?;
    let benchmark = summary["benchmark"].as_str().unwrap_or_default().to_owned();
    let world = || World::ALL.into_iter().find(|w| w.benchmark() == benchmark);
    let (items, kind) = match benchmark.as_str() {
        "chartmimic" => (chartmimic::compared::items(path, &summary)?, Kind::ChartMimic(summary)),
        "design2code" => (design2code::compared::items(path)?, Kind::Design2Code(summary)),
        "aeslides" => (aeslides::compared::items(path)?, Kind::AeSlides(summary)),
        _ => {
            let Some(world) = world() else { bail!(help()) };
            let (items, drawings) = lines::read(&path.join("examples.jsonl"))?;
            (items, Kind::Mini(world, drawings, summary))
        }
    };
    let finished = match &kind {
        Kind::ChartMimic(summary) | Kind::Design2Code(summary) | Kind::AeSlides(summary) => {
            summary["examples"].as_u64()
        }
        Kind::Mini(..) | Kind::Lines(_) => None,
    };
    let count = items.rows.len();
    if finished.is_some_and(|examples| examples != count as u64) {
        bail!(
            "`{shown}` holds {count} examples and its summary another number; help: run its evaluation again"
        );
    }
    Ok((items, kind))
}
