//! A corpus whose rows stand in one file, whatever their form.

use crate::error::{DataError, Fault, Skips};
use crate::picture::Store;
use crate::record::Record;
use crate::rows::{Layout, RowFile};
use std::path::Path;

/// The record of a row's text and number, or why it is none.
pub(crate) type Parse = fn(&str, u64, &Store) -> Result<Record, Fault>;

/// The good rows, and where their pictures lie.
#[derive(Debug)]
pub(crate) struct Table {
    rows: RowFile,
    store: Store,
    parse: Parse,
}

impl Table {
    /// Reads the file once and keeps the rows that `parse` accepts, at most `limit` of them (0 is no limit).
    pub fn scan(
        path: &Path,
        layout: Layout,
        (store, parse): (Store, Parse),
        limit: u64,
        skips: &mut Skips,
    ) -> Result<Self, DataError> {
        let check = &mut |text: &str| parse(text, 0, &store).map(|_| ());
        let rows = RowFile::scan(path, layout, limit, skips, check)?;
        Ok(Self { rows, store, parse })
    }

    pub fn rows(&self) -> &RowFile {
        &self.rows
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn record(&self, i: u64) -> Result<Record, DataError> {
        let (text, number) = (self.rows.text(i)?, self.rows.number(i));
        (self.parse)(&text, number, &self.store).map_err(|(_, problem)| self.rows.bad(i, problem))
    }
}
