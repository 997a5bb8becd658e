//! Web pages in Parquet files. A row group is read when one of its rows is drawn.
//!
//! Opening reads the footers of all files and, of the rows, only the columns that a filter uses. In
//! memory remain 24 bytes per row group and, with a filter, 4 bytes per row that passes it. A step
//! reads text and pictures of its own rows, one row group after the other; nothing is kept between
//! steps, so there is no state to resume. At most one page of a Parquet column is decoded at a
//! time; files written by `datasets` have one page per row group and column, often of 100 rows.
//!
//! Row groups and rows are numbered from 1 within their file. A task's id is the file's name
//! without its extension, a dash, and the row's number.

pub(crate) mod file;

pub use file::reads_damaged_files;
pub(crate) use file::{Shard, text};

use crate::error::{DataError, Reason, Skips};
use crate::order;
use crate::picture::{Picture, Store};
use crate::record::{Record, Rows};
use crate::webcode2m::Filters;
use file::{IMAGE, TEXT, bytes};
use std::fs;
use std::path::{Path, PathBuf};

/// A row group with at least one valid row.
#[derive(Debug)]
struct Group {
    file: u32,
    index: u32,
    /// Number of rows of the file before it.
    before: u64,
    /// Number of valid rows of the corpus before it.
    first: u64,
}

/// The valid rows of the files.
#[derive(Debug)]
pub(crate) struct Shards {
    path: PathBuf,
    files: Vec<PathBuf>,
    groups: Vec<Group>,
    /// With a filter: the index of each valid row in its group.
    kept: Option<Vec<u32>>,
    len: u64,
    prompt: &'static str,
    store: Store,
}

/// A requested row; ordered by its position in the files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    /// Index into the groups.
    group: usize,
    /// Index of the row in its group.
    row: u32,
    /// Index into the result.
    to: usize,
}

impl Shards {
    /// Opens a file, or all `.parquet` files of a folder in the order of their names.
    pub fn open(
        path: &Path,
        prompt: &'static str,
        filters: &Filters,
        limit: u64,
        skips: &mut Skips,
    ) -> Result<Self, DataError> {
        let filtered = filters.columns();
        let kept = (!filtered.is_empty()).then(Vec::new);
        let files = files(path)?;
        let (path, store) = (path.to_owned(), Store::Folder(path.to_owned()));
        let mut shards = Self { path, files: Vec::new(), groups: Vec::new(), kept, len: 0, prompt, store };
        let columns = [&[IMAGE, TEXT], filtered.as_slice()].concat();
        let limit = if limit == 0 { u64::MAX } else { limit };
        for path in files {
            if shards.len == limit {
                break;
            }
            let shard = Shard::open(&path, &columns)?;
            shards.files.push(path);
            shards.add(&shard, filters, limit, skips)?;
        }
        Ok(shards)
    }

    /// Adds the valid rows of the last file, up to `limit` rows in all.
    fn add(
        &mut self,
        shard: &Shard,
        filters: &Filters,
        limit: u64,
        skips: &mut Skips,
    ) -> Result<(), DataError> {
        let file = self.files.len() as u32 - 1;
        let mut before = 0;
        for (index, rows) in shard.groups()?.into_iter().enumerate() {
            let first = self.len;
            if first == limit {
                break;
            }
            match &mut self.kept {
                None => self.len = limit.min(self.len + u64::from(rows)),
                Some(kept) => {
                    for (row, rejection) in filters.rejections(shard, index)?.into_iter().enumerate() {
                        match rejection {
                            Some(why) => skips.add(before + row as u64 + 1, (Reason::Filtered, why)),
                            None if self.len < limit => {
                                kept.push(row as u32);
                                self.len += 1;
                            }
                            None => break,
                        }
                    }
                }
            }
            if self.len > first {
                self.groups.push(Group { file, index: index as u32, before, first });
            }
            before += u64::from(rows);
        }
        Ok(())
    }

    /// The group of a valid row, and the row's index in it.
    fn place(&self, i: u64) -> Option<(usize, u32)> {
        let g = self.groups.partition_point(|group| group.first <= i).checked_sub(1)?;
        let row = match &self.kept {
            Some(kept) => *kept.get(i as usize)?,
            None => (i - self.groups.get(g)?.first) as u32,
        };
        (i < self.len).then_some((g, row))
    }

    /// Reads the requested rows of one group into `records`.
    fn read(
        &self,
        shard: &Shard,
        wanted: &[Wanted],
        records: &mut [Option<Record>],
    ) -> Result<(), DataError> {
        let Some(group) = wanted.first().and_then(|w| self.groups.get(w.group)) else { return Ok(()) };
        let mut rows: Vec<u32> = wanted.iter().map(|w| w.row).collect();
        rows.dedup();
        let index = group.index as usize;
        let pages = shard.read(index, &TEXT, Some(&rows))?;
        let pages = pages.iter().filter_map(|a| text(a)).flatten();
        let pages: Vec<Option<String>> = pages.map(|page| page.map(str::to_owned)).collect();
        let pictures = shard.read(index, &IMAGE, Some(&rows))?;
        let pictures = pictures.iter().filter_map(|a| bytes(a)).flatten();
        let place = format!("row group {}, column `image`", index + 1);
        let mut open = wanted.iter().peekable();
        for ((row, page), picture) in rows.iter().zip(pages).zip(pictures) {
            let record = Record {
                id: format!("{}-{}", self.stem(group), group.before + u64::from(*row) + 1),
                prompt: self.prompt.to_owned(),
                pictures: vec![Picture::Held {
                    place: place.clone(),
                    bytes: picture.unwrap_or_default().into(),
                }],
                reference: page.filter(|page| !page.trim().is_empty()),
                requirements: None,
            };
            while let Some(wanted) = open.next_if(|w| w.row == *row) {
                records[wanted.to] = Some(record.clone());
            }
        }
        Ok(())
    }

    fn not_indexed(&self, i: u64) -> DataError {
        let (problem, help) =
            ("is not in the index".into(), "the files changed during the run: start it again");
        DataError::Row { path: self.path.clone(), row: self.number(i), problem, help }
    }

    fn file_of(&self, group: &Group) -> &Path {
        self.files.get(group.file as usize).map_or(&self.path, PathBuf::as_path)
    }

    fn stem(&self, group: &Group) -> String {
        self.file_of(group).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl Rows for Shards {
    fn len(&self) -> u64 {
        self.len
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, i: u64) -> &Path {
        self.place(i).and_then(|(g, _)| self.groups.get(g)).map_or(&self.path, |group| self.file_of(group))
    }

    fn number(&self, i: u64) -> u64 {
        let place = self.place(i).and_then(|(g, row)| Some((self.groups.get(g)?, row)));
        place.map_or(0, |(group, row)| group.before + u64::from(row) + 1)
    }

    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.store.bytes(picture)
    }

    fn at(&self, seed: u64, position: u64, n: u64) -> u64 {
        order::blocked_row_at(seed, position, n)
    }

    fn record(&self, i: u64) -> Result<Record, DataError> {
        self.records(&[i])?.pop().ok_or_else(|| self.not_indexed(i))
    }

    fn records(&self, rows: &[u64]) -> Result<Vec<Record>, DataError> {
        let place = |(to, &i): (usize, &u64)| {
            let (group, row) = self.place(i).ok_or_else(|| self.not_indexed(i))?;
            Ok(Wanted { group, row, to })
        };
        let mut wanted = rows.iter().enumerate().map(place).collect::<Result<Vec<Wanted>, _>>()?;
        wanted.sort_unstable();
        let mut records = vec![None; rows.len()];
        let mut open: Option<(u32, Shard)> = None;
        for group in wanted.chunk_by(|a, b| a.group == b.group) {
            let Some(at) = group.first().and_then(|w| self.groups.get(w.group)) else { continue };
            let shard = match open.take() {
                Some((file, shard)) if file == at.file => shard,
                _ => Shard::open(self.file_of(at), &[IMAGE, TEXT])?,
            };
            self.read(&shard, group, &mut records)?;
            open = Some((at.file, shard));
        }
        records.into_iter().zip(rows).map(|(record, &i)| record.ok_or_else(|| self.not_indexed(i))).collect()
    }
}

/// The given file, or the Parquet files of the given folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let help = "give a .parquet file, or a folder that contains some (data/, or v0.2/ of WebSight)";
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::io(path, help))? {
        let file = entry.map_err(DataError::io(path, help))?.path();
        if file.extension().is_some_and(|e| e == "parquet") {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(DataError::file(path, "contains no .parquet file", help)),
        false => Ok(files),
    }
}
