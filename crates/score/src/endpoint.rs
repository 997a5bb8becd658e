//! OpenAI-compatible servers of chat completions: judges of pictures, and models that answer the
//! questions of a benchmark.
//!
//! The client is in this crate and not in `policy`, because the build without models must reach
//! servers too, and `policy` brings the tensor crates with it. The judges of this crate use the
//! same client.

pub(crate) mod answers;
pub(crate) mod client;
mod request;

pub use client::{Lack, Reply, Usage};
pub(crate) use request::picture;
pub use request::{LimitField, Limits, Sampling, media_type};

use anyhow::{Result, bail};
use client::{Client, Settings};
use serde_json::Value;
use std::time::Duration;

/// A server whose model answers, and how it is asked.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The server, such as http://127.0.0.1:8000/v1; the version may be left out.
    pub url: String,
    /// The name under which it serves the model.
    pub model: String,
    /// The environment variable that holds the key.
    pub key_env: Option<String>,
    /// How the model samples.
    pub sampling: Sampling,
    /// The field that holds the limit of tokens.
    pub limit_field: LimitField,
    /// Requests at the same time.
    pub concurrency: u16,
    /// Tries for each question.
    pub tries: u32,
    /// Seconds before the second try; each further wait is twice as long.
    pub wait: f64,
    /// Seconds that a request may take.
    pub timeout: u64,
    /// Whether questions may stay without an answer; they then count as failed.
    pub allow_missing: bool,
}

/// A server whose model answers. Thread safe; share it by reference.
pub struct Endpoint {
    client: Client,
    config: EndpointConfig,
}

impl Endpoint {
    /// Checks the settings; no request is made.
    ///
    /// # Errors
    /// Returns an error for values that cannot be used, with the option that sets them.
    pub fn new(config: EndpointConfig) -> Result<Self> {
        if !(config.wait.is_finite() && (0.0..=600.0).contains(&config.wait)) {
            bail!("--endpoint-wait {} is not a valid wait; help: give seconds from 0 to 600", config.wait);
        }
        config.sampling.check()?;
        let client = Client::new(&Settings {
            url: &config.url,
            key_env: config.key_env.as_deref(),
            options: ["--endpoint", "--endpoint-key-env"],
            tries: config.tries,
            wait: Duration::from_secs_f64(config.wait),
            budget: u64::MAX,
            timeout: Duration::from_secs(config.timeout),
        })?;
        Ok(Self { client, config })
    }

    /// How it is asked.
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// The completion of one user turn: pictures (PNG or JPEG files), then the prompt.
    ///
    /// # Errors
    /// Returns an error that says why the server gave no completion in all tries.
    pub fn complete(&self, pictures: &[Vec<u8>], prompt: &str) -> Result<Reply, Lack> {
        self.send(&self.config.request(request::turn(pictures, prompt, picture)))
    }

    /// The request of [`Self::complete`] as it is saved: a picture is the hash of its file.
    pub fn saved_request(&self, pictures: &[Vec<u8>], prompt: &str) -> Value {
        self.config.request(request::turn(pictures, prompt, request::picture_hash))
    }

    fn send(&self, request: &Value) -> Result<Reply, Lack> {
        self.client.ask(request, |_| Ok(())).map(|(reply, ())| reply)
    }
}
