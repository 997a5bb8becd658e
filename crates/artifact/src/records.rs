//! What a chart script leaves under the hooks of a benchmark.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The cell of a grid that axes fill; rows and columns count from 0 and include the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GridCell {
    /// Rows of the grid.
    pub nrows: u32,
    /// Columns of the grid.
    pub ncols: u32,
    /// First row.
    pub row_start: u32,
    /// Last row.
    pub row_end: u32,
    /// First column.
    pub col_start: u32,
    /// Last column.
    pub col_end: u32,
}

/// A colour, or the name of a colour map, and the class of calls that drew it. Ordered as the text
/// `class--token`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColorToken {
    /// The function behind the calls; only its equality counts.
    pub class: String,
    /// `#RRGGBB` or `#RRGGBBAA` in capitals, or a name.
    pub token: String,
}

impl ColorToken {
    fn text(&self) -> impl Iterator<Item = u8> {
        self.class.bytes().chain(*b"--").chain(self.token.bytes())
    }
}

impl PartialOrd for ColorToken {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ColorToken {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text().cmp(other.text())
    }
}

/// The records of ChartMimic's low-level metrics for one script (docs/specs/chartmimic.md, 3 to 8).
/// A script that dies leaves empty records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartRecords {
    /// Drawn texts in drawing order.
    pub text: Vec<String>,
    /// Grid cells of the axes, in the order of the figure.
    pub layout: Vec<GridCell>,
    /// Calls by type.
    pub types: BTreeMap<String, u64>,
    /// Colours, each once per class.
    pub colors: BTreeSet<ColorToken>,
    /// Whether the bare script left a picture; `false` where there is none to run.
    pub exec: bool,
    /// What ended a run or was swallowed in it, by the name of the record.
    pub remarks: BTreeMap<&'static str, String>,
}
