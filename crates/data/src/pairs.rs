//! A folder of examples, each a source and its picture under one name, such as `STEM.py` and
//! `STEM.png`. Only the names are kept in memory; benchmarks have a few thousand at most.

use crate::error::{DataError, Reason, Rejection, Skips};
use crate::picture::{Picture, Store};
use std::fs;
use std::path::{Path, PathBuf};

/// The kind of examples of a benchmark.
#[derive(Debug)]
pub(crate) struct PairKind {
    /// File name extension of the sources.
    pub ending: &'static str,
    /// What to do if a picture is missing.
    pub help: &'static str,
}

/// The complete examples, sorted by name.
#[derive(Debug)]
pub(crate) struct Pairs {
    folder: PathBuf,
    store: Store,
    kind: PairKind,
    stems: Vec<String>,
}

impl Pairs {
    pub fn open(folder: &Path, kind: PairKind, limit: u64, skips: &mut Skips) -> Result<Self, DataError> {
        let mut stems = Vec::new();
        let help = "check the permissions";
        for entry in fs::read_dir(folder).map_err(DataError::io(folder, help))? {
            let path = entry.map_err(DataError::io(folder, help))?.path();
            if path.extension().is_some_and(|e| e == kind.ending) {
                stems.extend(path.file_stem().and_then(|s| s.to_str()).map(str::to_owned));
            }
        }
        stems.sort();
        let mut number = 0;
        stems.retain(|stem| {
            number += 1;
            let fault = source(folder, &kind, stem).err();
            fault.map(|fault| skips.add(number, fault)).is_none()
        });
        if limit > 0 {
            stems.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(Self { folder: folder.to_owned(), store: Store::Folder(folder.to_owned()), kind, stems })
    }

    pub fn len(&self) -> u64 {
        self.stems.len() as u64
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.store.bytes(picture)
    }

    /// The name, source and picture of example `i` (from 0).
    pub fn get(&self, i: u64) -> Result<(&str, String, Picture), DataError> {
        let bad = |problem: String| DataError::Row {
            path: self.folder.clone(),
            row: i + 1,
            problem,
            help: "the files changed during the run: start it again",
        };
        let stem = self.stems.get(i as usize).ok_or_else(|| bad("is not in the index".into()))?;
        let code = source(&self.folder, &self.kind, stem).map_err(|(_, problem)| bad(problem))?;
        Ok((stem, code, Picture::File(self.folder.join(format!("{stem}.png")))))
    }
}

/// The source of an example, or why the example is skipped.
fn source(folder: &Path, kind: &PairKind, stem: &str) -> Result<String, Rejection> {
    if !folder.join(format!("{stem}.png")).is_file() {
        return Err((Reason::MissingImage, format!("{stem}.png does not exist: {}", kind.help)));
    }
    let file = format!("{stem}.{}", kind.ending);
    let bytes =
        fs::read(folder.join(&file)).map_err(|e| (Reason::Form, format!("{file} cannot be read ({e})")))?;
    let code = String::from_utf8(bytes).map_err(|e| {
        (Reason::NotUtf8, format!("{file}: byte {} is not UTF-8", e.utf8_error().valid_up_to()))
    })?;
    match code.trim().is_empty() {
        true => Err((Reason::NoCode, format!("{file} is empty"))),
        false => Ok(code),
    }
}
