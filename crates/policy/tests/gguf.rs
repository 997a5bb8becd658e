//! A converted GGUF file is the model that transformers reads from it, with the published
//! tokenizer. `fixtures/parity/gguf/make.py` made the file and the numbers.

use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Image, Message, Role};
use vsdpo_policy::{Policy, SampleConfig, convert_gguf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/gguf").join(name)
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn a_converted_file_is_the_model_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    convert_gguf(&fixture("tiny.gguf"), &dir).unwrap();
    let policy = Policy::load(&dir).unwrap();
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(fixture("tiny.json")).unwrap()).unwrap();
    let all = ids(&expected["ids"]);
    let prompt = policy.prompt(all[..1].to_vec(), Vec::new()).unwrap();
    let ours = policy.logprobs(&prompt, &all[1..]).unwrap();
    let theirs = expected["logps"].as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let theirs = theirs.as_f64().unwrap() as f32;
        assert!((ours - theirs).abs() <= 1e-5 * theirs.abs().max(10.0), "{ours} {theirs}");
    }
    for text in expected["texts"].as_array().unwrap() {
        let words = text[0].as_str().unwrap();
        assert_eq!(policy.tokenizer().encode(words).unwrap(), ids(&text[1]), "{words:?}");
    }
    // The sampler computes what the forward pass computes.
    let chat = [Message::text(Role::User, "Draw it.")];
    let prompt = policy.encode(&chat).unwrap();
    let greedy = SampleConfig { max_completion_tokens: 12, temperature: 0.0, ..Default::default() };
    let sampled = &policy.sample(std::slice::from_ref(&prompt), 1, &greedy, 0).unwrap()[0];
    let again = policy.logprobs(&prompt, &sampled.tokens).unwrap();
    let difference = sampled.logprobs.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-4, "{difference}");
    // What it saves loads again.
    let saved = folder.path().join("saved");
    policy.save(&saved).unwrap();
    let reloaded = Policy::load(&saved).unwrap();
    assert_eq!(reloaded.logprobs(&prompt, &sampled.tokens).unwrap(), again);
}

#[test]
fn what_cannot_be_converted_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = std::fs::read(fixture("tiny.gguf")).unwrap();
    let message = |bytes: &[u8]| {
        std::fs::write(path("x.gguf"), bytes).unwrap();
        let message = convert_gguf(&path("x.gguf"), &path("out")).unwrap_err().to_string();
        assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1, "something is left: {message}");
        message.replace(&path("x.gguf").display().to_string(), "x.gguf")
    };
    assert!(message(b"PK\x03\x04").starts_with("x.gguf: is not a whole GGUF file"));
    assert!(message(&whole[..5000]).starts_with("x.gguf: "));
    assert!(message(&whole[..300_000]).contains("cannot be read"), "{}", message(&whole[..300_000]));
    let replaced = |from: &[u8], to: &[u8]| {
        let at = whole.windows(from.len()).position(|part| part == from).unwrap();
        [&whole[..at], to, &whole[at + from.len()..]].concat()
    };
    let other = message(&replaced(b"smollm", b"smoLLM"));
    assert!(
        other.starts_with("x.gguf: key `tokenizer.ggml.pre` is \"smoLLM\", which is not known; help: gpt-2")
    );
    let other = message(&replaced(b"blk.0.ffn_up", b"blk.0.ffn_xy"));
    assert!(other.starts_with("x.gguf: tensor `blk.0.ffn_up.weight` is missing"), "{other}");
}

#[test]
fn a_model_without_eyes_refuses_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    convert_gguf(&fixture("tiny.gguf"), &dir).unwrap();
    let policy = Policy::load(&dir).unwrap();
    let picture = Image { width: 32, height: 32, rgba: vec![255; 32 * 32 * 4].into() };
    let message = Message::new(Role::User, vec![vsdpo_artifact::Content::Image(picture)]);
    let error = policy.encode(&[message]).unwrap_err().to_string();
    assert!(error.starts_with("the prompt has 1 pictures, and this model reads none; help: "), "{error}");
}
