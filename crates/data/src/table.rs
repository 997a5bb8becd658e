//! A corpus whose rows stand in one file, whatever their form.

use crate::error::{DataError, Fault, Skips};
use crate::picture::{Picture, Store};
use crate::record::{Record, Rows};
use crate::rows::{Layout, RowFile};
use std::path::Path;
use vsdpo_artifact::Domain;

/// The record of a row's text and number, or why it is none.
pub(crate) type Parse = fn(&str, u64, &Place) -> Result<Record, Fault>;

/// What the records of a corpus have in common.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where their pictures lie.
    pub store: Store,
    /// The domain of their code.
    pub domain: Domain,
}

/// The good rows.
#[derive(Debug)]
pub(crate) struct Table {
    rows: RowFile,
    place: Place,
    parse: Parse,
}

impl Table {
    /// Reads the file once and keeps the rows that `parse` accepts, at most `limit` of them (0 is
    /// no limit).
    pub fn scan(
        path: &Path,
        layout: Layout,
        (place, parse): (Place, Parse),
        limit: u64,
        skips: &mut Skips,
    ) -> Result<Self, DataError> {
        let check = &mut |text: &str| parse(text, 0, &place).map(|_| ());
        let rows = RowFile::scan(path, layout, limit, skips, check)?;
        Ok(Self { rows, place, parse })
    }
}

impl Rows for Table {
    fn len(&self) -> u64 {
        self.rows.len()
    }

    fn path(&self) -> &Path {
        self.rows.path()
    }

    fn number(&self, i: u64) -> u64 {
        self.rows.number(i)
    }

    fn record(&self, i: u64) -> Result<Record, DataError> {
        let (text, number) = (self.rows.text(i)?, self.rows.number(i));
        (self.parse)(&text, number, &self.place).map_err(|(_, problem)| self.rows.bad(i, problem))
    }

    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.place.store.bytes(picture)
    }
}
