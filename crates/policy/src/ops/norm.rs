//! RMSNorm and LayerNorm over the last axis.
//!
//! Both save one or two values per row in the forward pass (the op lives as long as the tape), so
//! that backward need not reduce over the input again.

use super::host::{self, Scatter};
use super::linear::add_parts;
use super::simd;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Elements handled by one task. Fixed, so that weight gradients do not depend on the number of
/// threads.
const TASK: usize = 1 << 16;

/// `x / sqrt(mean(x^2) + eps) * w` over the last axis; `x` `[.., c]`, `w` `[c]`.
///
/// # Errors
/// If shapes do not match, or an operand is not contiguous f32 on the CPU.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    host::check("rms_norm", &[x, w])?;
    x.apply_op2(w, RmsNorm { eps: eps as f32, inverse: OnceLock::new() })
}

/// `(x - mean) / sqrt(var + eps) * w + b` over the last axis; `x` `[.., c]`, `w` and `b` `[c]`.
///
/// # Errors
/// If shapes do not match, or an operand is not contiguous f32 on the CPU.
pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    host::check("layer_norm", &[x, w, b])?;
    x.apply_op3(w, b, LayerNorm { eps: eps as f32, moments: OnceLock::new() })
}

struct RmsNorm {
    eps: f32,
    /// 1 / sqrt(mean(x^2) + eps) per row.
    inverse: OnceLock<Vec<f32>>,
}

struct LayerNorm {
    eps: f32,
    /// (mean, 1 / sqrt(var + eps)) per row.
    moments: OnceLock<Vec<[f32; 2]>>,
}

fn width(op: &str, x: &Shape, others: &[&Shape]) -> Result<usize> {
    match x.dims().last() {
        Some(&c) if c > 0 && others.iter().all(|s| s.dims() == [c]) => Ok(c),
        _ => bail!("{op}: input {x:?} does not match parameters {others:?}; expected [.., c] and [c]"),
    }
}

/// Rows that one task handles.
fn rows_per_task(c: usize) -> usize {
    (TASK / c).max(1)
}

/// Runs `row(input row, output row) -> statistic` on all rows and returns the output and
/// statistics.
fn map_rows<S: Send + Default + Copy>(
    x: &[f32],
    c: usize,
    row: impl Fn(&[f32], &mut [f32]) -> S + Sync,
) -> (Vec<f32>, Vec<S>) {
    let mut stats = vec![S::default(); x.len() / c];
    let block = rows_per_task(c);
    // SAFETY: `row` writes its whole output row, and the blocks cover all rows.
    let y = unsafe {
        host::written(x.len(), |y| {
            y.par_chunks_mut(block * c)
                .zip(x.par_chunks(block * c))
                .zip(stats.par_chunks_mut(block))
                .for_each(|((y, x), stats)| {
                    simd::vectorised(
                        #[inline(always)]
                        || {
                            let rows = y.chunks_exact_mut(c).zip(x.chunks_exact(c));
                            for ((y, x), s) in rows.zip(stats) {
                                *s = row(x, y);
                            }
                        },
                    );
                });
        })
    };
    (y, stats)
}

/// The input gradient, and the gradients of `P` parameters of size c, summed over the rows.
///
/// `row(i, x, grad, dx, params)` writes row i of the input gradient to `dx` and adds to `params`.
fn backward_rows<const P: usize>(
    x: &[f32],
    grad: &[f32],
    c: usize,
    row: impl Fn(usize, &[f32], &[f32], &mut [f32], &mut [Vec<f32>; P]) + Sync,
) -> (Vec<f32>, [Vec<f32>; P]) {
    let block = rows_per_task(c);
    let mut parts: Vec<[Vec<f32>; P]> = Vec::new();
    // SAFETY: `row` writes its whole row of dx, and the blocks cover all rows.
    let dx = unsafe {
        host::written(x.len(), |dx| {
            let dx = Scatter::new(dx);
            let blocks = x.par_chunks(block * c).zip(grad.par_chunks(block * c)).enumerate();
            blocks
                .map(|(t, (x, g))| {
                    let mut params: [Vec<f32>; P] = std::array::from_fn(|_| vec![0.0; c]);
                    let dx = dx.part(t * block * c, x.len());
                    simd::vectorised(
                        #[inline(always)]
                        || {
                            let rows = x.chunks_exact(c).zip(g.chunks_exact(c)).zip(dx.chunks_exact_mut(c));
                            for (i, ((x, g), dx)) in rows.enumerate() {
                                row(t * block + i, x, g, dx, &mut params);
                            }
                        },
                    );
                    params
                })
                .collect_into_vec(&mut parts);
        })
    };
    let sums = std::array::from_fn(|p| {
        add_parts(parts.iter_mut().map(|part| std::mem::take(&mut part[p])).collect(), c)
    });
    (dx, sums)
}

/// The gradient as a tensor if the operand is tracked.
fn if_tracked(operand: &Tensor, grad: Vec<f32>) -> Result<Option<Tensor>> {
    operand.track_op().then(|| host::tensor(grad, operand.shape())).transpose()
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let c = width("rms_norm", xl.shape(), &[wl.shape()])?;
        let (x, w) = (host::slice("rms_norm", x, xl)?, host::slice("rms_norm", w, wl)?);
        let (y, inverse) = map_rows(
            x,
            c,
            #[inline(always)]
            |x, y| {
                let r = 1.0 / (simd::dot(x, x) / c as f32 + self.eps).sqrt();
                for ((y, &x), &w) in y.iter_mut().zip(x).zip(w) {
                    *y = x * r * w;
                }
                r
            },
        );
        let _ = self.inverse.set(inverse);
        Ok(host::stored(y, xl.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let c = width("rms_norm", x.shape(), &[w.shape()])?;
        let Some(inverse) = self.inverse.get() else { bail!("rms_norm: backward without a forward pass") };
        let (dx, [dw]) = host::with_slices("rms_norm", [x, w, grad], |[x, w, g]| {
            Ok(backward_rows(
                x,
                g,
                c,
                #[inline(always)]
                |i, x, g, dx, [dw]| {
                    let r = inverse[i];
                    let mean = simd::sum_by(c, |j| g[j] * w[j] * x[j]) * r * r * r / c as f32;
                    for j in 0..c {
                        dx[j] = r * g[j] * w[j] - mean * x[j];
                        dw[j] += g[j] * x[j] * r;
                    }
                },
            ))
        })?;
        Ok((if_tracked(x, dx)?, if_tracked(w, dw)?))
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
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
        let op = "layer_norm";
        let c = width(op, xl.shape(), &[wl.shape(), bl.shape()])?;
        let (x, w, b) = (host::slice(op, x, xl)?, host::slice(op, w, wl)?, host::slice(op, b, bl)?);
        let (y, moments) = map_rows(
            x,
            c,
            #[inline(always)]
            |x, y| {
                let mean = simd::sum(x) / c as f32;
                let var = simd::sum_by(c, |j| (x[j] - mean) * (x[j] - mean)) / c as f32;
                let r = 1.0 / (var + self.eps).sqrt();
                for j in 0..c {
                    y[j] = (x[j] - mean) * r * w[j] + b[j];
                }
                [mean, r]
            },
        );
        let _ = self.moments.set(moments);
        Ok(host::stored(y, xl.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let c = width("layer_norm", x.shape(), &[w.shape(), b.shape()])?;
        let Some(moments) = self.moments.get() else { bail!("layer_norm: backward without a forward pass") };
        let (dx, [dw, db]) = host::with_slices("layer_norm", [x, w, grad], |[x, w, g]| {
            Ok(backward_rows(
                x,
                g,
                c,
                #[inline(always)]
                |i, x, g, dx, [dw, db]| {
                    let [mean, r] = moments[i];
                    let m1 = simd::sum_by(c, |j| g[j] * w[j]) / c as f32;
                    let m2 = simd::sum_by(c, |j| g[j] * w[j] * (x[j] - mean) * r) / c as f32;
                    for j in 0..c {
                        let hat = (x[j] - mean) * r;
                        dx[j] = r * (g[j] * w[j] - m1 - hat * m2);
                        dw[j] += g[j] * hat;
                        db[j] += g[j];
                    }
                },
            ))
        })?;
        Ok((if_tracked(x, dx)?, if_tracked(w, dw)?, if_tracked(b, db)?))
    }
}
