//! How a model's folder is loaded.

use crate::weights::VISUAL;
use serde::{Deserialize, Serialize};

/// Number format in which frozen matrices are kept in memory. Arithmetic is f32 in both, and
/// everything else, above all what trains, is stored as f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// bfloat16: half of the memory. A file in bf16 is mapped, not copied, and gives the results of
    /// f32; a file in f32 or f16 is rounded.
    Bf16,
}

impl std::str::FromStr for Dtype {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Dtype::F32),
            "bf16" => Ok(Dtype::Bf16),
            _ => Err("write f32 or bf16".into()),
        }
    }
}

/// Which parameters train after loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trains {
    /// None: the model only answers and scores.
    Nothing,
    /// The language model; the vision tower stays as it is.
    #[default]
    Text,
    /// Everything.
    All,
}

impl Trains {
    /// Whether the parameter `name` trains.
    pub(crate) fn includes(self, name: &str) -> bool {
        match self {
            Trains::Nothing => false,
            Trains::Text => !name.starts_with(VISUAL),
            Trains::All => true,
        }
    }
}

/// How a model's folder is loaded. The default is a model to train: f32, the vision tower frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// Format of frozen matrices in memory; `None` keeps bf16 files as bf16 and all others as f32,
    /// so that results are those of f32.
    pub dtype: Option<Dtype>,
    /// What trains.
    pub trains: Trains,
    /// Most pixels of a picture after resizing, if below the limit of the folder's processor.
    pub max_pixels: Option<usize>,
    /// Bytes that the caller needs besides the weights: caches, optimizer, tape. Loading is refused
    /// if they do not fit.
    pub beside: u64,
}

impl Default for Loading {
    fn default() -> Self {
        Self { dtype: Some(Dtype::F32), trains: Trains::Text, max_pixels: None, beside: 0 }
    }
}

impl Loading {
    /// A model that only answers and scores, in the format of its file.
    pub fn frozen() -> Self {
        Self { dtype: None, trains: Trains::Nothing, ..Self::default() }
    }
}
