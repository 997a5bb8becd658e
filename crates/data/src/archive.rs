//! Unpacks published archives once.
//!
//! gzip has no random access, so rows and pictures cannot be read from it in shuffled order. The
//! JSON file, and the pictures as *one* uncompressed tar that is read at byte offsets, are
//! therefore unpacked into the folder [`CACHE`] beside the archive. This takes about the size of
//! the archive on disk (pictures hardly compress) and creates one file instead of 160,000.

use crate::error::DataError;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Folder beside an archive for the unpacked files; it may be deleted at any time.
pub(crate) const CACHE: &str = ".visual-sdpo";

const DOWNLOAD: &str = "the archive is incomplete or damaged: download it again";
const SPACE: &str =
    "provide free space and write access beside the archive, or unpack it there with tar -xzf";

/// Unpacks the member with file name `member` from a `.tar.gz`.
pub(crate) fn member(archive: &Path, member: &str, note: &mut dyn FnMut(&str)) -> Result<PathBuf, DataError> {
    unpacked(archive, member, note, &mut |reader, target| {
        let mut tar = tar::Archive::new(reader);
        for entry in tar.entries().map_err(DataError::io(archive, DOWNLOAD))? {
            let mut entry = entry.map_err(DataError::io(archive, DOWNLOAD))?;
            let wanted = {
                let path = entry.path().map_err(DataError::io(archive, DOWNLOAD))?;
                path.file_name().is_some_and(|name| name == member)
            };
            if wanted && entry.header().entry_type().is_file() {
                return copy(&mut entry, archive, target);
            }
        }
        Err(DataError::file(archive, format!("contains no {member}"), DOWNLOAD))
    })
}

/// Decompresses a `.tar.gz` to a `.tar`.
pub(crate) fn tar(archive: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, DataError> {
    let name = archive.file_stem().and_then(|s| s.to_str()).unwrap_or("images.tar").to_owned();
    unpacked(archive, &name, note, &mut |reader, target| copy(reader, archive, target))
}

type Unpack<'a> = &'a mut dyn FnMut(&mut dyn Read, &Path) -> Result<(), DataError>;

/// The cached file `name`, written by `unpack` if it is missing or older than the archive. It is
/// written to a temporary name and renamed, so that an interrupted run leaves no incomplete file.
fn unpacked(
    archive: &Path,
    name: &str,
    note: &mut dyn FnMut(&str),
    unpack: Unpack,
) -> Result<PathBuf, DataError> {
    let cache = archive.parent().unwrap_or(Path::new("")).join(CACHE);
    let target = cache.join(name);
    let facts = fs::metadata(archive).map_err(DataError::io(archive, "give an existing archive"))?;
    let made = |path: &Path| fs::metadata(path).and_then(|m| m.modified());
    if made(&target).is_ok_and(|made| facts.modified().is_ok_and(|packed| made >= packed)) {
        return Ok(target);
    }
    note(&format!(
        "unpacking {} ({:.1} MB) once into {}",
        archive.display(),
        facts.len() as f64 / 1e6,
        target.display()
    ));
    fs::create_dir_all(&cache).map_err(DataError::io(&cache, SPACE))?;
    let partial = cache.join(format!(".{name}.{}.partial", std::process::id()));
    let file = File::open(archive).map_err(DataError::io(archive, "check the permissions"))?;
    let mut reader = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, file));
    let made = unpack(&mut reader, &partial)
        .and_then(|()| fs::rename(&partial, &target).map_err(DataError::io(&target, SPACE)));
    if made.is_err() {
        // A leftover temporary file is harmless; the first error is the one to report.
        let _ = fs::remove_file(&partial);
    }
    made.map(|()| target)
}

/// Copies to a new file. A read error names the archive, a write error names the file.
fn copy(reader: &mut dyn Read, archive: &Path, target: &Path) -> Result<(), DataError> {
    use io::Write;
    let mut file = File::create(target).map_err(DataError::io(target, SPACE))?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = reader.read(&mut buffer).map_err(DataError::io(archive, DOWNLOAD))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(DataError::io(target, SPACE))?;
    }
    file.sync_all().map_err(DataError::io(target, SPACE))
}
