//! The costs of SciPy's matching after two neighbouring rows are joined, by matching again.
//!
//! SciPy adds the rows of a table one after the other, so the matching of the rows before a join is
//! kept for all later joins. If there are more rows than columns, SciPy adds columns instead, and
//! nothing can be kept.

use super::assign::{Matching, Row};

/// A table whose joins are tried from the first to the last.
pub(super) struct Rematch<'a> {
    rows: &'a [Row<'a>],
    /// Columns of one kind are equal.
    columns: &'a [usize],
    /// Whether the rows are the candidate's, by which the costs are ordered.
    cand: bool,
    /// The matching of the first `matched` rows.
    before: Matching,
    matched: usize,
}

impl<'a> Rematch<'a> {
    pub fn new(rows: &'a [Row<'a>], columns: &'a [usize], cand: bool) -> Self {
        let before = Matching::open(rows.len().saturating_sub(1), columns.len());
        Self { rows, columns, cand, before, matched: 0 }
    }

    /// The costs of the matching with `joined` in place of the rows `at` and `at + 1`, in order of
    /// the candidate's blocks. `at` must not decrease from call to call.
    pub fn paid(&mut self, at: usize, joined: Row) -> Vec<f64> {
        let rows = [&self.rows[..at], &[joined], &self.rows[at + 2..]].concat();
        // SciPy gets the candidate's blocks as rows, and transposes the table if it has more rows
        // than columns.
        let turned =
            if self.cand { self.columns.len() < rows.len() } else { self.columns.len() <= rows.len() };
        let (column_of, row_of) = if turned {
            let columns: Vec<Vec<f64>> =
                (0..self.columns.len()).map(|c| rows.iter().map(|row| row.costs[c]).collect()).collect();
            let columns = columns.iter().zip(self.columns).map(|(costs, &kind)| Row { costs, kind });
            let matching = Matching::of(&columns.collect::<Vec<_>>());
            (matching.row_of, matching.column_of)
        } else {
            for row in self.matched..at {
                self.before.add(self.rows, row);
            }
            self.matched = at;
            let mut matching = self.before.clone();
            (at..rows.len()).for_each(|row| matching.add(&rows, row));
            (matching.column_of, matching.row_of)
        };
        let paid = |(row, column): (usize, usize)| rows[row].costs[column];
        if self.cand {
            column_of.iter().enumerate().filter_map(|(row, column)| Some(paid((row, (*column)?)))).collect()
        } else {
            row_of.iter().enumerate().filter_map(|(column, row)| Some(paid(((*row)?, column)))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design2code::assign::{paid, transposed};
    use crate::design2code::testing::Random;

    /// Against the whole table, on tables most of which have many ties and equal rows.
    #[test]
    fn costs_are_those_of_the_whole_table() {
        let mut random = Random(9);
        for case in 0..2000 {
            let (n, m) = (2 + random.below(9), 1 + random.below(9));
            let different = 1 + random.below(4);
            let few = random.table(different, m, [1, 3, 7, 1000][case % 4]);
            let kinds: Vec<usize> = (0..n).map(|_| random.below(few.len())).collect();
            let mut joined: Vec<(usize, Vec<f64>)> = Vec::new();
            for at in 0..n - 1 {
                if random.below(2) == 0 {
                    joined.push((at, random.table(1, m, 3).remove(0)));
                }
            }
            let rows: Vec<Row> = kinds.iter().map(|&kind| Row { costs: &few[kind], kind }).collect();
            let columns: Vec<usize> = (0..m).collect();
            for cand in [true, false] {
                let mut rematch = Rematch::new(&rows, &columns, cand);
                for (at, costs) in &joined {
                    let mut table: Vec<Vec<f64>> = rows.iter().map(|row| row.costs.to_vec()).collect();
                    table[*at] = costs.clone();
                    table.remove(at + 1);
                    let want = if cand { paid(&table) } else { paid(&transposed(&table)) };
                    assert_eq!(rematch.paid(*at, Row { costs, kind: few.len() }), want);
                }
            }
        }
    }
}
