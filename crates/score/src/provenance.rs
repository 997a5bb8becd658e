//! What decides a result besides the answers: two results compare only if it is the same.

use crate::endpoint::{Sampling, Usage};
use crate::files::sha256;
use crate::report::clean_line;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a result comes from. What is not known is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of this program.
    pub visual_sdpo: String,
    /// How the model was asked; `None` for answers that somebody else collected.
    pub asking: Option<Asking>,
    /// The models that judged pictures.
    pub judges: Vec<String>,
    /// The version of matplotlib that drew charts; `None` if none was drawn.
    pub matplotlib: Option<String>,
    /// How the numbers of examples become one.
    pub aggregation: String,
}

/// How a model was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// The model's folder, or the name that it is served under.
    pub model: String,
    /// The names of the model that the server reports; empty for a folder.
    pub server_models: Vec<String>,
    /// The prompts; `None` if they are not recorded.
    pub prompt: Option<PromptId>,
    /// How it sampled.
    pub sampling: Sampling,
    /// What it cost; `None` for a folder.
    pub tokens: Option<Tokens>,
}

/// Identifies the prompts of a benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptId {
    /// The benchmark's name of the variant, or ours.
    pub variant: String,
    /// SHA-256 of the texts of all prompts in order, a line feed after each; its first 16 digits.
    pub sha256: String,
}

/// Tokens of many answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Tokens read.
    pub prompt: u64,
    /// Tokens written.
    pub completion: u64,
    /// Answers whose tokens the server did not report; they are not in the sums.
    pub unknown_answers: usize,
}

impl Tokens {
    /// The sums of the answers of which both numbers are known.
    pub fn of<'a>(answers: impl Iterator<Item = &'a Usage>) -> Self {
        let mut sum = Self::default();
        for usage in answers {
            match (usage.prompt_tokens, usage.completion_tokens) {
                (Some(prompt), Some(completion)) => {
                    sum.prompt = sum.prompt.saturating_add(prompt);
                    sum.completion = sum.completion.saturating_add(completion);
                }
                _ => sum.unknown_answers += 1,
            }
        }
        sum
    }

    /// For people.
    pub fn shown(&self) -> String {
        let unknown = match self.unknown_answers {
            0 => String::new(),
            n => format!("; of {n} answers the server does not report them"),
        };
        format!("tokens: {} read, {} written{unknown}", self.prompt, self.completion)
    }
}

/// Identifies prompts by their texts.
pub fn prompts<'a>(variant: &str, texts: impl Iterator<Item = &'a str>) -> PromptId {
    let all: String = texts.flat_map(|text| [text, "\n"]).collect();
    let mut sha256 = sha256(all.as_bytes());
    sha256.truncate(16);
    PromptId { variant: variant.to_owned(), sha256 }
}

impl Provenance {
    /// The provenance of a result of this program.
    pub fn new(asking: Option<Asking>, aggregation: impl Into<String>) -> Self {
        Self {
            visual_sdpo: env!("CARGO_PKG_VERSION").to_owned(),
            asking,
            judges: Vec::new(),
            matplotlib: None,
            aggregation: aggregation.into(),
        }
    }

    /// One line for people, with its end.
    pub fn line(&self) -> String {
        let asked = self.asking.as_ref().map_or("model, prompt and sampling unknown".into(), Asking::shown);
        let judges = if self.judges.is_empty() { "none".into() } else { self.judges.join(", ") };
        let matplotlib = self.matplotlib.as_deref().unwrap_or("not used");
        let line = format!(
            "provenance: visual-sdpo {}; {asked}; judge {judges}; matplotlib {matplotlib}; {}",
            self.visual_sdpo, self.aggregation
        );
        clean_line(&line) + "\n"
    }
}

impl Asking {
    fn shown(&self) -> String {
        let reported = match self.server_models.as_slice() {
            [] => String::new(),
            names => format!(" (the server reports {})", names.join(", ")),
        };
        let prompt = match &self.prompt {
            Some(prompt) => format!("prompt {} {}", prompt.variant, prompt.sha256),
            None => "prompt unknown".to_owned(),
        };
        let Sampling { temperature, top_p, max_completion_tokens, seed, limits } = self.sampling;
        let limits = match limits.is_none() {
            true => String::new(),
            false => format!(
                "top-k {}, repetition penalty {}, presence penalty {}, ",
                limits.top_k, limits.repetition_penalty, limits.presence_penalty
            ),
        };
        format!(
            "model {}{reported}; {prompt}; temperature {temperature}, top-p {top_p}, {limits}at most \
             {max_completion_tokens} tokens, seed {seed}",
            self.model
        )
    }
}

/// Fields that name what is compared, and do not decide how it was measured.
const OF_THE_MODEL: [&str; 3] = ["asking.model", "asking.server_models", "asking.tokens"];

/// What differs between the provenances of two summaries, as `field (value, value)`. Empty if one
/// of them has none.
pub fn differences(a: &Value, b: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let [a, b] = [a, b].map(|summary| &summary["provenance"]);
    if a.is_object() && b.is_object() {
        differ("", a, b, &mut found);
    }
    found
}

fn differ(path: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    if a == b || OF_THE_MODEL.contains(&path) {
        return;
    }
    let (Some(fields), Some(_)) = (a.as_object(), b.as_object()) else {
        let shown = |value: &Value| match value {
            Value::Null => "unknown".to_owned(),
            Value::Object(_) => "known".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        found.push(format!("{path} ({}, {})", shown(a), shown(b)));
        return;
    };
    for field in fields.keys() {
        let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        differ(&path, &a[field], &b[field], found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn usage(prompt: Option<u64>, completion: Option<u64>) -> Usage {
        Usage { prompt_tokens: prompt, completion_tokens: completion }
    }

    #[test]
    fn unknown_tokens_are_counted_and_not_summed() {
        let all = [usage(Some(3), Some(4)), usage(Some(9), None), usage(Some(1), Some(2)), usage(None, None)];
        let sum = Tokens::of(all.iter());
        assert_eq!(sum, Tokens { prompt: 4, completion: 6, unknown_answers: 2 });
        assert!(sum.shown().contains("4 read, 6 written; of 2 answers"), "{}", sum.shown());
    }

    #[test]
    fn what_is_measured_may_differ_and_how_may_not() {
        let sampling = Sampling {
            temperature: 0.0,
            top_p: 1.0,
            max_completion_tokens: 9,
            seed: 1,
            limits: Default::default(),
        };
        let of = |model: &str, temperature| {
            let sampling = Sampling { temperature, ..sampling };
            let prompt = Some(prompts("direct", ["a", "b"].into_iter()));
            let asking =
                Asking { model: model.into(), server_models: vec![], prompt, sampling, tokens: None };
            json!({"provenance": Provenance::new(Some(asking), "mean")})
        };
        assert_eq!(differences(&of("a", 0.0), &of("b", 0.0)), [""; 0]);
        assert_eq!(differences(&of("a", 0.0), &of("b", 0.5)), ["asking.sampling.temperature (0.0, 0.5)"]);
        let unknown = json!({"provenance": Provenance::new(None, "mean")});
        assert_eq!(differences(&of("a", 0.0), &unknown), ["asking (known, unknown)"]);
        assert_eq!(differences(&of("a", 0.0), &json!({})), [""; 0]);
    }

    #[test]
    fn prompts_are_told_apart() {
        let id = |texts: &[&str]| prompts("direct", texts.iter().copied()).sha256;
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        assert_ne!(id(&["a", "b"]), id(&["b", "a"]));
        assert_eq!(id(&[]), "e3b0c44298fc1c14");
    }
}
