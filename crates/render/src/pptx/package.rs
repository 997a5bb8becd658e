//! The archive: parts, content types and relationships of an untrusted file, read within limits.

use super::fault::{FaultKind, Faults, Unreadable};
use super::relations::{Relations, folder_of, relations_name};
use super::xml;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Bytes of a file at most.
const MAX_FILE: usize = 512 << 20;
/// Entries of an archive at most: 5,000 slides with notes, and their relationships.
const MAX_ENTRIES: usize = 65_536;
/// Bytes of one part of text, unpacked.
const MAX_PART: u64 = 64 << 20;
/// Bytes of all parts of text together, unpacked.
const MAX_TEXT: u64 = 256 << 20;
/// A part may unpack to more than this many times its packed size only while it is small.
const MAX_RATIO: u64 = 250;
/// What "small" is there, in bytes.
const SMALL: u64 = 1 << 20;
/// Bytes of a picture that are looked at for its size.
const PICTURE_HEAD: u64 = 512 << 10;
/// Endings of pictures whose size the head tells.
const PICTURES: [&str; 8] = ["png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp"];

/// The parts of a file. Names have no slash in front, and are found in any case.
pub(super) struct Package {
    parts: BTreeMap<String, Part>,
    defaults: BTreeMap<String, String>,
    overrides: BTreeMap<String, String>,
}

/// What is kept of a part.
struct Part {
    /// As the archive writes it.
    name: String,
    /// The text of an XML part that could be read.
    text: Option<String>,
    /// Width and height of a picture.
    size: Option<[u32; 2]>,
}

impl Package {
    /// Reads an archive. What cannot be read becomes a fault.
    pub fn open(bytes: &[u8], faults: &mut Faults) -> Result<Self, Unreadable> {
        if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            return Err(Unreadable::Binary);
        }
        if bytes.len() > MAX_FILE {
            return Err(Unreadable::Limit(format!("{} bytes, at most {MAX_FILE}", bytes.len())));
        }
        let mut archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|e| Unreadable::NoArchive(e.to_string()))?;
        if archive.len() > MAX_ENTRIES {
            return Err(Unreadable::Limit(format!("{} entries, at most {MAX_ENTRIES}", archive.len())));
        }
        for name in repeated_names(bytes, archive.central_directory_start()) {
            faults.add(&name, FaultKind::TwiceInArchive);
        }
        let mut package =
            Self { parts: BTreeMap::new(), defaults: BTreeMap::new(), overrides: BTreeMap::new() };
        let mut left = MAX_TEXT;
        for index in 0..archive.len() {
            if let Some((key, part)) = read_part(&mut archive, index, &mut left, faults) {
                package.parts.insert(key, part);
            }
        }
        package.read_types(faults);
        Ok(package)
    }

    /// Whether there is such a part.
    pub fn has(&self, name: &str) -> bool {
        self.parts.contains_key(&name.to_ascii_lowercase())
    }

    /// Name of a part as the archive writes it.
    pub fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.parts.get(&name.to_ascii_lowercase()).map_or(name, |part| &part.name)
    }

    /// The text of an XML part.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parts.get(&name.to_ascii_lowercase())?.text.as_deref()
    }

    /// Width and height of a picture in its own pixels.
    pub fn picture(&self, name: &str) -> Option<[u32; 2]> {
        self.parts.get(&name.to_ascii_lowercase())?.size
    }

    /// The names of all parts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.values().map(|part| part.name.as_str())
    }

    /// The type of a part's contents.
    pub fn content_type(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.overrides.get(&name).or_else(|| self.defaults.get(ending(&name))).map(String::as_str)
    }

    /// The relationships of a part; of the package itself for the empty name.
    pub fn relations(&self, part: &str) -> Relations {
        let name = relations_name(part);
        self.text(&name).map_or_else(Relations::default, |text| Relations::read(text, folder_of(part)))
    }

    fn read_types(&mut self, faults: &mut Faults) {
        const TYPES: &str = "[Content_Types].xml";
        if !self.has(TYPES) {
            return faults.add(TYPES, FaultKind::Missing);
        }
        let Some(text) = self.text(TYPES) else { return };
        let document = match xml::parse(text) {
            Ok(document) => document,
            Err(why) => return faults.add(TYPES, FaultKind::Malformed(why)),
        };
        let (mut defaults, mut overrides) = (BTreeMap::new(), BTreeMap::new());
        for entry in document.root_element().children().filter(|n| n.is_element()) {
            let Some(kind) = entry.attribute("ContentType") else { continue };
            if let Some(name) = entry.attribute("PartName") {
                overrides.insert(name.trim_start_matches('/').to_ascii_lowercase(), kind.to_owned());
            } else if let Some(ending) = entry.attribute("Extension") {
                defaults.insert(ending.to_ascii_lowercase(), kind.to_owned());
            }
        }
        (self.defaults, self.overrides) = (defaults, overrides);
    }
}

/// What follows the last dot of a name.
pub(super) fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Reads what is kept of one entry; `None` for folders and nameless ones. `left` is what all text
/// together may still take.
fn read_part(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    left: &mut u64,
    faults: &mut Faults,
) -> Option<(String, Part)> {
    let raw = archive.name_for_index(index)?.ok()?.into_owned();
    let name = raw.replace('\\', "/").trim_start_matches('/').to_owned();
    if name.is_empty() || name.ends_with('/') {
        return None;
    }
    let key = name.to_ascii_lowercase();
    let mut part = Part { name: name.clone(), text: None, size: None };
    let mut entry = match archive.by_index(index) {
        Ok(entry) => entry,
        Err(e) => {
            faults.add(&name, FaultKind::Unreadable(e.to_string()));
            return Some((key, part));
        }
    };
    let packed = entry.compressed_size();
    if matches!(ending(&key), "xml" | "rels") {
        let limit = MAX_PART.min(*left).min((packed * MAX_RATIO).max(SMALL));
        match read_text(&mut entry, limit) {
            Ok(text) => {
                *left -= (text.len() as u64).min(*left);
                part.text = Some(text);
            }
            Err(kind) => {
                *left = left.saturating_sub(limit);
                faults.add(&name, kind);
            }
        }
    } else if PICTURES.contains(&ending(&key)) {
        let (mut head, all) = (Vec::new(), entry.size());
        // A damaged end of a picture is not our business: its head tells the size.
        let _ = entry.take(PICTURE_HEAD).read_to_end(&mut head);
        let side = |value: usize| u32::try_from(value).ok().filter(|v| *v > 0);
        let size = imagesize::blob_size(&head).ok();
        part.size = size.and_then(|s| Some([side(s.width)?, side(s.height)?]));
        if part.size.is_none() || png_is_broken(&head, all) {
            faults.add(&name, FaultKind::BrokenPicture);
        }
    }
    Some((key, part))
}

/// Whether this is the head of a PNG of `all` bytes whose chunks are none: a type that is no word,
/// or an end before the last chunk.
fn png_is_broken(head: &[u8], all: u64) -> bool {
    const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
    let mut at = SIGNATURE.len();
    while head.starts_with(SIGNATURE) {
        let Some((length, kind)) = head.get(at..at + 8).and_then(|chunk| chunk.split_at_checked(4)) else {
            return (head.len() as u64) == all;
        };
        if kind == b"IEND" {
            return false;
        }
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return true;
        }
        let length = length.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        at = at.saturating_add(length).saturating_add(12);
    }
    false
}

/// The text of an entry: UTF-8 or UTF-16, as XML allows.
fn read_text(entry: &mut impl Read, limit: u64) -> Result<String, FaultKind> {
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(|e| FaultKind::Unreadable(e.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(FaultKind::Limit(format!("unpacks to more than {limit} bytes; it was not read")));
    }
    decode(&bytes).ok_or_else(|| FaultKind::Unreadable("it is neither UTF-8 nor UTF-16".into()))
}

fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| join([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

/// Names that the archive's directory, which begins at `start`, lists more than once. The archive
/// reader keeps the last entry of a name and does not tell.
fn repeated_names(bytes: &[u8], start: u64) -> Vec<String> {
    const ENTRY: [u8; 4] = [b'P', b'K', 1, 2];
    const FIXED: usize = 46;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut at = usize::try_from(start).unwrap_or(usize::MAX);
    while let Some(head) = bytes.get(at..at.saturating_add(FIXED)).filter(|head| head.starts_with(&ENTRY)) {
        let length = |i: usize| usize::from(u16::from_le_bytes([head[i], head[i + 1]]));
        let (name, extra, comment) = (length(28), length(30), length(32));
        if let Some(name) = bytes.get(at + FIXED..at + FIXED + name) {
            *counts.entry(String::from_utf8_lossy(name).to_ascii_lowercase()).or_default() += 1;
        }
        at += FIXED + name + extra + comment;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::png_is_broken;

    #[test]
    fn chunks_of_a_png_end_with_the_last_one() {
        let chunk = |kind: &[u8; 4], n: u32| [&n.to_be_bytes()[..], kind, &vec![7; n as usize + 4]].concat();
        let png = |chunks: &[Vec<u8>]| [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat();
        let [header, data, end] = [chunk(b"IHDR", 13), chunk(b"IDAT", 40), chunk(b"IEND", 0)];
        let broken = |bytes: &[u8]| png_is_broken(bytes, bytes.len() as u64);
        let sound = png(&[header.clone(), data.clone(), end.clone()]);
        assert!(!broken(&sound));
        assert!(broken(&png(&[header.clone(), data.clone()])), "no last chunk");
        assert!(broken(&png(&[header.clone(), chunk(b"IDA\0", 40), end])), "no word");
        // Only the head is looked at: what follows may hold the last chunk.
        let head = png(&[header, data]);
        assert!(!png_is_broken(&head, 9000));
        assert!(!broken(b"GIF89a"));
    }
}
