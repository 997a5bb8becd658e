//! The chat template: renders messages to the model's exact prompt string with its own Jinja file.
//!
//! A template is a program that ships with the weights; it is not re-implemented here. The engine
//! is configured as in transformers: `trim_blocks`, `lstrip_blocks`, loop controls, Python's string
//! and mapping methods, `tojson` as Python's `json.dumps(ensure_ascii=False)`, `raise_exception`,
//! `strftime_now`, the special tokens by name, and booleans and `None` printed as in Python.
//! `{% generation %}` tags are accepted and have no effect.
//!
//! Limits: `strftime_now` supports the common fields only and uses UTC; templates get no documents.

use crate::FrontError;
use crate::tokenizer::{config_token, read_json};
use minijinja::value::{Kwargs, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use serde_json::json;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Content, Message};

/// The chat template of a model folder.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    path: PathBuf,
    environment: Environment<'static>,
}

/// The variables in which transformers passes special tokens to a template.
const SPECIAL_TOKENS: [&str; 4] = ["bos_token", "eos_token", "unk_token", "pad_token"];

impl ChatTemplate {
    /// Reads the template from `chat_template.jinja`, else `chat_template.json`, else the key
    /// `chat_template` of `tokenizer_config.json`. Of several named templates it takes `default`.
    ///
    /// # Errors
    /// A folder without a template, or one that does not compile.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        let (path, source) = find(dir)?;
        let tokens = SPECIAL_TOKENS.map(|name| Ok((name, config_token(dir, name)?)));
        let tokens: Vec<_> = tokens.into_iter().collect::<Result<_, FrontError>>()?;
        let mut template = Self::compile(path, &source)?;
        for (name, token) in tokens {
            if let Some(token) = token {
                template.environment.add_global(name, token);
            }
        }
        Ok(template)
    }

    fn compile(path: PathBuf, source: &str) -> Result<Self, FrontError> {
        let mut environment = Environment::new();
        environment.set_syntax(
            minijinja::syntax::SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|e| fail(&path, &e))?,
        );
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::None => Ok(out.write_str("None")?),
            ValueKind::Bool => Ok(out.write_str(if value.is_true() { "True" } else { "False" })?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("tojson", tojson);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| strftime(&format, now()));
        environment
            .add_template_owned("chat", without_generation_tags(source))
            .map_err(|e| fail(&path, &e))?;
        Ok(Self { path, environment })
    }

    /// Renders the prompt up to and including the start of the policy's turn.
    ///
    /// # Errors
    /// The template rejects the messages; the error has the template's own message.
    pub fn render(&self, messages: &[Message]) -> Result<String, FrontError> {
        let messages: Vec<_> = messages.iter().map(as_json).collect();
        self.render_context(&json!({
            "messages": messages, "tools": null, "documents": null, "add_generation_prompt": true,
        }))
    }

    /// Renders any context, for inputs that [`Message`] cannot express (tools, tool calls,
    /// `add_vision_id`).
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_context(&self, context: &serde_json::Value) -> Result<String, FrontError> {
        let template = self.environment.get_template("chat").map_err(|e| fail(&self.path, &e))?;
        template.render(Value::from(Serde(context))).map_err(|e| fail(&self.path, &e))
    }
}

fn find(dir: &Path) -> Result<(PathBuf, String), FrontError> {
    let path = dir.join("chat_template.jinja");
    match std::fs::read_to_string(&path) {
        Ok(source) => return Ok((path, source)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(FrontError::read(&path, e)),
    }
    for name in ["chat_template.json", "tokenizer_config.json"] {
        let path = dir.join(name);
        let config = read_json(&path)?;
        let entry = &config["chat_template"];
        let default = || entry.as_array()?.iter().find(|t| t["name"] == "default")?["template"].as_str();
        if let Some(source) = entry.as_str().or_else(default) {
            return Ok((path, source.to_owned()));
        }
    }
    Err(FrontError::NoTemplate { path: dir.into() })
}

fn fail(path: &Path, error: &Error) -> FrontError {
    let place = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    FrontError::Template { path: path.into(), message: format!("{message}{place}") }
}

/// A message in the form that transformers' templates expect: text alone as one string, text with
/// images as a list.
fn as_json(message: &Message) -> serde_json::Value {
    let pieces = message.content.iter().map(|piece| match piece {
        Content::Text(text) => json!({"type": "text", "text": text}),
        Content::Image(_) => json!({"type": "image"}),
    });
    let content: serde_json::Value = if message.images().next().is_some() {
        pieces.collect()
    } else {
        pieces.filter_map(|p| p["text"].as_str().map(str::to_owned)).collect::<String>().into()
    };
    json!({"role": message.role.name(), "content": content})
}

/// Replaces `{% generation %}`, with which transformers marks assistant text for training masks and
/// which the engine lacks, by `{% if true %}`, which keeps the whitespace control of both tags.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let Some(length) = rest[open..].find("%}") else { break };
        let tag = &rest[open + 2..open + length];
        let word = tag.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let replaced = match word {
            "generation" => tag.replace(word, "if true"),
            "endgeneration" => tag.replace(word, "endif"),
            _ => tag.to_owned(),
        };
        out.extend([&rest[..open + 2], &replaced, "%}"]);
        rest = &rest[open + length + 2..];
    }
    out + rest
}

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`, without HTML escapes.
fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    let json = serde_json::to_value(value)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, format!("tojson: {e}")))?;
    let mut out = String::new();
    dump(&json, indent, 0, &mut out);
    Ok(Value::from_safe_string(out))
}

/// Writes JSON with Python's separators: `", "` and `": "` on one line, or one item per line with
/// `indent`.
fn dump(json: &serde_json::Value, indent: Option<usize>, depth: usize, out: &mut String) {
    let line = |depth: usize| indent.map_or(String::new(), |n| format!("\n{}", " ".repeat(n * depth)));
    let between = if indent.is_some() { "," } else { ", " };
    let (open, close, length) = match json {
        serde_json::Value::Array(items) => ('[', ']', items.len()),
        serde_json::Value::Object(items) => ('{', '}', items.len()),
        scalar => return out.push_str(&scalar.to_string()),
    };
    out.push(open);
    for i in 0..length {
        out.push_str(if i > 0 { between } else { "" });
        out.push_str(&line(depth + 1));
        match json {
            serde_json::Value::Object(items) => {
                if let Some((key, item)) = items.iter().nth(i) {
                    out.push_str(&format!("{}: ", json!(key)));
                    dump(item, indent, depth + 1, out);
                }
            }
            list => dump(&list[i], indent, depth + 1, out),
        }
    }
    if length > 0 {
        out.push_str(&line(depth));
    }
    out.push(close);
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// C's `strftime` in UTC, for the fields that chat templates use.
fn strftime(format: &str, seconds: u64) -> Result<String, Error> {
    let days = seconds / 86400;
    let (year, month, day) = date(days);
    let weekday = DAYS[((days + 3) % 7) as usize];
    let month_name = MONTHS[month as usize - 1];
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        out.push_str(&match chars.next() {
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year % 100),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('B') => month_name.to_owned(),
            Some('b') => month_name[..3].to_owned(),
            Some('A') => weekday.to_owned(),
            Some('a') => weekday[..3].to_owned(),
            Some('H') => format!("{:02}", seconds / 3600 % 24),
            Some('M') => format!("{:02}", seconds / 60 % 60),
            Some('S') => format!("{:02}", seconds % 60),
            Some('%') => "%".to_owned(),
            other => {
                let field = other.map_or("%".into(), |c| format!("%{c}"));
                let message = format!("strftime_now does not support the field {field}");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        });
    }
    Ok(out)
}

/// Year, month and day of a number of days since 1970, in the proleptic Gregorian calendar. Counts
/// in eras of 400 years from 1 March 0000, so that leap days come last.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, of_year - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strftime_follows_the_gregorian_calendar() {
        let check = |seconds, want: &str| {
            assert_eq!(strftime("%Y-%m-%d %a %H:%M:%S %d %b %Y", seconds).unwrap(), want)
        };
        check(0, "1970-01-01 Thu 00:00:00 01 Jan 1970");
        check(951_782_400 + 3661, "2000-02-29 Tue 01:01:01 29 Feb 2000");
        check(1_735_689_599, "2024-12-31 Tue 23:59:59 31 Dec 2024");
        assert!(strftime("%Q", 0).unwrap_err().to_string().contains("%Q"));
    }

    #[test]
    fn the_engine_behaves_as_jinja_in_transformers() {
        let check = |source: &str, context: serde_json::Value, want: &str| {
            let template = ChatTemplate::compile("t".into(), source).unwrap();
            assert_eq!(template.render_context(&context).unwrap(), want, "template {source}");
        };
        check(
            "{{ x | tojson }}",
            json!({"x": {"b": "<é\">", "a": [1, 2.5, true, null]}}),
            r#"{"b": "<é\">", "a": [1, 2.5, true, null]}"#,
        );
        check(
            "{{ x | tojson(indent=2) }}",
            json!({"x": {"a": [1], "e": []}}),
            "{\n  \"a\": [\n    1\n  ],\n  \"e\": []\n}",
        );
        check("{{ true }} {{ none }} {{ missing }}|", json!({}), "True None |");
        check("  {% if true %}\na{{ '<b>' }}\n  {% endif %}\nc", json!({}), "a<b>\nc");
        check("{%- generation %}x{%- endgeneration -%} y", json!({}), "xy");
        check(
            "{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
            json!({}),
            "13",
        );
        check(
            "{{ ' a b '.strip().split(' ')[1] }}{% for k, v in m.items() %}{{ k }}{% endfor %}",
            json!({"m": {"z": 1, "a": 2}}),
            "bza",
        );
    }

    #[test]
    fn raise_exception_sets_the_error_message() {
        let template =
            ChatTemplate::compile("t".into(), "\n{{ raise_exception('no system role') }}").unwrap();
        let error = template.render(&[]).unwrap_err().to_string();
        assert_eq!(error, "chat template t: no system role (line 2)");
    }
}
