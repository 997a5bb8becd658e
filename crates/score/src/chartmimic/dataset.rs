//! The benchmark's folder (docs/specs/chartmimic.md, 1.1): `<stem>.py`, `<stem>.pdf` and
//! `<stem>.png` per example.

use crate::files;
use crate::questions::{Question, Questions};
use crate::report::Reporter;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;
use vsdpo_data::{Corpus, DataConfig, DataSet};

/// The folder and the stems in it, sorted. Texts are read when they are needed.
pub struct Dataset {
    pub folder: PathBuf,
    pub stems: Vec<String>,
}

impl Dataset {
    pub fn open(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let entries = std::fs::read_dir(folder).with_context(|| {
            format!("cannot list `{shown}`; help: give the folder with <stem>.py and <stem>.png")
        })?;
        let mut stems = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list `{shown}`"))?.path();
            let (Some(stem), true) = (path.file_stem(), path.extension().is_some_and(|e| e == "py")) else {
                continue;
            };
            let stem = stem.to_string_lossy().into_owned();
            // The benchmark's own programs leave instrumented copies here when they are
            // interrupted.
            if path.is_file() && !stem.contains("_log_") && !stem.starts_with('.') {
                stems.push(stem);
            }
        }
        if stems.is_empty() {
            bail!("`{shown}` holds no <stem>.py; help: give the benchmark's folder, such as direct_600");
        }
        stems.sort();
        Ok(Self { folder: folder.to_path_buf(), stems })
    }

    pub fn holds(&self, stem: &str) -> bool {
        self.stems.binary_search_by(|s| s.as_str().cmp(stem)).is_ok()
    }

    pub fn script_path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.py"))
    }

    /// The ground truth's script.
    pub fn script(&self, stem: &str) -> Result<String> {
        files::read_text(&self.script_path(stem))
    }

    /// The PNG of the ground truth, if the folder has one.
    pub fn picture(&self, stem: &str) -> Result<Option<Vec<u8>>> {
        let path = self.folder.join(format!("{stem}.png"));
        match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }

    /// Passes the examples with a PNG as questions (docs/specs/chartmimic.md, 1.2) to `ask`. A note
    /// gives the number of the others.
    pub fn questions<T>(
        &self,
        reporter: &dyn Reporter,
        ask: impl FnOnce(&Questions) -> Result<T>,
    ) -> Result<T> {
        let path = self.folder.clone();
        let config = DataConfig { dataset: DataSet::ChartMimic, path, ..DataConfig::default() };
        let mut left_out = 0;
        let corpus = Corpus::open(&config, &mut |_| left_out += 1)?;
        if left_out > 0 {
            reporter.note(&format!("note: {left_out} examples have no PNG or no code and are not asked"));
        }
        let held = |i: &u64| corpus.record(*i).map_or(true, |record| self.holds(&record.id));
        let held: Vec<u64> = (0..corpus.len()).filter(held).collect();
        let get = |i: usize| {
            let record = corpus.record(held[i])?;
            let pictures = record.pictures.iter().map(|p| corpus.picture(p)).collect::<Result<_, _>>()?;
            Ok(Question { name: record.id, domain: Domain::Chart, prompt: record.prompt, pictures })
        };
        // The words are ours (crates/data/src/chartmimic.rs), so the variant says so.
        ask(&Questions { variant: "direct, paraphrased", count: held.len(), get: &get })
    }
}
