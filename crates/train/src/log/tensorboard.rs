//! TensorBoard event files: length-prefixed, checksummed records that hold the two kinds of
//! protocol buffer message a scalar needs. Written by hand because nothing else of that format is
//! wanted.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// One event file, open for appending.
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// A new file in `folder`; a resumed run begins another one, and readers join them by step.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let now = now();
        let name = format!("events.out.tfevents.{}.visual-sdpo.{}", now as u64, std::process::id());
        let mut file = Self { file: File::create(folder.join(name))? };
        let mut event = Vec::new();
        put_double(&mut event, 1, now);
        put_bytes(&mut event, 3, b"brain.Event:2");
        file.record(&event)?;
        Ok(file)
    }

    /// Writes named scalars of one step.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn scalars<'a>(&mut self, step: u64, values: impl Iterator<Item = (&'a str, f64)>) -> io::Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, tag.as_bytes());
            put_key(&mut entry, 2, 5);
            entry.extend((value as f32).to_le_bytes());
            put_bytes(&mut summary, 1, &entry);
        }
        let mut event = Vec::new();
        put_double(&mut event, 1, now());
        put_key(&mut event, 2, 0);
        put_varint(&mut event, step);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(&record(data))
    }
}

/// Length, its checksum, data, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(data.len() + 16);
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked(data).to_le_bytes());
    out
}

/// The format's checksum: CRC-32C, rotated and shifted by a constant.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64())
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Field number and wire type: 0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes.
fn put_key(out: &mut Vec<u8>, field: u64, wire: u64) {
    put_varint(out, field << 3 | wire);
}

fn put_double(out: &mut Vec<u8>, field: u64, value: f64) {
    put_key(out, field, 1);
    out.extend(value.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(out, field, 2);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_records_are_those_of_the_format() {
        // CRC-32C of "123456789" is the algorithm's published check value.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        // That value rotated right by 15 bits, plus the constant, worked out by hand.
        assert_eq!(masked(b"123456789"), 0xc78a_b0e5);
        let bytes = record(b"abc");
        assert_eq!(bytes[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&bytes[12..15], b"abc");
        assert_eq!(bytes.len(), 19);
    }

    #[test]
    fn varints_and_scalars_encode_as_protocol_buffers() {
        let mut out = Vec::new();
        put_varint(&mut out, 300);
        assert_eq!(out, [0xac, 0x02]);
        let folder = std::env::temp_dir().join(format!("vsdpo-events-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut events = EventFile::create(&folder).unwrap();
        events.scalars(7, [("loss", 0.5)].into_iter()).unwrap();
        let entry = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        // Second record, after 12 bytes of header: time (9 bytes), step 7, summary { value { tag,
        // 0.5f } }.
        let first = 16 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let event = &bytes[first + 12..bytes.len() - 4];
        let want = [0x10, 7, 0x2a, 13, 0x0a, 11, 0x0a, 4, b'l', b'o', b's', b's', 0x15, 0, 0, 0, 0x3f];
        assert_eq!(event[9..], want);
    }
}
