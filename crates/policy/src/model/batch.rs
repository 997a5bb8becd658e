//! Packing of prompts and completions into one batch without padding, with shared prompt prefixes.

use crate::text::Packed;
use crate::{Config, PatchGrid, PolicyError, Prompt, Sequence, VisionConfig, ops};
use std::ops::Range;

/// The token ids of packed sequences, with their positions, segments and images.
pub(crate) struct Batch<'a> {
    pub(super) ids: Vec<u32>,
    pub(super) packed: Packed,
    pub(super) images: Vec<&'a PatchGrid>,
}

impl<'a> Batch<'a> {
    /// Packs prompts with their completions and keeps the rows that predict the completions:
    /// `prompt_len - 1` to `prompt_len + T - 2` of each sequence. The last completion token is not
    /// fed, because it predicts no completion token. Consecutive sequences whose prompts have a
    /// common prefix, such as those of one group, share the rows of that prefix.
    ///
    /// # Errors
    /// An inconsistent prompt, or a token id outside the vocabulary.
    pub fn of_sequences(config: &Config, sequences: &[Sequence<'a>]) -> Result<Self, PolicyError> {
        let live: Vec<&Sequence> = sequences.iter().filter(|s| !s.completion.is_empty()).collect();
        for Sequence { prompt, .. } in &live {
            check(config, prompt)?;
        }
        let (mut batch, mut rest) = (Self::empty(), live.as_slice());
        while let Some(first) = rest.first() {
            let PrefixGroup { sequences, prefix: shared } = PrefixGroup::first_of(config, rest);
            let start = batch.ids.len();
            batch.push_part(config, first.prompt, Prefix::default(), shared);
            let prefix = start..batch.ids.len();
            batch.push_segment(start, 0..0);
            for Sequence { prompt, completion } in &rest[..sequences] {
                let start = batch.ids.len();
                batch.push_part(config, prompt, shared, Prefix::whole(prompt));
                // The prompt's last row, which may be the last row of the shared prefix.
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
            rest = &rest[sequences..];
        }
        batch.checked(config)
    }

    /// Packs prompts without completions and keeps the last row of each.
    ///
    /// # Errors
    /// As [`Batch::of_sequences`].
    pub fn of_prompts(config: &Config, prompts: &[&'a Prompt]) -> Result<Self, PolicyError> {
        let mut batch = Self::empty();
        for prompt in prompts {
            check(config, prompt)?;
            let start = batch.ids.len();
            batch.push_part(config, prompt, Prefix::default(), Prefix::whole(prompt));
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

    /// Appends the part of a prompt after its prefix `from` and up to its prefix `to`.
    fn push_part(&mut self, config: &Config, prompt: &'a Prompt, from: Prefix, to: Prefix) {
        let ids = &prompt.ids[from.tokens..to.tokens];
        let rows = (self.ids.len() as u32..).zip(ids).filter(|(_, id)| Some(**id) == config.image_token());
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
                let vocab = config.text.vocab_size;
                let message = format!("token id {id} is outside the model's vocabulary of {vocab}");
                Err(PolicyError::input("prompt", message))
            }
            None => Ok(self),
        }
    }

    /// Whether the batch has no rows.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows of each sequence.
    pub fn segments(&self) -> &[ops::Segment] {
        &self.packed.segments
    }
}

/// Returns an error for a prompt whose ids, positions and images do not match.
fn check(config: &Config, prompt: &Prompt) -> Result<(), PolicyError> {
    if prompt.ids.is_empty() {
        return Err(PolicyError::input("prompt", "it has no tokens"));
    }
    if prompt.positions.len() != prompt.ids.len() {
        let (positions, ids) = (prompt.positions.len(), prompt.ids.len());
        return Err(PolicyError::input("prompt", format!("{positions} positions for {ids} tokens")));
    }
    let features: usize = prompt.images.iter().map(|i| tokens(config, i)).sum();
    let placeholders = prompt.ids.iter().filter(|id| Some(**id) == config.image_token()).count();
    if placeholders != features {
        let message = format!("{placeholders} image tokens for {features} image features");
        return Err(PolicyError::input("prompt", message));
    }
    Ok(())
}

/// The length of a prompt prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Prefix {
    tokens: usize,
    /// Images that lie entirely in the prefix.
    images: usize,
}

impl Prefix {
    fn whole(prompt: &Prompt) -> Self {
        Self { tokens: prompt.ids.len(), images: prompt.images.len() }
    }
}

/// Shorter common prefixes are not shared: a segment of their own would cost more than it saves.
const MIN_SHARED_TOKENS: usize = 16;

/// Consecutive sequences that share a prompt prefix.
struct PrefixGroup {
    /// How many sequences; at least one.
    sequences: usize,
    prefix: Prefix,
}

impl PrefixGroup {
    /// The group that begins with the first of the sequences. A sequence that would shorten the
    /// shared prefix by more than a quarter starts the next group.
    fn first_of(config: &Config, sequences: &[&Sequence]) -> Self {
        let (mut count, mut shared) = (1, None);
        for other in &sequences[1..] {
            let common = common_prefix(config, sequences[0].prompt, other.prompt);
            let before = shared.unwrap_or(common);
            if common.tokens < MIN_SHARED_TOKENS || common.tokens * 4 < before.tokens * 3 {
                break;
            }
            shared = Some(if common.tokens < before.tokens { common } else { before });
            count += 1;
        }
        Self { sequences: count, prefix: shared.unwrap_or_default() }
    }
}

/// The longest common prefix of two prompts that ends outside every image.
fn common_prefix(config: &Config, a: &Prompt, b: &Prompt) -> Prefix {
    let mut shared = Prefix::default();
    let same = |t: usize| a.ids[t] == b.ids[t] && a.positions[t] == b.positions[t];
    let end = a.ids.len().min(b.ids.len());
    while shared.tokens < end && same(shared.tokens) {
        if Some(a.ids[shared.tokens]) != config.image_token() {
            shared.tokens += 1;
            continue;
        }
        match (a.images.get(shared.images), b.images.get(shared.images)) {
            (Some(x), Some(y)) if x.key() == y.key() && shared.tokens + tokens(config, x) <= end => {
                shared.tokens += tokens(config, x);
                shared.images += 1;
            }
            _ => break,
        }
    }
    shared
}

/// How many language tokens an image takes; in a model without eyes, whose prompts have none, as
/// many as it has patches.
pub(super) fn tokens(config: &Config, image: &PatchGrid) -> usize {
    let unit = config.vision.as_ref().map_or(1, VisionConfig::merge_unit);
    image.grid.iter().product::<usize>() / unit
}
