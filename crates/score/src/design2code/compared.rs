//! A finished evaluation as one side of a comparison: each example's scores, and the pictures for a
//! judge.

use super::example::{Example, Status};
use super::scorer::{self, MAX_PIXELS, NO_WEIGHTS};
use super::unscored::Unscored;
use crate::compare::{Items, PictureSource, Renderers, Shown, each_line};
use crate::files::png;
use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::{Domain, Source};
use vsdpo_render::{RenderConfig, Renderer};

/// The task, as a judge is told.
const TASK: &str = "Write a page that reproduces the one in the reference picture.";

/// The lines of a finished evaluation, in percent as in its row. `scored` says whether an example
/// has scores at all, so that leaving pages out shows as a difference.
pub fn items(folder: &Path) -> Result<Items> {
    let mut items = Items::default();
    each_line(&folder.join("examples.jsonl"), |text| {
        let e: Example = serde_json::from_str(text)?;
        let none = || e.error.clone().unwrap_or_else(|| NO_WEIGHTS.to_owned());
        let of = |score: Option<f64>| score.map(|score| 100.0 * score).ok_or_else(none);
        let values = vec![
            ("scored", Ok(if e.status == Status::Scored { 100.0 } else { 0.0 })),
            ("block_match", of(e.block_match)),
            ("text", of(e.text)),
            ("position", of(e.position)),
            ("color", of(e.color)),
            ("clip", of(e.clip)),
            ("overall", of(e.overall)),
            ("overall_without_clip", of(e.overall_without_clip)),
        ];
        items.add(e.name, values)
    })?;
    Ok(items)
}

/// The pages of a folder of predictions.
pub struct Pages {
    data: PathBuf,
    predictions: PathBuf,
    renderer: Arc<dyn Renderer>,
}

impl Pages {
    /// The folders that a summary names.
    pub fn open(summary: &Value, renderers: &mut Renderers) -> Result<Self> {
        let folder = |key: &str| {
            let path = summary[key].as_str().map(PathBuf::from).filter(|path| path.is_dir());
            path.ok_or_else(|| {
                anyhow!(
                    "the folder {} of the evaluation does not exist; help: run this where `eval` ran",
                    summary[key]
                )
            })
        };
        let (data, predictions) = (folder("data")?, folder("predictions")?);
        let adapt = |c| RenderConfig { max_pixels: MAX_PIXELS, cache_entries: 0, ..c };
        Ok(Self { data, predictions, renderer: renderers.get(Domain::Web, adapt)? })
    }

    fn screenshot(&self, page: Result<Source, Unscored>) -> Result<Result<Vec<u8>, String>> {
        let page = match page {
            Ok(page) => page,
            Err(unscored) => return Ok(Err(unscored.why)),
        };
        match self.renderer.screenshot(&page)? {
            Ok(shot) => Ok(Ok(png(&shot.image)?)),
            Err(error) => Ok(Err(error.message)),
        }
    }
}

impl PictureSource for Pages {
    fn shown(&self, id: &str) -> Result<Shown> {
        let page = self.predictions.join(format!("{id}.html"));
        let picture = match page.exists() {
            true => self.screenshot(scorer::read(&page)?)?,
            false => Err("there is no prediction".into()),
        };
        let published = self.data.join(format!("{id}.png"));
        let reference = match published.is_file() {
            true => {
                let bytes = std::fs::read(&published);
                Some(bytes.with_context(|| format!("cannot read `{}`", published.display()))?)
            }
            false => self.screenshot(scorer::read(&self.data.join(format!("{id}.html")))?)?.ok(),
        };
        Ok(Shown { task: Some(TASK.into()), reference, picture })
    }
}
