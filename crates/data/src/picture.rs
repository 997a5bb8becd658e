//! Pictures of tasks: where they lie, and their pixels when they are drawn.

use crate::error::DataError;
use image::{ImageReader, Limits};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::Image;

/// Larger files are no pictures of charts.
const MAX_BYTES: u64 = 64 << 20;
/// Pixels of a side at most.
const MAX_SIDE: u32 = 16_384;
/// Bytes that decoding may take at most.
const MAX_DECODED: u64 = 512 << 20;

/// Where a picture lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A file of its own.
    File(PathBuf),
    /// A member of an archive.
    Member {
        /// Its name in the archive.
        name: String,
        /// Byte at which its content begins in the archive.
        at: u64,
        /// Bytes of its content.
        len: u64,
    },
    /// In its row, and read together with it.
    Held {
        /// Where the row has it.
        place: String,
        /// Its file; empty where the row has none.
        bytes: Arc<[u8]>,
    },
}

impl Picture {
    /// Its file, member or place in the row.
    pub(crate) fn name(&self) -> String {
        match self {
            Picture::File(path) => path.display().to_string(),
            Picture::Member { name, .. } => name.clone(),
            Picture::Held { place, .. } => place.clone(),
        }
    }
}

/// Where the pictures of a data set lie.
#[derive(Debug)]
pub(crate) enum Store {
    /// A folder; names are relative to it.
    Folder(PathBuf),
    /// An uncompressed archive with the places of its members: 24 bytes each, sorted by the hash of
    /// the name. Two names of equal 64-bit hash would be confused (a chance of 1e-9 for 160,000
    /// names).
    Tar { path: PathBuf, file: File, members: Vec<(u64, u64, u64)> },
}

impl Store {
    /// Reads the archive's headers once, jumping over the contents.
    pub fn tar(path: &Path) -> Result<Self, DataError> {
        let help = "the archive is cut short or no tar: fetch it again";
        let io = |e| DataError::io(path, help)(e);
        let mut members = Vec::new();
        let mut archive = tar::Archive::new(File::open(path).map_err(io)?);
        for entry in archive.entries_with_seek().map_err(io)? {
            let entry = entry.map_err(io)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(io)?;
            if let Some(name) = plain(&name) {
                members.push((hash(&name), entry.raw_file_position(), entry.size()));
            }
        }
        // Of two members of one name the later one counts, as when unpacking.
        members.sort_by_key(|m| (m.0, std::cmp::Reverse(m.1)));
        members.dedup_by_key(|m| m.0);
        members.shrink_to_fit();
        let file = File::open(path).map_err(io)?;
        Ok(Store::Tar { path: path.to_owned(), file, members })
    }

    /// The picture of a name, if it is there.
    pub fn find(&self, name: &str) -> Option<Picture> {
        match self {
            Store::Folder(folder) => {
                let path = folder.join(name);
                path.is_file().then_some(Picture::File(path))
            }
            Store::Tar { members, .. } => {
                let name = plain(Path::new(name))?;
                let i = members.binary_search_by_key(&hash(&name), |m| m.0).ok()?;
                let (_, at, len) = *members.get(i)?;
                Some(Picture::Member { name, at, len })
            }
        }
    }

    /// The bytes of a picture's file.
    pub fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        let help = "check that the pictures are where they were";
        let (Store::Tar { path, .. } | Store::Folder(path)) = self;
        let (shown, len) = match picture {
            Picture::File(path) => (path, std::fs::metadata(path).map_err(DataError::io(path, help))?.len()),
            Picture::Member { len, .. } => (path, *len),
            Picture::Held { bytes, .. } => (path, bytes.len() as u64),
        };
        if len > MAX_BYTES {
            return Err(DataError::file(shown, format!("a picture of {len} bytes"), "64 MiB is the limit"));
        }
        let mut bytes = Vec::new();
        let read = match (picture, self) {
            (Picture::Member { at, len, .. }, Store::Tar { file, .. }) => {
                bytes.resize(*len as usize, 0);
                file.read_exact_at(&mut bytes, *at)
            }
            (Picture::File(path), _) => {
                File::open(path).and_then(|f| f.take(MAX_BYTES).read_to_end(&mut bytes)).map(|_| ())
            }
            (Picture::Held { bytes: held, .. }, _) => {
                bytes.extend_from_slice(held);
                Ok(())
            }
            (Picture::Member { .. }, Store::Folder(_)) => Err(std::io::ErrorKind::NotFound.into()),
        };
        read.map_err(DataError::io(shown, help))?;
        Ok(bytes)
    }
}

/// A name without `./`; `None` if it leaves its folder.
pub(crate) fn plain(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str()?),
            _ => return None,
        }
    }
    Some(parts.join("/")).filter(|name| !name.is_empty())
}

/// Keyed alike in every process: the index is never stored, but nothing should depend on luck.
fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// PNG or JPEG as RGBA; the bytes decide which, not the name.
///
/// # Errors
/// What the decoder said, in one line.
pub fn decode(bytes: &[u8]) -> Result<Image, String> {
    if bytes.is_empty() {
        return Err("there is no picture".into());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let decoded = reader.decode().map_err(|e| e.to_string().replace('\n', " "))?.to_rgba8();
    let (width, height) = decoded.dimensions();
    Ok(Image { width, height, rgba: Arc::from(decoded.into_raw()) })
}
