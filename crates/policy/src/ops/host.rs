//! Access to candle storage as plain `f32` slices, and output buffers without initial zeros.

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Shape, Storage, Tensor, bail};
use std::ops::{Deref, Range};
use std::sync::{Mutex, PoisonError};

/// The elements of a contiguous f32 operand of the op `op` in CPU storage.
pub(super) fn slice<'a>(op: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(data) = storage else {
        bail!("{op}: this op computes in f32 only; convert the operand with to_dtype(F32)");
    };
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&data[from..to]),
        None => bail!("{op}: operand of shape {:?} is not contiguous; call contiguous()", layout.dims()),
    }
}

/// Calls `f` with the elements of every tensor. For backward passes, whose operands are tensors.
pub(super) fn with_slices<const N: usize, R>(
    op: &str,
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> Result<R>,
) -> Result<R> {
    let dense = tensors.map(|t| t.contiguous());
    for d in &dense {
        if let Err(e) = d {
            bail!("{op}: {e}");
        }
    }
    let dense = dense.map(|t| t.expect("the loop above returned every error"));
    let guards: [_; N] = std::array::from_fn(|i| dense[i].storage_and_layout());
    let mut slices: [&[f32]; N] = [&[]; N];
    for (out, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(cpu) = &**storage else {
            bail!("{op}: this op runs on the CPU only; move the tensors with to_device(Cpu)");
        };
        *out = slice(op, cpu, layout)?;
    }
    f(slices)
}

/// The elements of a contiguous f32 tensor on the CPU, not copied. Nobody can change the tensor
/// while they are held.
pub struct Values<'a> {
    /// The guard of a lock, whose type is candle's.
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    range: Range<usize>,
}

impl<'a> Values<'a> {
    /// Of this tensor.
    ///
    /// # Errors
    /// A tensor of another kind.
    pub fn of(tensor: &'a Tensor) -> Result<Self> {
        check("values", &[tensor])?;
        let (storage, layout) = tensor.storage_and_layout();
        match layout.contiguous_offsets() {
            Some((from, to)) => Ok(Self { storage: Box::new(storage), range: from..to }),
            None => bail!("values: the tensor is not contiguous; call contiguous()"),
        }
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &**self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.range.clone()],
            // `of` refused everything else.
            _ => &[],
        }
    }
}

/// Calls `f` with the elements of an f32 tensor on the CPU, which are not copied if it is
/// contiguous.
///
/// # Errors
/// A tensor of another kind, or an error of `f`.
pub fn with_values<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    with_slices("values", [tensor], |[values]| f(values))
}

/// Calls `f` with the elements of a contiguous f32 tensor on the CPU, to change them in place.
/// Whoever shares its storage sees the new values.
///
/// # Errors
/// A tensor of another kind.
pub fn with_values_mut(tensor: &Tensor, f: impl FnOnce(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Change { f: Mutex::new(Some(f)) })
}

/// A change of a tensor, as candle's way to its storage.
struct Change<F> {
    /// Behind a lock because candle passes the op by shared reference.
    f: Mutex<Option<F>>,
}

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(data), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
            bail!("change: the tensor is not contiguous f32");
        };
        let f = self.f.lock().unwrap_or_else(PoisonError::into_inner).take();
        f.into_iter().for_each(|f| f(&mut data[from..to]));
        Ok(())
    }
}

/// A CPU tensor that owns `data`.
pub(super) fn tensor(data: Vec<f32>, shape: &Shape) -> Result<Tensor> {
    Tensor::from_vec(data, shape.clone(), &candle_core::Device::Cpu)
}

/// The return value of an op's forward pass.
pub(super) fn stored(data: Vec<f32>, shape: &Shape) -> (CpuStorage, Shape) {
    (CpuStorage::F32(data), shape.clone())
}

/// Returns an error for operands that are not f32 on the CPU. Candle would fail too, but its
/// message names neither the op nor the conversion to use.
pub(super) fn check(op: &str, tensors: &[&Tensor]) -> Result<()> {
    for t in tensors {
        if t.dtype() != DType::F32 {
            bail!("{op}: operand is {:?}, but this op computes in f32 only; use to_dtype(F32)", t.dtype());
        }
        if !t.device().is_cpu() {
            bail!("{op}: this op runs on the CPU only; move the tensors with to_device(Cpu)");
        }
    }
    Ok(())
}

/// A buffer of `n` elements that `fill` writes completely; it is not zeroed first.
///
/// # Safety
/// `fill` must write every element before it reads it.
pub(super) unsafe fn written(n: usize, fill: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut out = Vec::<f32>::with_capacity(n);
    // SAFETY: the capacity is n and every bit pattern is an f32; the caller writes before reading.
    fill(unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr(), n) });
    // SAFETY: all n elements are initialised now.
    unsafe { out.set_len(n) };
    out
}

/// A buffer whose disjoint, interleaved parts are written by parallel tasks.
#[derive(Clone, Copy)]
pub(crate) struct Scatter {
    data: *mut f32,
    len: usize,
}

// SAFETY: the only access is through `part`, whose callers guarantee disjoint parts.
unsafe impl Send for Scatter {}
// SAFETY: as above.
unsafe impl Sync for Scatter {}

impl Scatter {
    /// Wraps a buffer, which must outlive all uses.
    pub fn new(data: &mut [f32]) -> Self {
        Self { data: data.as_mut_ptr(), len: data.len() }
    }

    /// The part `from..from + len`.
    ///
    /// # Safety
    /// The buffer must still be alive, and no other part in use may overlap this one.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, from: usize, len: usize) -> &mut [f32] {
        assert!(from + len <= self.len, "parallel write past the end");
        // SAFETY: in bounds by the assertion, disjoint as the caller guarantees.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(from), len) }
    }
}
