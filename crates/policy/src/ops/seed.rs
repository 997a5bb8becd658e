//! Starts a backward pass from a gradient that was computed outside the tape.

use super::host;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

const NAME: &str = "backward";

/// The gradients of all variables on which `y` depends, given `grad` = dL/dy in row-major order.
///
/// The losses compute the gradient of the hidden states on plain slices; this function continues it
/// on the tape. `(y * grad).sum().backward()` would also compute a gradient of `grad`.
///
/// # Errors
/// If the sizes differ, or an op on the tape fails.
pub fn backward(y: &Tensor, grad: &[f32]) -> Result<GradStore> {
    if y.elem_count() != grad.len() {
        bail!("{NAME}: {} gradient values for a tensor of shape {:?}", grad.len(), y.shape());
    }
    let grad = Tensor::from_slice(grad, y.shape(), y.device())?.to_dtype(y.dtype())?;
    y.apply_op1(Seed { grad })?.backward()
}

/// The same for several outputs, each with its gradient, which together are one backward pass.
///
/// # Errors
/// As [`backward`], or no output.
pub fn backward_all(outputs: &[(&Tensor, Vec<f32>)]) -> Result<GradStore> {
    let mut total: Option<Tensor> = None;
    for (y, grad) in outputs {
        if y.elem_count() != grad.len() {
            bail!("{NAME}: {} gradient values for a tensor of shape {:?}", grad.len(), y.shape());
        }
        let grad = Tensor::from_slice(grad, y.shape(), y.device())?;
        let seed = y.apply_op1(Seed { grad })?;
        total = Some(total.map_or(Ok(seed.clone()), |t| t + &seed)?);
    }
    match total {
        Some(total) => total.backward(),
        None => bail!("{NAME}: no output"),
    }
}

/// The scalar 0, whose gradient with respect to the input is defined as `grad`.
struct Seed {
    grad: Tensor,
}

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(host::stored(vec![0.0], &Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.grad.clone()))
    }
}
