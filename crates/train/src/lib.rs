//! The trainer: the only crate that composes the stages.
//!
//! One step, in the order of the paper (`run`): tasks, rollouts, renders, diagnoses, credit, batch,
//! losses, step, log. SFT, OPSD, GRPO and Visual-SDPO are one machine: a [`recipe`] says how much each of
//! three token streams weighs (cross-entropy, KL to the teacher, policy gradient), and nothing below it
//! knows a method's name.
//!
//! Not done here: rollouts from remote engines, more than one process, LoRA.

pub mod context;
pub mod eval;
pub mod loss;
pub mod recipe;
pub mod renderer;
