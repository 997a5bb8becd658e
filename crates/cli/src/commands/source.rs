//! Reading the scripts that a person names.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Read;
use std::path::Path;

/// Larger files are neither charts nor pages.
const MAX_BYTES: u64 = 4 << 20;

/// What `-` stands for in messages.
const STDIN: &str = "<stdin>";

/// The name and the text of a script; `-` is standard input.
pub fn read_or_stdin(path: &Path) -> Result<(String, String)> {
    if path != Path::new("-") {
        return Ok((path.display().to_string(), read(path)?));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.context("cannot read standard input")?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!("`{STDIN}` has more than {MAX_BYTES} bytes: give a single chart script or page");
    }
    Ok((STDIN.to_owned(), text(STDIN, bytes)?))
}

/// The text of a matplotlib script or a page.
pub fn read(path: &Path) -> Result<String> {
    let bytes = script_bytes(path)?;
    text(&path.display().to_string(), bytes)
}

/// The text of a script that may be empty.
pub fn read_even_empty(path: &Path) -> Result<String> {
    let bytes = script_bytes(path)?;
    utf8(&path.display().to_string(), bytes)
}

fn script_bytes(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let facts = match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{shown}` does not exist: check the path")
        }
        other => other.with_context(|| format!("cannot read `{shown}`"))?,
    };
    if facts.is_dir() {
        bail!("`{shown}` is a folder: name the scripts in it, as in `{shown}/*.py`");
    }
    if !facts.is_file() {
        bail!("`{shown}` is no regular file: give a Python script or a page");
    }
    if matches!(extension(path).as_str(), "svg" | "pptx") {
        bail!("`{shown}` is neither a chart script nor a page: this version checks .py and .html files");
    }
    if facts.len() > MAX_BYTES {
        bail!(
            "`{shown}` has {} bytes, more than {MAX_BYTES}: give a single chart script or page",
            facts.len()
        );
    }
    fs::read(path).with_context(|| format!("cannot read `{shown}`"))
}

/// Bytes that have to be UTF-8.
pub fn utf8(shown: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow::anyhow!("`{shown}` is not UTF-8 (byte {at}): save it as UTF-8")
    })
}

fn text(shown: &str, bytes: Vec<u8>) -> Result<String> {
    let text = utf8(shown, bytes)?;
    if text.trim().is_empty() {
        bail!("`{shown}` is empty: give a script that draws a chart, or a page");
    }
    Ok(text)
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| e.to_string_lossy().to_ascii_lowercase())
}
