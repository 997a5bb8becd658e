//! Element-wise activations: SiLU, both forms of GELU, and the gate of SwiGLU.

use super::host::{self, Scatter};
use super::simd;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Elements handled by one task.
const TASK: usize = 1 << 15;

/// SiLU, `x / (1 + e^-x)`.
///
/// # Errors
/// If the operand is not contiguous f32 on the CPU.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    apply(x, Kind::Silu)
}

/// The tanh approximation of GELU (`gelu_pytorch_tanh`).
///
/// # Errors
/// If the operand is not contiguous f32 on the CPU.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    apply(x, Kind::GeluTanh)
}

/// The exact GELU, with the error function.
///
/// # Errors
/// If the operand is not contiguous f32 on the CPU.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    apply(x, Kind::Gelu)
}

fn apply(x: &Tensor, kind: Kind) -> Result<Tensor> {
    host::check(kind.name(), &[x])?;
    x.apply_op1(kind)
}

#[derive(Clone, Copy)]
enum Kind {
    Silu,
    GeluTanh,
    Gelu,
}

/// sqrt(2 / pi).
const SQRT_2_PI: f32 = 0.797_884_6;
/// The cubic coefficient of the tanh approximation.
const CUBIC: f32 = 0.044_715;

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Silu => "silu",
            Kind::GeluTanh => "gelu_tanh",
            Kind::Gelu => "gelu",
        }
    }

    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        match self {
            Kind::Silu => x * simd::sigmoid(x),
            Kind::GeluTanh => 0.5 * x * (1.0 + simd::tanh(SQRT_2_PI * (x + CUBIC * x * x * x))),
            Kind::Gelu => 0.5 * x * (1.0 + simd::erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        }
    }

    #[inline(always)]
    fn slope(self, x: f32) -> f32 {
        match self {
            Kind::Silu => {
                let s = simd::sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }
            Kind::GeluTanh => {
                let t = simd::tanh(SQRT_2_PI * (x + CUBIC * x * x * x));
                let inner = SQRT_2_PI * (1.0 + 3.0 * CUBIC * x * x);
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
            }
            Kind::Gelu => {
                // Φ(x) + x φ(x), with φ the normal density; 1 / sqrt(2 pi) is half of sqrt(2 / pi).
                let phi = 0.5 * SQRT_2_PI * simd::exp(-0.5 * x * x);
                0.5 * (1.0 + simd::erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * phi
            }
        }
    }
}

/// `f(a_i, b_i)` in a new buffer; `a` and `b` have the same length.
fn zip_map(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    // SAFETY: every element of every chunk is written.
    unsafe {
        host::written(a.len(), |out| {
            let inputs = a.par_chunks(TASK).zip(b.par_chunks(TASK));
            out.par_chunks_mut(TASK).zip(inputs).for_each(|(out, (a, b))| {
                simd::vectorised(
                    #[inline(always)]
                    || {
                        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
                            *o = f(a, b);
                        }
                    },
                );
            });
        })
    }
}

/// Dispatches on the kind outside the loop, so that the loop body has no branches.
macro_rules! per_kind {
    ($kind:expr, $a:expr, $b:expr, |$k:ident, $x:ident, $g:ident| $body:expr) => {
        match $kind {
            Kind::Silu => {
                let $k = Kind::Silu;
                zip_map(
                    $a,
                    $b,
                    #[inline(always)]
                    |$x, $g| $body,
                )
            }
            Kind::GeluTanh => {
                let $k = Kind::GeluTanh;
                zip_map(
                    $a,
                    $b,
                    #[inline(always)]
                    |$x, $g| $body,
                )
            }
            Kind::Gelu => {
                let $k = Kind::Gelu;
                zip_map(
                    $a,
                    $b,
                    #[inline(always)]
                    |$x, $g| $body,
                )
            }
        }
    };
}

impl CustomOp1 for Kind {
    fn name(&self) -> &'static str {
        Kind::name(*self)
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = host::slice(Kind::name(*self), x, xl)?;
        let y = per_kind!(*self, x, x, |k, x, _same| k.value(x));
        Ok(host::stored(y, xl.shape()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = host::with_slices(Kind::name(*self), [x, grad], |[xs, gs]| {
            Ok(per_kind!(*self, xs, gs, |k, x, g| k.slope(x) * g))
        })?;
        Ok(Some(host::tensor(dx, x.shape())?))
    }
}

/// `silu(gate) * up`, element by element; the operands have the same length.
pub(super) fn gate(gate: &[f32], up: &[f32]) -> Vec<f32> {
    zip_map(
        gate,
        up,
        #[inline(always)]
        |g, u| g * simd::sigmoid(g) * u,
    )
}

/// The gradients of `gate` and `up` for the output gradient `grad`, in one pass over the inputs.
pub(super) fn gate_bwd(gate: &[f32], up: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let n = gate.len();
    let mut dup = Vec::new();
    // SAFETY: both outputs are written completely, chunk by chunk.
    let dgate = unsafe {
        host::written(n, |dgate| {
            dup = host::written(n, |dup| {
                let dup = Scatter::new(dup);
                dgate.par_chunks_mut(TASK).enumerate().for_each(|(t, dgate)| {
                    let part = t * TASK..t * TASK + dgate.len();
                    let (g, u, d) = (&gate[part.clone()], &up[part.clone()], &grad[part.clone()]);
                    let dup = dup.part(part.start, part.len());
                    simd::vectorised(
                        #[inline(always)]
                        || {
                            for i in 0..dgate.len().min(dup.len()).min(g.len()).min(u.len()).min(d.len()) {
                                let s = simd::sigmoid(g[i]);
                                dgate[i] = d[i] * u[i] * s * (1.0 + g[i] * (1.0 - s));
                                dup[i] = d[i] * g[i] * s;
                            }
                        },
                    );
                });
            });
        })
    };
    (dgate, dup)
}
