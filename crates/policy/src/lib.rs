//! The policy pi: Qwen3-VL on the CPU, with everything between a conversation and a gradient.
//!
//! [`Policy`] is the principal type. It is read from a Hugging Face folder and written back as one;
//! [`Policy::encode`] turns messages into a [`Prompt`], [`Policy::sample`] answers it,
//! [`Policy::completion_hidden`] gives the states from which the losses are made, on the tape if
//! asked. Student and teacher are the same type: the teacher is a frozen copy, or the same policy
//! with a longer prompt.
//!
//! The network speaks to the tensor library through [`ops`] only. Sampling does not use it at all:
//! it runs on plain slices with weights laid out for decoding.
//!
//! Not done: devices other than the CPU, types other than f32 in memory, video, block recompute,
//! adapters.
//!
//! ```no_run
//! use vsdpo_policy::{Message, Policy, Role, SampleConfig};
//! let policy = Policy::load("assets/mini".as_ref())?;
//! let prompt = policy.encode(&[Message::text(Role::User, "A line chart of 1, 3, 2.")])?;
//! let greedy = SampleConfig { max_completion_tokens: 256, temperature: 0.0, top_p: 1.0 };
//! println!("{}", policy.sample(&[prompt], 1, &greedy, 0)?[0].text);
//! # Ok::<(), vsdpo_policy::PolicyError>(())
//! ```

mod checkpoint;
mod clip;
mod config;
mod error;
mod front;
mod message;
mod mini_files;
mod model;
mod node;
pub mod ops;
mod policy;
mod positions;
mod processor;
mod sample;
mod template;
#[cfg(test)]
mod test_model;
mod text;
mod tokenizer;
mod vision;
mod weights;

pub use clip::{Clip, Embedding};
pub use config::{Config, TextConfig, VisionConfig};
pub use error::PolicyError;
pub use front::{Front, FrontError, expand_placeholders};
pub use message::{Content, Message, Role, read_image, read_messages};
pub use mini_files::{FrontSpec, FrontSummary, write_front_files};
pub use policy::{Completion, Policy, Prompt, SampleConfig, Sequence};
pub use positions::mrope;
pub use processor::{ImageProcessor, PatchGrid};
pub use template::ChatTemplate;
pub use tokenizer::TextTokenizer;
pub use weights::Mode;
