//! The policy pi: Qwen3-VL, or a language model of the Qwen3 or Llama family, on the CPU, from chat
//! messages to completions and gradients.
//!
//! [`Policy`] is the principal type. It is loaded from and saved to Hugging Face folders.
//! [`Policy::encode`] turns messages into a [`Prompt`], [`Policy::sample`] samples completions, and
//! [`Policy::completion_hidden`] returns the hidden states from which the losses are computed, on
//! the tape in [`Mode::Train`]. Student and teacher have the same type: the teacher is a frozen
//! copy, or the same policy with a longer prompt.
//!
//! The network calls the tensor library through [`ops`]. Sampling runs on plain slices, with
//! weights packed for decoding.
//!
//! Not implemented: devices other than the CPU, arithmetic other than f32, video.
//!
//! ```no_run
//! use vsdpo_artifact::{Message, Role};
//! use vsdpo_policy::{Policy, SampleConfig};
//! let policy = Policy::load("assets/mini".as_ref())?;
//! let prompt = policy.encode(&[Message::text(Role::User, "A line chart of 1, 3, 2.")])?;
//! let greedy = SampleConfig { temperature: 0.0, ..SampleConfig::default() };
//! println!("{}", policy.sample(&[prompt], 1, &greedy, 0)?[0].text);
//! # Ok::<(), vsdpo_policy::PolicyError>(())
//! ```

mod checkpoint;
mod clip;
mod config;
mod error;
mod footprint;
mod front;
mod gguf;
mod image_processor;
mod loading;
mod lora;
mod message;
mod mini_files;
mod model;
mod node;
pub mod ops;
mod policy;
mod positions;
mod sample;
mod saving;
mod template;
#[cfg(test)]
mod test_model;
mod text;
mod tokenizer;
mod vision;
mod weights;

pub use checkpoint::free_memory;
pub use clip::ClipModel;
pub use config::{Config, ImageTokens, TextConfig, VisionConfig};
pub use error::PolicyError;
pub use footprint::Footprint;
pub use front::{Encoded, Front, FrontError};
pub use gguf::convert_gguf;
pub use image_processor::{ImageProcessor, PatchGrid};
pub use loading::{Dtype, Loading, Trains};
pub use lora::{LoraConfig, is_adapter_folder};
pub use message::{read_image, read_messages};
pub use mini_files::{Extension, FrontSpec, FrontSummary, extend_front_files, write_front_files};
pub use model::{GradientSums, Recompute, TrainingPass};
pub use policy::{Completion, Policy, Prompt, Sequence};
pub use sample::{SampleConfig, recommended};
pub use saving::{SaveDtype, SaveOptions, Source, write_file};
pub use template::ChatTemplate;
pub use tokenizer::TextTokenizer;
pub use weights::Mode;
