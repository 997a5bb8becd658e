//! Matrix products on plain slices, through the `gemm` crate.
//!
//! candle's `matmul` works on whole tensors, but the attention tiles and the losses multiply parts
//! of buffers, accumulate into their output, and run single-threaded inside parallel loops.

use gemm::Parallelism;
use rayon::prelude::*;

/// Rows of one block of [`product_of_rows`].
const BLOCK_ROWS: usize = 64;
/// Width of the narrow side of gemm's kernel; threads get multiples of this many columns.
const NARROW: usize = 6;

/// A read-only matrix in a slice: element (r, c) is `data[r * row + c * col]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a> {
    /// The elements, starting with (0, 0).
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub col: usize,
}

impl<'a> Mat<'a> {
    /// A matrix in row-major order without gaps.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, row: cols, col: 1 }
    }

    /// The transposed view.
    pub fn t(self) -> Self {
        Self { data: self.data, rows: self.cols, cols: self.rows, row: self.col, col: self.row }
    }

    /// The `count` columns from column `first`.
    pub(super) fn columns(self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.col..], cols: count, ..self }
    }

    /// The `count` rows from row `first`.
    fn lines(self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.row..], rows: count, ..self }
    }

    /// Index after the last element in `data`.
    fn extent(&self) -> usize {
        match self.rows * self.cols {
            0 => 0,
            _ => (self.rows - 1) * self.row + (self.cols - 1) * self.col + 1,
        }
    }
}

/// Whether a product uses all threads; inside a parallel loop it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread only.
    One,
    /// The whole rayon pool.
    All,
}

impl Threads {
    fn parallelism(self) -> Parallelism {
        match self {
            Threads::One => Parallelism::None,
            Threads::All if rayon::current_num_threads() == 1 => Parallelism::None,
            Threads::All => Parallelism::Rayon(rayon::current_num_threads()),
        }
    }
}

/// `out = a b` with `out` `[a.rows, b.cols]` in row-major order.
///
/// # Panics
/// If the inner sizes differ or a slice is too short for its shape.
pub fn matmul(out: &mut [f32], a: Mat<'_>, b: Mat<'_>, threads: Threads) {
    assert!(out.len() >= a.rows * b.cols, "matrix product: output is too short");
    // SAFETY: `out` holds a.rows rows of b.cols elements.
    unsafe { gemm_raw(Output { data: out.as_mut_ptr(), row: b.cols, add: false }, a, b, threads) }
}

/// `out = a b`, where the rows of `out` are `row` elements apart.
///
/// # Panics
/// As [`matmul_add`].
pub(super) fn matmul_rows(out: &mut [f32], row: usize, a: Mat<'_>, b: Mat<'_>, threads: Threads) {
    let extent = if a.rows * b.cols == 0 { 0 } else { (a.rows - 1) * row + b.cols };
    assert!(out.len() >= extent && row >= b.cols, "matrix product: output is too short");
    // SAFETY: the assertion above.
    unsafe { gemm_raw(Output { data: out.as_mut_ptr(), row, add: false }, a, b, threads) }
}

/// `out += a b`, where the rows of `out` are `row` elements apart.
///
/// # Panics
/// If the inner sizes differ or a slice is too short for its shape.
pub fn matmul_add(out: &mut [f32], row: usize, a: Mat<'_>, b: Mat<'_>, threads: Threads) {
    let extent = if a.rows * b.cols == 0 { 0 } else { (a.rows - 1) * row + b.cols };
    assert!(out.len() >= extent && row >= b.cols, "matrix product: output is too short");
    // SAFETY: the assertion above.
    unsafe { gemm_raw(Output { data: out.as_mut_ptr(), row, add: true }, a, b, threads) }
}

/// `a b` in a new buffer, which is not zeroed first.
///
/// # Panics
/// If the inner sizes differ or a slice is too short for its shape.
pub fn product(a: Mat<'_>, b: Mat<'_>) -> Vec<f32> {
    let n = a.rows * b.cols;
    if a.cols == 0 {
        return vec![0.0; n];
    }
    let mut out = Vec::with_capacity(n);
    // SAFETY: the capacity is n; gemm writes all n elements and reads none of them first.
    unsafe {
        gemm_raw(Output { data: out.as_mut_ptr(), row: b.cols, add: false }, a, b, Threads::All);
        out.set_len(n);
    }
    out
}

/// `a^T b` of two tall matrices, such as the gradient of a weight, as `[a.cols, b.cols]`.
///
/// Short blocks of rows stay in the cache; `gemm` alone uses panels of 500 rows and more, which was
/// measured to be 1.3 times slower. Threads divide the columns of `a`, so every sum is computed in
/// the order of the rows.
///
/// # Panics
/// If the numbers of rows differ or a slice is too short for its shape.
pub fn product_of_rows(a: Mat<'_>, b: Mat<'_>) -> Vec<f32> {
    let mut out = vec![0.0; a.cols * b.cols];
    let share = a.cols.div_ceil(rayon::current_num_threads()).next_multiple_of(NARROW).max(1);
    let parts = out.par_chunks_mut((share * b.cols).max(1)).enumerate();
    parts.for_each(|(i, out)| {
        let columns = a.columns(i * share, out.len() / b.cols);
        for from in (0..a.rows).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(a.rows - from);
            let (a, b) = (columns.lines(from, rows), b.lines(from, rows));
            matmul_add(out, b.cols, a.t(), b, Threads::One);
        }
    });
    out
}

/// The output of [`gemm_raw`].
struct Output {
    data: *mut f32,
    /// Distance between rows.
    row: usize,
    /// Whether to add to the output instead of overwriting it.
    add: bool,
}

/// # Safety
/// `out` must be valid for `a.rows` rows of `b.cols` elements and, with `add`, initialised.
unsafe fn gemm_raw(out: Output, a: Mat<'_>, b: Mat<'_>, threads: Threads) {
    assert_eq!(a.cols, b.rows, "matrix product: inner sizes differ");
    assert!(a.data.len() >= a.extent() && b.data.len() >= b.extent(), "matrix product: operand is too short");
    // SAFETY: the assertions check the operands, and the caller guarantees a valid output.
    unsafe {
        gemm::gemm(
            a.rows,
            b.cols,
            a.cols,
            out.data,
            1,
            out.row as isize,
            out.add,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            threads.parallelism(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_transposes_strides_and_accumulation() {
        // a = [[1 2 3] [4 5 6]], b = [[1 0] [0 1] [1 1]]
        let a = [1., 2., 3., 4., 5., 6.];
        let b = [1., 0., 0., 1., 1., 1.];
        let mut out = [0.0; 4];
        matmul(&mut out, Mat::new(&a, 2, 3), Mat::new(&b, 3, 2), Threads::One);
        assert_eq!(out, [4., 5., 10., 11.]);
        assert_eq!(product(Mat::new(&a, 2, 3).t(), Mat::new(&out, 2, 2)).len(), 6);
        // a^T, as a transposed view of a, times the first column of a.
        let first = Mat::new(&a, 2, 3).columns(0, 1);
        let gram = product(Mat::new(&a, 2, 3).t(), first);
        assert_eq!(gram, [17., 22., 27.]);
        assert_eq!(product_of_rows(Mat::new(&a, 2, 3), first), gram);
        let mut wide = [1.0; 6];
        matmul_add(&mut wide, 3, Mat::new(&a, 2, 3), Mat::new(&b, 3, 2), Threads::All);
        assert_eq!(wide, [5., 6., 1., 11., 12., 1.]);
    }

    #[test]
    fn many_rows_in_blocks_give_the_same_product() {
        let (n, r, c) = (2 * BLOCK_ROWS + 5, 17, 4);
        let fill =
            |len: usize, k: usize| -> Vec<f32> { (0..len).map(|i| (i * k % 7) as f32 - 3.0).collect() };
        let (a, b) = (fill(n * r, 5), fill(n * c, 3));
        let (a, b) = (Mat::new(&a, n, r), Mat::new(&b, n, c));
        // Sums of small integers are exact in any order.
        assert_eq!(product_of_rows(a, b), product(a.t(), b));
    }
}
