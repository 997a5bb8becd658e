//! Reads the scripts, notebooks, pages and decks of the command line.

mod decode;
mod notebook;

use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use vsdpo_report::Cell;

/// A file that was read.
#[derive(Default)]
pub struct Read {
    /// The path as it was typed.
    pub name: String,
    /// The text; empty for a deck. Of a notebook that of its code cells.
    pub text: String,
    /// The bytes of a deck (.pptx).
    pub deck: Option<Arc<[u8]>>,
    /// Of a notebook, where its code cells begin.
    pub cells: Vec<Cell>,
    /// Lines that are no Python and were skipped: commands of notebooks.
    pub skipped: usize,
}

/// The largest deck that is read, in bytes.
const MAX_DECK: u64 = 128 << 20;
/// What every zip archive begins with.
const ZIP: &[u8] = b"PK\x03\x04";
/// The largest script that is read, in bytes.
const MAX_SCRIPT: u64 = 4 << 20;
/// The largest page or notebook that is read, in bytes; both may hold pictures.
const MAX_PAGE: u64 = 64 << 20;
/// What is accepted, in the words of a message.
const ACCEPTED: &str =
    "give a Python script (.py), a notebook (.ipynb), a page (.html, .htm, .xhtml) or a deck (.pptx)";

/// The name of standard input in messages.
const STDIN: &str = "<stdin>";

/// How the bytes of a file are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Script,
    Notebook,
    Page,
    Deck,
}

impl Form {
    /// By the suffix; a file without one, or with the suffix of plain text, is a script or a page
    /// by its first character. `None` for everything else.
    fn of(path: &Path, bytes: &[u8]) -> Option<Self> {
        match extension(path).as_str() {
            "pptx" => Some(Form::Deck),
            "py" | "pyw" => Some(Form::Script),
            "ipynb" => Some(Form::Notebook),
            "html" | "htm" | "xhtml" => Some(Form::Page),
            "" | "txt" => match bytes {
                zip if zip.starts_with(ZIP) => Some(Form::Deck),
                page if decode::page(&page[..page.len().min(256)]).trim_start().starts_with('<') => {
                    Some(Form::Page)
                }
                // No text has this byte; UTF-16 has, and is no Python.
                binary if binary.contains(&0) => None,
                _ => Some(Form::Script),
            },
            _ => None,
        }
    }

    fn limit(self) -> u64 {
        match self {
            Form::Deck => MAX_DECK,
            Form::Script => MAX_SCRIPT,
            Form::Page | Form::Notebook => MAX_PAGE,
        }
    }
}

/// A script, a notebook, a page or a deck; `-` is standard input.
pub fn read_or_stdin(path: &Path) -> Result<Read> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MAX_DECK + 1).read_to_end(&mut bytes);
        read.context("cannot read standard input")?;
        of_bytes(STDIN.to_owned(), Path::new(""), bytes)?
    } else {
        of_bytes(path.display().to_string(), path, bytes(path)?)?
    };
    if read.deck.is_none() && read.text.trim().is_empty() {
        let what = if read.cells.is_empty() { "is empty" } else { "has no code" };
        bail!("`{}` {what}; help: give a script that draws a chart, or a page", read.name);
    }
    Ok(read)
}

/// Code that is in no file, read like one without a suffix.
///
/// # Errors
/// Code that is too large or empty.
pub fn of_code(code: String) -> Result<Read> {
    if code.trim().is_empty() {
        bail!("the code is empty; help: give a script that draws a chart, or a page");
    }
    of_bytes("code".into(), Path::new("code"), code.into_bytes())
}

fn of_bytes(name: String, path: &Path, bytes: Vec<u8>) -> Result<Read> {
    let form = Form::of(path, &bytes)
        .ok_or_else(|| anyhow!("`{name}` is none of the files that are checked; help: {ACCEPTED}"))?;
    if bytes.len() as u64 > form.limit() {
        bail!("`{name}` has {} bytes, more than {}; help: {}", bytes.len(), form.limit(), smaller(form));
    }
    let mut read = Read { name, ..Read::default() };
    match form {
        Form::Deck => read.deck = Some(bytes.into()),
        Form::Page => read.text = decode::page(&bytes),
        Form::Script => {
            let text = script(&read.name, &bytes)?;
            (read.text, read.skipped) = notebook::masked(&text, false);
        }
        Form::Notebook => {
            let json = script(&read.name, &bytes)?;
            let found = notebook::script(&json)
                .map_err(|why| anyhow!("`{}` {why}; help: notebooks in Python are checked", read.name))?;
            (read.text, read.cells, read.skipped) = (found.text, found.cells, found.skipped);
        }
    }
    Ok(read)
}

fn smaller(form: Form) -> &'static str {
    match form {
        Form::Script => "give a single chart script, and keep its data in a file beside it",
        Form::Notebook => "clear the outputs of the notebook",
        Form::Page => "keep its pictures in files beside it",
        Form::Deck => "give a single deck",
    }
}

fn script(name: &str, bytes: &[u8]) -> Result<String> {
    decode::script(bytes).map_err(|wrong| anyhow!("`{name}` {}; help: {}", wrong.why, wrong.help))
}

/// The text of a script or a page.
pub fn read(path: &Path) -> Result<String> {
    let text = read_even_empty(path)?;
    if text.trim().is_empty() {
        bail!("`{}` is empty; help: give a script that draws a chart, or a page", path.display());
    }
    Ok(text)
}

/// The text of a script, which may be empty.
pub fn read_even_empty(path: &Path) -> Result<String> {
    let bytes = bytes(path)?;
    if is_deck(path, &bytes) {
        bail!("`{}` is a deck; help: give a .py or .html file", path.display());
    }
    utf8(&path.display().to_string(), bytes)
}

/// A script or a page, which may be empty, or a deck.
pub fn read_slides(path: &Path) -> Result<Read> {
    let name = path.display().to_string();
    let bytes = bytes(path)?;
    match is_deck(path, &bytes) {
        true => Ok(Read { name, deck: Some(bytes.into()), ..Read::default() }),
        false => Ok(Read { text: utf8(&name, bytes)?, name, ..Read::default() }),
    }
}

/// Whether a file is a deck: by its suffix, or because it is an archive.
fn is_deck(path: &Path, bytes: &[u8]) -> bool {
    extension(path) == "pptx" || bytes.starts_with(ZIP)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let facts = match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{shown}` does not exist; help: check the path")
        }
        other => other.with_context(|| format!("cannot read `{shown}`"))?,
    };
    if facts.is_dir() {
        bail!("`{shown}` is a folder; help: name the scripts in it, as in `{shown}/*.py`");
    }
    if !facts.is_file() {
        bail!("`{shown}` is not a regular file; help: give a Python script or a page");
    }
    // Files that are not checked are told by their suffix, without reading them.
    let most = Form::of(path, b"")
        .ok_or_else(|| anyhow!("`{shown}` is none of the files that are checked; help: {ACCEPTED}"))?
        .limit();
    let most = if extension(path).is_empty() || extension(path) == "txt" { MAX_DECK } else { most };
    if facts.len() > most {
        let form = Form::of(path, b"").unwrap_or(Form::Script);
        bail!("`{shown}` has {} bytes, more than {most}; help: {}", facts.len(), smaller(form));
    }
    fs::read(path).with_context(|| format!("cannot read `{shown}`"))
}

/// The bytes as UTF-8; `shown` names them in the error.
pub fn utf8(shown: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow!("`{shown}` is not UTF-8 (byte {at}); help: save it as UTF-8")
    })
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| e.to_string_lossy().to_ascii_lowercase())
}
