//! Reads and writes Hugging Face model folders.
//!
//! Tensor names do not change, so transformers, vLLM and SGLang load the saved folders. Weights are
//! read as f32 from f32, bf16 or f16 files, and written as f32 to one `model.safetensors`, so that
//! saving does not round trained weights. All other files of the source folder (tokenizer,
//! template, processor, generation settings) are copied byte for byte.
//!
//! Not supported: PyTorch `.bin` files (loading them runs code), quantised weights, writing shards.

use crate::weights::{HEAD, Weights, specs};
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

/// Writes a model folder to a temporary folder beside `dir` and renames it to `dir`, so that
/// readers never find a partial folder. The other files are copied from `source`, which may be
/// `dir`.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn save(weights: &Weights, config: &Config, source: &Path, dir: &Path) -> Result<(), PolicyError> {
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
    copy_others(source, &partial)?;
    write_config(config, source, &partial)?;
    let file = partial.join(SINGLE);
    write_weights(weights, &file)?;
    // The writer creates a file that only its owner can read; copy the permissions of the others.
    let like = fs::metadata(partial.join("config.json")).map_err(|e| PolicyError::io(&partial, e))?;
    fs::set_permissions(&file, like.permissions()).map_err(|e| PolicyError::io(&file, e))?;
    if dir.exists() {
        fs::rename(dir, &old).map_err(|e| PolicyError::io(dir, e))?;
    }
    fs::rename(&partial, dir).map_err(|e| PolicyError::io(dir, e))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(|e| PolicyError::io(&old, e))?;
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
/// [`Config`] lacks, else a new one. Its data type becomes float32, or readers would round the
/// weights when loading them.
fn write_config(config: &Config, source: &Path, target: &Path) -> Result<(), PolicyError> {
    let original = source.join("config.json");
    let mut value = match Config::read(&original) {
        Ok(same) if same == *config => {
            let bytes = fs::read(&original).map_err(|e| PolicyError::io(&original, e))?;
            serde_json::from_slice(&bytes).map_err(|e| PolicyError::corrupt(&original, e))?
        }
        _ => config.to_json(),
    };
    set_float32(&mut value);
    let path = target.join("config.json");
    fs::write(&path, format!("{value:#}\n")).map_err(|e| PolicyError::io(&path, e))
}

fn set_float32(value: &mut Value) {
    let Some(table) = value.as_object_mut() else { return };
    for (key, entry) in table.iter_mut() {
        if key == "dtype" || key == "torch_dtype" {
            *entry = "float32".into();
        }
        set_float32(entry);
    }
}

fn write_weights(weights: &Weights, path: &Path) -> Result<(), PolicyError> {
    let mut bytes = Vec::with_capacity(weights.all().len());
    for (name, var) in weights.all() {
        let values = var.flatten_all()?.to_vec1::<f32>()?;
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes.push((name.as_str(), var.dims().to_vec(), raw));
    }
    let view = |(name, shape, raw)| Ok((name, TensorView::new(Dtype::F32, shape, raw)?));
    let views = bytes.iter().map(|(n, s, raw)| view((*n, s.clone(), raw.as_slice())));
    let views: Vec<_> = views
        .collect::<Result<_, safetensors::SafeTensorError>>()
        .map_err(|e| PolicyError::corrupt(path, e))?;
    // Some readers reject a file that does not name its framework.
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(|e| PolicyError::corrupt(path, e))
}
