//! The tensor operations of the model, each with a hand-written backward pass.
//!
//! candle-core provides tensors, storage and the tape; the trainable layers are implemented here.
//! Compared with compositions of candle's own operations, these are fused, save few values for the
//! backward pass, and compute no gradient for operands that are not tracked, so frozen weights cost
//! nothing. Model code calls only these functions, so the tensor library can be replaced.
//!
//! All ops compute in f32 on the CPU, on contiguous operands, in parallel over rows or heads.
//! Gradient sums are computed in blocks of fixed size that are added in order, so results do not
//! depend on the number of threads. Other types and devices are errors that say what to convert.
//!
//! Frozen weights may be bf16 in memory ([`Half`]); they are widened in tiles, so that arithmetic
//! and results are those of f32.
//!
//! [`matrix`], [`half`] and [`simd`] are the underlying kernels on plain slices; the losses use
//! them too.

mod activation;
mod adapted;
mod attention;
mod embedding;
mod gated;
pub mod half;
mod host;
mod linear;
pub mod matrix;
mod norm;
mod process;
mod rope;
mod seed;
mod segment;
pub mod simd;
#[cfg(test)]
mod tests;
mod weight;

pub use activation::{gelu, gelu_tanh, silu};
pub use adapted::{Dropout, LowRank, adapted_linear};
pub use attention::attention;
pub use embedding::embedding;
pub use gated::{gated, gated_linear};
pub(crate) use host::Scatter;
pub use host::{Values, with_values, with_values_mut};
pub use linear::linear;
pub use norm::{layer_norm, rms_norm};
pub use process::{tune_allocator, tune_threads};
pub use rope::rope;
pub use seed::{backward, backward_all};
pub use segment::Segment;
pub use weight::{Floats, Half, Matrix, Weight};
