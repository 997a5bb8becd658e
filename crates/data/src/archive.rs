//! Archives as they are published, unpacked once.
//!
//! gzip can only be read from its beginning, so rows and pictures in drawn order cannot be had from
//! it. What is needed is therefore unpacked once into the folder [`CACHE`] beside the archive: the
//! one JSON file, and the pictures as *one* uncompressed tar that is then read at byte offsets.
//! That costs about the archive's own size on the disk (pictures hardly shrink) and one file
//! instead of 160,000.

use crate::error::DataError;
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Folder beside an archive that holds what was unpacked; may be deleted at any time.
pub(crate) const CACHE: &str = ".visual-sdpo";

const FETCH: &str = "the archive is cut short or damaged: fetch it again";
const ROOM: &str = "make room or write access beside the archive, or unpack it there yourself with tar -xzf";

/// The member whose file name is `member`, unpacked from a `.tar.gz`.
pub(crate) fn member(archive: &Path, member: &str, note: &mut dyn FnMut(&str)) -> Result<PathBuf, DataError> {
    unpacked(archive, member, note, &mut |reader, target| {
        let mut tar = tar::Archive::new(reader);
        for entry in tar.entries().map_err(DataError::io(archive, FETCH))? {
            let mut entry = entry.map_err(DataError::io(archive, FETCH))?;
            let wanted = {
                let path = entry.path().map_err(DataError::io(archive, FETCH))?;
                path.file_name().is_some_and(|name| name == member)
            };
            if wanted && entry.header().entry_type().is_file() {
                return copy(&mut entry, archive, target);
            }
        }
        Err(DataError::file(archive, format!("holds no {member}"), FETCH))
    })
}

/// A `.tar.gz` without its compression.
pub(crate) fn tar(archive: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, DataError> {
    let name = archive.file_stem().and_then(|s| s.to_str()).unwrap_or("images.tar").to_owned();
    unpacked(archive, &name, note, &mut |reader, target| copy(reader, archive, target))
}

type Unpack<'a> = &'a mut dyn FnMut(&mut dyn Read, &Path) -> Result<(), DataError>;

/// The cached file `name`, made by `unpack` if it is not there or older than the archive. It is
/// written beside its place and renamed, so that an interrupted unpacking is never taken for a
/// finished one.
fn unpacked(
    archive: &Path,
    name: &str,
    note: &mut dyn FnMut(&str),
    unpack: Unpack,
) -> Result<PathBuf, DataError> {
    let cache = archive.parent().unwrap_or(Path::new("")).join(CACHE);
    let target = cache.join(name);
    let facts = fs::metadata(archive).map_err(DataError::io(archive, "name an existing archive"))?;
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
    fs::create_dir_all(&cache).map_err(DataError::io(&cache, ROOM))?;
    let partial = cache.join(format!(".{name}.{}.partial", std::process::id()));
    let file = File::open(archive).map_err(DataError::io(archive, "check the rights"))?;
    let mut reader = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, file));
    let made = unpack(&mut reader, &partial)
        .and_then(|()| fs::rename(&partial, &target).map_err(DataError::io(&target, ROOM)));
    if made.is_err() {
        // Nothing depends on it; the error itself is what is told.
        let _ = fs::remove_file(&partial);
    }
    made.map(|()| target)
}

/// Copies to a new file; an error of reading names the archive, one of writing the file.
fn copy(reader: &mut dyn Read, archive: &Path, target: &Path) -> Result<(), DataError> {
    use io::Write;
    let mut file = File::create(target).map_err(DataError::io(target, ROOM))?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = reader.read(&mut buffer).map_err(DataError::io(archive, FETCH))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(DataError::io(target, ROOM))?;
    }
    file.sync_all().map_err(DataError::io(target, ROOM))
}
