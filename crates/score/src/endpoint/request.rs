//! Requests of chat completions.

use super::EndpointConfig;
use crate::files::sha256;
use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a model samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the most likely token.
    pub temperature: f64,
    /// The share of probability that tokens are drawn from, at most 1.
    pub top_p: f64,
    /// Maximum number of tokens of an answer.
    pub max_completion_tokens: usize,
    /// Seed of the random draws.
    pub seed: u64,
    /// What else changes the distribution. Servers are not asked for it.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// Settings that change the distribution of tokens beyond temperature and nucleus.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// So many of the most likely tokens are drawn from; 0 means all.
    pub top_k: usize,
    /// Factor against tokens that occurred; 1 is none.
    pub repetition_penalty: f64,
    /// Subtracted from the logits of an answer's tokens; 0 is none.
    pub presence_penalty: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { top_k: 0, repetition_penalty: 1.0, presence_penalty: 0.0 }
    }
}

impl Limits {
    /// Whether nothing is changed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Sampling {
    /// # Errors
    /// Returns an error for values that no server accepts.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            bail!("--temperature {} is no temperature; help: give 0 or more", self.temperature);
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            bail!("--top-p {} is no share; help: give more than 0 and at most 1", self.top_p);
        }
        Ok(())
    }
}

/// The field of a request that holds the limit of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    /// `max_tokens`, which every server honours or refuses with a reason.
    MaxTokens,
    /// `max_completion_tokens`, which some models require, and which older servers ignore without
    /// a word.
    MaxCompletionTokens,
}

impl LimitField {
    fn name(self) -> &'static str {
        match self {
            LimitField::MaxTokens => "max_tokens",
            LimitField::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

impl EndpointConfig {
    /// The request of a completion. All settings are sent, because servers have defaults of their
    /// own, also per model.
    pub(super) fn request(&self, messages: Value) -> Value {
        let Sampling { temperature, top_p, max_completion_tokens, seed, .. } = self.sampling;
        json!({
            "model": self.model,
            "messages": messages,
            "temperature": temperature,
            "top_p": top_p,
            self.limit_field.name(): max_completion_tokens,
            "seed": seed,
        })
    }
}

/// One user turn as the policy is asked in training and evaluation: the pictures, then the prompt.
/// Without a picture the content is plain text, which every chat template can read.
pub(super) fn turn(pictures: &[Vec<u8>], prompt: &str, part: impl Fn(&[u8]) -> Value) -> Value {
    if pictures.is_empty() {
        return json!([{"role": "user", "content": prompt}]);
    }
    let text = json!({"type": "text", "text": prompt});
    let content: Vec<Value> = pictures.iter().map(|bytes| part(bytes)).chain([text]).collect();
    json!([{"role": "user", "content": content}])
}

/// A picture as a part of a message: a data URL.
pub(crate) fn picture(bytes: &[u8]) -> Value {
    let (media, data) = (media_type(bytes).unwrap_or("image/png"), STANDARD.encode(bytes));
    json!({"type": "image_url", "image_url": {"url": format!("data:{media};base64,{data}")}})
}

/// A picture as it is saved with an answer: the SHA-256 of its file.
pub(super) fn picture_hash(bytes: &[u8]) -> Value {
    json!({"type": "image_url", "image_url": {"url": format!("sha256:{}", sha256(bytes))}})
}

/// The media type of a picture's file, if it is PNG or JPEG.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        _ => None,
    }
}
