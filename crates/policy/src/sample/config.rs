//! Sampling settings, and those that a model's publisher recommends.

use crate::node::{Node, read_json};
use crate::{Dtype, PolicyError};
use std::path::Path;

/// Sampling settings. The default is pure: tokens are drawn from the model's own distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleConfig {
    /// Maximum length of a completion in tokens, including the end token.
    pub max_completion_tokens: usize,
    /// Divides the logits; 0 means greedy sampling.
    pub temperature: f32,
    /// Nucleus sampling: keeps the most likely tokens up to this total probability; 1 keeps all.
    pub top_p: f32,
    /// Keeps so many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Divides the positive logits, and multiplies the negative ones, of every token of the prompt
    /// and the completion so far; 1 changes nothing. As in transformers.
    pub repetition_penalty: f32,
    /// Subtracted from the logit of every token that the completion holds already; 0 changes
    /// nothing. As in vLLM.
    pub presence_penalty: f32,
    /// Most completions in memory at once: the next one begins when another ends. Memory only, as
    /// every completion has its own random stream.
    pub max_rows: usize,
    /// Number format of cached keys and values. bf16 halves their memory and changes
    /// log-probabilities a little (by at most 0.033 in a test's random model).
    pub cache: Dtype,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self {
            max_completion_tokens: 256,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            max_rows: usize::MAX,
            cache: Dtype::F32,
        }
    }
}

impl SampleConfig {
    /// Whether tokens are penalised for having occurred.
    pub(super) fn penalises(&self) -> bool {
        self.repetition_penalty != 1.0 || self.presence_penalty != 0.0
    }

    /// Returns an error for settings out of range.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let wrong = |message: String| Err(PolicyError::input("sampling", message));
        if self.max_completion_tokens == 0 {
            return wrong("max_completion_tokens is 0; help: set it to at least 1".into());
        }
        if self.max_rows == 0 {
            return wrong("max_rows is 0; help: set it to at least 1".into());
        }
        let temperature = self.temperature;
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return wrong(format!("temperature is {temperature}; help: set it to 0 (greedy) or above"));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong(format!("top_p is {}; help: set it above 0 and to at most 1", self.top_p));
        }
        let repetition = self.repetition_penalty;
        if !(repetition > 0.0 && repetition.is_finite()) {
            return wrong(format!("repetition_penalty is {repetition}; help: set it above 0 (1 is off)"));
        }
        if !self.presence_penalty.is_finite() {
            return wrong("presence_penalty is not finite; help: set it to a number (0 is off)".into());
        }
        Ok(())
    }
}

/// How the publisher of the model in the folder `dir` samples: its `generation_config.json`, with
/// the limits of `pure`. Where it has no such file, or one that recommends nothing (temperature 1
/// without limits, as the embedded models have), these are the settings of `pure`.
///
/// # Errors
/// A file that is not JSON, or holds values that cannot be used.
pub fn recommended(dir: &Path, pure: &SampleConfig) -> Result<SampleConfig, PolicyError> {
    let path = dir.join("generation_config.json");
    if !path.is_file() {
        return Ok(*pure);
    }
    let value = read_json(&path, "copy it from the original model folder")?;
    let root = Node::root(&value, &path);
    let number = |key: &str, default: f32| match value.get(key) {
        None | Some(serde_json::Value::Null) => Ok(default),
        Some(_) => root.f64(key).map(|v| v as f32),
    };
    let top_k = match value.get("top_k") {
        None | Some(serde_json::Value::Null) => 0,
        Some(_) => root.usize("top_k")?,
    };
    let found = SampleConfig {
        temperature: number("temperature", 1.0)?,
        top_p: number("top_p", 1.0)?,
        top_k,
        repetition_penalty: number("repetition_penalty", 1.0)?,
        presence_penalty: number("presence_penalty", 0.0)?,
        ..SampleConfig { max_completion_tokens: pure.max_completion_tokens, ..SampleConfig::default() }
    };
    let limits = SampleConfig { max_rows: pure.max_rows, cache: pure.cache, ..found };
    let greedy = value.get("do_sample").and_then(serde_json::Value::as_bool) == Some(false);
    let plain = SampleConfig { max_completion_tokens: pure.max_completion_tokens, ..SampleConfig::default() };
    let limits = match (greedy, found == plain) {
        (true, _) => SampleConfig { temperature: 0.0, ..limits },
        (false, true) => return Ok(*pure),
        (false, false) => limits,
    };
    limits.check().map_err(|e| PolicyError::corrupt(&path, e))?;
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_published_model_is_read_and_one_without_limits_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let pure =
            SampleConfig { max_completion_tokens: 9, temperature: 0.0, max_rows: 4, ..Default::default() };
        let read = |text: &str| {
            std::fs::write(dir.path().join("generation_config.json"), text).unwrap();
            recommended(dir.path(), &pure)
        };
        assert_eq!(recommended(dir.path(), &pure).unwrap(), pure, "no file");
        // As published with Qwen3-VL-2B-Instruct.
        let text = r#"{"do_sample": true, "pad_token_id": 151643, "top_k": 20, "top_p": 0.8,
            "repetition_penalty": 1.0, "temperature": 0.7, "eos_token_id": [151645, 151643]}"#;
        let want = SampleConfig { temperature: 0.7, top_p: 0.8, top_k: 20, ..pure };
        assert_eq!(read(text).unwrap(), want);
        assert_eq!(read(r#"{"do_sample": true, "temperature": 1.0, "top_p": 1.0}"#).unwrap(), pure);
        let greedy = read(r#"{"do_sample": false, "top_k": 1}"#).unwrap();
        assert_eq!((greedy.temperature, greedy.top_k, greedy.max_rows), (0.0, 1, 4));
        for (text, key) in [(r#"{"top_p": "a"}"#, "top_p"), (r#"{"top_p": 3}"#, "top_p is 3"), ("{", "EOF")] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("generation_config.json") && error.contains(key), "{error}");
        }
    }
}
