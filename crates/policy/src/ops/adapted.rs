//! A frozen linear layer with a low-rank adapter, `y = x W^T + b + s (D(x) A^T) B^T`, as one op.
//!
//! Separate ops would keep the layer's output twice and walk over it three times. The frozen
//! weight is a constant of the op, so it has no gradient.

use super::host;
use super::linear::{add_bias, output_shape, sizes};
use super::matrix::{Mat, Threads, matmul_add, product, product_of_rows};
use super::weight::{Matrix, Weight};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

const NAME: &str = "adapted_linear";
/// Elements handled by one task.
const TASK: usize = 1 << 15;

/// The adapter of one linear layer.
#[derive(Clone, Copy, Debug)]
pub struct LowRank<'a> {
    /// A, `[rank, cin]`.
    pub a: &'a Tensor,
    /// B, `[cout, rank]`.
    pub b: &'a Tensor,
    /// The factor s of the adapter's output.
    pub scale: f32,
    /// Dropout D of the adapter's input; `None` passes it on unchanged.
    pub dropout: Option<Dropout>,
}

/// Inverted dropout whose mask is a function of `seed` and the element's position alone, so that a
/// forward pass can be repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of the elements that become 0, in `[0, 1)`; the others are divided by `1 - rate`.
    pub rate: f32,
    /// Selects the mask.
    pub seed: u64,
}

impl Dropout {
    /// `x` with dropout, or a gradient of its output as one of its input.
    fn apply(self, x: &[f32]) -> Vec<f32> {
        let scale = 1.0 / (1.0 - self.rate);
        let least = (f64::from(self.rate) * (1u64 << 32) as f64) as u64;
        let mut out = x.to_vec();
        out.par_chunks_mut(TASK).enumerate().for_each(|(t, part)| {
            for (i, v) in part.iter_mut().enumerate() {
                let drawn = mix(self.seed ^ mix((t * TASK + i) as u64)) >> 32;
                *v = if drawn < least { 0.0 } else { *v * scale };
            }
        });
        out
    }
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// `x W^T + b + s (D(x) A^T) B^T` for `x` `[.., cin]` and a frozen `w` `[cout, cin]`, as
/// `[.., cout]`.
///
/// Backward computes the gradients of x, A and B, each only for a tracked operand; `w` and `bias`
/// get none.
///
/// # Errors
/// If shapes do not match, or an operand is not contiguous f32 on the CPU.
pub fn adapted_linear<'a>(
    x: &Tensor,
    w: impl Into<Matrix<'a>>,
    bias: Option<&Tensor>,
    low: LowRank,
) -> Result<Tensor> {
    host::check(NAME, &[x, low.a, low.b])?;
    let op = Adapted {
        w: w.into().frozen()?,
        bias: bias.map(Tensor::detach),
        scale: low.scale,
        dropout: low.dropout,
    };
    x.apply_op3(low.a, low.b, op)
}

struct Adapted {
    w: Weight,
    bias: Option<Tensor>,
    scale: f32,
    dropout: Option<Dropout>,
}

/// The sizes of a product with an adapter.
struct Sizes {
    n: usize,
    cin: usize,
    cout: usize,
    rank: usize,
}

impl Adapted {
    fn sizes(&self, x: &Shape, a: &Shape, b: &Shape) -> Result<Sizes> {
        let (n, cin, cout) = sizes(x, &Shape::from(&self.w.dims()?))?;
        match (a.dims(), b.dims()) {
            (&[rank, ac], &[bc, br]) if ac == cin && bc == cout && br == rank && rank > 0 => {
                Ok(Sizes { n, cin, cout, rank })
            }
            _ => bail!(
                "{NAME}: A {a:?} and B {b:?} do not match weight {:?}; expected [rank, cin] and [cout, rank]",
                self.w.dims()?
            ),
        }
    }

    fn input<'x>(&self, x: &'x [f32]) -> std::borrow::Cow<'x, [f32]> {
        match self.dropout {
            Some(dropout) => dropout.apply(x).into(),
            None => x.into(),
        }
    }
}

/// Multiplies every element by `scale`.
fn scaled(mut x: Vec<f32>, scale: f32) -> Vec<f32> {
    x.iter_mut().for_each(|v| *v *= scale);
    x
}

impl CustomOp3 for Adapted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        a: &CpuStorage,
        al: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Sizes { n, cin, cout, rank } = self.sizes(xl.shape(), al.shape(), bl.shape())?;
        let (x, a, b) = (host::slice(NAME, x, xl)?, host::slice(NAME, a, al)?, host::slice(NAME, b, bl)?);
        let mut y = self.w.product(Mat::new(x, n, cin))?;
        if let Some(bias) = &self.bias {
            host::with_slices(NAME, [bias], |[bias]| {
                add_bias(&mut y, bias);
                Ok(())
            })?;
        }
        let low = product(Mat::new(&self.input(x), n, cin), Mat::new(a, rank, cin).t());
        let low = scaled(low, self.scale);
        matmul_add(&mut y, cout, Mat::new(&low, n, rank), Mat::new(b, cout, rank).t(), Threads::All);
        Ok(host::stored(y, &output_shape(xl.shape(), cout)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Sizes { n, cin, cout, rank } = self.sizes(x.shape(), a.shape(), b.shape())?;
        host::with_slices(NAME, [x, a, b, grad], |[xs, a_s, b_s, g]| {
            let input = self.input(xs);
            let (g, input) = (Mat::new(g, n, cout), Mat::new(&input, n, cin));
            let (a_m, b_m) = (Mat::new(a_s, rank, cin), Mat::new(b_s, cout, rank));
            let db = b.track_op().then(|| {
                let low = scaled(product(input, a_m.t()), self.scale);
                product_of_rows(g, Mat::new(&low, n, rank))
            });
            // dL/d(D(x) A^T), which both other gradients need.
            let dlow = scaled(product(g, b_m), self.scale);
            let dlow = Mat::new(&dlow, n, rank);
            let da = a.track_op().then(|| product_of_rows(dlow, input));
            let dx = x.track_op().then(|| {
                let mut dx = self.w.product_back(g)?;
                match self.dropout {
                    None => matmul_add(&mut dx, cin, dlow, a_m, Threads::All),
                    Some(dropout) => {
                        let masked = dropout.apply(&product(dlow, a_m));
                        dx.par_iter_mut().zip(&masked).for_each(|(d, m)| *d += m);
                    }
                }
                Ok::<_, candle_core::Error>(dx)
            });
            let dx = dx.transpose()?;
            let shaped =
                |d: Option<Vec<f32>>, like: &Tensor| d.map(|d| host::tensor(d, like.shape())).transpose();
            Ok((shaped(dx, x)?, shaped(da, a)?, shaped(db, b)?))
        })
    }
}
