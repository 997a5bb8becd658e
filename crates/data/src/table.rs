//! A corpus with all its rows in one file.

use crate::error::{DataError, Rejection, Skips};
use crate::picture::{Picture, Store};
use crate::record::{Record, Rows};
use crate::rows::{RowFile, RowFormat};
use std::path::Path;
use vsdpo_artifact::Domain;

/// Turns the text and the number of a row into a record, or says why the row is skipped.
pub(crate) type Parse = fn(&str, u64, &RowContext) -> Result<Record, Rejection>;

/// What parsing needs to know besides the row.
#[derive(Debug)]
pub(crate) struct RowContext {
    /// Location of the pictures.
    pub store: Store,
    /// Domain of the code.
    pub domain: Domain,
}

/// How the rows of one corpus are parsed.
#[derive(Debug)]
pub(crate) struct RowParser {
    pub context: RowContext,
    pub parse: Parse,
}

impl RowParser {
    fn record(&self, text: &str, number: u64) -> Result<Record, Rejection> {
        (self.parse)(text, number, &self.context)
    }
}

/// The valid rows of the file.
#[derive(Debug)]
pub(crate) struct Table {
    rows: RowFile,
    parser: RowParser,
}

impl Table {
    /// Reads the file once and keeps the first `limit` rows that `parser` accepts (0 means no
    /// limit).
    pub fn scan(
        path: &Path,
        format: RowFormat,
        parser: RowParser,
        limit: u64,
        skips: &mut Skips,
    ) -> Result<Self, DataError> {
        let check = &mut |text: &str| parser.record(text, 0).map(|_| ());
        let rows = RowFile::scan(path, format, limit, skips, check)?;
        Ok(Self { rows, parser })
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
        self.parser.record(&text, number).map_err(|(_, problem)| self.rows.bad(i, problem))
    }

    fn bytes(&self, picture: &Picture) -> Result<Vec<u8>, DataError> {
        self.parser.context.store.bytes(picture)
    }
}
