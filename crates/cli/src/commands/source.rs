//! Reads the scripts, pages and decks of the command line.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// A file that was read.
pub struct Read {
    /// The path as it was typed.
    pub name: String,
    /// The text; empty for a deck.
    pub text: String,
    /// The bytes of a deck (.pptx).
    pub deck: Option<Arc<[u8]>>,
}

/// The largest deck that is read, in bytes.
const MAX_DECK: u64 = 128 << 20;
/// What every zip archive begins with.
const ZIP: &[u8] = b"PK\x03\x04";

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The name of standard input in messages.
const STDIN: &str = "<stdin>";

/// A script, a page or a deck; `-` is standard input.
pub fn read_or_stdin(path: &Path) -> Result<Read> {
    if path != Path::new("-") {
        let bytes = bytes(path)?;
        return of_bytes(path.display().to_string(), is_deck(path, &bytes), bytes);
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_DECK + 1).read_to_end(&mut bytes);
    read.context("cannot read standard input")?;
    let deck = bytes.starts_with(ZIP);
    let most = if deck { MAX_DECK } else { MAX_BYTES };
    if bytes.len() as u64 > most {
        bail!("`{STDIN}` has more than {most} bytes; help: give a single chart script, page or deck");
    }
    of_bytes(STDIN.to_owned(), deck, bytes)
}

fn of_bytes(name: String, deck: bool, bytes: Vec<u8>) -> Result<Read> {
    match deck {
        true => Ok(Read { name, text: String::new(), deck: Some(bytes.into()) }),
        false => Ok(Read { text: text(&name, bytes)?, name, deck: None }),
    }
}

/// Whether a file is a deck: by its suffix, or because it is an archive.
fn is_deck(path: &Path, bytes: &[u8]) -> bool {
    extension(path) == "pptx" || bytes.starts_with(ZIP)
}

/// The text of a script or a page.
pub fn read(path: &Path) -> Result<String> {
    text(&path.display().to_string(), no_deck(path)?)
}

/// The text of a script, which may be empty.
pub fn read_even_empty(path: &Path) -> Result<String> {
    utf8(&path.display().to_string(), no_deck(path)?)
}

/// A script or a page, which may be empty, or a deck.
pub fn read_slides(path: &Path) -> Result<Read> {
    let name = path.display().to_string();
    let bytes = bytes(path)?;
    match is_deck(path, &bytes) {
        true => Ok(Read { name, text: String::new(), deck: Some(bytes.into()) }),
        false => Ok(Read { text: utf8(&name, bytes)?, name, deck: None }),
    }
}

fn no_deck(path: &Path) -> Result<Vec<u8>> {
    let bytes = bytes(path)?;
    if is_deck(path, &bytes) {
        bail!("`{}` is a deck; help: give a .py or .html file", path.display());
    }
    Ok(bytes)
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
    if extension(path) == "svg" {
        bail!("`{shown}` is neither a script nor a page nor a deck; help: give a .py, .html or .pptx file");
    }
    let most = if extension(path) == "pptx" { MAX_DECK } else { MAX_BYTES };
    if facts.len() > most {
        bail!(
            "`{shown}` has {} bytes, more than {most}; help: give a single chart script, page or deck",
            facts.len()
        );
    }
    fs::read(path).with_context(|| format!("cannot read `{shown}`"))
}

/// The bytes as UTF-8; `shown` names them in the error.
pub fn utf8(shown: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow::anyhow!("`{shown}` is not UTF-8 (byte {at}); help: save it as UTF-8")
    })
}

fn text(shown: &str, bytes: Vec<u8>) -> Result<String> {
    let text = utf8(shown, bytes)?;
    if text.trim().is_empty() {
        bail!("`{shown}` is empty; help: give a script that draws a chart, or a page");
    }
    Ok(text)
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| e.to_string_lossy().to_ascii_lowercase())
}
