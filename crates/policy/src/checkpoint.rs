//! Reads the weights of Hugging Face model folders; `saving.rs` writes them.
//!
//! Tensor names do not change, so transformers, vLLM and SGLang load the saved folders. Weights are
//! read from f32, bf16 or f16 files: as f32, or, if they are frozen matrices, as bf16.
//!
//! Not supported: PyTorch `.bin` files (loading them runs code), quantised weights.

mod load;
mod misfit;
mod room;

pub(crate) use load::{Loaded, load_tensors, load_weights};
pub(crate) use misfit::Misfits;
pub use room::free_memory;

pub(crate) const SINGLE: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
