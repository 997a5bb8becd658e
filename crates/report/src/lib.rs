//! Results as HTML: linted files, a campaign, and a run folder.
//!
//! The report of a run folder is `index.html`, a page per stored rollout and copies of the
//! pictures, so that the folder opens from disk on any machine. A very long run has pages for at
//! most 600 rollouts; `index.html` says how many were left out.

mod artifact;
#[cfg(feature = "train")]
mod campaign;
mod checked;
mod code;
mod curve;
mod curves;
mod evals;
mod gallery;
mod index;
mod lint;
mod page;
mod records;
mod rollout;

#[cfg(feature = "train")]
pub use campaign::campaign_page;
pub use checked::{Cell, Checked, Remark, failure_rule};
pub use lint::LintPage;

use anyhow::{Context, Result, bail};
use records::{ArmRecord, RolloutEntry, RolloutRecord};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use vsdpo_score::files;

/// Maximum number of rollout pages. Beyond it, whole steps are left out evenly; the first and the
/// last step always stay.
const MAX_PAGES: usize = 600;

/// A written report.
pub struct Written {
    /// The page to open first.
    pub index: PathBuf,
    /// Number of rollouts with a page.
    pub pages: usize,
}

/// The content of a run folder.
struct Run {
    name: String,
    recipe: String,
    manifest: Map<String, Value>,
    metrics: Vec<Map<String, Value>>,
    evals: Vec<ArmRecord>,
    /// Rollouts in the run folder.
    stored: usize,
    /// The rollouts with a page, in the order of the run.
    shown: Vec<Shown>,
}

/// A rollout with a page.
struct Shown {
    entry: RolloutEntry,
    record: RolloutRecord,
    /// File name of the rollout's page in `rollouts/`.
    page: String,
    /// The pages of the render: file name in `images/`, width and height in pixels.
    pictures: Vec<(String, u32, u32)>,
}

/// Writes `<run>/report`.
pub fn write(run: &Path) -> Result<Written> {
    let out = run.join("report");
    let run = read(run, &out)?;
    for (i, shown) in run.shown.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).and_then(|j| run.shown.get(j)), run.shown.get(i + 1));
        let page = rollout::page(&run.name, shown, before, after);
        files::write(&out.join("rollouts").join(&shown.page), page.as_bytes())?;
    }
    let index = out.join("index.html");
    files::write(&index, index::page(&run).as_bytes())?;
    Ok(Written { index, pages: run.shown.len() })
}

fn read(dir: &Path, out: &Path) -> Result<Run> {
    if !dir.is_dir() {
        bail!("`{}` is not a folder; help: give a run folder that `visual-sdpo train` wrote", dir.display());
    }
    let metrics: Vec<Map<String, Value>> = records::read_lines(&dir.join("metrics.jsonl"))?;
    let rollouts = dir.join("rollouts.jsonl");
    let entries = records::index_rollouts(&rollouts)?;
    if metrics.is_empty() && entries.is_empty() {
        bail!(
            "`{}` has no records in metrics.jsonl or rollouts.jsonl; help: give a run folder",
            dir.display()
        );
    }
    for folder in ["rollouts", "images"] {
        let path = out.join(folder);
        fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
    }
    let name = dir.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap_or_default();
    Ok(Run {
        name: name.unwrap_or_else(|| "run".into()),
        recipe: fs::read_to_string(dir.join("recipe.toml")).unwrap_or_default(),
        manifest: serde_json::from_str(&manifest).unwrap_or_default(),
        evals: evals_of(dir)?,
        stored: entries.len(),
        shown: load(&rollouts, chosen(entries, MAX_PAGES), dir, out)?,
        metrics,
    })
}

/// The evaluations. Lines that name no arm are left out.
fn evals_of(dir: &Path) -> Result<Vec<ArmRecord>> {
    let mut evals: Vec<ArmRecord> = records::read_lines(&dir.join("evals.jsonl"))?;
    evals.retain(|e| !e.arm.is_empty());
    Ok(evals)
}

/// At most `limit` rollouts; whole steps are left out evenly.
fn chosen(mut entries: Vec<RolloutEntry>, limit: usize) -> Vec<RolloutEntry> {
    entries.sort_by_key(|e| e.step);
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    entries.iter().for_each(|e| *sizes.entry(e.step).or_default() += 1);
    if entries.len() <= limit || sizes.len() < 3 {
        return entries;
    }
    let steps: Vec<u64> = sizes.keys().copied().collect();
    let per_step = entries.len().div_ceil(steps.len());
    let keep = (limit / per_step).clamp(2, steps.len());
    let kept: BTreeSet<u64> =
        (0..keep).map(|i| steps[(i * (steps.len() - 1) + (keep - 1) / 2) / (keep - 1)]).collect();
    entries.retain(|e| kept.contains(&e.step));
    entries
}

fn load(file: &Path, entries: Vec<RolloutEntry>, run: &Path, out: &Path) -> Result<Vec<Shown>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let open = File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let mut reader = BufReader::new(open);
    let mut shown = Vec::with_capacity(entries.len());
    for (i, entry) in entries.into_iter().enumerate() {
        let record = records::read_rollout(&mut reader, &entry)?;
        // A run of an older version has one picture per rollout, in `image`.
        let names = if record.images.is_empty() { record.image.as_slice() } else { &record.images[..] };
        let copy = |image: &String| copy_picture(run, image, &out.join("images"));
        let pictures = names.iter().filter_map(copy).collect();
        shown.push(Shown { page: format!("{:05}-{i:04}.html", entry.step), entry, record, pictures });
    }
    Ok(shown)
}

/// Links or copies a picture of the run into the report; returns its file name, width and height. A
/// file that is missing or not a picture is left out, and the rollout still gets its page. Only
/// paths inside the run folder are read.
fn copy_picture(run: &Path, image: &str, images: &Path) -> Option<(String, u32, u32)> {
    let relative = Path::new(image);
    if !relative.components().all(|c| matches!(c, std::path::Component::Normal(_))) {
        return None;
    }
    let source = run.join(relative);
    let (width, height) = image::image_dimensions(&source).ok()?;
    let name = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("-");
    let name = name.strip_prefix("images-").unwrap_or(&name).to_owned();
    let target = images.join(&name);
    if !target.exists() && fs::hard_link(&source, &target).is_err() {
        fs::copy(&source, &target).ok()?;
    }
    Some((name, width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_first_and_last_step_and_even_steps_between() {
        let entry = |step| RolloutEntry {
            offset: 0,
            step,
            task: String::new(),
            reward: 0.0,
            executed: true,
            clean: true,
        };
        let entries: Vec<_> = (0..100).flat_map(|step| (0..8).map(move |_| entry(step))).collect();
        let kept = chosen(entries.clone(), 80);
        let steps: BTreeSet<u64> = kept.iter().map(|e| e.step).collect();
        assert_eq!(steps.into_iter().collect::<Vec<_>>(), [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]);
        assert_eq!(kept.len(), 80);
        assert_eq!(chosen(entries, 800).len(), 800);
    }

    #[test]
    fn a_picture_outside_the_run_folder_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(copy_picture(dir.path(), "../secret.png", dir.path()).is_none());
        assert!(copy_picture(dir.path(), "/etc/hostname", dir.path()).is_none());
    }
}
