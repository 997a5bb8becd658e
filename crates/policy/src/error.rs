//! Errors of loading, running and saving a model.

use std::path::{Path, PathBuf};

/// An error of the policy. Every message is one line: what failed, where, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder could not be read or written.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A required file or folder does not exist.
    #[error("{} is missing; help: {help}", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// How to fix it.
        help: String,
    },
    /// A key of `config.json` is missing or has an unsupported value.
    #[error("{}: key `{key}` {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key with its parents, as in `text_config.hidden_size`.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file exists but its contents are invalid.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A parameter that the architecture needs is not among those in memory: an internal error,
    /// because loading checks all of them.
    #[error("{}: tensor `{name}` is missing", path.display())]
    MissingTensor {
        /// The model.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// Tensors of the weights files are missing, are not part of the architecture (saving would
    /// lose them), or have another shape or an unsupported number format.
    #[error("{}: {misfits}; help: use the {config} that belongs to these weights", path.display())]
    Tensors {
        /// The folder.
        path: PathBuf,
        /// Every tensor by name, and what does not fit.
        misfits: String,
        /// The file that says what is expected.
        config: String,
    },
    /// The model does not fit the free memory.
    #[error("{}: {message}", path.display())]
    Memory {
        /// The folder.
        path: PathBuf,
        /// What is needed, what is free, and what would fit.
        message: String,
    },
    /// The tokenizer, chat template or image processor could not be read or rejected its input.
    #[error(transparent)]
    Front(#[from] crate::FrontError),
    /// An argument is invalid.
    #[error("{what}: {message}")]
    Input {
        /// The argument: `prompt`, `completion` or `sampling`.
        what: &'static str,
        /// What is wrong with it, and how to fix it.
        message: String,
    },
    /// The tensor library rejected an operation: an internal error, not an invalid argument.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl PolicyError {
    /// An [`PolicyError::Io`] at `path`.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// A [`PolicyError::Corrupt`] at `path`.
    pub(crate) fn corrupt(path: &Path, message: impl ToString) -> Self {
        // Parsers may return several lines; our messages are one line.
        let message = message.to_string().replace('\n', " ");
        Self::Corrupt { path: path.to_path_buf(), message }
    }

    /// A [`PolicyError::Input`] about the argument `what`.
    pub(crate) fn input(what: &'static str, message: impl ToString) -> Self {
        Self::Input { what, message: message.to_string() }
    }
}
