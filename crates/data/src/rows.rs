//! Rows of a large file by their byte offsets: 16 bytes a row stay in memory, the row itself is
//! read when it is drawn.

use crate::error::{DataError, Fault, Reason, Skips};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Larger rows are no chart scripts, and would make memory depend on the file.
const MAX_ROW: usize = 4 << 20;

/// How rows stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One JSON value a line.
    Lines,
    /// The elements of one JSON list.
    List,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    at: u64,
    len: u32,
    /// From 1, counting the rows that were left out.
    number: u32,
}

/// The good rows of a file.
#[derive(Debug)]
pub(crate) struct RowFile {
    path: PathBuf,
    file: File,
    rows: Vec<Row>,
}

impl RowFile {
    /// Reads the file once, from the front, and keeps the place of each row that `check` accepts,
    /// at most `limit` of them (0 is no limit).
    pub fn scan(
        path: &Path,
        layout: Layout,
        limit: u64,
        skips: &mut Skips,
        check: &mut dyn FnMut(&str) -> Result<(), Fault>,
    ) -> Result<Self, DataError> {
        let open = || File::open(path).map_err(DataError::io(path, "name an existing file"));
        let mut splitter = Splitter::new(layout);
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

    /// The number of the `i`-th good row in the file, from 1.
    pub fn number(&self, i: u64) -> u64 {
        self.rows.get(i as usize).map_or(0, |row| row.number.into())
    }

    /// The text of the `i`-th good row.
    pub fn text(&self, i: u64) -> Result<String, DataError> {
        let row = self.rows.get(i as usize).ok_or_else(|| self.bad(i, "is not in the index".into()))?;
        let mut bytes = vec![0; row.len as usize];
        let read = self.file.read_exact_at(&mut bytes, row.at);
        read.map_err(DataError::io(&self.path, "the file changed while it was open: start again"))?;
        String::from_utf8(bytes).map_err(|_| self.bad(i, "is not UTF-8 any more".into()))
    }

    /// A good row that turned out bad.
    pub fn bad(&self, i: u64, problem: String) -> DataError {
        let help = "the file or its pictures changed, or a picture is broken: `visual-sdpo data filter` \
                    writes the rows that are whole";
        DataError::Row { path: self.path.clone(), row: self.number(i), problem, help }
    }
}

fn wrong(path: &Path, problem: String) -> DataError {
    DataError::file(path, problem, "the file has another form or is cut short: fetch it again")
}

/// One row as it stands in the file.
struct Piece<'a> {
    at: u64,
    bytes: &'a [u8],
    too_large: bool,
}

impl Piece<'_> {
    /// The row as text; `None` for a blank line.
    fn text(&self) -> Result<Option<&str>, Fault> {
        if self.too_large {
            return Err((Reason::TooLarge, format!("more than {MAX_ROW} bytes")));
        }
        let text = std::str::from_utf8(self.bytes)
            .map_err(|e| (Reason::NotUtf8, format!("byte {} of the row is not UTF-8", e.valid_up_to())))?;
        Ok(Some(text).filter(|t| !t.trim().is_empty()))
    }
}

/// Where the scan stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the list's bracket.
    Before,
    /// Between two rows.
    Between,
    /// In a row, so many brackets deep.
    In { depth: u32, string: bool, escaped: bool },
    /// After the list.
    After,
}

/// Cuts a stream of bytes into rows. Of a list's elements it follows strings and brackets only;
/// whether they are JSON is for the parser to say.
struct Splitter {
    layout: Layout,
    place: Place,
    at: u64,
    row_at: u64,
    row: Vec<u8>,
    row_len: usize,
}

impl Splitter {
    fn new(layout: Layout) -> Self {
        let place = if layout == Layout::List { Place::Before } else { Place::Between };
        Self { layout, place, at: 0, row_at: 0, row: Vec::new(), row_len: 0 }
    }

    /// Whether `take` has had enough.
    fn feed(&mut self, chunk: &[u8], take: &mut dyn FnMut(Piece) -> bool) -> Result<bool, String> {
        for &byte in chunk {
            let ended = match self.layout {
                Layout::Lines => self.line(byte),
                Layout::List => self.element(byte)?,
            };
            self.at += 1;
            if ended && self.end(take) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn finish(&mut self, take: &mut dyn FnMut(Piece) -> bool) -> Result<(), String> {
        match (self.layout, self.place) {
            (Layout::Lines, _) => {
                if self.row_len > 0 {
                    self.end(take);
                }
                Ok(())
            }
            (_, Place::After) => Ok(()),
            (_, Place::Before) => Err("is empty, not a JSON list".into()),
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
        match &mut self.place {
            Place::Before if space || (self.at < 3 && b"\xef\xbb\xbf".contains(&byte)) => {}
            Place::Before if byte == b'[' => self.place = Place::Between,
            Place::Before => return Err("does not begin with `[`: it is no JSON list".into()),
            Place::After => {}
            Place::Between if space || byte == b',' => {}
            Place::Between if byte == b']' => self.place = Place::After,
            Place::Between => {
                let (string, deep) = (byte == b'"', matches!(byte, b'{' | b'['));
                self.place = Place::In { depth: deep.into(), string, escaped: false };
                self.push(byte);
            }
            Place::In { string: true, escaped: escaped @ true, .. } => {
                *escaped = false;
                self.push(byte);
            }
            Place::In { string: string @ true, escaped, .. } => {
                *escaped = byte == b'\\';
                *string = byte != b'"';
                self.push(byte);
            }
            Place::In { depth: 0, .. } if matches!(byte, b',' | b']') => {
                self.place = if byte == b',' { Place::Between } else { Place::After };
                return Ok(true);
            }
            Place::In { depth, string, .. } => {
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

    /// The rows of a text, fed in pieces of `step` bytes.
    fn split(layout: Layout, text: &str, step: usize) -> Result<Vec<(u64, String)>, String> {
        let mut rows = Vec::new();
        let mut splitter = Splitter::new(layout);
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
    fn rows_are_cut_at_commas_and_line_feeds_wherever_the_buffer_ends() {
        let list = " [{\"a\":\"],{\\\"\"},\n 3 , [1,[2]],\"x,y\"]\n";
        let want = [(2, "{\"a\":\"],{\\\"\"}"), (18, "3 "), (22, "[1,[2]]"), (30, "\"x,y\"")];
        for step in 1..9 {
            let got = split(Layout::List, list, step).unwrap();
            assert_eq!(got, want.map(|(at, s)| (at, s.to_owned())), "step {step}");
            let got = split(Layout::Lines, "ab\n\nc", step).unwrap();
            assert_eq!(got, [(0, "ab"), (3, ""), (4, "c")].map(|(at, s)| (at, s.to_owned())), "step {step}");
        }
    }

    #[test]
    fn files_of_another_form_say_so() {
        let check = |text: &str, want: &str| {
            let got = split(Layout::List, text, 4).unwrap_err();
            assert!(got.contains(want), "{got:?}");
        };
        check("", "is empty");
        check("{\"a\": 1}", "does not begin with `[`");
        check("[{\"a\": 1}, {\"b\"", "the last row begins at byte 11");
    }
}
