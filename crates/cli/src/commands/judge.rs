//! The options of a language model that judges pictures.

use vsdpo_score::chartmimic::JudgeConfig;

/// A judge, and how it is asked.
#[derive(clap::Args)]
#[group(skip)]
pub struct Judge {
    /// URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1.
    #[arg(long, value_name = "URL", requires = "judge_model")]
    judge_url: Option<String>,
    /// The model that judges. May be given several times. In `eval` the first one decides the
    /// row's High, and the others are compared with it.
    #[arg(long, value_name = "MODEL", requires = "judge_url")]
    judge_model: Vec<String>,
    /// Name of the environment variable that holds the API key.
    #[arg(long, value_name = "NAME", requires = "judge_url")]
    judge_key_env: Option<String>,
    /// Maximum number of calls in this run, retries included.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    judge_budget: u64,
    /// Maximum number of tries per pair.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=50))]
    judge_tries: u32,
    /// Seconds before the second try; doubled before each further try.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    judge_wait: f64,
    /// Pairs that are judged in parallel.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    judge_parallel: u16,
    /// Time limit of a call in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = clap::value_parser!(u64).range(1..=3600))]
    judge_timeout: u64,
}

impl Judge {
    /// The configuration, if a judge is given.
    pub fn config(&self) -> Option<JudgeConfig> {
        Some(JudgeConfig {
            url: self.judge_url.clone()?,
            models: self.judge_model.clone(),
            key_env: self.judge_key_env.clone(),
            budget: self.judge_budget,
            tries: self.judge_tries,
            wait: self.judge_wait,
            parallel: self.judge_parallel,
            timeout: self.judge_timeout,
        })
    }
}
