//! Rows of a large file by byte offset: 16 bytes per row are kept in memory, and the row itself is
//! read when it is drawn.

use crate::error::{DataError, Reason, Rejection, Skips};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Maximum size of a row in bytes. Chart scripts are far smaller; the limit bounds the memory.
const MAX_ROW: usize = 4 << 20;

/// How a file contains its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// One JSON value per line.
    Lines,
    /// The elements of one JSON list.
    List,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    at: u64,
    len: u32,
    /// From 1, counting the skipped rows too.
    number: u32,
}

/// The valid rows of a file.
#[derive(Debug)]
pub(crate) struct RowFile {
    path: PathBuf,
    file: File,
    rows: Vec<Row>,
}

impl RowFile {
    /// Reads the file once and keeps the offsets of the first `limit` rows that `check` accepts (0
    /// means no limit).
    pub fn scan(
        path: &Path,
        format: RowFormat,
        limit: u64,
        skips: &mut Skips,
        check: &mut dyn FnMut(&str) -> Result<(), Rejection>,
    ) -> Result<Self, DataError> {
        let open = || File::open(path).map_err(DataError::io(path, "give an existing file"));
        let mut splitter = Splitter::new(format);
        let mut rows = Vec::new();
        let mut number = 0;
        let mut take = |piece: Piece| {
            number += 1;
            match piece.text().and_then(|text| text.map_or(Ok(false), |t| check(t).map(|()| true))) {
                Ok(true) => rows.push(Row {
                    at: piece.at,
                    len: piece.bytes.len() as u32,
                    number: u32::try_from(number).unwrap_or(u32::MAX),
                }),
                Ok(false) => {}
                Err(fault) => skips.add(number, fault),
            }
            limit > 0 && rows.len() as u64 >= limit
        };
        let mut reader = BufReader::with_capacity(1 << 18, open()?);
        let full = loop {
            let chunk = reader.fill_buf().map_err(DataError::io(path, "check the disk"))?;
            if chunk.is_empty() {
                break false;
            }
            let read = chunk.len();
            if splitter.feed(chunk, &mut take).map_err(|problem| wrong(path, problem))? {
                break true;
            }
            reader.consume(read);
        };
        if !full {
            splitter.finish(&mut take).map_err(|problem| wrong(path, problem))?;
        }
        rows.shrink_to_fit();
        Ok(Self { path: path.to_owned(), file: open()?, rows })
    }

    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the `i`-th valid row (from 0) in the file, counted from 1.
    pub fn number(&self, i: u64) -> u64 {
        self.rows.get(i as usize).map_or(0, |row| row.number.into())
    }

    /// The text of the `i`-th valid row (from 0).
    pub fn text(&self, i: u64) -> Result<String, DataError> {
        let row = self.rows.get(i as usize).ok_or_else(|| self.bad(i, "is not in the index".into()))?;
        let mut bytes = vec![0; row.len as usize];
        let read = self.file.read_exact_at(&mut bytes, row.at);
        read.map_err(DataError::io(&self.path, "the file changed during the run: start it again"))?;
        String::from_utf8(bytes).map_err(|_| self.bad(i, "is no longer UTF-8".into()))
    }

    /// The error for a row that was valid when the file was opened and no longer is.
    pub fn bad(&self, i: u64, problem: String) -> DataError {
        let help = "the file or its pictures changed, or a picture is damaged: write the valid rows to a \
                    new file with `visual-sdpo data filter`";
        DataError::Row { path: self.path.clone(), row: self.number(i), problem, help }
    }
}

fn wrong(path: &Path, problem: String) -> DataError {
    DataError::file(path, problem, "the file has another format or is incomplete: download it again")
}

/// The bytes of one row in the file.
struct Piece<'a> {
    at: u64,
    bytes: &'a [u8],
    too_large: bool,
}

impl Piece<'_> {
    /// The row as text; `None` for a blank line.
    fn text(&self) -> Result<Option<&str>, Rejection> {
        if self.too_large {
            return Err((Reason::TooLarge, format!("more than {MAX_ROW} bytes")));
        }
        let text = std::str::from_utf8(self.bytes)
            .map_err(|e| (Reason::NotUtf8, format!("byte {} of the row is not UTF-8", e.valid_up_to())))?;
        Ok(Some(text).filter(|t| !t.trim().is_empty()))
    }
}

/// State of the scan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ScanState {
    /// Before the list's bracket.
    Before,
    /// Between two rows.
    Between,
    /// In a row, inside `depth` brackets.
    In { depth: u32, string: bool, escaped: bool },
    /// After the list.
    After,
}

/// Splits a stream of bytes into rows. In a list it tracks only strings and brackets; the parser
/// checks later whether the elements are valid JSON.
struct Splitter {
    format: RowFormat,
    state: ScanState,
    at: u64,
    row_at: u64,
    row: Vec<u8>,
    row_len: usize,
}

impl Splitter {
    fn new(format: RowFormat) -> Self {
        let state = match format {
            RowFormat::List => ScanState::Before,
            RowFormat::Lines => ScanState::Between,
        };
        Self { format, state, at: 0, row_at: 0, row: Vec::new(), row_len: 0 }
    }

    /// Passes complete rows to `take`; returns whether `take` wants no more.
    fn feed(&mut self, chunk: &[u8], take: &mut dyn FnMut(Piece) -> bool) -> Result<bool, String> {
        for &byte in chunk {
            let ended = match self.format {
                RowFormat::Lines => self.line(byte),
                RowFormat::List => self.element(byte)?,
            };
            self.at += 1;
            if ended && self.end(take) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn finish(&mut self, take: &mut dyn FnMut(Piece) -> bool) -> Result<(), String> {
        match (self.format, self.state) {
            (RowFormat::Lines, _) => {
                if self.row_len > 0 {
                    self.end(take);
                }
                Ok(())
            }
            (_, ScanState::After) => Ok(()),
            (_, ScanState::Before) => Err("is empty, not a JSON list".into()),
            (_, _) => Err(format!("ends inside its list (the last row begins at byte {})", self.row_at)),
        }
    }

    /// Whether the byte ends a line; the line feed is not part of it.
    fn line(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            return true;
        }
        self.push(byte);
        false
    }

    /// Whether the byte ends an element of the list; the comma or bracket is not part of it.
    fn element(&mut self, byte: u8) -> Result<bool, String> {
        let space = byte.is_ascii_whitespace();
        match &mut self.state {
            ScanState::Before if space || (self.at < 3 && b"\xef\xbb\xbf".contains(&byte)) => {}
            ScanState::Before if byte == b'[' => self.state = ScanState::Between,
            ScanState::Before => return Err("does not begin with `[`, so it is not a JSON list".into()),
            ScanState::After => {}
            ScanState::Between if space || byte == b',' => {}
            ScanState::Between if byte == b']' => self.state = ScanState::After,
            ScanState::Between => {
                let (string, deep) = (byte == b'"', matches!(byte, b'{' | b'['));
                self.state = ScanState::In { depth: deep.into(), string, escaped: false };
                self.push(byte);
            }
            ScanState::In { string: true, escaped: escaped @ true, .. } => {
                *escaped = false;
                self.push(byte);
            }
            ScanState::In { string: string @ true, escaped, .. } => {
                *escaped = byte == b'\\';
                *string = byte != b'"';
                self.push(byte);
            }
            ScanState::In { depth: 0, .. } if matches!(byte, b',' | b']') => {
                self.state = if byte == b',' { ScanState::Between } else { ScanState::After };
                return Ok(true);
            }
            ScanState::In { depth, string, .. } => {
                match byte {
                    b'"' => *string = true,
                    b'{' | b'[' => *depth += 1,
                    b'}' | b']' => *depth = depth.saturating_sub(1),
                    _ => {}
                }
                self.push(byte);
            }
        }
        Ok(false)
    }

    fn push(&mut self, byte: u8) {
        if self.row_len == 0 {
            self.row_at = self.at;
        }
        self.row_len += 1;
        if self.row.len() < MAX_ROW {
            self.row.push(byte);
        }
    }

    fn end(&mut self, take: &mut dyn FnMut(Piece) -> bool) -> bool {
        let piece = Piece { at: self.row_at, bytes: &self.row, too_large: self.row_len > MAX_ROW };
        let enough = take(piece);
        (self.row_len, self.row_at) = (0, self.at);
        self.row.clear();
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a text, read in chunks of `step` bytes.
    fn split(format: RowFormat, text: &str, step: usize) -> Result<Vec<(u64, String)>, String> {
        let mut rows = Vec::new();
        let mut splitter = Splitter::new(format);
        let mut take = |p: Piece| {
            rows.push((p.at, String::from_utf8_lossy(p.bytes).into_owned()));
            false
        };
        for chunk in text.as_bytes().chunks(step) {
            splitter.feed(chunk, &mut take)?;
        }
        splitter.finish(&mut take).map(|()| rows)
    }

    #[test]
    fn rows_end_at_commas_and_line_feeds_for_every_buffer_size() {
        let list = " [{\"a\":\"],{\\\"\"},\n 3 , [1,[2]],\"x,y\"]\n";
        let want = [(2, "{\"a\":\"],{\\\"\"}"), (18, "3 "), (22, "[1,[2]]"), (30, "\"x,y\"")];
        for step in 1..9 {
            let got = split(RowFormat::List, list, step).unwrap();
            assert_eq!(got, want.map(|(at, s)| (at, s.to_owned())), "step {step}");
            let got = split(RowFormat::Lines, "ab\n\nc", step).unwrap();
            assert_eq!(got, [(0, "ab"), (3, ""), (4, "c")].map(|(at, s)| (at, s.to_owned())), "step {step}");
        }
    }

    #[test]
    fn other_formats_are_errors() {
        let check = |text: &str, want: &str| {
            let got = split(RowFormat::List, text, 4).unwrap_err();
            assert!(got.contains(want), "{got:?}");
        };
        check("", "is empty");
        check("{\"a\": 1}", "does not begin with `[`");
        check("[{\"a\": 1}, {\"b\"", "the last row begins at byte 11");
    }
}
