//! A policy's answers to the questions of a benchmark, as lines of `{"name", "response", "key"}`.
//! The key is a hash of everything that decides the answer: the next run reuses the lines whose key
//! is unchanged.

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Task, shortest};
use vsdpo_context::student_prompt;
use vsdpo_data::decode_picture;
use vsdpo_policy::{Loading, Policy, SampleConfig};
use vsdpo_score::endpoint::{Limits, Sampling};
use vsdpo_score::files::{folder_identity, hash, hash_bytes, make_folder, retain_lines};
use vsdpo_score::provenance::{Asking, prompts};
use vsdpo_score::questions::{Answered, Question, Questions};
use vsdpo_score::report::Reporter;

/// Questions answered in one batch: an interruption loses at most these answers.
pub const BLOCK: usize = 8;

/// The model that answers, and how it samples.
pub struct Answerer<'a> {
    /// A Hugging Face folder.
    pub model: &'a Path,
    /// The folder of a PEFT adapter of that model.
    pub adapter: Option<&'a Path>,
    /// How it is loaded.
    pub loading: Loading,
    /// Sampling of the answers.
    pub sampling: SampleConfig,
    /// Seed of the first block; block `k` uses `seed + k * 8`.
    pub seed: u64,
    /// Shows notes and progress.
    pub reporter: &'a dyn Reporter,
}

impl Answerer<'_> {
    /// The name of the model in results.
    pub fn name(&self) -> String {
        model_name(self.model, self.adapter)
    }
}

/// The name in results of a model's folder, with that of its adapter.
pub fn model_name(model: &Path, adapter: Option<&Path>) -> String {
    let model = model.display();
    adapter.map_or(model.to_string(), |adapter| format!("{model} with {}", adapter.display()))
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    response: String,
    key: String,
}

/// Answers the questions whose answers `out/responses.jsonl` does not hold yet, and returns that
/// file. The model is loaded only if an answer is missing.
///
/// # Errors
/// Returns an error if the model cannot be loaded, a question cannot be read or the file cannot be
/// written.
pub fn answer(asked: &Answerer, questions: &Questions, out: &Path) -> Result<Answered> {
    let file = answers(asked, questions, out)?;
    let texts = (0..questions.count).map(|i| Ok((questions.get)(i)?.prompt)).collect::<Result<Vec<_>>>()?;
    let s = &asked.sampling;
    let sampling = Sampling {
        temperature: shortest(s.temperature),
        top_p: shortest(s.top_p),
        max_completion_tokens: s.max_completion_tokens,
        seed: asked.seed,
        limits: Limits {
            top_k: s.top_k,
            repetition_penalty: shortest(s.repetition_penalty),
            presence_penalty: shortest(s.presence_penalty),
        },
    };
    let asking = Asking {
        model: asked.name(),
        server_models: Vec::new(),
        prompt: Some(prompts(questions.variant, texts.iter().map(String::as_str))),
        sampling,
        tokens: None,
    };
    Ok(Answered { file, asking })
}

fn answers(asked: &Answerer, questions: &Questions, out: &Path) -> Result<PathBuf> {
    make_folder(out)?;
    let path = out.join("responses.jsonl");
    let identity = identity(asked)?;
    let wanted = |i: usize| {
        let question = (questions.get)(i)?;
        Ok((key(&identity, &question), question.name))
    };
    let wanted: Vec<(String, String)> = (0..questions.count).map(wanted).collect::<Result<_>>()?;
    let known = kept(&path, &wanted.iter().map(|(key, name)| (name.as_str(), key.as_str())).collect())?;
    let open = |(_, name): &(String, String)| !known.contains(name);
    let left = wanted.iter().filter(|w| open(w)).count();
    if left == 0 {
        return Ok(path);
    }
    asked.reporter.begin("answering", left as u64);
    let policy = Policy::load_with(asked.model, asked.adapter, &asked.loading)?;
    let mut file = OpenOptions::new().append(true).create(true).open(&path).with_context(|| cannot(&path))?;
    let (mut first, mut cut) = (0, 0);
    for block in wanted.chunks(BLOCK) {
        if block.iter().any(open) {
            // Always the whole block, so that its random draws do not depend on the known answers.
            let prompt = |i: usize| Ok(policy.encode(&student_prompt(&task((questions.get)(i)?)?))?);
            let prompts = (first..first + block.len()).map(prompt).collect::<Result<Vec<_>>>()?;
            let seed = asked.seed.wrapping_add(first as u64);
            let answers = policy.sample(&prompts, 1, &asked.sampling, seed)?;
            let mut lines = String::new();
            for ((key, name), answer) in block.iter().zip(answers).filter(|(w, _)| open(w)) {
                cut += usize::from(!answer.finished);
                let line = Line { name: name.clone(), response: answer.text, key: key.clone() };
                lines.push_str(&(serde_json::to_string(&line)? + "\n"));
                asked.reporter.advance();
            }
            file.write_all(lines.as_bytes()).with_context(|| cannot(&path))?;
        }
        first += block.len();
    }
    asked.reporter.end();
    if cut > 0 {
        let limit = asked.sampling.max_completion_tokens;
        let help = "raise the limit with --max-tokens";
        asked.reporter.note(&format!("note: {cut} answers were cut after {limit} tokens; help: {help}"));
    }
    Ok(path)
}

/// The question as a task, so that the prompt is the one of training.
fn task(question: Question) -> Result<Task> {
    let images = question.pictures.iter().map(|bytes| {
        decode_picture(bytes).map_err(|why| anyhow!("the picture of `{}`: {why}", question.name))
    });
    let images = images.collect::<Result<_>>()?;
    let (id, prompt) = (question.name.clone(), question.prompt.clone());
    let language = question.domain.default_language();
    Ok(Task { id, prompt, images, ..Task::unspecified(question.domain, language) })
}

/// Identifies the model and the settings of sampling.
fn identity(asked: &Answerer) -> Result<String> {
    let s = &asked.sampling;
    let mut settings = format!("{} {} {} {}", s.temperature, s.top_p, s.max_completion_tokens, asked.seed);
    let limits = (s.top_k, s.repetition_penalty, s.presence_penalty, s.cache, asked.loading.max_pixels);
    let plain = SampleConfig::default();
    if limits != (plain.top_k, plain.repetition_penalty, plain.presence_penalty, plain.cache, None) {
        settings += &format!(" {limits:?}");
    }
    let adapter = asked.adapter.map(folder_identity).transpose()?;
    let parts = [Some(folder_identity(asked.model)?), Some(settings), adapter];
    Ok(hash(&parts.iter().flatten().map(String::as_str).collect::<Vec<_>>()))
}

/// A hash of everything that decides an answer.
fn key(identity: &str, question: &Question) -> String {
    let mut parts = vec![identity.as_bytes(), question.name.as_bytes(), question.prompt.as_bytes()];
    parts.extend(question.pictures.iter().map(Vec::as_slice));
    hash_bytes(&parts)
}

/// The names of the lines with the right key; all other lines are deleted from the file.
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
    use serde_json::{Value, json};
    use vsdpo_artifact::{Content, Domain, Image, Role};
    use vsdpo_score::endpoint::{Endpoint, EndpointConfig, LimitField};

    /// The turn of a folder as parts of a server's message.
    fn parts(question: Question) -> Vec<Value> {
        let messages = student_prompt(&task(question).unwrap());
        assert_eq!((messages.len(), messages[0].role), (1, Role::User));
        let part = |content: &Content| match content {
            Content::Text(text) => json!({"type": "text", "text": text}),
            Content::Image(_) => json!("picture"),
        };
        messages[0].content.iter().map(part).collect()
    }

    #[test]
    fn a_server_is_sent_the_turn_that_a_folder_is_asked() {
        let image = Image { width: 2, height: 1, rgba: vec![7; 8].into() };
        let picture = vsdpo_score::files::png(&image).unwrap();
        let server = Endpoint::new(EndpointConfig {
            url: "http://127.0.0.1:1".into(),
            model: "m".into(),
            key_env: None,
            sampling: Sampling {
                temperature: 0.0,
                top_p: 1.0,
                max_completion_tokens: 9,
                seed: 1,
                limits: Limits::default(),
            },
            limit_field: LimitField::MaxTokens,
            concurrency: 1,
            tries: 1,
            wait: 0.0,
            timeout: 1,
            allow_missing: false,
        });
        let server = server.unwrap();
        for pictures in [vec![], vec![picture.clone()], vec![picture; 2]] {
            let request = server.saved_request(&pictures, "Draw it.");
            let content = request["messages"][0]["content"].clone();
            let mut sent = match content {
                Value::String(text) => vec![json!({"type": "text", "text": text})],
                Value::Array(parts) => parts,
                other => panic!("{other}"),
            };
            for part in sent.iter_mut().filter(|part| part["type"] == "image_url") {
                *part = json!("picture");
            }
            let (name, prompt) = ("a".into(), "Draw it.".into());
            assert_eq!(sent, parts(Question { name, domain: Domain::Chart, prompt, pictures }));
            assert_eq!(request["messages"].as_array().map(Vec::len), Some(1));
        }
    }

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
