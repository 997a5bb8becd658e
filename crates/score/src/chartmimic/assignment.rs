//! The best one-to-one matching of rows to columns, in cubic time where the benchmark tries all
//! permutations.

/// The greatest sum of entries, one in each row and no two in a column, of a table with at least as
/// many columns as rows (docs/specs/chartmimic.md, 7.4). Rows are added one by one along shortest
/// augmenting paths.
pub fn best_sum(table: &[Vec<f64>]) -> f64 {
    let rows = table.len();
    let Some(columns) = table.first().map(Vec::len) else { return 0.0 };
    if columns < rows || table.iter().any(|row| row.len() != columns) {
        return 0.0;
    }
    let mut state = State { row_of: vec![None; columns], u: vec![0.0; rows], v: vec![0.0; columns] };
    for row in 0..rows {
        state.add(table, row);
    }
    state.row_of.iter().enumerate().filter_map(|(column, row)| row.map(|r| table[r][column])).sum()
}

/// A matching of some rows, with the dual variables of rows (`u`) and columns (`v`).
struct State {
    row_of: Vec<Option<usize>>,
    u: Vec<f64>,
    v: Vec<f64>,
}

impl State {
    fn add(&mut self, table: &[Vec<f64>], row: usize) {
        let columns = self.v.len();
        let mut cost = vec![f64::INFINITY; columns];
        let mut from = vec![None; columns];
        let mut done = vec![false; columns];
        let (mut at, mut column) = (row, None);
        let mut reached = vec![(row, None::<usize>)];
        let mut so_far = 0.0;
        let last = loop {
            let mut next: Option<usize> = None;
            for j in (0..columns).filter(|&j| !done[j]) {
                let through = so_far - table[at][j] - self.u[at] - self.v[j];
                if through < cost[j] {
                    (cost[j], from[j]) = (through, column);
                }
                if next.is_none_or(|n| cost[j] < cost[n]) {
                    next = Some(j);
                }
            }
            let Some(j) = next else { return };
            (so_far, column, done[j]) = (cost[j], Some(j), true);
            match self.row_of[j] {
                None => break j,
                Some(r) => {
                    at = r;
                    reached.push((r, Some(j)));
                }
            }
        };
        for (r, j) in reached {
            self.u[r] += so_far - j.map_or(0.0, |j| cost[j]);
            if let Some(j) = j {
                self.v[j] -= so_far - cost[j];
            }
        }
        // Along the path every column takes the row of the column before it; the first takes the
        // new row.
        let mut to = last;
        loop {
            let before: Option<usize> = from[to];
            self.row_of[to] = before.map_or(Some(row), |j| self.row_of[j]);
            match before {
                Some(j) => to = j,
                None => return,
            }
        }
    }
}
