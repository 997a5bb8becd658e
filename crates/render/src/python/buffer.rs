//! The buffer that a script's process writes its result to: a header, JSON records, pixels.
//!
//! The buffer is a claim of untrusted code. It is read only after the process is dead, so it cannot
//! change underneath, and every length in it is checked here before anything is read by it.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of the header.
pub(crate) const RECORDS_AT: u64 = 64;
/// Bytes of records at most.
pub(crate) const RECORDS_MAX: u64 = (8 << 20) - RECORDS_AT;
/// Where the pixels begin (a multiple of the page size).
pub(crate) const FRAME_AT: u64 = RECORDS_AT + RECORDS_MAX;
/// Pixels of one page at most.
pub(crate) const MAX_PIXELS: u64 = 16 << 20;
/// Pixels of one side at most; matplotlib's own limit.
pub(crate) const MAX_SIDE: u32 = (1 << 16) - 1;
/// Pixels of all pages together at most; less than what a script's process keeps back to report
/// with.
pub(crate) const MAX_TOTAL_PIXELS: u64 = 32 << 20;
/// Pages at most.
const MAX_PAGES: usize = 64;
/// Bytes of the whole buffer.
pub(crate) const BUFFER_BYTES: u64 = FRAME_AT + MAX_TOTAL_PIXELS * 4;
pub(crate) const FRAME: &[u8; 8] = b"VSDPOFRM";
pub(crate) const RECORDS: &[u8; 8] = b"VSDPOREC";
pub(crate) const DECK: &[u8; 8] = b"VSDPODEC";

/// Why a result was rejected.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The process wrote no header.
    Absent,
    /// It breaks this rule.
    Broken(String),
}

/// A result that breaks the rule `why`.
pub(crate) fn broken<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Broken(why.into()))
}

/// The header of a buffer, and the bytes of its records.
pub(crate) fn open(buffer: &File) -> Result<(Header, Vec<u8>), Refused> {
    let mut head = [0; RECORDS_AT as usize];
    buffer.read_exact_at(&mut head, 0).or_else(|e| broken(e.to_string()))?;
    let head = Header::parse(&head)?;
    let mut records = vec![0; head.records as usize];
    buffer.read_exact_at(&mut records, RECORDS_AT).or_else(|e| broken(e.to_string()))?;
    Ok((head, records))
}

/// What a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Pictures with a table of their elements, or a failure.
    Frame,
    /// Records of a benchmark.
    Records,
    /// A file in place of pixels, and who answers for its shapes.
    Deck,
}

#[derive(Debug)]
pub(crate) struct Header {
    pub content: Content,
    pub failed: bool,
    pub width: u32,
    pub height: u32,
    pub records: u64,
    pub pixels: u64,
}

impl Header {
    /// Checks the bytes of a header.
    pub fn parse(bytes: &[u8; RECORDS_AT as usize]) -> Result<Self, Refused> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if bytes[..8] == [0; 8] {
            return Err(Refused::Absent);
        }
        let (magic, version, status) = (&bytes[..8], word(8), word(12));
        let contents = [(FRAME, Content::Frame), (RECORDS, Content::Records), (DECK, Content::Deck)];
        let content = contents.into_iter().find(|(known, _)| magic == *known).map(|(_, content)| content);
        let Some(content) = content.filter(|_| version == 1 && status <= 1) else {
            return broken("the result has no valid header");
        };
        let head = Self {
            content,
            failed: status == 1,
            width: word(16),
            height: word(20),
            records: long(24),
            pixels: long(32),
        };
        if head.records > RECORDS_MAX {
            return broken(format!("{} bytes of records", head.records));
        }
        Ok(head)
    }

    /// Checks that it describes pictures or a failure.
    pub fn of_frame(&self) -> Result<(), Refused> {
        if self.content != Content::Frame {
            return broken("the result has no valid header");
        }
        if !self.failed {
            let area = self.area([self.width, self.height])?;
            // Further pages are of whole pixels.
            let whole = self.pixels >= area * 4 && self.pixels.is_multiple_of(4);
            if !whole || self.pixels > MAX_TOTAL_PIXELS * 4 {
                let (width, height) = (self.width, self.height);
                return broken(format!("{} bytes for {width}x{height} pixels", self.pixels));
            }
        }
        Ok(())
    }

    /// The pixels of a page of this width and height.
    fn area(&self, [width, height]: [u32; 2]) -> Result<u64, Refused> {
        let area = u64::from(width) * u64::from(height);
        if area == 0 || area > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return broken(format!("{} bytes for {width}x{height} pixels", self.pixels));
        }
        Ok(area)
    }

    /// The sizes of all pages. `sizes` comes from the records and is empty for a single page.
    pub fn pages(&self, sizes: Vec<[u32; 2]>) -> Result<Vec<[u32; 2]>, Refused> {
        let first = [self.width, self.height];
        let sizes = if sizes.is_empty() { vec![first] } else { sizes };
        if sizes.len() > MAX_PAGES || sizes[0] != first {
            return broken(format!("{} pages, the first one of {:?}", sizes.len(), sizes[0]));
        }
        let mut all = 0;
        for &size in &sizes {
            all += self.area(size)?;
        }
        if self.pixels != all * 4 {
            return broken(format!("{} bytes for {all} pixels", self.pixels));
        }
        Ok(sizes)
    }

    /// Checks that it describes records of a benchmark or a failure.
    pub fn of_records(&self) -> Result<(), Refused> {
        match (self.content == Content::Records) != self.failed && self.pixels == 0 {
            true => Ok(()),
            false => broken("the result has no valid header"),
        }
    }

    /// Checks that it describes a deck or a failure.
    pub fn of_deck(&self) -> Result<(), Refused> {
        let expected = if self.failed { Content::Frame } else { Content::Deck };
        if self.content != expected || self.pixels > MAX_TOTAL_PIXELS * 4 || (self.failed && self.pixels > 0)
        {
            return broken("the result has no valid header");
        }
        Ok(())
    }
}
