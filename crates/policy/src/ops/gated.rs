//! The gated input projection of SwiGLU, `silu(x Wg^T) * (x Wu^T)`, as one op.
//!
//! Three separate ops would put two tensors of the inner width on the tape, and candle adds every
//! gradient to a buffer of zeros on one thread. The fused op avoids both.

use super::activation::{gate, gate_bwd};
use super::matrix::{Mat, Threads, matmul_add, product, product_of_rows};
use super::weight::Matrix;
use super::{host, linear};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use std::sync::OnceLock;

const NAME: &str = "gated_linear";

/// `silu(x Wg^T) * (x Wu^T)` for `x` `[.., cin]` and weights `[inner, cin]`, as `[.., inner]`.
///
/// # Errors
/// If shapes do not match, or an operand is not contiguous f32 on the CPU.
pub fn gated_linear<'a>(
    x: &Tensor,
    w_gate: impl Into<Matrix<'a>>,
    w_up: impl Into<Matrix<'a>>,
) -> Result<Tensor> {
    let (w_gate, w_up) = match (w_gate.into(), w_up.into()) {
        (Matrix::Full(gate), Matrix::Full(up)) => (gate, up),
        (gate, up) => return gated(&linear(x, gate, None)?, &linear(x, up, None)?),
    };
    host::check(NAME, &[x, w_gate, w_up])?;
    let keep = [x, w_gate, w_up].iter().any(|t| t.track_op());
    x.apply_op3(w_gate, w_up, GatedLinear { keep, halves: OnceLock::new() })
}

/// `silu(gate) * up`, element by element, where the two projections are ops of their own.
///
/// # Errors
/// If shapes differ, or an operand is not contiguous f32 on the CPU.
pub fn gated(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    host::check(GATED, &[gate, up])?;
    gate.apply_op2(up, Gated)
}

const GATED: &str = "gated";

struct Gated;

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        GATED
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        gl: &Layout,
        u: &CpuStorage,
        ul: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        if gl.shape() != ul.shape() {
            bail!("{GATED}: gate {:?} and up {:?} differ in shape", gl.shape(), ul.shape());
        }
        let (g, u) = (host::slice(GATED, g, gl)?, host::slice(GATED, u, ul)?);
        Ok(host::stored(gate(g, u), gl.shape()))
    }

    fn bwd(
        &self,
        g: &Tensor,
        u: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        host::with_slices(GATED, [g, u, grad], |[gs, us, grad]| {
            let (dg, du) = gate_bwd(gs, us, grad);
            let of = |t: &Tensor, d| t.track_op().then(|| host::tensor(d, t.shape())).transpose();
            Ok((of(g, dg)?, of(u, du)?))
        })
    }
}

struct GatedLinear {
    /// Whether a backward pass is possible, because an operand is tracked.
    keep: bool,
    /// `x Wg^T` and `x Wu^T`.
    halves: OnceLock<[Vec<f32>; 2]>,
}

fn sizes(x: &Shape, gate: &Shape, up: &Shape) -> Result<(usize, usize, usize)> {
    match (x.dims(), gate.dims()) {
        ([.., cin], &[inner, win]) if *cin == win && win > 0 && gate == up => {
            Ok((x.elem_count() / win, win, inner))
        }
        _ => {
            bail!("{NAME}: input {x:?} with weights {gate:?} and {up:?}; expected [.., cin] and [inner, cin]")
        }
    }
}

impl CustomOp3 for GatedLinear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        g: &CpuStorage,
        gl: &Layout,
        u: &CpuStorage,
        ul: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, cin, inner) = sizes(xl.shape(), gl.shape(), ul.shape())?;
        let x = Mat::new(host::slice(NAME, x, xl)?, n, cin);
        let half = |w: &CpuStorage, l: &Layout| {
            Ok::<_, candle_core::Error>(product(x, Mat::new(host::slice(NAME, w, l)?, inner, cin).t()))
        };
        let halves = [half(g, gl)?, half(u, ul)?];
        let y = gate(&halves[0], &halves[1]);
        if self.keep {
            let _ = self.halves.set(halves);
        }
        let mut dims = xl.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = inner;
        }
        Ok(host::stored(y, &Shape::from(dims)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w_gate: &Tensor,
        w_up: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (n, cin, inner) = sizes(x.shape(), w_gate.shape(), w_up.shape())?;
        let Some([g, u]) = self.halves.get() else { bail!("{NAME}: backward without a forward pass") };
        host::with_slices(NAME, [x, w_gate, w_up, grad], |[xs, wg, wu, grad]| {
            let (dg, du) = gate_bwd(g, u, grad);
            let (dg, du) = (Mat::new(&dg, n, inner), Mat::new(&du, n, inner));
            let dx = x.track_op().then(|| {
                let mut dx = product(dg, Mat::new(wg, inner, cin));
                matmul_add(&mut dx, cin, du, Mat::new(wu, inner, cin), Threads::All);
                dx
            });
            let weight = |w: &Tensor, d: Mat<'_>| {
                let dw = w.track_op().then(|| product_of_rows(d, Mat::new(xs, n, cin)));
                dw.map(|dw| host::tensor(dw, w.shape())).transpose()
            };
            let dx = dx.map(|dx| host::tensor(dx, x.shape())).transpose()?;
            Ok((dx, weight(w_gate, dg)?, weight(w_up, du)?))
        })
    }
}
