//! Adapters in PEFT's folders: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Keys of tensors are `base_model.model.` and the name in the model's own weights file, with
//! `lora_A` and `lora_B` before `weight`; transformers with PEFT and vLLM read the same keys.

use super::{A, Adapter, LoraConfig, Plan, linears};
use crate::checkpoint::Misfits;
use crate::node::{Node, read_json};
use crate::saving::{Data, SaveDtype, Source, write_file};
use crate::{Config, PolicyError, ops};
use candle_core::{DType, Device, Var};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts before the model's own names.
const PREFIX: &str = "base_model.model.";

/// Whether a folder holds an adapter and no model of its own.
pub fn is_adapter_folder(dir: &Path) -> bool {
    dir.join(CONFIG).is_file() && !dir.join("config.json").is_file()
}

/// The folder of the model that the adapter in `dir` was made for.
///
/// # Errors
/// It is not named, or not on this machine.
pub(crate) fn base_of(dir: &Path) -> Result<PathBuf, PolicyError> {
    let path = dir.join(CONFIG);
    let value = read_json(&path, "give the folder of a PEFT adapter")?;
    let named = value["base_model_name_or_path"].as_str().map(PathBuf::from);
    named.clone().filter(|base| base.join("config.json").is_file()).ok_or_else(|| PolicyError::Config {
        path,
        key: "base_model_name_or_path".into(),
        message: format!(
            "is {}, which is no model folder here; help: give the model's folder, and this one as its adapter",
            named.map_or("missing".to_owned(), |base| format!("`{}`", base.display()))
        ),
    })
}

/// Reads an adapter for a model of this configuration. Its parameters do not train.
///
/// # Errors
/// Missing or corrupt files, settings that are not supported, tensors that are missing, unknown or
/// of the wrong shape; the message names the file and the key.
pub(crate) fn read(dir: &Path, config: &Config) -> Result<Adapter, PolicyError> {
    let path = dir.join(CONFIG);
    let value = read_json(&path, "give the folder of a PEFT adapter")?;
    let mut tensors = tensors(&dir.join(WEIGHTS))?;
    let lora = settings(&value, &path, config, &tensors)?;
    let plan = Plan::new(config, &lora).map_err(|e| PolicyError::corrupt(&path, e))?;
    let path = dir.join(WEIGHTS);
    let (mut all, mut misfits) = (Vec::new(), Misfits::default());
    for (name, expected) in plan.parameters {
        let Some(var) = tensors.remove(&name) else {
            misfits.missing.push(format!("{PREFIX}{name}"));
            continue;
        };
        if var.dims() != expected {
            misfits.misshapen.push((format!("{PREFIX}{name}"), var.dims().to_vec(), expected));
        }
        all.push((name, var));
    }
    misfits.surplus.extend(tensors.into_keys().map(|name| format!("{PREFIX}{name}")));
    misfits.none(&path, CONFIG)?;
    Adapter::new(lora, all, false)
}

/// The tensors of an adapter's file by their names without PEFT's prefix, as f32.
fn tensors(path: &Path) -> Result<BTreeMap<String, Var>, PolicyError> {
    if !path.is_file() {
        let help = "give the folder of a PEFT adapter with safetensors (not adapter_model.bin)".into();
        return Err(PolicyError::Missing { path: path.into(), help });
    }
    let found =
        candle_core::safetensors::load(path, &Device::Cpu).map_err(|e| PolicyError::corrupt(path, e))?;
    let mut out = BTreeMap::new();
    for (key, tensor) in found {
        let Some(name) = key.strip_prefix(PREFIX) else {
            let message =
                format!("key `{key}` does not begin with `{PREFIX}`; help: save the adapter with PEFT");
            return Err(PolicyError::corrupt(path, message));
        };
        out.insert(name.to_owned(), Var::from_tensor(&tensor.to_dtype(DType::F32)?)?);
    }
    Ok(out)
}

/// The settings of a PEFT configuration. Which layers have an adapter is read from the tensors if
/// the file says it by a pattern.
fn settings(
    value: &Value,
    path: &Path,
    config: &Config,
    tensors: &BTreeMap<String, Var>,
) -> Result<LoraConfig, PolicyError> {
    let node = Node::root(value, path);
    node.only("peft_type", &"LORA".into())?;
    for (key, wanted) in [("use_dora", json!(false)), ("bias", json!("none")), ("lora_bias", json!(false))] {
        node.only(key, &wanted)?;
    }
    for key in ["rank_pattern", "alpha_pattern", "layer_replication", "trainable_token_indices"] {
        let empty = value.get(key).is_none_or(|v| {
            v.is_null()
                || v.as_object().is_some_and(|o| o.is_empty())
                || v.as_array().is_some_and(|a| a.is_empty())
        });
        if !empty {
            return Err(node.wrong(key, "is not supported; help: train the adapter without it"));
        }
    }
    let list = |key: &str| -> Option<Vec<String>> {
        value.get(key)?.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let has = |module: &str| tensors.contains_key(&format!("{module}{A}"));
    let found = || linears(config).into_iter().map(|(module, _)| module).filter(|m| has(m)).collect();
    let narrowed =
        ["layers_to_transform", "exclude_modules"].iter().any(|k| value.get(k).is_some_and(|v| !v.is_null()));
    Ok(LoraConfig {
        rank: node.usize("r")?,
        alpha: node.f64("lora_alpha")?,
        dropout: value["lora_dropout"].as_f64().unwrap_or(0.0),
        targets: list("target_modules").filter(|_| !narrowed).unwrap_or_else(found),
        modules_to_save: list("modules_to_save").unwrap_or_default(),
        rank_stabilized: value["use_rslora"].as_bool().unwrap_or(false),
    })
}

/// Writes the folder `dir`, which must not exist or be empty; `base` is the folder of the model.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn save(adapter: &Adapter, base: &Path, dir: &Path) -> Result<(), PolicyError> {
    fs::create_dir_all(dir).map_err(|e| PolicyError::io(dir, e))?;
    let base = fs::canonicalize(base).unwrap_or_else(|_| base.to_path_buf());
    let lora = adapter.config();
    let saved = Some(&lora.modules_to_save).filter(|list| !list.is_empty());
    let value = json!({
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": whole(lora.alpha),
        "lora_dropout": lora.dropout,
        "target_modules": lora.targets,
        "modules_to_save": saved,
        "use_rslora": lora.rank_stabilized,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "use_dora": false,
        "task_type": null,
    });
    let path = dir.join(CONFIG);
    fs::write(&path, format!("{value:#}\n")).map_err(|e| PolicyError::io(&path, e))?;
    let named: Vec<(String, &Var)> =
        adapter.all().iter().map(|(n, var)| (format!("{PREFIX}{n}"), var)).collect();
    let source = |(name, var): &(String, &Var)| {
        let tensor = var.as_detached_tensor();
        let shape = var.dims().to_vec();
        let read = move |f: &mut dyn FnMut(&[f32])| {
            f(&ops::Values::of(&tensor)?);
            Ok(())
        };
        Source { name: name.clone(), shape, data: Data::Floats(Box::new(read)) }
    };
    write_file(&dir.join(WEIGHTS), &named.iter().map(source).collect::<Vec<_>>(), SaveDtype::F32)
}

fn flat(var: &Var) -> Result<Vec<f32>, PolicyError> {
    Ok(var.flatten_all()?.to_vec1::<f32>()?)
}

/// A number as JSON, without a fraction if it has none: PEFT writes alpha as an integer.
fn whole(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 1e9 { json!(x as i64) } else { json!(x) }
}

/// Compares an adapter's file with the parameters in memory.
///
/// # Errors
/// A file that cannot be read, or values that differ, by name.
pub(crate) fn verify(adapter: &Adapter, dir: &Path) -> Result<(), PolicyError> {
    let path = dir.join(WEIGHTS);
    let found = tensors(&path)?;
    for (name, var) in adapter.all() {
        let same = match found.get(name) {
            Some(theirs) => flat(theirs)? == flat(var)?,
            None => false,
        };
        if !same {
            let message = format!("tensor `{PREFIX}{name}` is not what was written; help: check the disk");
            return Err(PolicyError::corrupt(&path, message));
        }
    }
    Ok(())
}

/// Sets the parameters of `adapter` to those of the folder `dir`.
///
/// # Errors
/// As [`read`], or an adapter with other settings.
pub(crate) fn read_back(adapter: &Adapter, dir: &Path, config: &Config) -> Result<(), PolicyError> {
    let saved = read(dir, config)?;
    if saved.config() != adapter.config() {
        let help = "use the recipe that the adapter was trained with";
        return Err(PolicyError::corrupt(
            &dir.join(CONFIG),
            format!("another adapter's settings; help: {help}"),
        ));
    }
    for ((_, to), (_, from)) in adapter.all().iter().zip(saved.all()) {
        to.set(&from.as_detached_tensor())?;
    }
    adapter.changed()
}
