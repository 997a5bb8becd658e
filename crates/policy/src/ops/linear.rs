//! The linear layer `y = x W^T + b`, with weights `[out, in]` as in Hugging Face files.

use super::matrix::{Mat, product, product_of_rows};
use super::simd;
use super::weight::{Half, Matrix};
use super::{half, host};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

const NAME: &str = "linear";
/// Rows that one task sums in the bias gradient. Fixed, so that results do not depend on the number
/// of threads.
const ROWS: usize = 512;

/// `x W^T + b` for `x` `[.., cin]`, `w` `[cout, cin]` and `b` `[cout]`, as `[.., cout]`.
///
/// Backward computes dX = dY W, dW = dY^T X and db = Σ dY, each only for a tracked operand. A bf16
/// weight is frozen and has no gradient.
///
/// # Errors
/// If shapes do not match, or an operand is not contiguous f32 on the CPU.
pub fn linear<'a>(x: &Tensor, w: impl Into<Matrix<'a>>, b: Option<&Tensor>) -> Result<Tensor> {
    let operands: Vec<&Tensor> = std::iter::once(x).chain(b).collect();
    host::check(NAME, &operands)?;
    match (w.into(), b) {
        (Matrix::Full(w), None) => {
            host::check(NAME, &[w])?;
            x.apply_op2(w, Linear)
        }
        (Matrix::Full(w), Some(b)) => {
            host::check(NAME, &[w])?;
            x.apply_op3(w, b, Linear)
        }
        (Matrix::Half(w), None) => x.apply_op1(LinearHalf { w: w.clone() }),
        (Matrix::Half(w), Some(b)) => x.apply_op2(b, LinearHalf { w: w.clone() }),
    }
}

struct Linear;

/// With a frozen bf16 weight.
struct LinearHalf {
    w: Half,
}

impl LinearHalf {
    /// x W^T and its shape.
    fn product(&self, x: &CpuStorage, xl: &Layout) -> Result<(Vec<f32>, Shape)> {
        let (n, cin, cout) = sizes(xl.shape(), &Shape::from(self.w.dims().to_vec()))?;
        let y = half::product(Mat::new(host::slice(NAME, x, xl)?, n, cin), self.w.words(), cout);
        Ok((y, output_shape(xl.shape(), cout)))
    }

    /// The gradient of x, if it is tracked.
    fn back(&self, x: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        if !x.track_op() {
            return Ok(None);
        }
        let [cout, cin] = self.w.dims();
        let dx = host::with_slices(NAME, [grad], |[g]| {
            Ok(half::product_back(Mat::new(g, g.len() / cout, cout), self.w.words(), cin))
        })?;
        host::tensor(dx, x.shape()).map(Some)
    }
}

impl CustomOp1 for LinearHalf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (y, shape) = self.product(x, xl)?;
        Ok(host::stored(y, &shape))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.back(x, grad)
    }
}

impl CustomOp2 for LinearHalf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (mut y, shape) = self.product(x, xl)?;
        if bl.dims() != [self.w.dims()[0]] {
            bail!("{NAME}: bias {:?} does not match weight {:?}", bl.dims(), self.w.dims());
        }
        add_bias(&mut y, host::slice(NAME, b, bl)?);
        Ok(host::stored(y, &shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((self.back(x, grad)?, bias_gradient(b, grad)?))
    }
}

/// The gradient of the bias, if it is tracked.
fn bias_gradient(b: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
    if !b.track_op() {
        return Ok(None);
    }
    let sums = host::with_slices(NAME, [grad], |[g]| Ok(column_sums(g, b.elem_count())))?;
    host::tensor(sums, b.shape()).map(Some)
}

/// The sizes (n, cin, cout) of a product, or an error that names the shapes.
pub(super) fn sizes(x: &Shape, w: &Shape) -> Result<(usize, usize, usize)> {
    match (x.dims(), w.dims()) {
        ([.., cin], [cout, win]) if cin == win && *cin > 0 => Ok((x.elem_count() / cin, *cin, *cout)),
        _ => bail!("{NAME}: input {x:?} does not match weight {w:?}; expected [.., cin] and [cout, cin]"),
    }
}

pub(super) fn output_shape(x: &Shape, cout: usize) -> Shape {
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = cout;
    }
    Shape::from(dims)
}

/// The gradients of x and w, each only if it is tracked.
fn gradients(x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let (n, cin, cout) = sizes(x.shape(), w.shape())?;
    host::with_slices(NAME, [x, w, grad], |[xs, ws, gs]| {
        let g = Mat::new(gs, n, cout);
        let dx = x.track_op().then(|| product(g, Mat::new(ws, cout, cin)));
        let dw = w.track_op().then(|| product_of_rows(g, Mat::new(xs, n, cin)));
        Ok((
            dx.map(|d| host::tensor(d, x.shape())).transpose()?,
            dw.map(|d| host::tensor(d, w.shape())).transpose()?,
        ))
    })
}

/// Adds `b` `[cout]` to every row of `y` `[n, cout]`.
pub(super) fn add_bias(y: &mut [f32], b: &[f32]) {
    y.par_chunks_mut(ROWS * b.len()).for_each(|block| {
        simd::vectorised(
            #[inline(always)]
            || {
                for row in block.chunks_exact_mut(b.len()) {
                    simd::axpy(1.0, b, row);
                }
            },
        );
    });
}

/// Column sums of `[n, c]`: partial sums of blocks of fixed size, added in order.
pub(super) fn column_sums(rows: &[f32], c: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = rows
        .par_chunks(ROWS * c)
        .map(|block| {
            let mut part = vec![0.0; c];
            simd::vectorised(
                #[inline(always)]
                || {
                    for row in block.chunks_exact(c) {
                        simd::axpy(1.0, row, &mut part);
                    }
                },
            );
            part
        })
        .collect();
    add_parts(parts, c)
}

/// Adds partial results in order.
pub(super) fn add_parts(parts: Vec<Vec<f32>>, c: usize) -> Vec<f32> {
    let mut total = vec![0.0; c];
    for part in &parts {
        simd::axpy(1.0, part, &mut total);
    }
    total
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, cin, cout) = sizes(xl.shape(), wl.shape())?;
        let (x, w) = (host::slice(NAME, x, xl)?, host::slice(NAME, w, wl)?);
        let y = product(Mat::new(x, n, cin), Mat::new(w, cout, cin).t());
        Ok(host::stored(y, &output_shape(xl.shape(), cout)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        gradients(x, w, grad)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, cin, cout) = sizes(xl.shape(), wl.shape())?;
        if bl.dims() != [cout] {
            bail!("{NAME}: bias {:?} does not match weight {:?}", bl.dims(), wl.dims());
        }
        let (x, w, b) = (host::slice(NAME, x, xl)?, host::slice(NAME, w, wl)?, host::slice(NAME, b, bl)?);
        let mut y = product(Mat::new(x, n, cin), Mat::new(w, cout, cin).t());
        add_bias(&mut y, b);
        Ok(host::stored(y, &output_shape(xl.shape(), cout)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = gradients(x, w, grad)?;
        Ok((dx, dw, bias_gradient(b, grad)?))
    }
}
