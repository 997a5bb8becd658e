//! The whole network over packed sequences: vision features, their places in the text, hidden
//! states.

use crate::text::{self, KeyValue, Packed};
use crate::weights::{EMBEDDING, Mode, TEXT, VISUAL, Weights};
use crate::{Config, PatchGrid, PolicyError, Prompt, Sequence, ops, vision};
use candle_core::{Device, Storage, Tensor};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use vision::Features;

/// Token ids to run, with everything that belongs to them.
pub(crate) struct Batch<'a> {
    ids: Vec<u32>,
    packed: Packed,
    images: Vec<&'a PatchGrid>,
}

impl<'a> Batch<'a> {
    /// Packs whole sequences; keeps the rows that predict their completions: `prompt_len - 1` to
    /// `prompt_len + T - 2` of each. The last completion token predicts nothing that is asked for.
    /// Neighbours whose prompts begin alike, as those of a group do, share the rows of that
    /// beginning.
    pub fn of_sequences(config: &Config, sequences: &[Sequence<'a>]) -> Result<Self, PolicyError> {
        let live: Vec<&Sequence> = sequences.iter().filter(|s| !s.completion.is_empty()).collect();
        for Sequence { prompt, .. } in &live {
            check(config, prompt)?;
        }
        let (mut batch, mut rest) = (Self::empty(), live.as_slice());
        while let Some(first) = rest.first() {
            let (run, beginning) = shared_beginning(config, rest);
            let start = batch.ids.len();
            batch.push_part(config, first.prompt, Beginning::default(), beginning);
            let prefix = start..batch.ids.len();
            batch.push_segment(start, 0..0);
            for Sequence { prompt, completion } in &rest[..run] {
                let start = batch.ids.len();
                batch.push_part(config, prompt, beginning, Beginning::whole(prompt));
                // The prompt's last row, which may be the last one of the shared beginning.
                let last = if batch.ids.len() > start { batch.ids.len() } else { prefix.end } - 1;
                batch.packed.keep.push(last as u32);
                let fed = &completion[..completion.len() - 1];
                let from = batch.ids.len() as u32;
                batch.packed.keep.extend(from..from + fed.len() as u32);
                batch.ids.extend(fed);
                let positions = (prompt.next_position..).take(fed.len());
                batch.packed.positions.extend(positions.map(|t| [t; 3]));
                batch.push_segment(start, prefix.clone());
            }
            rest = &rest[run..];
        }
        batch.checked(config)
    }

    /// Packs prompts alone; keeps the last row of each.
    pub fn of_prompts(config: &Config, prompts: &[&'a Prompt]) -> Result<Self, PolicyError> {
        let mut batch = Self::empty();
        for prompt in prompts {
            check(config, prompt)?;
            let start = batch.ids.len();
            batch.push_part(config, prompt, Beginning::default(), Beginning::whole(prompt));
            batch.packed.keep.push(batch.ids.len() as u32 - 1);
            batch.push_segment(start, 0..0);
        }
        batch.checked(config)
    }

    fn empty() -> Self {
        let packed =
            Packed { positions: Vec::new(), segments: Vec::new(), image_rows: Vec::new(), keep: Vec::new() };
        Self { ids: Vec::new(), packed, images: Vec::new() }
    }

    /// Appends what stands in a prompt between two beginnings of it.
    fn push_part(&mut self, config: &Config, prompt: &'a Prompt, from: Beginning, to: Beginning) {
        let ids = &prompt.ids[from.tokens..to.tokens];
        let rows = (self.ids.len() as u32..).zip(ids).filter(|(_, id)| **id == config.image_token_id);
        self.packed.image_rows.extend(rows.map(|(row, _)| row));
        self.ids.extend(ids);
        self.packed.positions.extend(&prompt.positions[from.tokens..to.tokens]);
        self.images.extend(&prompt.images[from.images..to.images]);
    }

    /// Makes a segment of the rows since `start`, if there are any.
    fn push_segment(&mut self, start: usize, prefix: Range<usize>) {
        let rows = start..self.ids.len();
        if !rows.is_empty() {
            self.packed.segments.push(ops::Segment { rows, prefix });
        }
    }

    fn checked(self, config: &Config) -> Result<Self, PolicyError> {
        match self.ids.iter().find(|id| **id as usize >= config.text.vocab_size) {
            Some(id) => {
                let message = format!("token id {id} lies outside the model's {}", config.text.vocab_size);
                Err(PolicyError::input("prompt", message))
            }
            None => Ok(self),
        }
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows of the sequences.
    pub fn segments(&self) -> &[ops::Segment] {
        &self.packed.segments
    }
}

/// Refuses a prompt whose parts do not belong together.
fn check(config: &Config, prompt: &Prompt) -> Result<(), PolicyError> {
    if prompt.ids.is_empty() || prompt.positions.len() != prompt.ids.len() {
        return Err(PolicyError::input("prompt", "it is empty, or its positions do not match its ids"));
    }
    let features: usize = prompt.images.iter().map(|i| tokens(config, i)).sum();
    let placeholders = prompt.ids.iter().filter(|id| **id == config.image_token_id).count();
    if placeholders != features {
        let message = format!("{placeholders} image tokens for {features} image features");
        return Err(PolicyError::input("prompt", message));
    }
    Ok(())
}

/// A beginning of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Beginning {
    tokens: usize,
    /// Images that lie wholly inside.
    images: usize,
}

impl Beginning {
    fn whole(prompt: &Prompt) -> Self {
        Self { tokens: prompt.ids.len(), images: prompt.images.len() }
    }
}

/// Shared tokens below which a beginning is not worth a segment of its own.
const WORTH_SHARING: usize = 16;

/// How many of the first sequences share a beginning, and which. A sequence that shares much less
/// than those before it begins a run of its own.
fn shared_beginning(config: &Config, sequences: &[&Sequence]) -> (usize, Beginning) {
    let (mut count, mut shared) = (1, None);
    for other in &sequences[1..] {
        let common = common(config, sequences[0].prompt, other.prompt);
        let before = shared.unwrap_or(common);
        if common.tokens < WORTH_SHARING || common.tokens * 4 < before.tokens * 3 {
            break;
        }
        shared = Some(if common.tokens < before.tokens { common } else { before });
        count += 1;
    }
    (count, shared.unwrap_or_default())
}

/// The longest common beginning of two prompts that cuts no image.
fn common(config: &Config, a: &Prompt, b: &Prompt) -> Beginning {
    let mut shared = Beginning::default();
    let same = |t: usize| a.ids[t] == b.ids[t] && a.positions[t] == b.positions[t];
    let end = a.ids.len().min(b.ids.len());
    while shared.tokens < end && same(shared.tokens) {
        if a.ids[shared.tokens] != config.image_token_id {
            shared.tokens += 1;
            continue;
        }
        match (a.images.get(shared.images), b.images.get(shared.images)) {
            (Some(x), Some(y)) if key(x) == key(y) && shared.tokens + tokens(config, x) <= end => {
                shared.tokens += tokens(config, x);
                shared.images += 1;
            }
            _ => break,
        }
    }
    shared
}

/// Language tokens of an image.
fn tokens(config: &Config, image: &PatchGrid) -> usize {
    image.grid.iter().product::<usize>() / config.vision.merge_unit()
}

/// Hidden states of the batch's kept rows after the final norm, `[kept, hidden]`. `cache` receives
/// the keys and values of every layer.
pub(crate) fn hidden(
    config: &Config,
    weights: &Weights,
    mode: Mode,
    (batch, features): (&Batch, &FeatureCache),
    cache: Option<&mut Vec<KeyValue>>,
) -> Result<Tensor, PolicyError> {
    let text = weights.view(TEXT, mode);
    let embedding = text.get("embed_tokens.weight")?;
    if batch.images.is_empty() {
        let x = ops::embedding(&embedding, &batch.ids)?;
        return text::forward(&config.text, &text, x, (&batch.packed, &[]), cache);
    }
    let (found, rows) = features.get(config, weights, mode, &batch.images)?;
    // Text rows and image rows are looked up apart and then put in order. Rows, not ids, say what
    // is an image: a policy may well write an image token, which is then a word like any other.
    let mut is_image = vec![false; batch.ids.len()];
    batch.packed.image_rows.iter().for_each(|row| is_image[*row as usize] = true);
    let words = batch.ids.iter().zip(&is_image).filter(|(_, image)| !**image).map(|(id, _)| *id);
    let words: Vec<u32> = words.collect();
    let both = Tensor::cat(&[ops::embedding(&embedding, &words)?, found.embeds], 0)?;
    let (mut word, mut image) = (0..words.len() as u32, rows.iter().map(|r| r + words.len() as u32));
    let place = |is_image: &bool| if *is_image { image.next() } else { word.next() };
    let order: Vec<u32> = is_image.iter().filter_map(place).collect();
    let x = ops::embedding(&both, &order)?;
    let deep = found.deep.iter().map(|d| ops::embedding(d, &rows)).collect::<Result<Vec<_>, _>>()?;
    text::forward(&config.text, &text, x, (&batch.packed, &deep), cache)
}

/// Vision features by image content. One picture serves a whole group of rollouts and every later
/// pass, as long as the tower stays as it is; a fingerprint of its weights decides that, so
/// optimizer steps and moving averages need not tell. Bounded; the oldest pictures go first.
#[derive(Default)]
pub(crate) struct FeatureCache {
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    tower: u64,
    known: HashMap<ImageKey, Features>,
    order: VecDeque<ImageKey>,
    floats: usize,
}

/// Content hash and grid.
type ImageKey = (u64, [usize; 3]);

/// Bound of the cache: 64 M floats, 256 MB.
const MAX_FLOATS: usize = 64 << 20;

impl FeatureCache {
    /// Features of the distinct images, and the row of them that each image token takes.
    fn get(
        &self,
        config: &Config,
        weights: &Weights,
        mode: Mode,
        images: &[&PatchGrid],
    ) -> Result<(Features, Vec<u32>), PolicyError> {
        let mut distinct: Vec<&PatchGrid> = Vec::new();
        let mut first_row: HashMap<ImageKey, u32> = HashMap::new();
        let (mut count, mut rows) = (0u32, Vec::new());
        for image in images {
            let size = tokens(config, image) as u32;
            let start = *first_row.entry(key(image)).or_insert_with(|| {
                distinct.push(image);
                count += size;
                count - size
            });
            rows.extend(start..start + size);
        }
        if mode == Mode::Train && weights.any_trains(VISUAL) {
            return Ok((tower(config, weights, Mode::Train, &distinct)?, rows));
        }
        Ok((self.lookup(config, weights, &distinct)?, rows))
    }

    fn lookup(
        &self,
        config: &Config,
        weights: &Weights,
        images: &[&PatchGrid],
    ) -> Result<Features, PolicyError> {
        let fingerprint = fingerprint(weights)?;
        // A poisoned lock only means that another thread died between two whole insertions.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tower != fingerprint {
            *state = CacheState { tower: fingerprint, ..CacheState::default() };
        }
        let missing: Vec<&PatchGrid> =
            images.iter().filter(|i| !state.known.contains_key(&key(i))).copied().collect();
        let mut fresh = HashMap::new();
        if !missing.is_empty() {
            let features = tower(config, weights, Mode::Infer, &missing)?;
            let mut row = 0;
            for image in &missing {
                let size = tokens(config, image);
                fresh.insert(key(image), features.rows(row, size)?);
                row += size;
            }
        }
        let found: Vec<&Features> =
            images.iter().filter_map(|i| state.known.get(&key(i)).or_else(|| fresh.get(&key(i)))).collect();
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

fn key(image: &PatchGrid) -> ImageKey {
    (image.hash, image.grid)
}

/// Runs the vision tower over images, packed.
fn tower(
    config: &Config,
    weights: &Weights,
    mode: Mode,
    images: &[&PatchGrid],
) -> Result<Features, PolicyError> {
    let width = config.vision.patch_len();
    let mut patches = Vec::with_capacity(images.iter().map(|i| i.patches.len()).sum());
    for image in images {
        if image.patches.len() != image.grid.iter().product::<usize>() * width {
            return Err(PolicyError::input("prompt", "an image's patches do not fill its grid"));
        }
        patches.extend_from_slice(&image.patches);
    }
    let rows = patches.len() / width;
    let grids: Vec<[usize; 3]> = images.iter().map(|i| i.grid).collect();
    let patches = Tensor::from_vec(patches, (rows, width), &Device::Cpu)?;
    vision::forward(&config.vision, &weights.view(VISUAL, mode), &patches, &grids)
}

/// A hash of a few numbers out of every tensor of the tower. Any update by gradients or averaging
/// moves (almost) every number of a tensor, so a few suffice.
fn fingerprint(weights: &Weights) -> Result<u64, PolicyError> {
    const SAMPLES: usize = 8;
    let mut hasher = DefaultHasher::new();
    for (_, var) in weights.all().iter().filter(|(name, _)| name.starts_with(VISUAL)) {
        let (storage, layout) = var.storage_and_layout();
        if let (Storage::Cpu(cpu), Some((from, to))) = (&*storage, layout.contiguous_offsets()) {
            let values = &cpu.as_slice::<f32>()?[from..to];
            let step = values.len().div_ceil(SAMPLES).max(1);
            values.iter().step_by(step).for_each(|v| v.to_bits().hash(&mut hasher));
        }
    }
    Ok(hasher.finish())
}

/// The embedding matrix, or the head where it is not tied.
pub(crate) fn head_name(config: &Config) -> &'static str {
    if config.tie_word_embeddings { EMBEDDING } else { crate::weights::HEAD }
}
