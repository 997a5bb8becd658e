//! The tensor operations of the model, each with a hand-written backward pass.
//!
//! candle-core supplies tensors, storage and the tape; the layers that train are here. Compared
//! with composing candle's own operations, these fuse what belongs together, save at most a number
//! per row, and return no gradient for operands that are not tracked, so frozen weights cost
//! nothing. Model code calls these functions only, which keeps the tensor library replaceable.
//!
//! All ops compute in f32 on the CPU, on contiguous operands, in parallel over rows or heads. Sums
//! that feed gradients are cut into blocks of fixed size and added in order: results do not depend
//! on the number of threads. Other types and devices are refused with an error that names the mend.
//!
//! [`matrix`] and [`simd`] are the parts underneath, on plain slices; the loss uses them too.

mod activation;
mod attention;
mod embedding;
mod gated;
mod host;
mod linear;
pub mod matrix;
mod memory;
mod norm;
mod rope;
mod seed;
mod segment;
pub mod simd;
#[cfg(test)]
mod tests;

pub use activation::{gelu, gelu_tanh, silu, swiglu};
pub use attention::attention;
pub use embedding::embedding;
pub use gated::gated_linear;
pub use linear::linear;
pub use memory::tune_allocator;
pub use norm::{layer_norm, rms_norm};
pub use rope::rope;
pub use seed::backward;
pub use segment::Segment;
