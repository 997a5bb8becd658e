//! Pictures of tasks: where they are stored, and how they are decoded.

use crate::error::DataError;
use image::{ImageReader, Limits};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::Image;

/// Maximum size of a picture's file in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// Maximum width and height in pixels.
const MAX_SIDE: u32 = 16_384;
/// Maximum memory for decoding in bytes.
const MAX_DECODED: u64 = 512 << 20;

/// Where a picture is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A separate file.
    File(PathBuf),
    /// A member of an archive.
    Member {
        /// Its name in the archive.
        name: String,
        /// Byte offset of its content in the archive.
        at: u64,
        /// Size of its content in bytes.
        len: u64,
    },
    /// Stored in the row, and read together with it.
    Held {
        /// Row group and column, for messages.
        place: String,
        /// The encoded picture; empty if the row has none.
        bytes: Arc<[u8]>,
    },
}

impl Picture {
    /// File, archive member or column, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Picture::File(path) => path.display().to_string(),
            Picture::Member { name, .. } => name.clone(),
            Picture::Held { place, .. } => place.clone(),
        }
    }
}

/// Where the pictures of a data set are stored.
#[derive(Debug)]
pub(crate) enum Store {
    /// A folder; names are relative to it.
    Folder(PathBuf),
    /// An uncompressed archive with an index of its members (hash of the name, byte offset, size):
    /// 24 bytes each, sorted by hash. Two names with the same 64-bit hash would be confused, which
    /// has a probability of 1e-9 for 160,000 names.
    Tar { path: PathBuf, file: File, members: Vec<(u64, u64, u64)> },
}

impl Store {
    /// Builds the index from the archive's headers; the contents are not read.
    pub fn tar(path: &Path) -> Result<Self, DataError> {
        let help = "the archive is incomplete or not a tar: download it again";
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
        // As with unpacking, the later of two members with one name wins.
        members.sort_by_key(|m| (m.0, std::cmp::Reverse(m.1)));
        members.dedup_by_key(|m| m.0);
        members.shrink_to_fit();
        let file = File::open(path).map_err(io)?;
        Ok(Store::Tar { path: path.to_owned(), file, members })
    }

    /// The picture of a name, if it exists.
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

    /// The encoded bytes of a picture.
    pub fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        let help = "check that the pictures have not been moved";
        let (Store::Tar { path, .. } | Store::Folder(path)) = self;
        let (shown, len) = match picture {
            Picture::File(path) => (path, std::fs::metadata(path).map_err(DataError::io(path, help))?.len()),
            Picture::Member { len, .. } => (path, *len),
            Picture::Held { bytes, .. } => (path, bytes.len() as u64),
        };
        if len > MAX_BYTES {
            let help = "make it smaller than 64 MiB, or remove its row";
            return Err(DataError::file(shown, format!("contains a picture of {len} bytes"), help));
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

/// A relative name without `./`; `None` if it points outside its folder.
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

/// The same in every process, so that a collision is reproducible.
fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Decodes a PNG or JPEG. The format is detected from the bytes, not from the name. Transparency is
/// dropped, not composited: transformers' loader converts to RGB, which keeps the colours that lie
/// under transparent pixels.
///
/// # Errors
/// Returns the decoder's message, in one line.
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
    let decoded = reader.decode().map_err(|e| e.to_string().replace('\n', " "))?.to_rgb8();
    let (width, height) = decoded.dimensions();
    let rgba: Vec<u8> = decoded.pixels().flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    Ok(Image { width, height, rgba: rgba.into() })
}
