//! What can go wrong between a model folder and a sampled token.

use std::path::{Path, PathBuf};

/// Why the policy could not do what was asked. Every message is one line and names what to mend.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that a model folder needs is not there.
    #[error("{} is missing; {mend}", path.display())]
    Missing {
        /// The file or folder looked for.
        path: PathBuf,
        /// What to do about it.
        mend: String,
    },
    /// A key of `config.json` is missing or has a value this crate cannot honour.
    #[error("{}: key `{key}` {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key with its parents, as in `text_config.hidden_size`.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file is there but is not what its name says.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the reader met.
        message: String,
    },
    /// No weights file of the folder holds a tensor that the architecture needs.
    #[error("{}: tensor `{name}` is missing; the configuration asks for it", path.display())]
    MissingTensor {
        /// The folder or file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// A weights file holds a tensor that the architecture does not know: saving would lose it.
    #[error("{}: tensor `{name}` does not belong to a Qwen3-VL of this configuration", path.display())]
    UnexpectedTensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("{}: tensor `{name}` has shape {found:?}, the configuration asks for {wanted:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that follows from `config.json`.
        wanted: Vec<usize>,
    },
    /// Tokenizer, chat template or image processor could not be read or refused its input.
    #[error(transparent)]
    Front(#[from] crate::FrontError),
    /// An argument makes no sense.
    #[error("{what}: {message}")]
    Input {
        /// Which argument: `prompt`, `sampling`.
        what: &'static str,
        /// Why, and the mend.
        message: String,
    },
    /// The tensor library refused an operation; this is our mistake, not the caller's.
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
        // A one-line message whatever the parser wrote.
        let message = message.to_string().replace('\n', " ");
        Self::Corrupt { path: path.to_path_buf(), message }
    }

    /// A [`PolicyError::Input`] from the part called `what`.
    pub(crate) fn input(what: &'static str, message: impl ToString) -> Self {
        Self::Input { what, message: message.to_string() }
    }
}
