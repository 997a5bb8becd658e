//! Outcomes by content: samplers repeat scripts, and a repeated script costs nothing.

use crate::config::RenderError;
use crate::lock::lock;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use vsdpo_artifact::{Element, Outcome, Page};

/// Pixels and records kept at most, in bytes.
const MAX_BYTES: usize = 512 << 20;

/// Hash of the source, the options and the renderer.
pub(crate) type Key = [u8; 32];

/// The key of a source under one renderer; `identity` names the renderer and its options.
pub(crate) fn key(identity: &str, source: impl AsRef<[u8]>) -> Key {
    let mut hash = Sha256::new();
    hash.update((identity.len() as u64).to_le_bytes());
    hash.update(identity);
    hash.update(source);
    hash.finalize().into()
}

/// The outcome of a source: the known one, after `recalled`, or a new one.
///
/// # Errors
/// Those of `make`.
pub(crate) fn cached(
    cache: &Mutex<Cache>,
    key: Key,
    recalled: impl FnOnce(),
    make: impl FnOnce() -> Result<Outcome, RenderError>,
) -> Result<Outcome, RenderError> {
    if let Some(known) = lock(cache).get(&key) {
        recalled();
        return Ok(known);
    }
    let outcome = make()?;
    lock(cache).put(key, &outcome);
    Ok(outcome)
}

/// The least recently used outcome leaves first.
pub(crate) struct Cache {
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
    max_entries: usize,
}

struct Entry {
    outcome: Outcome,
    used: u64,
    bytes: usize,
}

impl Cache {
    pub fn new(max_entries: usize) -> Self {
        Self { entries: HashMap::new(), by_use: BTreeMap::new(), clock: 0, bytes: 0, max_entries }
    }

    pub fn get(&mut self, key: &Key) -> Option<Outcome> {
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.by_use.insert(self.clock, *key);
        Some(entry.outcome.clone())
    }

    /// Keeps an outcome, unless it may come out otherwise on a less busy machine.
    pub fn put(&mut self, key: Key, outcome: &Outcome) {
        let bytes = size(outcome);
        if self.max_entries == 0 || bytes > MAX_BYTES || !repeatable(outcome) {
            return;
        }
        self.clock += 1;
        let entry = Entry { outcome: outcome.clone(), used: self.clock, bytes };
        if let Some(old) = self.entries.insert(key, entry) {
            self.by_use.remove(&old.used);
            self.bytes -= old.bytes;
        }
        self.by_use.insert(self.clock, key);
        self.bytes += bytes;
        while self.entries.len() > self.max_entries || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.bytes -= self.entries.remove(&oldest).map_or(0, |e| e.bytes);
        }
    }
}

fn repeatable(outcome: &Outcome) -> bool {
    !outcome.depends_on_load()
}

fn size(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Failed { error } => error.message.len() + error.traceback.len() + 256,
        Outcome::Rendered(r) => {
            let text = |t: &Option<String>| t.as_ref().map_or(0, String::len);
            let numbers = |e: &Element| e.points.len() * 8 + e.values.len() * 8 + e.stack.len() * 16;
            let of = |e: &Element| 512 + numbers(e) + text(&e.text) + text(&e.label) + text(&e.pattern);
            let page = |page: &Page| {
                let parts = page.slide.iter().flat_map(|slide| &slide.elements);
                let layout: usize = parts.map(|e| 256 + 32 * e.text_rects.len()).sum();
                page.image.rgba.len() + layout
            };
            r.pages.iter().map(page).sum::<usize>() + r.elements.iter().map(of).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::ExecError;
    use vsdpo_artifact::FailureKind;

    fn failure(kind: FailureKind) -> Outcome {
        Outcome::Failed { error: ExecError::new(kind, String::new()) }
    }

    #[test]
    fn the_least_recently_used_leaves_and_the_unrepeatable_never_enters() {
        let mut cache = Cache::new(2);
        let keys: Vec<Key> = ["a", "b", "c", "d"].map(|s| key("v1", s)).into();
        assert_ne!(keys[0], key("v2", "a"));
        let outcome = failure(FailureKind::Exception);
        cache.put(keys[0], &outcome);
        cache.put(keys[1], &outcome);
        assert_eq!(cache.get(&keys[0]), Some(outcome.clone()));
        cache.put(keys[2], &outcome);
        assert_eq!(cache.get(&keys[1]), None, "b was used least recently");
        assert_eq!(cache.get(&keys[0]), Some(outcome.clone()));
        cache.put(keys[3], &failure(FailureKind::Timeout));
        assert_eq!(cache.get(&keys[3]), None);
        cache.put(keys[0], &outcome);
        assert_eq!((cache.entries.len(), cache.by_use.len(), cache.bytes), (2, 2, 512));
    }
}
