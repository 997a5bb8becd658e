//! The options of an OpenAI-compatible server whose model answers.

use anyhow::Result;
use clap::ValueEnum;
use std::path::PathBuf;
use vsdpo_score::endpoint::{Endpoint, EndpointConfig, LimitField, Sampling};

/// A server whose model answers in the place of --model.
#[derive(clap::Args)]
#[command(next_help_heading = "endpoint")]
#[group(skip)]
pub struct Options {
    /// URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1: its model answers.
    /// `/v1` may be left out.
    #[arg(long, value_name = "URL", requires = "served_model", conflicts_with = "model")]
    endpoint: Option<String>,
    /// The name under which the server has the model.
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    served_model: Option<String>,
    /// Name of the environment variable that holds the API key.
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    endpoint_key_env: Option<String>,
    /// Requests at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Maximum number of tries per question: after 429, 5xx, and failed connections.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=50))]
    endpoint_tries: u32,
    /// Seconds before the second try, if the server names none; doubled before each further try.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    endpoint_wait: f64,
    /// Time limit of a request in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    endpoint_timeout: u64,
    /// The field of the request that holds the limit of tokens. Some hosted models want
    /// max-completion-tokens, which older servers ignore.
    #[arg(long, value_enum, value_name = "FIELD", default_value = "max-tokens")]
    limit_field: Field,
}

/// The field that holds the limit of tokens.
#[derive(Clone, Copy, ValueEnum)]
enum Field {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

impl Options {
    /// Whether a server answers.
    pub fn is_given(&self) -> bool {
        self.endpoint.is_some()
    }

    /// The server, if one is given.
    ///
    /// # Errors
    /// Returns an error for values that cannot be used, with the option that sets them.
    pub fn open(&self, sampling: Sampling, allow_missing: bool) -> Result<Option<Endpoint>> {
        let Some((url, model)) = self.endpoint.clone().zip(self.served_model.clone()) else {
            return Ok(None);
        };
        let config = EndpointConfig {
            url,
            model,
            key_env: self.endpoint_key_env.clone(),
            sampling,
            limit_field: match self.limit_field {
                Field::MaxTokens => LimitField::MaxTokens,
                Field::MaxCompletionTokens => LimitField::MaxCompletionTokens,
            },
            concurrency: self.concurrency,
            tries: self.endpoint_tries,
            wait: self.endpoint_wait,
            timeout: self.endpoint_timeout,
            allow_missing,
        };
        Endpoint::new(config).map(Some)
    }
}

/// The default folder of results: the model's name and the benchmark's, such as
/// `Qwen3-VL-8B-Instruct-chartmimic.scored`.
pub fn results_folder(model: &str, benchmark: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let last = model.rsplit('/').find(|part| !part.is_empty()).unwrap_or("model");
    let name: String = last.chars().map(plain).collect();
    PathBuf::from(format!("{}-{benchmark}.scored", name.trim_start_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_results_are_plain_names() {
        for (model, want) in [
            ("Qwen/Qwen2.5-VL-7B", "Qwen2.5-VL-7B-x.scored"),
            ("a b:c/", "a-b-c-x.scored"),
            ("../..", "-x.scored"),
            ("", "model-x.scored"),
        ] {
            assert_eq!(results_folder(model, "x"), PathBuf::from(want), "{model}");
        }
    }
}
