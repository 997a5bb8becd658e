//! Chart2Code-160K (`xxxllz/Chart2Code-160k`, CC-BY-NC-4.0: not for commercial use) as published.
//!
//! The folder contains `chart2code.json` (one JSON list) and `images/`; or the two archives
//! `json.tar.gz` and `images.tar.gz`, which are unpacked once into a folder `.visual-sdpo` beside
//! them (the pictures as one tar that is read at byte offsets). An `images.tar` is read directly.
//! Unpacked files take precedence over archives.
//!
//! A row is `{"id", "image": "images/...", "conversations": [{"from": "human", "value":
//! "<image>..."}, {"from": "gpt", "value": "...fence..."}]}`. The prompt is the human turn without
//! `<image>`, the reference is the code in the fence. Rows of any other form are skipped and
//! counted.
//!
//! Not supported: rows with more than one picture or more than one answer.

use crate::archive;
use crate::error::{DataError, Reason, Rejection, Skips};
use crate::picture::{Picture, Store, plain};
use crate::record::{Record, code_of, id_of, parsed};
use crate::rows::RowFormat;
use crate::table::{RowContext, RowParser, Table};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;

const JSON: &str = "chart2code.json";
const MARK: &str = "<image>";

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    id: Value,
    image: String,
    conversations: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    from: String,
    value: String,
}

/// Opens the data set in a folder.
pub(crate) fn open(folder: &Path, limit: u64, skips: &mut Skips) -> Result<Table, DataError> {
    let (json, pictures) = parts(folder, &mut |_| {})?;
    let store = match pictures {
        Pictures::Folder(path) => Store::Folder(path),
        Pictures::Tar(path) => Store::tar(&path)?,
    };
    let context = RowContext { store, domain: Domain::Chart };
    Table::scan(&json, RowFormat::List, RowParser { context, parse: record }, limit, skips)
}

enum Pictures {
    Folder(PathBuf),
    Tar(PathBuf),
}

/// Unpacks the archives, and calls `note` with one line before each of them.
pub(crate) fn prepare(folder: &Path, note: &mut dyn FnMut(&str)) -> Result<(), DataError> {
    parts(folder, note).map(|_| ())
}

/// The file with the rows, and the location of the pictures.
fn parts(folder: &Path, note: &mut dyn FnMut(&str)) -> Result<(PathBuf, Pictures), DataError> {
    let help = "give the folder that contains chart2code.json and images/, or json.tar.gz and images.tar.gz";
    let lacks = |what: &str| Err(DataError::file(folder, format!("contains no {what}"), help));
    let at = |name: &str| folder.join(name);
    if !folder.is_dir() {
        return Err(DataError::file(folder, "is not a folder", help));
    }
    let json = match (at(JSON), at("json.tar.gz")) {
        (json, _) if json.is_file() => json,
        (_, packed) if packed.is_file() => archive::member(&packed, JSON, note)?,
        _ => return lacks("chart2code.json and no json.tar.gz"),
    };
    let pictures = match (at("images"), at("images.tar"), at("images.tar.gz")) {
        (images, _, _) if images.is_dir() => Pictures::Folder(folder.to_owned()),
        (_, tar, _) if tar.is_file() => Pictures::Tar(tar),
        (_, _, packed) if packed.is_file() => Pictures::Tar(archive::tar(&packed, note)?),
        _ => return lacks("images/, images.tar or images.tar.gz"),
    };
    Ok((json, pictures))
}

/// Parses the text of a row, or says why the row is skipped.
fn record(text: &str, number: u64, context: &RowContext) -> Result<Record, Rejection> {
    let form = |problem: String| (Reason::Form, problem);
    let raw: Raw = parsed(text)?;
    let [human, gpt] = raw.conversations.as_slice() else {
        return Err(form(format!("conversations: {} turns, not 2", raw.conversations.len())));
    };
    if human.from != "human" || gpt.from != "gpt" {
        return Err(form(format!(
            "conversations: from {:?} and {:?}, not human and gpt",
            human.from, gpt.from
        )));
    }
    if human.value.matches(MARK).count() != 1 {
        return Err(form(format!(
            "the human turn contains {MARK} {} times, not once",
            human.value.matches(MARK).count()
        )));
    }
    let code = code_of(&gpt.value, context.domain, false)
        .ok_or_else(|| (Reason::NoCode, "the gpt turn contains no code in a Python fence".into()))?;
    Ok(Record {
        id: id_of(&raw.id, number),
        prompt: human.value.replace(MARK, "").trim().to_owned(),
        pictures: vec![picture(&raw.image, &context.store)?],
        reference: Some(code.to_owned()),
        requirements: None,
    })
}

/// Finds the picture `images/NAME`. Some copies and archives of the data set omit the folder.
fn picture(name: &str, store: &Store) -> Result<Picture, Rejection> {
    let name = plain(Path::new(name))
        .ok_or_else(|| (Reason::Form, format!("image: {name:?} is outside the folder")))?;
    let bare = name.strip_prefix("images/").unwrap_or(&name);
    let names = [name.as_str(), bare, &format!("images/{bare}")].map(|n| store.find(n));
    names.into_iter().flatten().next().ok_or_else(|| (Reason::MissingImage, format!("{name} does not exist")))
}
