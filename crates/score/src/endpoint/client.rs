//! Calls of an OpenAI-compatible server: retries with growing waits, and a cap on their number.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of a reply at most; a longer one is a failed try.
const MAX_REPLY: u64 = 4 << 20;
/// The longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(120);
/// Characters of a server's error that a message shows.
const SHOWN: usize = 160;

/// A client of one server. Thread safe; share it by reference.
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
    /// No call was made: the budget is spent, or an earlier call showed that none can succeed.
    NotAsked(&'static str),
    /// All calls failed; the reason of the last one.
    Failed(String),
}

impl Lack {
    /// The reason, for people.
    pub fn why(&self) -> &str {
        match self {
            Lack::NotAsked(why) => why,
            Lack::Failed(why) => why,
        }
    }
}

impl Reply {
    /// Whether it met the limit of tokens.
    pub fn is_cut(&self) -> bool {
        is_cut(self.finish_reason.as_deref())
    }
}

/// Whether an answer that ended for this reason met the limit of tokens.
pub fn is_cut(finish_reason: Option<&str>) -> bool {
    finish_reason == Some("length")
}

/// What to do after a call without a reply.
enum Next {
    Again(String, Option<Duration>),
    GiveUp(String),
    /// Give up for all requests.
    Close(String),
    /// As [`Next::Again`], and if no try gets further, give up for all requests.
    Unreached(String),
}

pub struct Settings<'a> {
    pub url: &'a str,
    /// The environment variable that holds the key.
    pub key_env: Option<&'a str>,
    /// Where the user gives `url` and `key_env`, for messages.
    pub options: [&'static str; 2],
    pub tries: u32,
    /// The wait before the second try; each further one is twice as long.
    pub wait: Duration,
    /// Calls at most, retries included.
    pub budget: u64,
    /// Limit of one call, from connecting to the last byte of the reply.
    pub timeout: Duration,
}

/// Tokens of one call, as the server counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read; `None` if the server does not say.
    pub prompt_tokens: Option<u64>,
    /// Tokens written; `None` if the server does not say.
    pub completion_tokens: Option<u64>,
}

/// A chat completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What the model wrote; empty if the message has no content.
    pub text: String,
    /// Why it ended, such as `stop` or `length`.
    pub finish_reason: Option<String>,
    /// The model's name as the server reports it.
    pub model: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

impl Client {
    pub fn new(s: &Settings<'_>) -> Result<Self> {
        let [url_option, key_option] = s.options;
        if !(s.url.starts_with("http://") || s.url.starts_with("https://")) {
            bail!("{url_option} `{}` is no address; help: give one such as https://HOST/v1", s.url);
        }
        let key = s.key_env.map(|name| {
            let key = std::env::var(name).ok().filter(|k| !k.trim().is_empty());
            key.with_context(|| {
                format!(
                    "the environment variable `{name}` of {key_option} is not set; help: set it to the key"
                )
            })
        });
        let config =
            ureq::Agent::config_builder().timeout_global(Some(s.timeout)).http_status_as_error(false);
        Ok(Self {
            agent: config.build().into(),
            url: address(s.url),
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

    /// The first reply that `good` accepts, with its value; other replies count as failed tries,
    /// for the reason that `good` returns.
    pub fn ask<T>(
        &self,
        request: &Value,
        good: impl Fn(&Reply) -> Result<T, String>,
    ) -> Result<(Reply, T), Lack> {
        let body = request.to_string();
        let (mut why, mut reached) = (None, false);
        for round in 0..self.tries {
            self.take().map_err(|lack| why.clone().map_or(lack, Lack::Failed))?;
            let next = match self.call(&body) {
                Ok(reply) => match good(&reply) {
                    Ok(value) => return Ok((reply, value)),
                    Err(failure) => Next::Again(failure, Some(Duration::ZERO)),
                },
                Err(next) => next,
            };
            reached |= !matches!(next, Next::Unreached(_));
            let (failure, after) = match next {
                Next::Again(failure, after) => (failure, after),
                Next::Unreached(failure) => (failure, None),
                Next::GiveUp(failure) => return Err(Lack::Failed(failure)),
                Next::Close(failure) => {
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
        // Without this, every further request would wait as long for a server that is gone.
        self.closed.fetch_or(!reached, Ordering::Relaxed);
        let tries = if self.tries == 1 { "1 try".into() } else { format!("{} tries", self.tries) };
        Err(Lack::Failed(format!("{} ({tries})", why.unwrap_or_default())))
    }

    /// Takes one call out of the budget.
    fn take(&self) -> Result<(), Lack> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Lack::NotAsked("the server refuses all calls or is gone"));
        }
        let take = |spent: u64| (spent < self.budget).then_some(spent + 1);
        let taken = self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(drop).map_err(|_| Lack::NotAsked("the budget of calls is spent"))
    }

    fn call(&self, body: &str) -> Result<Reply, Next> {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body).map_err(unanswered)?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(MAX_REPLY).read_to_string();
        let text = text.map_err(|e| Next::Again(format!("the reply is incomplete: {e}"), None))?;
        let failure = || format!("HTTP {status}: {}", short(&text));
        match status {
            200..=299 => reply(&text).ok_or_else(|| {
                Next::Again(format!("the reply is no chat completion: {}", short(&text)), None)
            }),
            408 | 409 | 425 | 429 | 500..=599 => {
                let after = after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Err(Next::Again(failure(), after))
            }
            401..=404 => Err(Next::Close(failure())),
            _ => Err(Next::GiveUp(failure())),
        }
    }
}

/// What to do after a call without any answer. A call that takes too long says nothing about the
/// next one; a connection that cannot be made probably does.
fn unanswered(error: ureq::Error) -> Next {
    let failure = format!("no reply: {error}");
    match error {
        ureq::Error::Timeout(_) => Next::Again(failure, None),
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => Next::Unreached(failure),
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => Next::Unreached(failure),
        _ => Next::Again(failure, None),
    }
}

/// The address of chat completions. An address without a version, such as `/v1`, gets one.
fn address(url: &str) -> String {
    const END: &str = "/chat/completions";
    let base = url.trim_end_matches('/');
    if base.contains(END) {
        return base.to_owned();
    }
    let path = base.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let is_version =
        |part: &str| part.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    let version = if path.split('/').any(is_version) { "" } else { "/v1" };
    format!("{base}{version}{END}")
}

/// A chat completion from its text; `None` if it is none.
fn reply(text: &str) -> Option<Reply> {
    let value: Value = serde_json::from_str(text).ok()?;
    let choice = value["choices"].get(0)?;
    let content = match &choice["message"].as_object()?.get("content") {
        // A refusal, or an answer whose tokens were all spent before its text began.
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // Some servers give a list of parts.
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Some(_) => return None,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Reply {
        text: content,
        finish_reason: text(&choice["finish_reason"]),
        model: text(&value["model"]),
        usage: Usage {
            prompt_tokens: value["usage"]["prompt_tokens"].as_u64(),
            completion_tokens: value["usage"]["completion_tokens"].as_u64(),
        },
    })
}

/// The beginning of a text, on one line.
pub(crate) fn short(text: &str) -> String {
    let line = crate::report::clean_line(text);
    let cut: String = line.chars().take(SHOWN).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_its_version() {
        let chat = "http://h:1/v1/chat/completions";
        for url in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", chat] {
            assert_eq!(address(url), chat, "{url}");
        }
        for (url, want) in [
            ("https://h/team", "https://h/team/v1/chat/completions"),
            ("https://h/v1beta/openai", "https://h/v1beta/openai/chat/completions"),
            ("https://h/x/chat/completions?version=2", "https://h/x/chat/completions?version=2"),
        ] {
            assert_eq!(address(url), want);
        }
    }

    #[test]
    fn a_completion_is_read_as_far_as_it_goes() {
        let whole = r#"{"model":"m","choices":[{"message":{"content":"a"},"finish_reason":"length"}],
                        "usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
        let usage = Usage { prompt_tokens: Some(3), completion_tokens: Some(4) };
        let (finish_reason, model) = (Some("length".into()), Some("m".into()));
        assert_eq!(reply(whole), Some(Reply { text: "a".into(), finish_reason, model, usage }));
        for (content, want) in [
            (r#"{"content":null}"#, Some("")),
            ("{}", Some("")),
            (r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#, Some("ab")),
            (r#"{"content":3}"#, None),
            ("3", None),
        ] {
            let got = reply(&format!(r#"{{"choices":[{{"message":{content}}}]}}"#));
            assert_eq!(got.as_ref().map(|r| r.text.as_str()), want, "{content}");
            assert!(got.is_none_or(|r| r.usage == Usage::default()), "unknown tokens are not 0");
        }
        for bad in ["", "{", "[]", r#"{"choices":[]}"#, r#"{"error":"x"}"#] {
            assert_eq!(reply(bad), None, "{bad}");
        }
    }
}
