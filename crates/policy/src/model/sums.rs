//! Gradients, added up in place over the passes of one step.

use crate::{Policy, PolicyError, ops};
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, TensorId};
use rayon::prelude::*;

/// Elements handled by one task.
const TASK: usize = 1 << 15;

/// The sum of the gradients of everything that trains of a policy: one buffer per parameter, made
/// when a gradient first reaches it.
pub struct GradientSums {
    parameters: Vec<(TensorId, Vec<usize>)>,
    sums: Vec<Option<Tensor>>,
}

impl GradientSums {
    /// Empty sums for [`Policy::trainable`], in its order.
    pub fn new(policy: &Policy) -> Self {
        let parameters: Vec<_> = policy.trainable().map(|(_, var)| (var.id(), var.dims().to_vec())).collect();
        let sums = vec![None; parameters.len()];
        Self { parameters, sums }
    }

    /// The sums, in the order of [`Policy::trainable`]; `None` where no gradient came.
    pub fn tensors(&self) -> &[Option<Tensor>] {
        &self.sums
    }

    /// The position of a parameter, if it trains.
    pub fn position(&self, id: TensorId) -> Option<usize> {
        self.parameters.iter().position(|(own, _)| *own == id)
    }

    /// Calls `f` with the sum at a position, which begins as zeros, to add to it.
    ///
    /// # Errors
    /// An error of the tensor library.
    pub fn change(&mut self, at: usize, f: impl FnOnce(&mut [f32])) -> Result<(), PolicyError> {
        let slot = &mut self.sums[at];
        if slot.is_none() {
            let shape = self.parameters[at].1.as_slice();
            *slot = Some(Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu)?);
        }
        match slot {
            Some(sum) => Ok(ops::with_values_mut(sum, f)?),
            None => Ok(()),
        }
    }

    /// Adds the gradients of the parameters out of a backward pass, and drops them there.
    pub(super) fn take(&mut self, store: &mut GradStore, parameters: &[Tensor]) -> Result<(), PolicyError> {
        for (at, var) in parameters.iter().enumerate() {
            let Some(grad) = store.remove(var) else { continue };
            if self.sums[at].is_none() {
                self.sums[at] = Some(grad.contiguous()?);
                continue;
            }
            ops::with_values(&grad, |grad| {
                let add = |sum: &mut [f32]| {
                    let parts = sum.par_chunks_mut(TASK).zip(grad.par_chunks(TASK));
                    parts.for_each(|(sum, grad)| ops::simd::axpy(1.0, grad, sum));
                };
                self.change(at, add).map_err(candle_core::Error::wrap)
            })?;
        }
        Ok(())
    }
}
