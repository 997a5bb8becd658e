//! The cheapest one-to-one matching of rows to columns, with SciPy's choice among ties
//! (docs/specs/design2code.md, 10).

/// Share of its best neighbours' costs that is added to a pair's cost, if that is below [`ALIKE`].
const CONTEXT: f64 = 0.1;
const ALIKE: f64 = -0.5;

/// The pairs of row and column, as many as the shorter side has, in order of rows.
pub fn assign(costs: &[Vec<f64>]) -> Vec<(usize, usize)> {
    if costs.first().is_some_and(|row| row.len() < costs.len()) {
        let mut pairs: Vec<_> = assign(&transposed(costs)).into_iter().map(|(c, r)| (r, c)).collect();
        pairs.sort_unstable();
        return pairs;
    }
    let rows: Vec<Row> = costs.iter().enumerate().map(|(kind, costs)| Row { costs, kind }).collect();
    Matching::of(&rows).column_of.into_iter().enumerate().filter_map(|(r, c)| Some((r, c?))).collect()
}

/// A row of costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub costs: &'a [f64],
    /// Rows of one kind are equal; rows of different kinds may be equal too.
    pub kind: usize,
}

/// The costs of the cheapest matching, in order of rows.
pub fn paid(table: &[Vec<f64>]) -> Vec<f64> {
    assign(table).into_iter().map(|(row, column)| table[row][column]).collect()
}

/// The transposed table.
pub fn transposed(costs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let columns = costs.first().map_or(0, Vec::len);
    (0..columns).map(|c| costs.iter().map(|row| row[c]).collect()).collect()
}

/// The costs; those of similar pairs are lowered by a share of the two best costs around each.
pub fn in_context(costs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let columns = costs.first().map_or(0, Vec::len);
    let lowered = |r: usize, c: usize| {
        let own = costs[r][c];
        if own >= ALIKE {
            return own;
        }
        let rows = &costs[r.saturating_sub(1)..(r + 2).min(costs.len())];
        let mut around: Vec<f64> =
            rows.iter().flat_map(|row| &row[c.saturating_sub(1)..(c + 2).min(columns)]).copied().collect();
        around.sort_unstable_by(f64::total_cmp);
        around.remove(around.iter().position(|&cost| cost == own).unwrap_or(0));
        own + CONTEXT * around.iter().take(2).sum::<f64>()
    };
    (0..costs.len()).map(|r| (0..columns).map(|c| lowered(r, c)).collect()).collect()
}

/// A matching of rows, with prices that prove it cheapest: no cost is below the sum of its row's
/// and its column's price, and matched ones are equal to it.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    /// Prices of rows.
    pub u: Vec<f64>,
    /// Prices of columns.
    pub v: Vec<f64>,
    /// The column of each row.
    pub column_of: Vec<Option<usize>>,
    /// The row of each column.
    pub row_of: Vec<Option<usize>>,
}

impl Matching {
    /// An empty matching of so many rows and at least as many columns.
    pub fn open(rows: usize, columns: usize) -> Self {
        let (u, v) = (vec![0.0; rows], vec![0.0; columns]);
        Self { u, v, column_of: vec![None; rows], row_of: vec![None; columns] }
    }

    /// The matching of all rows of a table with at least as many columns.
    pub fn of(rows: &[Row]) -> Self {
        let mut matching = Self::open(rows.len(), rows.first().map_or(0, |row| row.costs.len()));
        for row in 0..rows.len() {
            matching.add(rows, row);
        }
        matching
    }

    /// Removes a row, so that [`Self::add`] can add it again with other costs.
    pub fn remove(&mut self, row: usize) {
        if let Some(column) = self.column_of[row].take() {
            self.row_of[column] = None;
        }
        self.u[row] = 0.0;
    }

    /// Matches one more row along the shortest augmenting path.
    pub fn add(&mut self, rows: &[Row], row: usize) {
        let mut paths = Paths::new(&self.v);
        let (mut at, mut low) = (row, 0.0_f64);
        let mut visited = Vec::new();
        let sink = loop {
            // A row that equals a visited one at the same distance gives no shorter path.
            let like = (rows[at].kind, low.to_bits(), self.u[at].to_bits());
            if !visited.contains(&like) {
                visited.push(like);
                paths.lengthen(at, rows[at].costs, low, self.u[at]);
            }
            let Some((column, length)) = paths.nearest(&self.row_of) else { return };
            low = length;
            let Some(next) = self.row_of[column] else { break column };
            at = next;
        };
        self.u[row] += low;
        for &(column, length) in &paths.taken {
            if let Some(r) = self.row_of[column] {
                self.u[r] += low - length;
            }
            self.v[column] -= low - length;
        }
        let mut free = sink;
        loop {
            let r = paths.from[free];
            self.row_of[free] = Some(r);
            match self.column_of[r].replace(free) {
                Some(column) if r != row => free = column,
                _ => return,
            }
        }
    }
}

/// Shortest paths from a row to columns, by the reduced costs.
struct Paths {
    /// Lengths to columns that are not taken yet, infinite for the others.
    open: Vec<f64>,
    /// The row before each column.
    from: Vec<usize>,
    /// Prices of columns; minus infinity keeps a taken column from being reached again.
    v: Vec<f64>,
    /// Columns in the order in which they were taken, with their lengths.
    taken: Vec<(usize, f64)>,
    /// The columns that are not taken, and the place of each in this list: SciPy's order among
    /// ties.
    list: Vec<usize>,
    place: Vec<usize>,
}

impl Paths {
    fn new(v: &[f64]) -> Self {
        let n = v.len();
        Self {
            open: vec![f64::INFINITY; n],
            from: vec![0; n],
            v: v.to_vec(),
            taken: Vec::new(),
            list: (0..n).rev().collect(),
            place: (0..n).rev().collect(),
        }
    }

    /// Extends the paths through row `at`, whose distance is `low` and whose price is `u`. The
    /// order of the sum is SciPy's.
    fn lengthen(&mut self, at: usize, costs: &[f64], low: f64, u: f64) {
        let columns = self.open.iter_mut().zip(&mut self.from).zip(costs).zip(&self.v);
        for (((open, from), cost), v) in columns {
            let length = low + cost - u - v;
            *from = if length < *open { at } else { *from };
            *open = length.min(*open);
        }
    }

    /// Takes the nearest column. Among ties this is the last free one of the list, or else the
    /// first.
    fn nearest(&mut self, row_of: &[Option<usize>]) -> Option<(usize, f64)> {
        let low = least(&self.open);
        if low == f64::INFINITY {
            return None;
        }
        let rank = |c: usize| match row_of[c] {
            None => self.open.len() + self.place[c],
            Some(_) => self.open.len() - 1 - self.place[c],
        };
        // Checking whole chunks first is several times faster: few columns are the nearest.
        let chunks = self.open.chunks(16).zip((0..).step_by(16));
        let near = chunks.filter(|(chunk, _)| chunk.iter().fold(false, |any, &length| any | (length == low)));
        let equals = near.flat_map(|(chunk, at)| (at..at + chunk.len()).filter(|&c| self.open[c] == low));
        let column = equals.max_by_key(|&c| rank(c))?;
        let place = self.place[column];
        self.list.swap_remove(place);
        if let Some(&moved) = self.list.get(place) {
            self.place[moved] = place;
        }
        (self.open[column], self.v[column]) = (f64::INFINITY, f64::NEG_INFINITY);
        self.taken.push((column, low));
        Some((column, low))
    }
}

/// The least value, computed in lanes: one chain of comparisons would be sequential.
fn least(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut low = [f64::INFINITY; 8];
    for chunk in chunks {
        for (low, value) in low.iter_mut().zip(chunk) {
            *low = if value < low { *value } else { *low };
        }
    }
    low.iter().chain(rest).copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design2code::testing::{Digest, Random};

    /// Of 3040 tables, most with many ties, by `linear_sum_assignment` of SciPy 1.16.3.
    #[test]
    fn pairs_are_those_of_scipy() {
        let (mut random, mut digest) = (Random(1), Digest::new());
        for _ in 0..3000 {
            let (n, m) = (1 + random.below(14), 1 + random.below(14));
            let steps = [1, 2, 3, 5, 9, 1000][random.below(6)];
            digest.pairs(&assign(&random.table(n, m, steps)));
        }
        for case in 0..40 {
            let (n, m) = (40 + random.below(30), 40 + random.below(30));
            digest.pairs(&assign(&random.table(n, m, [3, 20, 1000, 100_000][case % 4])));
        }
        assert_eq!(digest, Digest(0x54af_f097_9d4c_3cf5));
    }

    /// Of 300 tables, by NumPy 1.26.1.
    #[test]
    fn costs_in_context_are_those_of_numpy() {
        let (mut random, mut digest) = (Random(2), Digest::new());
        for _ in 0..300 {
            let (n, m) = (1 + random.below(9), 1 + random.below(9));
            let steps = [2, 7, 1000][random.below(3)];
            let costs = in_context(&random.table(n, m, steps));
            costs.iter().flatten().for_each(|&cost| digest.number(cost));
        }
        assert_eq!(digest, Digest(0x49d1_1c05_5567_0ba0));
    }
}
