//! Reads the weights of Hugging Face model folders; `saving.rs` writes them.
//!
//! Tensor names do not change, so transformers, vLLM and SGLang load the saved folders. Weights are
//! read as f32 from f32, bf16 or f16 files.
//!
//! Not supported: PyTorch `.bin` files (loading them runs code), quantised weights.

use crate::weights::{HEAD, specs};
use crate::{Config, PolicyError};
use candle_core::{DType, Device, Tensor, Var};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// The help for a folder that has its weights as a pickle.
const FROM_PICKLE: &str = "load the model with transformers and save it with `save_pretrained`, which \
    writes safetensors (.bin files are not supported, because loading them runs code)";

/// Reads all weights of the folder `dir`, checked against `config`.
///
/// # Errors
/// Files that are missing or corrupt; tensors that are missing, unexpected, or of another shape or
/// type.
pub(crate) fn load_weights(dir: &Path, config: &Config) -> Result<Vec<(String, Var)>, PolicyError> {
    load_tensors(dir, &specs(config), |name| is_redundant(name, config))
}

/// Reads the tensors that `specs` names, in its order, from the weights files of the folder `dir`.
/// A tensor that `specs` does not name is an error unless `ignored` accepts its name.
///
/// # Errors
/// As [`load_weights`].
pub(crate) fn load_tensors(
    dir: &Path,
    specs: &[(String, Vec<usize>)],
    ignored: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Var)>, PolicyError> {
    let expected: HashMap<&str, &[usize]> = specs.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
    let mut found: HashMap<String, Var> = HashMap::new();
    for path in weight_files(dir)? {
        let bytes = fs::read(&path).map_err(|e| PolicyError::io(&path, e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| {
            PolicyError::corrupt(
                &path,
                format!("{e}; help: the file is damaged or incomplete, copy it again"),
            )
        })?;
        for (name, view) in file.iter() {
            match expected.get(name) {
                Some(shape) => drop(found.insert(name.to_string(), read_tensor(&path, name, &view, shape)?)),
                None if ignored(name) => {}
                None => return Err(PolicyError::UnexpectedTensor { path, name: name.to_string() }),
            }
        }
    }
    let missing = |name: &str| PolicyError::MissingTensor { path: dir.into(), name: name.to_string() };
    let take = |(name, _): &(String, Vec<usize>)| {
        let var = found.remove(name).ok_or_else(|| missing(name))?;
        Ok((name.clone(), var))
    };
    specs.iter().map(take).collect()
}

/// Whether the configuration already implies this tensor; some exporters write such tensors.
fn is_redundant(name: &str, config: &Config) -> bool {
    (config.tie_word_embeddings && name == HEAD) || name.ends_with("rotary_emb.inv_freq")
}

/// The weights files of a folder: those in the index if there is one, else the single file.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    let index = dir.join(INDEX);
    if !dir.is_dir() {
        let help = "give a Hugging Face model folder".into();
        return Err(PolicyError::Missing { path: dir.into(), help });
    }
    let files: Vec<PathBuf> = if index.is_file() {
        let bytes = fs::read(&index).map_err(|e| PolicyError::io(&index, e))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| PolicyError::corrupt(&index, e))?;
        let map = value["weight_map"].as_object();
        let map = map.ok_or_else(|| {
            PolicyError::corrupt(&index, "it has no `weight_map` object; help: copy the file again")
        })?;
        let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
        names.into_iter().map(|n| dir.join(n)).collect()
    } else {
        vec![dir.join(SINGLE)]
    };
    match files.iter().find(|f| !f.is_file()) {
        Some(f) => {
            let pickled = dir.join("pytorch_model.bin").is_file();
            let help = if pickled { FROM_PICKLE } else { "download the whole model again" };
            Err(PolicyError::Missing { path: f.clone(), help: help.into() })
        }
        None => Ok(files),
    }
}

fn read_tensor(path: &Path, name: &str, view: &TensorView, shape: &[usize]) -> Result<Var, PolicyError> {
    if view.shape() != shape {
        let (found, expected) = (view.shape().to_vec(), shape.to_vec());
        return Err(PolicyError::Shape { path: path.into(), name: name.into(), found, expected });
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::BF16 => DType::BF16,
        Dtype::F16 => DType::F16,
        other => {
            let message = format!("tensor `{name}` is {other:?}; only F32, BF16 and F16 are supported");
            return Err(PolicyError::corrupt(path, message));
        }
    };
    let tensor = Tensor::from_raw_buffer(view.data(), dtype, shape, &Device::Cpu)?;
    Ok(Var::from_tensor(&tensor.to_dtype(DType::F32)?)?)
}
