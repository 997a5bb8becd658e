//! Atomic writes of small files, and keys by content, for caches and resumable results.

use anyhow::{Context, Result, anyhow, bail};
use image::ImageEncoder;
use image::codecs::png::PngEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use vsdpo_artifact::Image;

/// The SHA-256 of parts in hexadecimal; `["ab", "c"]` and `["a", "bc"]` differ.
pub fn hash(parts: &[&str]) -> String {
    let bytes: Vec<&[u8]> = parts.iter().map(|p| p.as_bytes()).collect();
    hash_bytes(&bytes)
}

/// As [`hash`], of bytes.
pub fn hash_bytes(parts: &[&[u8]]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The SHA-256 of bytes in hexadecimal, as `sha256sum` prints it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Identifies the content of a folder of weights by the names, sizes and times of its files; they
/// are not read.
pub fn folder_identity(folder: &Path) -> Result<String> {
    let shown = || format!("cannot read the model folder `{}`", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(shown)? {
        let entry = entry.with_context(shown)?;
        let facts = std::fs::metadata(entry.path()).with_context(shown)?;
        if facts.is_file() {
            files.push(format!("{:?} {} {:?}", entry.file_name(), facts.len(), facts.modified().ok()));
        }
    }
    files.sort();
    Ok(files.join("\n"))
}

/// The text of a file that must be UTF-8 and not empty.
///
/// # Errors
/// Returns an error that names the file and what is wrong with it.
pub fn read_text(path: &Path) -> Result<String> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow!("`{shown}` is not UTF-8 (byte {at}): save it as UTF-8")
    })?;
    if text.trim().is_empty() {
        bail!("`{shown}` is empty; help: give a script that draws a chart, or a page");
    }
    Ok(text)
}

/// The image as a PNG file.
///
/// # Errors
/// Returns an error if the encoder refuses the image.
pub fn png(image: &Image) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&image.rgba, image.width, image.height, image::ExtendedColorType::Rgba8)
        .context("cannot encode the picture as PNG")?;
    Ok(bytes)
}

/// Makes a folder and those above it.
pub fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Writes a temporary file and renames it, so that no reader gets half of it.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.part", std::process::id()));
    let wrong = || format!("cannot write `{}`", path.display());
    std::fs::write(&beside, bytes).with_context(wrong)?;
    std::fs::rename(&beside, path).with_context(wrong)
}

/// Rewrites a file, if it exists, with the lines that `keep` accepts. `keep` must reject a last
/// line that an interrupted run left incomplete.
pub fn retain_lines(path: &Path, mut keep: impl FnMut(&[u8]) -> bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let beside = path.with_extension("jsonl.part");
    let mut rewrite = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(&beside)?);
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let line = line?;
            if keep(&line) {
                out.write_all(&line)?;
                out.write_all(b"\n")?;
            }
        }
        out.flush()?;
        std::fs::rename(&beside, path)
    };
    rewrite().with_context(|| format!("cannot read `{}`", path.display()))
}

/// The folder of caches: `asked` if given, else the user's cache folder, else one inside `out`.
pub fn cache_folder(asked: Option<&Path>, out: &Path) -> PathBuf {
    if let Some(folder) = asked {
        return folder.to_path_buf();
    }
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let user = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    user.map_or_else(|| out.join("cache"), |folder| folder.join("visual-sdpo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_the_borders_of_parts() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["a"]), hash(&["a"]));
        assert_eq!(hash(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
