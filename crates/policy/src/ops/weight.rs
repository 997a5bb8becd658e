//! Weights as the ops read them: f32 tensors, or frozen matrices that stay bf16 in memory.
//!
//! A [`Half`] holds the upper 16 bits of f32 values. The matrix kernels widen it in tiles, so that
//! arithmetic is f32 and the results are those of the widened matrix. Its bits are pages of the
//! weights file where that file holds bf16, which costs neither a copy nor memory that the system
//! could not take back.

use super::half;
use super::host::{self, Values};
use super::matrix::{Mat, product};
use candle_core::{Device, Result, Tensor, bail};
use memmap2::Mmap;
use pulp::bytemuck;
use std::ops::Range;
use std::sync::Arc;

const NAME: &str = "weight";

/// A matrix `[rows, cols]` of bf16 values. A clone shares the bits.
#[derive(Clone)]
pub struct Half {
    source: Source,
    /// The elements in `source`.
    at: Range<usize>,
    cols: usize,
}

#[derive(Clone)]
enum Source {
    /// The words of a file from a byte on, at an even address.
    Mapped(Arc<Mmap>, usize),
    Owned(Arc<[u16]>),
}

impl Half {
    /// The `rows * cols` words of the file from byte `from` on; copied if that address is odd.
    ///
    /// # Errors
    /// If the file ends before.
    pub fn mapped(file: &Arc<Mmap>, from: usize, [rows, cols]: [usize; 2]) -> Result<Self> {
        let count = rows * cols;
        let Some(bytes) = file.get(from..from + 2 * count) else {
            bail!("half: {rows} x {cols} words at byte {from} end after the file of {} bytes", file.len());
        };
        let source = match bytemuck::try_cast_slice::<u8, u16>(bytes) {
            Ok(_) => Source::Mapped(file.clone(), from),
            Err(_) => {
                Source::Owned(bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
            }
        };
        Ok(Self { source, at: 0..count, cols })
    }

    /// The matrix `[values.len() / cols, cols]`, rounded to the nearest bf16, ties to even.
    pub fn rounded(values: &[f32], cols: usize) -> Self {
        let words: Arc<[u16]> = values.iter().map(|v| half::round(*v)).collect();
        Self { at: 0..words.len(), source: Source::Owned(words), cols }
    }

    /// Number of rows and columns.
    pub fn dims(&self) -> [usize; 2] {
        [self.at.len() / self.cols.max(1), self.cols]
    }

    /// The words, row by row.
    pub fn words(&self) -> &[u16] {
        let all = match &self.source {
            // `mapped` checked the range and the alignment.
            Source::Mapped(file, from) => bytemuck::cast_slice(&file[*from..*from + 2 * self.at.end]),
            Source::Owned(words) => words,
        };
        &all[self.at.clone()]
    }

    /// The `count` rows from row `first`, sharing the bits.
    pub fn rows(&self, first: usize, count: usize) -> Self {
        let from = self.at.start + first * self.cols;
        Self { source: self.source.clone(), at: from..from + count * self.cols, cols: self.cols }
    }

    /// Every value, widened.
    pub fn values(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.at.len()];
        half::widen(self.words(), &mut out);
        out
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Half({:?})", self.dims())
    }
}

/// A weight with its storage. A clone shares it.
#[derive(Clone, Debug)]
pub enum Weight {
    /// An f32 tensor, on the tape if it trains.
    Full(Tensor),
    /// A frozen bf16 matrix.
    Half(Half),
}

impl Weight {
    /// Number of rows and columns of a matrix.
    ///
    /// # Errors
    /// If a tensor has another number of dimensions.
    pub fn dims(&self) -> Result<[usize; 2]> {
        Matrix::from(self).dims()
    }

    /// The f32 tensor; `None` if it is stored as bf16.
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Weight::Full(tensor) => Some(tensor),
            Weight::Half(_) => None,
        }
    }

    /// `x w^T` for `x` `[n, cols]`.
    ///
    /// # Errors
    /// If a tensor is not a contiguous f32 matrix.
    pub(super) fn product(&self, x: Mat<'_>) -> Result<Vec<f32>> {
        let [rows, cols] = self.dims()?;
        match self {
            Weight::Full(w) => {
                host::with_slices(NAME, [w], |[w]| Ok(product(x, Mat::new(w, rows, cols).t())))
            }
            Weight::Half(w) => Ok(half::product(x, w.words(), rows)),
        }
    }

    /// `g w` for `g` `[n, rows]`.
    ///
    /// # Errors
    /// As [`Weight::product`].
    pub(super) fn product_back(&self, g: Mat<'_>) -> Result<Vec<f32>> {
        let [rows, cols] = self.dims()?;
        match self {
            Weight::Full(w) => host::with_slices(NAME, [w], |[w]| Ok(product(g, Mat::new(w, rows, cols)))),
            Weight::Half(w) => Ok(half::product_back(g, w.words(), cols)),
        }
    }

    /// Every value as f32; a copy if it is stored as bf16.
    ///
    /// # Errors
    /// If a tensor is not contiguous f32.
    pub fn floats(&self) -> Result<Floats<'_>> {
        match self {
            Weight::Full(tensor) => Values::of(tensor).map(Floats::Held),
            Weight::Half(half) => Ok(Floats::Widened(half.values())),
        }
    }

    /// Whether two weights are the same numbers in memory.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Weight::Full(a), Weight::Full(b)) => {
                let [a, b] = [a, b].map(|t| Values::of(t).ok().map(|v| (v.as_ptr() as usize, v.len())));
                a.is_some() && a == b
            }
            (Weight::Half(a), Weight::Half(b)) => std::ptr::eq(a.words(), b.words()),
            _ => false,
        }
    }

    /// A copy of every value as f32.
    ///
    /// # Errors
    /// If a tensor is not f32.
    pub fn values(&self) -> Result<Vec<f32>> {
        match self {
            Weight::Full(tensor) => tensor.detach().flatten_all()?.to_vec1::<f32>(),
            Weight::Half(half) => Ok(half.values()),
        }
    }

    /// The `count` rows from row `first`.
    ///
    /// # Errors
    /// If there are fewer rows.
    pub fn rows(&self, first: usize, count: usize) -> Result<Self> {
        let [rows, _] = self.dims()?;
        match self {
            Weight::Full(tensor) => Ok(Weight::Full(tensor.narrow(0, first, count)?)),
            Weight::Half(half) if first + count <= rows => Ok(Weight::Half(half.rows(first, count))),
            Weight::Half(_) => bail!("half: rows {first}..{} of {rows}", first + count),
        }
    }
}

/// The values of a [`Weight`] as f32.
pub enum Floats<'a> {
    /// Where they lie.
    Held(Values<'a>),
    /// A copy.
    Widened(Vec<f32>),
}

impl std::ops::Deref for Floats<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Floats::Held(values) => values,
            Floats::Widened(values) => values,
        }
    }
}

/// A borrowed [`Weight`], made from a tensor or a weight.
#[derive(Clone, Copy, Debug)]
pub enum Matrix<'a> {
    /// An f32 tensor.
    Full(&'a Tensor),
    /// A frozen bf16 matrix.
    Half(&'a Half),
}

impl Matrix<'_> {
    /// As [`Weight::dims`].
    pub(super) fn dims(&self) -> Result<[usize; 2]> {
        match self {
            Matrix::Full(tensor) => tensor.dims2().map(|(rows, cols)| [rows, cols]),
            Matrix::Half(half) => Ok(half.dims()),
        }
    }

    /// The same weight, off the tape.
    ///
    /// # Errors
    /// If a tensor is not f32 on the CPU.
    pub(super) fn frozen(self) -> Result<Weight> {
        match self {
            Matrix::Full(tensor) => {
                host::check(NAME, &[tensor])?;
                Ok(Weight::Full(tensor.detach()))
            }
            Matrix::Half(half) => Ok(Weight::Half(half.clone())),
        }
    }
}

impl<'a> From<&'a Tensor> for Matrix<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Matrix::Full(tensor)
    }
}

impl<'a> From<&'a candle_core::Var> for Matrix<'a> {
    fn from(var: &'a candle_core::Var) -> Self {
        Matrix::Full(var.as_tensor())
    }
}

impl<'a> From<&'a Half> for Matrix<'a> {
    fn from(half: &'a Half) -> Self {
        Matrix::Half(half)
    }
}

impl<'a> From<&'a Weight> for Matrix<'a> {
    fn from(weight: &'a Weight) -> Self {
        match weight {
            Weight::Full(tensor) => Matrix::Full(tensor),
            Weight::Half(half) => Matrix::Half(half),
        }
    }
}

/// Rows `ids` of a bf16 table, widened, as `[ids.len(), cols]`.
pub(super) fn lookup(table: &Half, ids: &[u32]) -> Result<Tensor> {
    let [rows, cols] = table.dims();
    let words = table.words();
    let mut out = vec![0.0; ids.len() * cols];
    for (&id, row) in ids.iter().zip(out.chunks_exact_mut(cols.max(1))) {
        let id = id as usize;
        if id >= rows {
            bail!("embedding: id {id} is outside the table of {rows} rows");
        }
        half::widen(&words[id * cols..][..cols], row);
    }
    Tensor::from_vec(out, (ids.len(), cols), &Device::Cpu)
}
