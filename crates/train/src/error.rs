//! What can go wrong in a run. Code that does not run is not among it: that is an outcome.

use std::path::{Path, PathBuf};

/// Why a run cannot continue: one line with the place, and the help where there is one.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] crate::recipe::RecipeError),
    /// The policy failed.
    #[error(transparent)]
    Policy(#[from] vsdpo_policy::PolicyError),
    /// The tasks cannot be had.
    #[error(transparent)]
    Data(#[from] vsdpo_data::DataError),
    /// The scorer of references failed.
    #[error(transparent)]
    Score(#[from] vsdpo_score::ScoreError),
    /// The renderer itself failed.
    #[error(transparent)]
    Render(#[from] vsdpo_render::RenderError),
    /// The tensor library refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The losses were given what does not fit together; our mistake.
    #[error(transparent)]
    Loss(#[from] crate::loss::LossError),
    /// The optimizer was given what does not fit the policy.
    #[error(transparent)]
    Optim(#[from] crate::optim::OptimError),
    /// A stream of the recipe finds nothing to train on.
    #[error("{key}: {problem}; help: {help}")]
    Empty {
        /// The key of the recipe.
        key: &'static str,
        /// What is missing.
        problem: String,
        /// What to do.
        help: &'static str,
    },
    /// The run does not fit the memory of the machine.
    #[error("the run needs {plan}, and {available} are available; help: {help}")]
    Memory {
        /// What is needed.
        plan: String,
        /// What there is.
        available: String,
        /// The setting that saves most.
        help: &'static str,
    },
    /// A campaign cannot be planned as asked.
    #[error("{what}: {problem}; help: {help}")]
    Campaign {
        /// The option or the file.
        what: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        help: String,
    },
    /// The run folder is not what it has to be.
    #[error("{path}: {problem}; help: {help}", path = path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        help: &'static str,
    },
    /// A file of the run folder cannot be read or written.
    #[error("{path}: {source}; check the disk and the rights", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl TrainError {
    /// For `map_err` of file operations on `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| TrainError::Io { path: path.to_owned(), source }
    }

    /// A wrong folder or file.
    pub(crate) fn folder(path: &Path, problem: impl Into<String>, help: &'static str) -> Self {
        TrainError::Folder { path: path.to_owned(), problem: problem.into(), help }
    }
}
