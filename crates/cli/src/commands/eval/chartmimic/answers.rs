//! A model's own answers to the benchmark's pictures (spec chartmimic, 1.2), as lines of the form that
//! `--responses` reads, with a key beside: what decides an answer. A line is believed on the next run if its
//! key still says the same.

use super::dataset::Dataset;
use super::files::{hash, hash_bytes, make_folder, retain_lines};
use crate::terminal;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use vsdpo_data::{Corpus, DataConfig, Record};
use vsdpo_policy::{Policy, SampleConfig};
use vsdpo_train::context::student_prompt;

/// Pictures answered at a time: what an interruption costs at most.
const BLOCK: usize = 8;

/// Who answers, and how.
pub struct Asked<'a> {
    pub model: &'a Path,
    pub sampling: SampleConfig,
    pub seed: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    response: String,
    key: String,
}

/// Asks for what `responses.jsonl` in `out` does not hold yet; gives the file.
pub fn answer(asked: &Asked, data: &Dataset, out: &Path) -> Result<PathBuf> {
    make_folder(out)?;
    let path = out.join("responses.jsonl");
    let corpus = pictures(&data.folder)?;
    let identity = identity(asked)?;
    let mut wanted = Vec::new();
    for i in 0..corpus.len() {
        let record = corpus.record(i)?;
        wanted.push((data.holds(&record.id), key(&identity, &record, &corpus)?, record.id));
    }
    let known = kept(&path, &wanted.iter().map(|(_, key, id)| (id.as_str(), key.as_str())).collect())?;
    let open = |(holds, _, id): &(bool, String, String)| *holds && !known.contains(id);
    let left = wanted.iter().filter(|w| open(w)).count();
    if left == 0 {
        return Ok(path);
    }
    let bar = terminal::progress("answering", left as u64);
    let policy = Policy::load(asked.model)?;
    let mut file = OpenOptions::new().append(true).create(true).open(&path).with_context(|| cannot(&path))?;
    let (mut first, mut cut) = (0, 0);
    for block in wanted.chunks(BLOCK) {
        if block.iter().any(open) {
            // The whole block, so that its random draws do not depend on what was known.
            let tasks =
                (0..block.len() as u64).map(|k| corpus.task(first + k)).collect::<Result<Vec<_>, _>>()?;
            let prompts = tasks.iter().map(|t| policy.encode(&student_prompt(t)));
            let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
            let answers = policy.sample(&prompts, 1, &asked.sampling, asked.seed.wrapping_add(first))?;
            let mut lines = String::new();
            for ((_, key, id), answer) in block.iter().zip(answers).filter(|(w, _)| open(w)) {
                cut += usize::from(!answer.finished);
                let line = Line { name: id.clone(), response: answer.text, key: key.clone() };
                lines.push_str(&(serde_json::to_string(&line)? + "\n"));
                bar.inc(1);
            }
            file.write_all(lines.as_bytes()).with_context(|| cannot(&path))?;
        }
        first += block.len() as u64;
    }
    bar.finish_and_clear();
    if cut > 0 {
        let limit = asked.sampling.max_completion_tokens;
        terminal::remark(&format!(
            "note: {cut} answers were cut after {limit} tokens; --max-tokens gives more room"
        ));
    }
    Ok(path)
}

/// The benchmark as tasks. Examples without a picture are told of: the model cannot be asked.
fn pictures(folder: &Path) -> Result<Corpus> {
    let config = DataConfig { kind: "chartmimic".into(), path: folder.into(), ..DataConfig::default() };
    let mut blind = 0;
    let corpus = Corpus::open(&config, &mut |_| blind += 1)?;
    if blind > 0 {
        terminal::remark(&format!(
            "note: {blind} examples have no PNG or no code, and stay without an answer"
        ));
    }
    Ok(corpus)
}

/// Names the model and the settings. Weights are told apart by size and time, not read through.
fn identity(asked: &Asked) -> Result<String> {
    let shown = || format!("cannot read the model folder `{}`", asked.model.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(asked.model).with_context(shown)? {
        let entry = entry.with_context(shown)?;
        let facts = std::fs::metadata(entry.path()).with_context(shown)?;
        if facts.is_file() {
            files.push(format!("{:?} {} {:?}", entry.file_name(), facts.len(), facts.modified().ok()));
        }
    }
    files.sort();
    let s = &asked.sampling;
    let settings = format!("{} {} {} {}", s.temperature, s.top_p, s.max_completion_tokens, asked.seed);
    Ok(hash(&[&files.join("\n"), &settings]))
}

/// What decides an answer.
fn key(identity: &str, record: &Record, corpus: &Corpus) -> Result<String> {
    let pictures = record.pictures.iter().map(|p| corpus.picture(p)).collect::<Result<Vec<_>, _>>()?;
    let mut parts = vec![identity.as_bytes(), record.id.as_bytes(), record.prompt.as_bytes()];
    parts.extend(pictures.iter().map(Vec::as_slice));
    Ok(hash_bytes(&parts))
}

/// Names of the lines that still hold; the others are taken out of the file.
fn kept(path: &Path, keys: &BTreeMap<&str, &str>) -> Result<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    retain_lines(path, |line| {
        let Ok(row) = serde_json::from_slice::<Line>(line) else { return false };
        keys.get(row.name.as_str()) == Some(&row.key.as_str()) && known.insert(row.name)
    })?;
    Ok(known)
}

fn cannot(path: &Path) -> String {
    format!("cannot write `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_with_the_right_key_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("responses.jsonl");
        let keys = [("a", "1"), ("b", "2"), ("c", "3")].into();
        assert!(kept(&path, &keys).unwrap().is_empty());
        let line =
            |name: &str, key: &str| format!("{{\"name\":\"{name}\",\"response\":\"x\",\"key\":\"{key}\"}}\n");
        let text = line("a", "1") + &line("b", "old") + &line("a", "1") + "{\"name\":\"c\",\"resp";
        std::fs::write(&path, text).unwrap();
        assert_eq!(kept(&path, &keys).unwrap().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line("a", "1"));
    }
}
