//! Vision features of images, cached by image content.

use super::Network;
use super::batch::tokens;
use crate::image_processor::ImageKey;
use crate::vision::{self, Features};
use crate::weights::{Mode, VISUAL, Weights};
use crate::{PatchGrid, PolicyError};
use candle_core::{Device, Storage, Tensor};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Vision features by image content. All rollouts of a group share one image, and later passes
/// reuse its features until the vision tower changes. A fingerprint of the tower's weights detects
/// changes, so optimizer steps and moving averages need not invalidate the cache. Its bytes are
/// bounded. Images of prompts that are sampled from or trained on come back in every pass of a
/// step; those that are only scored, such as the renders that a teacher sees, do not, so they are
/// evicted first. Within each kind the oldest goes first.
#[derive(Default)]
pub(crate) struct FeatureCache {
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    /// Fingerprint of the tower that computed the entries.
    tower: u64,
    known: HashMap<ImageKey, Features>,
    /// Images that are only scored, and the others, from the oldest.
    passing: VecDeque<ImageKey>,
    lasting: VecDeque<ImageKey>,
    bytes: usize,
}

/// How long features are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The image belongs to a prompt that is sampled from or trained on.
    Lasting,
    /// It is only scored.
    Passing,
}

/// Bound of the cache in bytes.
pub(crate) const MAX_FEATURE_BYTES: usize = 256 << 20;

/// The features of a batch's images.
pub(crate) struct BatchFeatures {
    /// The features of the distinct images, one after another.
    pub distinct: Features,
    /// The row of `distinct` that each image token takes.
    pub rows: Vec<u32>,
}

impl FeatureCache {
    /// The features of `images`. They are on the tape, and not cached, if the tower trains.
    pub(crate) fn get(
        &self,
        network: &Network,
        (mode, keep): (Mode, Keep),
        images: &[&PatchGrid],
    ) -> Result<BatchFeatures, PolicyError> {
        let mut distinct: Vec<&PatchGrid> = Vec::new();
        let mut first_row: HashMap<ImageKey, u32> = HashMap::new();
        let (mut count, mut rows) = (0u32, Vec::new());
        for image in images {
            let size = tokens(network.config, image) as u32;
            let start = *first_row.entry(image.key()).or_insert_with(|| {
                distinct.push(image);
                count += size;
                count - size
            });
            rows.extend(start..start + size);
        }
        let distinct = if mode == Mode::Train && network.weights.any_trains(VISUAL) {
            tower(network, Mode::Train, &distinct)?
        } else {
            self.lookup(network, keep, &distinct)?
        };
        Ok(BatchFeatures { distinct, rows })
    }

    fn lookup(&self, network: &Network, keep: Keep, images: &[&PatchGrid]) -> Result<Features, PolicyError> {
        let fingerprint = fingerprint(network.weights)?;
        // Insertions are atomic, so the state is valid even if another thread panicked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tower != fingerprint {
            *state = CacheState { tower: fingerprint, ..CacheState::default() };
        }
        let missing: Vec<&PatchGrid> =
            images.iter().filter(|i| !state.known.contains_key(&i.key())).copied().collect();
        let mut fresh = HashMap::new();
        if !missing.is_empty() {
            let features = tower(network, Mode::Infer, &missing)?;
            let mut row = 0;
            for image in &missing {
                let size = tokens(network.config, image);
                fresh.insert(image.key(), features.rows(row, size)?);
                row += size;
            }
        }
        let find = |i: &&PatchGrid| state.known.get(&i.key()).or_else(|| fresh.get(&i.key()));
        let found: Vec<&Features> = images.iter().filter_map(find).collect();
        let joined = Features::join(&found)?;
        for image in images {
            state.insert(image.key(), keep, fresh.remove(&image.key()), MAX_FEATURE_BYTES);
        }
        Ok(joined)
    }
}

impl CacheState {
    /// Adds an image, or with `None` notes that a known one was used again: what is wanted for
    /// long stays so.
    fn insert(&mut self, key: ImageKey, keep: Keep, features: Option<Features>, max_bytes: usize) {
        match features {
            Some(features) => {
                self.bytes += features.bytes();
                self.known.insert(key, features);
                match keep {
                    Keep::Lasting => self.lasting.push_back(key),
                    Keep::Passing => self.passing.push_back(key),
                }
            }
            None if keep == Keep::Lasting => {
                self.passing.retain(|k| *k != key);
                self.lasting.retain(|k| *k != key);
                self.lasting.push_back(key);
            }
            None => {}
        }
        while self.bytes > max_bytes {
            let Some(oldest) = self.passing.pop_front().or_else(|| self.lasting.pop_front()) else { break };
            self.bytes -= self.known.remove(&oldest).map_or(0, |f| f.bytes());
        }
    }
}

/// Runs the vision tower over packed images.
fn tower(network: &Network, mode: Mode, images: &[&PatchGrid]) -> Result<Features, PolicyError> {
    let config = network.config.vision.as_ref();
    let config = config.ok_or_else(|| PolicyError::input("prompt", "this model reads no pictures"))?;
    let width = config.patch_len();
    let mut patches = Vec::with_capacity(images.iter().map(|i| i.patches.len()).sum());
    for image in images {
        if image.patches.len() != image.grid.iter().product::<usize>() * width {
            let message = format!("an image's {} values do not fill its grid", image.patches.len());
            return Err(PolicyError::input("prompt", message));
        }
        patches.extend_from_slice(&image.patches);
    }
    let rows = patches.len() / width;
    let grids: Vec<[usize; 3]> = images.iter().map(|i| i.grid).collect();
    let patches = Tensor::from_vec(patches, (rows, width), &Device::Cpu)?;
    vision::forward(config, &network.weights.view(VISUAL, mode), &patches, &grids)
}

/// A hash of a few values of every f32 tensor of the tower. Any update by gradients or averaging
/// changes almost every value of a tensor, so a few values suffice; matrices in bf16 never change.
fn fingerprint(weights: &Weights) -> Result<u64, PolicyError> {
    const SAMPLES: usize = 8;
    let mut hasher = DefaultHasher::new();
    let adapter = weights.adapter.iter().flat_map(|adapter| adapter.all());
    for (_, var) in weights.all().iter().chain(adapter).filter(|(name, _)| name.starts_with(VISUAL)) {
        let (storage, layout) = var.storage_and_layout();
        if let (Storage::Cpu(cpu), Some((from, to))) = (&*storage, layout.contiguous_offsets()) {
            let values = &cpu.as_slice::<f32>()?[from..to];
            let step = values.len().div_ceil(SAMPLES).max(1);
            values.iter().step_by(step).for_each(|v| v.to_bits().hash(&mut hasher));
        }
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_render_that_is_scored_does_not_push_out_a_prompts_picture() {
        let key = |i: usize| {
            let grid = PatchGrid { patches: Vec::new(), grid: [1, 2, 2], hash: i as u64 };
            grid.key()
        };
        // 16 bytes each: four fit into 64.
        let features = || {
            let embeds = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
            Some(Features { embeds, deep: Vec::new() })
        };
        let mut state = CacheState::default();
        let mut add = |i: usize, keep: Keep, features| {
            state.insert(key(i), keep, features, 64);
            let mut known: Vec<usize> = (0..20).filter(|i| state.known.contains_key(&key(*i))).collect();
            known.sort_unstable();
            (known, state.bytes)
        };
        add(0, Keep::Lasting, features());
        add(1, Keep::Lasting, features());
        add(2, Keep::Passing, features());
        add(3, Keep::Passing, features());
        assert_eq!(add(4, Keep::Passing, features()), (vec![0, 1, 3, 4], 64));
        // A render becomes a prompt's picture; the oldest of those goes when only such are left.
        add(4, Keep::Lasting, None);
        assert_eq!(add(5, Keep::Lasting, features()).0, [0, 1, 4, 5]);
        add(0, Keep::Lasting, None);
        assert_eq!(add(6, Keep::Lasting, features()), (vec![0, 4, 5, 6], 64));
        // Nothing that lasts makes room for what is only scored.
        assert_eq!(add(7, Keep::Passing, features()).0, [0, 4, 5, 6]);
    }
}
