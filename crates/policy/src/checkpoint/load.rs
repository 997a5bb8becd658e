//! Reading of weights: files are mapped, checked by their headers, and read tensor by tensor.

use super::room::{self, Choice, Needs};
use super::{INDEX, Misfits, SINGLE};
use crate::loading::{Dtype, Loading};
use crate::node::read_json;
use crate::ops::{Half, half};
use crate::weights::{HEAD, may_be_half, specs};
use crate::{Config, PolicyError};
use candle_core::{DType, Device, Tensor, Var};
use memmap2::{Advice, Mmap, UncheckedAdvice};
use rayon::prelude::*;
use safetensors::{Dtype as FileDtype, SafeTensors};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The help for a folder that has its weights as a pickle.
const FROM_PICKLE: &str = "load the model with transformers and save it with `save_pretrained`, which \
    writes safetensors (.bin files are not supported, because loading them runs code)";
/// Values that one task converts.
const TASK: usize = 1 << 16;

/// The weights of a folder.
pub(crate) struct Loaded {
    /// Every name, in the order of the specs.
    pub names: Vec<String>,
    /// f32 parameters.
    pub vars: Vec<(String, Var)>,
    /// Frozen matrices in bf16.
    pub halves: Vec<(String, Half)>,
}

/// Reads all weights of the folder `dir`, checked against `config` and the free memory.
///
/// # Errors
/// Files that are missing or corrupt; tensors that are missing, unexpected, or of another shape or
/// type, all of them named in one message; too little memory.
pub(crate) fn load_weights(dir: &Path, config: &Config, how: &Loading) -> Result<Loaded, PolicyError> {
    let specs = specs(config);
    let found = Found::open(dir, &specs, |name| is_redundant(name, config))?;
    let halved = |dtype: Option<Dtype>, spec: &(String, Vec<usize>)| {
        let wanted = match dtype {
            Some(Dtype::F32) => false,
            Some(Dtype::Bf16) => true,
            None => found.at(&spec.0).is_some_and(|t| t.dtype == FileDtype::BF16),
        };
        wanted && may_be_half(&spec.0, &spec.1) && !how.trains.includes(&spec.0)
    };
    let needs = |dtype: Option<Dtype>| {
        let mut needs = Needs::default();
        for spec in &specs {
            let (count, in_file) = (spec.1.iter().product::<usize>() as u64, found.at(&spec.0));
            match (halved(dtype, spec), in_file.map(|t| t.dtype)) {
                (true, Some(FileDtype::BF16)) => needs.mapped += 2 * count,
                (true, _) => needs.owned += 2 * count,
                (false, _) => needs.owned += 4 * count,
            }
        }
        needs
    };
    let (dtype, beside) = (how.dtype, how.beside);
    let choice = Choice { dtype, needs: needs(dtype), half: needs(Some(Dtype::Bf16)), beside };
    room::check(dir, &choice, room::free_memory())?;
    let mut loaded =
        Loaded { names: specs.iter().map(|s| s.0.clone()).collect(), vars: vec![], halves: vec![] };
    for spec in &specs {
        let Some(place) = found.at(&spec.0) else { continue };
        match halved(how.dtype, spec) {
            true => loaded.halves.push((spec.0.clone(), found.half(place, spec.1[1])?)),
            false => loaded.vars.push((spec.0.clone(), found.variable(place, &spec.1)?)),
        }
    }
    Ok(loaded)
}

/// Reads the tensors that `specs` names as f32, in its order, from the weights files of the folder
/// `dir`. A tensor that `specs` does not name is an error unless `ignored` accepts its name.
///
/// # Errors
/// As [`load_weights`].
pub(crate) fn load_tensors(
    dir: &Path,
    specs: &[(String, Vec<usize>)],
    ignored: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Var)>, PolicyError> {
    let found = Found::open(dir, specs, ignored)?;
    let mut all = Vec::with_capacity(specs.len());
    for (name, shape) in specs {
        let Some(place) = found.at(name) else { continue };
        all.push((name.clone(), found.variable(place, shape)?));
    }
    Ok(all)
}

/// Whether the configuration already implies this tensor; some exporters write such tensors.
fn is_redundant(name: &str, config: &Config) -> bool {
    (config.tie_word_embeddings && name == HEAD) || name.ends_with("rotary_emb.inv_freq")
}

/// The tensors of a folder's files.
struct Found {
    files: Vec<(PathBuf, Arc<Mmap>)>,
    tensors: HashMap<String, Place>,
}

/// A tensor in a file.
struct Place {
    file: usize,
    dtype: FileDtype,
    /// Its bytes.
    bytes: Range<usize>,
}

impl Found {
    /// Maps the files and compares their headers with `specs`.
    fn open(
        dir: &Path,
        specs: &[(String, Vec<usize>)],
        ignored: impl Fn(&str) -> bool,
    ) -> Result<Self, PolicyError> {
        let expected: HashMap<&str, &[usize]> =
            specs.iter().map(|(n, s)| (n.as_str(), s.as_slice())).collect();
        let mut found = Self { files: Vec::new(), tensors: HashMap::new() };
        let mut misfits = Misfits::default();
        for path in weight_files(dir)? {
            let map = Arc::new(map(&path)?);
            let file = SafeTensors::deserialize(&map).map_err(|e| {
                let help = "help: the file is damaged or incomplete, copy it again";
                PolicyError::corrupt(&path, format!("{e}; {help}"))
            })?;
            for (name, view) in file.iter() {
                let Some(shape) = expected.get(name) else {
                    misfits.surplus.extend((!ignored(name)).then(|| name.to_string()));
                    continue;
                };
                if view.shape() != *shape {
                    let (found, wanted) = (view.shape().to_vec(), shape.to_vec());
                    misfits.misshapen.push((name.to_string(), found, wanted));
                }
                if !matches!(view.dtype(), FileDtype::F32 | FileDtype::BF16 | FileDtype::F16) {
                    misfits.types.push((name.to_string(), format!("{:?}", view.dtype())));
                }
                let from = view.data().as_ptr() as usize - map.as_ptr() as usize;
                let bytes = from..from + view.data().len();
                let place = Place { file: found.files.len(), dtype: view.dtype(), bytes };
                found.tensors.insert(name.to_string(), place);
            }
            drop(file);
            found.files.push((path, map));
        }
        let missing = specs.iter().filter(|(name, _)| !found.tensors.contains_key(name));
        misfits.missing.extend(missing.map(|(name, _)| name.clone()));
        misfits.none(dir, "config.json")?;
        Ok(found)
    }

    fn at(&self, name: &str) -> Option<&Place> {
        self.tensors.get(name)
    }

    /// A tensor as an f32 variable.
    fn variable(&self, place: &Place, shape: &[usize]) -> Result<Var, PolicyError> {
        let values = self.values(place)?;
        self.forget(place);
        Ok(Var::from_vec(values, shape, &Device::Cpu)?)
    }

    /// A matrix as bf16: its pages if the file holds bf16, else rounded.
    fn half(&self, place: &Place, cols: usize) -> Result<Half, PolicyError> {
        let (_, map) = &self.files[place.file];
        if place.dtype != FileDtype::BF16 {
            let half = Half::rounded(&self.values(place)?, cols);
            self.forget(place);
            return Ok(half);
        }
        // A hint only: where it fails, pages are read when they are needed.
        let _ = map.advise_range(Advice::WillNeed, place.bytes.start, place.bytes.len());
        let rows = place.bytes.len() / 2 / cols.max(1);
        Ok(Half::mapped(map, place.bytes.start, [rows, cols])?)
    }

    /// The values of a tensor as f32, converted on all threads.
    fn values(&self, place: &Place) -> Result<Vec<f32>, PolicyError> {
        let (path, map) = &self.files[place.file];
        let bytes = &map[place.bytes.clone()];
        match place.dtype {
            FileDtype::F32 => Ok(converted(bytes, |&word: &[u8; 4]| f32::from_le_bytes(word))),
            FileDtype::BF16 => Ok(converted(bytes, |&word: &[u8; 2]| half::value(u16::from_le_bytes(word)))),
            FileDtype::F16 => {
                let tensor = Tensor::from_raw_buffer(bytes, DType::F16, &[bytes.len() / 2], &Device::Cpu)?;
                Ok(tensor.to_dtype(DType::F32)?.to_vec1()?)
            }
            other => Err(PolicyError::corrupt(path, format!("{other:?} is not supported"))),
        }
    }

    /// Gives back the pages of a tensor that was copied, so that it is in memory once.
    fn forget(&self, place: &Place) {
        let (_, map) = &self.files[place.file];
        // SAFETY: the mapping is read-only and backed by a file: its pages are read again from
        // there if they are needed.
        let _ = unsafe {
            map.unchecked_advise_range(UncheckedAdvice::DontNeed, place.bytes.start, place.bytes.len())
        };
    }
}

/// The f32 values of little-endian words.
fn converted<const N: usize>(bytes: &[u8], value: impl Fn(&[u8; N]) -> f32 + Sync) -> Vec<f32> {
    let words = bytes.as_chunks::<N>().0;
    let mut out = vec![0.0; words.len()];
    let parts = out.par_chunks_mut(TASK).zip(words.par_chunks(TASK));
    parts.for_each(|(out, words)| out.iter_mut().zip(words).for_each(|(o, word)| *o = value(word)));
    out
}

/// Maps a file for reading.
fn map(path: &Path) -> Result<Mmap, PolicyError> {
    let file = File::open(path).map_err(|e| PolicyError::io(path, e))?;
    // SAFETY: nothing writes to the mapping. A file that another program shortens meanwhile ends
    // this process with a signal, as it does for every program that maps its files; `save` replaces
    // folders as a whole and never writes into a file that may be mapped.
    unsafe { Mmap::map(&file) }.map_err(|e| PolicyError::io(path, e))
}

/// The weights files of a folder: those in the index if there is one, else the single file.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    let index = dir.join(INDEX);
    if !dir.is_dir() {
        let help = "give a Hugging Face model folder".into();
        return Err(PolicyError::Missing { path: dir.into(), help });
    }
    let files: Vec<PathBuf> = if index.is_file() {
        let value = read_json(&index, "download the whole model again")?;
        let map = value["weight_map"].as_object();
        let map = map.ok_or_else(|| {
            PolicyError::corrupt(&index, "it has no `weight_map` object; help: copy the file again")
        })?;
        let names: BTreeSet<&str> = map.values().filter_map(|v| v.as_str()).collect();
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
