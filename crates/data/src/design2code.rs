//! Design2Code: a screenshot to reproduce, with its page as reference.
//!
//! The benchmark is published in two formats: a folder of `N.html`, `N.png` (`gN.*` in the HARD
//! set) and `rick.jpg`, the placeholder for every picture; or `SALT-NLP/Design2Code-hf`, Parquet
//! with the columns `image` and `text`, whose split `train` is the test set. `data.path` is the
//! folder of the pairs, or a Parquet file or its folder.
//!
//! [`PROMPT`] paraphrases the benchmark's prompt, so scores measured with it are not comparable
//! with published ones. A model trained on these files can no longer be evaluated on the benchmark.

use crate::error::{DataError, Skips};
use crate::pairs::{PairKind, Pairs};
use crate::picture::Picture;
use crate::record::{Record, Rows};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A paraphrase of the benchmark's direct prompt.
pub const PROMPT: &str = "You are an experienced web developer. The picture is a screenshot of a web page. Write one \
HTML file, with all of its CSS inside, that shows this page again as closely as you can: every text, and the size, \
the place and the colour of everything, and the layout as a whole. For every picture on the page, blue rectangles \
among them, use the file \"rick.jpg\"; use no other file and no address. Scripts are not needed. Answer with the \
content of the HTML file.";

/// File name of the picture that replaces all others on the benchmark's pages; the file is in the
/// folder of the pairs or of the Parquet files.
pub const PLACEHOLDER: &str = "rick.jpg";

/// The placeholder picture, which [`PROMPT`] tells the model to use: name and content.
pub(crate) fn common(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let file = folder.join(PLACEHOLDER);
    let problem = |e| format!("cannot be read, but the prompt tells the model to use it: {e}");
    let help = "copy the picture of that name from the benchmark to this path";
    let bytes = fs::read(&file).map_err(|e| DataError::file(&file, problem(e), help))?;
    Ok([(PLACEHOLDER.to_owned(), bytes)].into())
}

/// Whether the path is a Parquet file or a folder that contains one.
pub fn in_parquet(path: &Path) -> bool {
    let is = |path: &Path| path.extension().is_some_and(|e| e == "parquet");
    is(path) || fs::read_dir(path).is_ok_and(|files| files.flatten().any(|file| is(&file.path())))
}

/// The benchmark as a folder of pages and screenshots.
#[derive(Debug)]
pub(crate) struct Folder(Pairs);

impl Folder {
    pub fn open(path: &Path, limit: u64, skips: &mut Skips) -> Result<Self, DataError> {
        let help = "give the folder that contains N.html and N.png, or a .parquet file";
        if !path.is_dir() {
            return Err(DataError::file(path, "is not a folder", help));
        }
        let kind = PairKind { ending: "html", help: "download the data set again" };
        Pairs::open(path, kind, limit, skips).map(Self)
    }
}

impl Rows for Folder {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn path(&self) -> &Path {
        self.0.folder()
    }

    fn record(&self, i: u64) -> Result<Record, DataError> {
        let (stem, page, picture) = self.0.get(i)?;
        Ok(Record {
            id: stem.to_owned(),
            prompt: PROMPT.to_owned(),
            pictures: vec![picture],
            reference: Some(page),
            requirements: None,
        })
    }

    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.0.bytes(picture)
    }
}
