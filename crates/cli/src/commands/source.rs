//! Reads the scripts and pages of the command line.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Read;
use std::path::Path;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The name of standard input in messages.
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
        bail!("`{STDIN}` has more than {MAX_BYTES} bytes; help: give a single chart script or page");
    }
    Ok((STDIN.to_owned(), text(STDIN, bytes)?))
}

/// The text of a script or a page.
pub fn read(path: &Path) -> Result<String> {
    let bytes = script_bytes(path)?;
    text(&path.display().to_string(), bytes)
}

/// The text of a script, which may be empty.
pub fn read_even_empty(path: &Path) -> Result<String> {
    let bytes = script_bytes(path)?;
    utf8(&path.display().to_string(), bytes)
}

fn script_bytes(path: &Path) -> Result<Vec<u8>> {
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
    if matches!(extension(path).as_str(), "svg" | "pptx") {
        bail!("`{shown}` is neither a chart script nor a page; help: give a .py or .html file");
    }
    if facts.len() > MAX_BYTES {
        bail!(
            "`{shown}` has {} bytes, more than {MAX_BYTES}; help: give a single chart script or page",
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
