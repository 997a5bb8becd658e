//! Design2Code as tasks: a screenshot to rebuild, with its page as reference.
//!
//! The published forms: a folder of `N.html`, `N.png` and the `rick.jpg` that stands for every
//! picture (`gN.*` in the HARD set); or `SALT-NLP/Design2Code-hf`, Parquet with the columns `image`
//! and `text`, whose split `train` is that test set. `data.path` is the folder of the pairs or of
//! the Parquet file.
//!
//! The prompt asks what the benchmark asks, in *our* words ([`PROMPT`]): numbers measured with it
//! are not the published ones. Training on these files spoils the benchmark for that model.

use crate::error::{DataError, Skips};
use crate::pairs::{Form, Pairs};
use crate::picture::Picture;
use crate::record::{Record, Rows};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the benchmark's direct prompt says, in our words.
pub const PROMPT: &str = "You are an experienced web developer. The picture is a screenshot of a web page. Write one \
HTML file, with all of its CSS inside, that shows this page again as closely as you can: every text, and the size, \
the place and the colour of everything, and the layout as a whole. For every picture on the page, blue rectangles \
among them, use the file \"rick.jpg\"; use no other file and no address. Scripts are not needed. Answer with the \
content of the HTML file.";

/// The picture that stands for all others on the benchmark's pages; it lies beside the pairs or the
/// Parquet files.
pub const PLACEHOLDER: &str = "rick.jpg";

/// The placeholder, for the pages that the prompt asks for.
pub(crate) fn common(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let file = folder.join(PLACEHOLDER);
    let problem = |e| format!("cannot be read, but the prompt asks for pages that show it: {e}");
    let bytes = fs::read(&file)
        .map_err(|e| DataError::file(&file, problem(e), "copy the benchmark's picture of that name there"))?;
    Ok([(PLACEHOLDER.to_owned(), bytes)].into())
}

/// Whether the path names a Parquet file or a folder of them.
pub fn in_parquet(path: &Path) -> bool {
    let is = |path: &Path| path.extension().is_some_and(|e| e == "parquet");
    is(path) || fs::read_dir(path).is_ok_and(|files| files.flatten().any(|file| is(&file.path())))
}

/// The form of folders.
#[derive(Debug)]
pub(crate) struct Folder(Pairs);

impl Folder {
    pub fn open(path: &Path, limit: u64, skips: &mut Skips) -> Result<Self, DataError> {
        let help = "name the folder that holds N.html and N.png, or a .parquet file";
        if !path.is_dir() {
            return Err(DataError::file(path, "is no folder", help));
        }
        let form = Form { ending: "html", help: "fetch the data set again" };
        Pairs::open(path, form, limit, skips).map(Self)
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
