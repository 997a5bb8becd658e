//! The trainer: it composes the stages into the training loop.
//!
//! One step, in the order of the paper ([`run()`]): tasks, rollouts, renders, diagnoses, credit,
//! batch, losses, step, log. SFT, OPSD, GRPO and Visual-SDPO are one machine: a [`recipe`] says how
//! much each of three loss terms weighs (cross-entropy, KL to the teacher, policy gradient), and
//! nothing below it knows a method's name.
//!
//! ```no_run
//! use vsdpo_train::{Environment, RunOptions, recipe::Recipe, run};
//! let recipe = Recipe::load("recipes/chart-visual-sdpo.toml".as_ref(), &["steps=10".to_owned()])?;
//! let on_step = &mut |report: &vsdpo_train::StepReport| println!("{}", report.step);
//! let environment = Environment::open(&recipe)?;
//! let options = RunOptions { resume: false, stop: Default::default(), on_step };
//! let summary = run(&recipe, &environment, options)?;
//! println!("{:?}", summary.best());
//! # Ok::<(), vsdpo_train::TrainError>(())
//! ```
//!
//! Not done here: rollouts from remote engines, more than one process.

mod advantage;
pub mod answers;
pub mod batch;
pub mod campaign;
pub mod checkpoint;
mod error;
pub mod eval;
pub mod folder;
mod log;
pub mod loss;
pub mod memory;
pub mod metrics;
mod monitor;
pub mod optim;
pub mod probe;
pub mod progress;
pub mod recipe;
pub mod reflect;
mod run;
mod setup;
pub mod stages;
pub mod step;
pub mod stop;
mod student;
pub mod teacher;
#[cfg(test)]
mod testing;
mod trainer;
pub mod update;

pub use error::TrainError;
pub use run::run;
pub use setup::Environment;
pub use student::student;
pub use trainer::{End, RunOptions, RunSummary, StepReport};
