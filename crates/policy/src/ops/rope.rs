//! Rotary position embedding in the `rotate_half` convention: element j pairs with j + d/2.
//!
//! The tables are constants: they are not on the tape, and no gradient is computed for them.

use super::host;
use super::simd;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

const NAME: &str = "rope";
/// Elements handled by one task.
const TASK: usize = 1 << 15;

/// `x * cos + rotate_half(x) * sin` for `x` `[n, heads, d]` and tables `[n, d]`, where
/// `rotate_half(x) = (-x[d/2..], x[..d/2])`.
///
/// Interleaved multi-axis positions (M-RoPE) only change the values in the tables. Tracked tables
/// get no gradient.
///
/// # Errors
/// If shapes do not match, d is odd, or an operand is not contiguous f32 on the CPU.
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    host::check(NAME, &[x, cos, sin])?;
    x.apply_op3(&cos.detach(), &sin.detach(), Rope)
}

struct Rope;

fn sizes(x: &Shape, cos: &Shape, sin: &Shape) -> Result<(usize, usize)> {
    match x.dims() {
        &[n, heads, d] if d > 0 && d % 2 == 0 && heads > 0 && cos.dims() == [n, d] && sin == cos => {
            Ok((heads, d))
        }
        _ => bail!(
            "{NAME}: input {x:?} with tables {cos:?} and {sin:?}; expected [n, heads, d] and [n, d] with d even"
        ),
    }
}

/// Rotates by the angles in the tables, or by the opposite angles for the gradient (`BACK`).
fn rotate<const BACK: bool>(x: &[f32], cos: &[f32], sin: &[f32], heads: usize, d: usize) -> Vec<f32> {
    let (half, row) = (d / 2, heads * d);
    let rows = (TASK / row).max(1);
    // SAFETY: each pair of every head of every row is written, and the chunks cover all rows.
    unsafe {
        host::written(x.len(), |out| {
            let tables = cos.par_chunks(rows * d).zip(sin.par_chunks(rows * d));
            out.par_chunks_mut(rows * row).zip(x.par_chunks(rows * row)).zip(tables).for_each(
                |((out, x), (cos, sin))| {
                    simd::vectorised(
                        #[inline(always)]
                        || {
                            let heads_out = out.chunks_exact_mut(d).zip(x.chunks_exact(d));
                            for (h, (out, x)) in heads_out.enumerate() {
                                let at = h / heads * d;
                                let (c1, c2) = cos[at..at + d].split_at(half);
                                let (s1, s2) = sin[at..at + d].split_at(half);
                                let (x1, x2) = x.split_at(half);
                                let (o1, o2) = out.split_at_mut(half);
                                for j in 0..half {
                                    if BACK {
                                        o1[j] = x1[j] * c1[j] + x2[j] * s2[j];
                                        o2[j] = x2[j] * c2[j] - x1[j] * s1[j];
                                    } else {
                                        o1[j] = x1[j] * c1[j] - x2[j] * s1[j];
                                        o2[j] = x2[j] * c2[j] + x1[j] * s2[j];
                                    }
                                }
                            }
                        },
                    );
                },
            );
        })
    }
}

impl CustomOp3 for Rope {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        cos: &CpuStorage,
        cl: &Layout,
        sin: &CpuStorage,
        sl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (heads, d) = sizes(xl.shape(), cl.shape(), sl.shape())?;
        let x = host::slice(NAME, x, xl)?;
        let (cos, sin) = (host::slice(NAME, cos, cl)?, host::slice(NAME, sin, sl)?);
        Ok(host::stored(rotate::<false>(x, cos, sin, heads, d), xl.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (heads, d) = sizes(x.shape(), cos.shape(), sin.shape())?;
        let back = |[g, c, s]: [&[f32]; 3]| Ok(rotate::<true>(g, c, s, heads, d));
        let dx = host::with_slices(NAME, [grad, cos, sin], back)?;
        Ok((Some(host::tensor(dx, x.shape())?), None, None))
    }
}
