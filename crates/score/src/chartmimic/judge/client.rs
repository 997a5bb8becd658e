//! Calls of an OpenAI-compatible server: retries with growing waits, and a cap on their number.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of a reply at most; a longer one is a failed try.
const MAX_REPLY: u64 = 4 << 20;
/// The longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(120);
/// Characters of a server's error that a message shows.
const SHOWN: usize = 160;

/// A client of one server.
pub struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
    tries: u32,
    wait: Duration,
    budget: u64,
    spent: AtomicU64,
    /// Set when no call can succeed any more.
    closed: AtomicBool,
}

/// Why there is no reply.
#[derive(Debug, PartialEq)]
pub enum Lack {
    /// No call was made: the budget is spent, or an earlier answer said that none can succeed.
    NotAsked(&'static str),
    /// All calls failed; the reason of the last one.
    Failed(String),
}

/// What to do after a call without a reply.
enum Next {
    Again(String, Option<Duration>),
    GiveUp(String),
    /// Give up for all pairs.
    Close(String),
}

pub struct Settings<'a> {
    pub url: &'a str,
    pub key_env: Option<&'a str>,
    pub tries: u32,
    pub wait: Duration,
    pub budget: u64,
    pub timeout: Duration,
}

impl Client {
    pub fn new(s: &Settings<'_>) -> Result<Self> {
        if !(s.url.starts_with("http://") || s.url.starts_with("https://")) {
            bail!("--judge-url `{}` is no address; help: give one such as https://HOST/v1", s.url);
        }
        let base = s.url.trim_end_matches('/');
        let end = "/chat/completions";
        let url = if base.ends_with(end) { base.to_owned() } else { format!("{base}{end}") };
        let key = s.key_env.map(|name| {
            let key = std::env::var(name).ok().filter(|k| !k.trim().is_empty());
            key.with_context(|| {
                format!(
                    "the environment variable `{name}` of --judge-key-env is not set; help: set it to the key"
                )
            })
        });
        let config =
            ureq::Agent::config_builder().timeout_global(Some(s.timeout)).http_status_as_error(false);
        Ok(Self {
            agent: config.build().into(),
            url,
            key: key.transpose()?.map(|k| k.trim().to_owned()),
            tries: s.tries,
            wait: s.wait,
            budget: s.budget,
            spent: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Calls made so far.
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// The first reply that `good` accepts, with its value; other replies count as failed tries.
    pub fn ask<T>(&self, request: &Value, good: impl Fn(&str) -> Option<T>) -> Result<(String, T), Lack> {
        let body = request.to_string();
        let mut why = None;
        for round in 0..self.tries {
            self.take().map_err(|lack| why.clone().map_or(lack, Lack::Failed))?;
            let (failure, after) = match self.call(&body) {
                Ok(text) => match good(&text) {
                    Some(value) => return Ok((text, value)),
                    None => (format!("the reply holds no score: {}", short(&text)), Some(Duration::ZERO)),
                },
                Err(Next::Again(failure, after)) => (failure, after),
                Err(Next::GiveUp(failure)) => return Err(Lack::Failed(failure)),
                Err(Next::Close(failure)) => {
                    self.closed.store(true, Ordering::Relaxed);
                    return Err(Lack::Failed(failure));
                }
            };
            why = Some(failure);
            if round + 1 < self.tries {
                let wait = self.wait.saturating_mul(1u32.checked_shl(round).unwrap_or(u32::MAX));
                std::thread::sleep(after.unwrap_or(wait).min(MAX_WAIT));
            }
        }
        let tries = if self.tries == 1 { "1 try".into() } else { format!("{} tries", self.tries) };
        Err(Lack::Failed(format!("{} ({tries})", why.unwrap_or_default())))
    }

    /// Takes one call out of the budget.
    fn take(&self) -> Result<(), Lack> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Lack::NotAsked("the server refuses all calls"));
        }
        let take = |spent: u64| (spent < self.budget).then_some(spent + 1);
        let taken = self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(drop).map_err(|_| Lack::NotAsked("the budget of calls is spent"))
    }

    fn call(&self, body: &str) -> Result<String, Next> {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body).map_err(|e| Next::Again(format!("no reply: {e}"), None))?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(MAX_REPLY).read_to_string();
        let text = text.map_err(|e| Next::Again(format!("the reply is incomplete: {e}"), None))?;
        let failure = || format!("HTTP {status}: {}", short(&text));
        match status {
            200..=299 => content(&text).ok_or_else(|| {
                Next::Again(format!("the reply is no chat completion: {}", short(&text)), None)
            }),
            408 | 409 | 425 | 429 | 500..=599 => Err(Next::Again(failure(), after.map(Duration::from_secs))),
            401..=404 => Err(Next::Close(failure())),
            _ => Err(Next::GiveUp(failure())),
        }
    }
}

/// The text of a chat completion.
fn content(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    value["choices"][0]["message"]["content"].as_str().map(str::to_owned)
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let line = crate::report::clean_line(text);
    let cut: String = line.chars().take(SHOWN).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}
