//! Writes Hugging Face model folders, tensor by tensor: no second copy of the weights is in memory.
//!
//! A folder is written beside its place and renamed, and checked by reading slices of its tensors
//! back. Weights are f32, so that saving does not round trained ones, or bf16; above a size they
//! are cut into shards with an index. All other files of the source folder (tokenizer, template,
//! processor, generation settings) are copied byte for byte.

mod safetensors;

pub(crate) use safetensors::Data;
pub use safetensors::{Source, write_file};

use crate::checkpoint::{INDEX, SINGLE};
use crate::ops::Weight;
use crate::weights::{Mode, Weights};
use crate::{Config, PolicyError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The number format of written weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaveDtype {
    /// As they are in memory.
    #[default]
    F32,
    /// Rounded to the nearest 16-bit brain float.
    Bf16,
}

impl SaveDtype {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            SaveDtype::F32 => 4,
            SaveDtype::Bf16 => 2,
        }
    }

    /// The name in a `config.json`.
    fn name(self) -> &'static str {
        match self {
            SaveDtype::F32 => "float32",
            SaveDtype::Bf16 => "bfloat16",
        }
    }
}

/// How a model folder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaveOptions {
    /// The number format.
    pub dtype: SaveDtype,
    /// Bytes of weights in one file at most; a larger tensor has a file of its own.
    pub shard_bytes: usize,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { dtype: SaveDtype::F32, shard_bytes: 5_000_000_000 }
    }
}

/// A model that is written.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a> {
    pub weights: &'a Weights,
    pub config: &'a Config,
    /// The folder whose other files are copied.
    pub source: &'a Path,
}

impl<'a> Model<'a> {
    /// Every parameter, with its adapter merged into it.
    fn sources(self) -> Result<Vec<Source<'a>>, PolicyError> {
        let weights = self.weights;
        let source = |name: &'a String| {
            let shape = match weights.get(name, Mode::Infer)? {
                Weight::Full(tensor) => tensor.dims().to_vec(),
                Weight::Half(half) => half.dims().to_vec(),
            };
            let data = Data::Floats(Box::new(move |f| weights.with_merged(name, |v| f(v))));
            Ok(Source { name: name.clone(), shape, data })
        };
        weights.names().iter().map(source).collect()
    }

    /// Writes the model to a temporary folder beside `dir`, reads slices of it back and renames it
    /// to `dir`, so that readers never find a partial folder. `source` may be `dir`.
    ///
    /// # Errors
    /// Errors of the file system, or a file that does not hold what was written.
    pub fn save(self, dir: &Path, options: SaveOptions) -> Result<(), PolicyError> {
        let place = Place::beside(dir)?;
        copy_others(self.source, &place.partial)?;
        write_config(self.config, self.source, &place.partial, options.dtype)?;
        write_weights(&self.sources()?, &place.partial, options)?;
        place.put(dir)
    }
}

/// Two temporary folders beside a target.
pub(crate) struct Place {
    /// Where the new folder is written.
    pub partial: PathBuf,
    old: PathBuf,
}

impl Place {
    /// Makes an empty folder for what is to be at `dir`.
    pub fn beside(dir: &Path) -> Result<Self, PolicyError> {
        let name = dir.file_name().and_then(|n| n.to_str());
        let name = name.ok_or_else(|| {
            PolicyError::corrupt(dir, "not a valid folder name; help: give a path that ends in a folder name")
        })?;
        let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = |what: &str| parent.join(format!(".{name}.{what}-{}", std::process::id()));
        let (partial, old) = (beside("partial"), beside("old"));
        for path in [&partial, &old].into_iter().filter(|p| p.exists()) {
            fs::remove_dir_all(path).map_err(|e| PolicyError::io(path, e))?;
        }
        fs::create_dir_all(&partial).map_err(|e| PolicyError::io(&partial, e))?;
        Ok(Self { partial, old })
    }

    /// Renames what was written to `dir`.
    pub fn put(self, dir: &Path) -> Result<(), PolicyError> {
        if dir.exists() {
            fs::rename(dir, &self.old).map_err(|e| PolicyError::io(dir, e))?;
        }
        fs::rename(&self.partial, dir).map_err(|e| PolicyError::io(dir, e))?;
        if self.old.exists() {
            fs::remove_dir_all(&self.old).map_err(|e| PolicyError::io(&self.old, e))?;
        }
        Ok(())
    }
}

/// Writes one file, or shards and their index, and reads slices of them back.
///
/// # Errors
/// Errors of the file system or of reading a tensor, or a file that does not hold what was written.
pub(crate) fn write_weights(sources: &[Source], dir: &Path, options: SaveOptions) -> Result<(), PolicyError> {
    let bytes = |s: &Source| s.size(options.dtype);
    let mut cuts = vec![0];
    let mut size = 0;
    for (i, source) in sources.iter().enumerate() {
        if size > 0 && size + bytes(source) > options.shard_bytes {
            cuts.push(i);
            size = 0;
        }
        size += bytes(source);
    }
    cuts.push(sources.len());
    let shards: Vec<&[Source]> = cuts.windows(2).map(|w| &sources[w[0]..w[1]]).collect();
    let count = shards.len();
    let name = |i: usize| match count {
        1 => SINGLE.to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", i + 1),
    };
    let mut map = serde_json::Map::new();
    for (i, shard) in shards.into_iter().enumerate() {
        let file = dir.join(name(i));
        write_file(&file, shard, options.dtype)?;
        safetensors::verify(&file, shard, options.dtype)?;
        map.extend(shard.iter().map(|s| (s.name.clone(), Value::from(name(i)))));
    }
    if count > 1 {
        let total: usize = sources.iter().map(bytes).sum();
        let index = json!({"metadata": {"total_size": total}, "weight_map": map});
        let path = dir.join(INDEX);
        fs::write(&path, format!("{index:#}\n")).map_err(|e| PolicyError::io(&path, e))?;
    }
    Ok(())
}

/// Copies the files of `source` except weights, configuration and subfolders.
fn copy_others(source: &Path, target: &Path) -> Result<(), PolicyError> {
    for entry in fs::read_dir(source).map_err(|e| PolicyError::io(source, e))? {
        let path = entry.map_err(|e| PolicyError::io(source, e))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let weights = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth"];
        if !path.is_file() || name == "config.json" || weights.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        fs::copy(&path, target.join(name)).map_err(|e| PolicyError::io(&path, e))?;
    }
    Ok(())
}

/// Writes the source's `config.json` if it describes this model, because it may have keys that
/// [`Config`] lacks, else a new one. Its data type becomes the one of the written weights, or
/// readers would round them when loading them.
fn write_config(config: &Config, source: &Path, target: &Path, dtype: SaveDtype) -> Result<(), PolicyError> {
    let original = source.join("config.json");
    let mut value = match Config::read(&original) {
        Ok(same) if same == *config => {
            let bytes = fs::read(&original).map_err(|e| PolicyError::io(&original, e))?;
            serde_json::from_slice(&bytes).map_err(|e| PolicyError::corrupt(&original, e))?
        }
        _ => config.to_json(),
    };
    set_dtype(&mut value, dtype.name());
    let path = target.join("config.json");
    fs::write(&path, format!("{value:#}\n")).map_err(|e| PolicyError::io(&path, e))
}

fn set_dtype(value: &mut Value, dtype: &str) {
    let Some(table) = value.as_object_mut() else { return };
    for (key, entry) in table.iter_mut() {
        if key == "dtype" || key == "torch_dtype" {
            *entry = dtype.into();
        }
        set_dtype(entry, dtype);
    }
}
