//! Adds tokens to a tokenizer for texts of a new kind, while other texts keep their tokens.

use super::{FrontSpec, FrontSummary, SPECIAL, fail, write_files};
use crate::FrontError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use tokenizers::Tokenizer;

/// Pairs that are rarer are not merged.
const OFTEN: u64 = 20;

/// The files after an extension.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The new number of tokens and the new ids of the special ones.
    pub summary: FrontSummary,
    /// Ids below this one are what they were; the new tokens follow, then the special ones.
    pub kept: u32,
    /// The two tokens that each new one consists of; either may be new itself.
    pub parts: Vec<[u32; 2]>,
}

/// A word as its tokens, with the number of its occurrences.
type Words = BTreeMap<Vec<u32>, u64>;

/// Adds up to `count` tokens to the tokenizer in the folder `dir` by byte-pair merges in the texts
/// `added`, and writes the files of [`super::write_front_files`] anew. A pair of tokens that occurs
/// within a word of the texts `kept` is not merged, so that these keep their tokens. The same texts
/// give the same bytes.
///
/// # Errors
/// A folder without a byte-level BPE tokenizer of ours, or one that cannot be written.
pub fn extend_front_files(
    dir: &Path,
    kept: impl Iterator<Item = String>,
    added: impl Iterator<Item = String>,
    count: usize,
    spec: FrontSpec,
) -> Result<Extension, FrontError> {
    let path = dir.join("tokenizer.json");
    let tokenizer = Tokenizer::from_file(&path).map_err(|e| fail(dir, e.to_string()))?;
    let taken: HashSet<[u32; 2]> = words(&tokenizer, dir, kept)?.keys().flat_map(|w| pairs(w)).collect();
    let names = (0..tokenizer.get_vocab_size(false) as u32).map(|id| tokenizer.id_to_token(id));
    let names: Option<Vec<String>> = names.collect();
    let mut names = names.ok_or_else(|| fail(dir, "its ids have gaps".into()))?;
    let first = names.len() as u32;
    let parts = merges(words(&tokenizer, dir, added)?, &taken, &mut names, count);
    let mut file: Value = std::fs::read_to_string(&path)
        .map_err(|e| fail(dir, e.to_string()))
        .and_then(|text| serde_json::from_str(&text).map_err(|e| fail(dir, e.to_string())))?;
    add(&mut file, &names, &parts).ok_or_else(|| fail(dir, "it is no BPE tokenizer".into()))?;
    let text = file.to_string();
    let extended: Tokenizer = text.parse().map_err(|e| fail(dir, format!("{e}")))?;
    Ok(Extension { summary: write_files(dir, &extended, spec)?, kept: first, parts })
}

/// The words that the texts consist of.
fn words(
    tokenizer: &Tokenizer,
    dir: &Path,
    texts: impl Iterator<Item = String>,
) -> Result<Words, FrontError> {
    let mut words = Words::new();
    for text in texts {
        let encoded = tokenizer.encode(text, false).map_err(|e| fail(dir, e.to_string()))?;
        let places: Vec<(&u32, &Option<u32>)> =
            encoded.get_ids().iter().zip(encoded.get_word_ids()).collect();
        for word in places.chunk_by(|a, b| a.1.is_some() && a.1 == b.1) {
            *words.entry(word.iter().map(|(id, _)| **id).collect()).or_default() += 1;
        }
    }
    Ok(words)
}

fn pairs(word: &[u32]) -> impl Iterator<Item = [u32; 2]> {
    word.windows(2).map(|pair| [pair[0], pair[1]])
}

/// The parts of up to `count` new tokens, whose names are appended: each is the most frequent pair
/// that is not taken and whose name is new; of equally frequent ones that with the lowest ids.
fn merges(
    mut words: Words,
    taken: &HashSet<[u32; 2]>,
    names: &mut Vec<String>,
    count: usize,
) -> Vec<[u32; 2]> {
    let mut known: HashSet<String> = names.iter().cloned().collect();
    let mut parts = Vec::new();
    while parts.len() < count {
        let mut counts = BTreeMap::<[u32; 2], u64>::new();
        for (word, n) in &words {
            let free = pairs(word).filter(|pair| !taken.contains(pair));
            free.for_each(|pair| *counts.entry(pair).or_default() += n);
        }
        let name = |pair: [u32; 2]| pair.map(|id| names[id as usize].as_str()).concat();
        counts.retain(|&pair, n| *n >= OFTEN && !known.contains(&name(pair)));
        let best = counts.into_iter().max_by_key(|&(pair, n)| (n, std::cmp::Reverse(pair)));
        let Some((pair, _)) = best else { break };
        let (new, name) = (names.len() as u32, name(pair));
        known.insert(name.clone());
        names.push(name);
        parts.push(pair);
        let merged = words.iter().map(|(word, n)| (with_merged(word, pair, new), *n));
        words = merged.fold(Words::new(), |mut all, (word, n)| {
            *all.entry(word).or_default() += n;
            all
        });
    }
    parts
}

fn with_merged(word: &[u32], pair: [u32; 2], new: u32) -> Vec<u32> {
    let mut out: Vec<u32> = Vec::with_capacity(word.len());
    let mut at = 0;
    while at < word.len() {
        let here = word[at..].starts_with(&pair);
        out.push(if here { new } else { word[at] });
        at += if here { 2 } else { 1 };
    }
    out
}

/// Writes the new tokens, the last of `names`, into the tokenizer's file, before the special ones.
fn add(file: &mut Value, names: &[String], parts: &[[u32; 2]]) -> Option<()> {
    let first = names.len() - parts.len();
    let model = file.get_mut("model")?;
    for (i, pair) in parts.iter().enumerate() {
        let pair = pair.map(|id| names[id as usize].as_str());
        model.get_mut("vocab")?.as_object_mut()?.insert(names[first + i].clone(), json!(first + i));
        model.get_mut("merges")?.as_array_mut()?.push(json!(pair));
    }
    let specials = file.get_mut("added_tokens")?.as_array_mut()?;
    for (i, special) in specials.iter_mut().enumerate() {
        special["id"] = json!(names.len() + i);
    }
    (specials.len() == SPECIAL.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::write_front_files;
    use super::*;

    fn repeated(texts: [&'static str; 3]) -> impl Iterator<Item = String> + Send {
        (0..30).flat_map(move |_| texts).map(str::to_owned)
    }

    #[test]
    fn other_texts_keep_their_tokens() {
        let charts = ["ax.plot(north, south)", "plot the northern share", "a legend of shares"];
        let slides = ["harbour slides", "put the harbour on slides", "northern harbours share slides"];
        let (dir, spec) =
            (tempfile::tempdir().unwrap(), FrontSpec { vocab_size: 320, min_pixels: 4096, max_pixels: 8192 });
        let before = write_front_files(dir.path(), repeated(charts), spec).unwrap();
        let load = || Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
        let old = load();
        let extension = extend_front_files(dir.path(), repeated(charts), repeated(slides), 12, spec).unwrap();
        let new = load();
        let ids =
            |tokenizer: &Tokenizer, text: &str| tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        for text in charts {
            assert_eq!(ids(&new, text), ids(&old, text), "{text}");
        }
        for text in slides {
            let (short, long) = (ids(&new, text), ids(&old, text));
            assert!(short.len() < long.len(), "{short:?} {long:?}");
            assert_eq!(new.decode(&short, false).unwrap(), text);
        }
        // The seven special tokens follow the new ones.
        let n = extension.parts.len();
        assert_eq!(extension.summary.vocab_size, before.vocab_size + n);
        assert_eq!(extension.summary.pad_id, before.pad_id + n as u32);
        assert_eq!(extension.kept, before.pad_id);
        for (i, pair) in extension.parts.iter().enumerate() {
            let name = |id: u32| new.id_to_token(id).unwrap();
            assert_eq!(name(extension.kept + i as u32), name(pair[0]) + &name(pair[1]));
        }
        assert!((1..=12).contains(&n), "{n}");
    }
}
