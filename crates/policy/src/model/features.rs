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
/// changes, so optimizer steps and moving averages need not invalidate the cache. Its size is
/// bounded; the oldest entries are evicted first.
#[derive(Default)]
pub(crate) struct FeatureCache {
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    /// Fingerprint of the tower that computed the entries.
    tower: u64,
    known: HashMap<ImageKey, Features>,
    order: VecDeque<ImageKey>,
    floats: usize,
}

/// Bound of the cache: 64 M floats, 256 MB.
const MAX_FLOATS: usize = 64 << 20;

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
        mode: Mode,
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
            self.lookup(network, &distinct)?
        };
        Ok(BatchFeatures { distinct, rows })
    }

    fn lookup(&self, network: &Network, images: &[&PatchGrid]) -> Result<Features, PolicyError> {
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
        for (key, features) in fresh {
            state.insert(key, features);
        }
        Ok(joined)
    }
}

impl CacheState {
    fn insert(&mut self, key: ImageKey, features: Features) {
        self.floats += features.floats();
        self.known.insert(key, features);
        self.order.push_back(key);
        while self.floats > MAX_FLOATS {
            let Some(oldest) = self.order.pop_front() else { break };
            self.floats -= self.known.remove(&oldest).map_or(0, |f| f.floats());
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

/// A hash of a few values of every tensor of the tower. Any update by gradients or averaging
/// changes almost every value of a tensor, so a few values suffice.
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
