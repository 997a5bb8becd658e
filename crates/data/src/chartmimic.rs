//! The Direct task of ChartMimic: a picture to redraw, with its script as reference.
//!
//! The benchmark is published as folders (`ori_500`, `direct_600`, `direct_1800`) of `STEM.py`,
//! `STEM.png` and `STEM.pdf`. `data.path` is such a folder, or the one above it with `data.split`
//! naming it. Figure sizes are read from `dimentions_info.jsonl` (that spelling) in the same folder
//! or in one of the two above it: lines with `idx` (the first two parts of the stem), `width` and
//! `height` in inches.
//!
//! The prompt paraphrases the benchmark's prompt, so scores measured with it are not comparable
//! with published ones. A model trained on these files can no longer be evaluated on the benchmark.
//!
//! Not supported: the Customized task, and pictures from the PDF if the PNG is missing (such
//! examples are skipped and counted).

use crate::error::{DataError, Skips};
use crate::pairs::{PairKind, Pairs};
use crate::picture::Picture;
use crate::record::{Record, Rows};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const SIZES: &str = "dimentions_info.jsonl";

/// The opened benchmark.
#[derive(Debug)]
pub(crate) struct ChartMimic {
    pairs: Pairs,
    /// Figure width and height in inches, by `idx`.
    sizes: HashMap<String, (f64, f64)>,
}

#[derive(Deserialize)]
struct Size {
    idx: String,
    width: f64,
    height: f64,
}

impl ChartMimic {
    pub fn open(path: &Path, split: &str, limit: u64, skips: &mut Skips) -> Result<Self, DataError> {
        let folder = folder_of(path, split)?;
        let kind = PairKind { ending: "py", help: "render it from the PDF of the same name at 120 dpi" };
        let pairs = Pairs::open(&folder, kind, limit, skips)?;
        Ok(Self { pairs, sizes: sizes(&folder)? })
    }
}

impl Rows for ChartMimic {
    fn len(&self) -> u64 {
        self.pairs.len()
    }

    fn path(&self) -> &Path {
        self.pairs.folder()
    }

    fn record(&self, i: u64) -> Result<Record, DataError> {
        let (stem, code, picture) = self.pairs.get(i)?;
        Ok(Record {
            id: stem.to_owned(),
            prompt: prompt(self.sizes.get(&idx(stem)).copied()),
            pictures: vec![picture],
            reference: Some(code),
            requirements: None,
        })
    }

    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.pairs.bytes(picture)
    }
}

/// The instruction; `size` is the figure's width and height in inches.
fn prompt(size: Option<(f64, f64)>) -> String {
    let ask = "You are an experienced Python developer who writes matplotlib code. Write the code that draws \
               the chart in the picture again, as closely as you can: its kind, its data, its texts, its \
               colours and its layout.";
    match size {
        Some((width, height)) => {
            format!("{ask} The figure's size must be figsize=({width:?}, {height:?}). Answer with the code.")
        }
        None => format!("{ask} Answer with the code."),
    }
}

/// The key of the figure sizes: the first two parts of the stem.
fn idx(stem: &str) -> String {
    stem.split('_').take(2).collect::<Vec<_>>().join("_")
}

fn folder_of(path: &Path, split: &str) -> Result<PathBuf, DataError> {
    let help = "give the folder that contains STEM.py and STEM.png, or the one above it with \
                data.split = \"ori_500\", \"direct_600\" or \"direct_1800\"";
    let below = [path.join(split), path.join("dataset").join(split)];
    let scripts = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|e| e.path()).any(|p| p.extension().is_some_and(|e| e == "py"))
    };
    match below.into_iter().find(|folder| folder.is_dir()) {
        Some(folder) => Ok(folder),
        None if split == "train" && scripts(path) => Ok(path.to_owned()),
        None => Err(DataError::file(path, format!("contains no scripts and no folder {split}"), help)),
    }
}

/// Reads the nearest file of figure sizes. If there is none, the prompts omit the size.
fn sizes(folder: &Path) -> Result<HashMap<String, (f64, f64)>, DataError> {
    let near = folder.ancestors().take(3).map(|f| f.join(SIZES)).find(|f| f.is_file());
    let Some(path) = near else { return Ok(HashMap::new()) };
    let help = "write one {idx, width, height} per line";
    let file = File::open(&path).map_err(DataError::io(&path, "check the permissions"))?;
    let mut sizes = HashMap::new();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(DataError::io(&path, help))?;
        if line.trim().is_empty() {
            continue;
        }
        let size: Size = serde_json::from_str(&line)
            .map_err(|e| DataError::file(&path, format!("line {}: {e}", i + 1), help))?;
        sizes.insert(size.idx, (size.width, size.height));
    }
    Ok(sizes)
}
