//! One Parquet file, read by column and row group.

use crate::error::DataError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BinaryArray, Int64Array, ListArray, StringArray, new_empty_array};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelectionPolicy,
};
use std::cell::Cell;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const DOWNLOAD: &str = "the file is incomplete or damaged: download it again";
/// Rows decoded at a time from a filter's columns, of which all rows of a group are read.
const FILTER_ROWS: usize = 1024;
/// Rows decoded at a time from text and pictures, which are large.
const PAGE_ROWS: usize = 16;

/// A column that is read.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// The path of its values; the part before the dot is the column's name.
    pub path: &'static str,
    /// The expected type, for messages.
    pub what: &'static str,
    /// Whether an array has the expected type.
    pub fits: fn(&dyn Array) -> bool,
}

impl Column {
    fn name(&self) -> &'static str {
        self.path.split('.').next().unwrap_or(self.path)
    }
}

/// The screenshot, in the format in which `datasets` stores pictures.
pub(crate) const IMAGE: Column =
    Column { path: "image.bytes", what: "{bytes: binary, path: text}", fits: |a| bytes(a).is_some() };
/// The HTML of the page.
pub(crate) const TEXT: Column = Column { path: "text", what: "text", fits: |a| text(a).is_some() };

pub(crate) fn text(array: &dyn Array) -> Option<&StringArray> {
    array.as_string_opt::<i32>()
}

pub(crate) fn bytes(array: &dyn Array) -> Option<&BinaryArray> {
    array.as_struct_opt()?.column_by_name("bytes")?.as_binary_opt::<i32>()
}

pub(crate) fn integers(array: &dyn Array) -> Option<&Int64Array> {
    array.as_primitive_opt::<Int64Type>()
}

/// A column of lists of integers, and the concatenated integers of all lists.
pub(crate) fn integer_lists(array: &dyn Array) -> Option<(&ListArray, &Int64Array)> {
    let lists = array.as_list_opt::<i32>()?;
    Some((lists, integers(lists.values())?))
}

/// An open file. Only its footer is kept in memory.
pub(crate) struct Shard {
    path: PathBuf,
    file: File,
    footer: ArrowReaderMetadata,
}

impl Shard {
    /// Reads the footer and checks that the columns exist and have the expected types.
    pub fn open(path: &Path, columns: &[Column]) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path, "give an existing file"))?;
        // The embedded Arrow schema would distinguish three types of text, which are one in
        // Parquet.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let footer = guarded(|| ArrowReaderMetadata::load(&file, options).map_err(|e| line(&e))).map_err(
            |problem| DataError::file(path, format!("is not a complete Parquet file ({problem})"), DOWNLOAD),
        )?;
        let help = "check that data.type names the data set of this file";
        for column in columns {
            let name = column.name();
            let Ok(field) = footer.schema().field_with_name(name) else {
                let all: Vec<&str> = footer.schema().fields().iter().map(|f| f.name().as_str()).collect();
                let problem = format!("has no column `{name}`, only {}", all.join(", "));
                return Err(DataError::file(path, problem, help));
            };
            if !(column.fits)(&new_empty_array(field.data_type())) {
                let problem = format!("column `{name}` has type {}, not {}", field.data_type(), column.what);
                return Err(DataError::file(path, problem, help));
            }
        }
        Ok(Self { path: path.to_owned(), file, footer })
    }

    /// The number of rows of each row group.
    pub fn groups(&self) -> Result<Vec<u32>, DataError> {
        let groups = self.footer.metadata().row_groups().iter();
        let rows = groups.map(|g| u32::try_from(g.num_rows()));
        rows.collect::<Result<_, _>>().map_err(|_| {
            DataError::file(&self.path, "a row group has an impossible number of rows", DOWNLOAD)
        })
    }

    /// Reads one column of a row group: the given rows (ascending), or all of them. The result is
    /// split into several arrays. No byte of another column or row group is read.
    pub fn read(
        &self,
        group: usize,
        column: &Column,
        rows: Option<&[u32]>,
    ) -> Result<Vec<ArrayRef>, DataError> {
        let total = self.groups()?.get(group).map_or(0, |&n| n as usize);
        let wanted = rows.map_or(total, <[u32]>::len);
        let arrays = guarded(|| self.arrays(group, column, rows, total));
        let arrays = arrays.map_err(|problem| self.damaged(group, column, &problem))?;
        match arrays.iter().map(|a| a.len()).sum::<usize>() {
            n if n == wanted => Ok(arrays),
            n => Err(self.damaged(group, column, &format!("{n} rows, not {wanted}"))),
        }
    }

    fn arrays(
        &self,
        group: usize,
        column: &Column,
        rows: Option<&[u32]>,
        total: usize,
    ) -> Result<Vec<ArrayRef>, String> {
        let file = self.file.try_clone().map_err(|e| e.to_string())?;
        let mask = ProjectionMask::columns(self.footer.parquet_schema(), [column.path]);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(if rows.is_some() { PAGE_ROWS } else { FILTER_ROWS });
        if let Some(rows) = rows {
            let ranges = rows.iter().map(|&row| row as usize..row as usize + 1);
            // The alternative, a mask, would also decode the rows in between into memory.
            builder = builder
                .with_row_selection(RowSelection::from_consecutive_ranges(ranges, total))
                .with_row_selection_policy(RowSelectionPolicy::Selectors);
        }
        let batches = builder.build().map_err(|e| line(&e))?;
        batches.map(|batch| batch.map(|b| b.column(0).clone()).map_err(|e| line(&e))).collect()
    }

    fn damaged(&self, group: usize, column: &Column, problem: &str) -> DataError {
        let problem = format!("row group {}, column `{}`: {problem}", group + 1, column.name());
        DataError::file(&self.path, problem, DOWNLOAD)
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is reading a file that may be damaged. A panic is then caught and becomes an
/// error about the file, so a program's panic hook should print nothing.
pub fn reads_damaged_files() -> bool {
    GUARDED.get()
}

/// Runs the Parquet library on a file that may be damaged. Some of its checks are assertions, so
/// panics are turned into errors.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    GUARDED.set(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(false);
    done.unwrap_or_else(|_| Err("the Parquet reader panicked".into()))
}

fn line(error: &dyn std::error::Error) -> String {
    error.to_string().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::{guarded, reads_damaged_files};
    use std::cell::Cell;

    #[test]
    fn a_panic_of_the_library_is_an_error_that_hooks_can_recognise() {
        let inside = Cell::new(false);
        let panics = || -> Result<(), String> {
            inside.set(reads_damaged_files());
            panic!("an assertion of the library")
        };
        assert_eq!(guarded(panics), Err("the Parquet reader panicked".into()));
        assert!(inside.get() && !reads_damaged_files());
        assert_eq!(guarded(|| Ok(7)), Ok(7));
    }
}
