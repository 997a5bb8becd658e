//! The responses of a model (docs/specs/chartmimic.md, 1.3): JSON lines of `{"file":
//! ".../<stem>.pdf", "response": ...}` or of `{"name": stem, "response": text}`. Only the byte
//! offsets of the lines are kept in memory.
//!
//! The benchmark infers the form of a response from `gpt`, `claude` or `idefics2` anywhere in the
//! file's path. Here a whole chat completion, as an object or as JSON in a string, is recognized by
//! its fields, and `idefics2` counts in the file's name only. With `--format`, a response without
//! the fields of a completion is empty, as in the benchmark.

use super::dataset::Dataset;
use crate::chartmimic::Rules;
use crate::chartmimic::script::{self, Scripts};
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a line at most.
const MAX_LINE: usize = 16 << 20;
const FORM: &str =
    r#"write {"name": STEM, "response": TEXT} or {"file": "…/STEM.pdf", "response": …} on each line"#;
/// Names that a message lists at most.
const LISTED: usize = 5;

/// The form of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Inferred from the fields; `idefics2` from the file's name.
    Auto,
    /// Text.
    Plain,
    /// A chat completion as JSON in a string.
    Gpt,
    /// A chat completion as an object.
    Claude,
    /// Text; without a fence, all after the first "Assistant: " is code.
    Idefics2,
}

/// A file of responses, indexed.
pub struct Responses {
    path: PathBuf,
    file: File,
    format: Format,
    /// Byte offset and length of the line of each stem.
    places: HashMap<String, (u64, usize)>,
    /// Lines whose stem an earlier line has; the last one counts, as in the benchmark.
    pub repeated: usize,
}

#[derive(Deserialize)]
struct Line {
    name: Option<String>,
    file: Option<String>,
    response: Value,
}

/// A model's answer.
#[derive(Debug, PartialEq)]
pub struct Response {
    pub text: String,
    /// Whether all after the first "Assistant: " is code if there is no fence.
    idefics2: bool,
}

impl Response {
    pub fn scripts(&self, rules: Rules) -> Scripts {
        let after_assistant =
            || self.text.split_once("Assistant: ").map(|(_, code)| code).filter(|_| self.idefics2);
        script::of_fence(script::fenced(&self.text).or_else(after_assistant), rules)
    }
}

impl Responses {
    /// Reads the file once and checks every line.
    pub fn open(path: &Path, format: Format, data: &Dataset) -> Result<Self> {
        let shown = path.display();
        let file =
            File::open(path).with_context(|| format!("cannot open `{shown}`; help: check the path"))?;
        if !file.metadata().with_context(|| format!("cannot read `{shown}`"))?.is_file() {
            bail!("`{shown}` is not a file; help: {FORM}");
        }
        let format = resolve(path, format);
        let mut all = Self { path: path.into(), file, format, places: HashMap::new(), repeated: 0 };
        let mut unknown = Vec::new();
        let mut reader =
            BufReader::new(all.file.try_clone().with_context(|| format!("cannot read `{shown}`"))?);
        let (mut bytes, mut start) = (Vec::new(), 0);
        for number in 1.. {
            bytes.clear();
            let length =
                reader.read_until(b'\n', &mut bytes).with_context(|| format!("cannot read `{shown}`"))?;
            if length == 0 {
                break;
            }
            let place = || format!("`{shown}` line {number}");
            if bytes.iter().any(|b| !b.is_ascii_whitespace()) {
                let (stem, _) = read_line(&bytes, format).map_err(|why| anyhow!("{}: {why}", place()))?;
                if !data.holds(&stem) {
                    unknown.push(format!("{stem} (line {number})"));
                }
                all.repeated += usize::from(all.places.insert(stem, (start, length)).is_some());
            }
            start += length as u64;
        }
        all.known(&unknown, data)
    }

    fn known(self, unknown: &[String], data: &Dataset) -> Result<Self> {
        let shown = self.path.display();
        if !unknown.is_empty() {
            let more = unknown.len().saturating_sub(LISTED);
            let names = unknown.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            bail!(
                "`{shown}` answers charts that `{}` does not hold: {names}{more}; help: give the folder that the \
                 model was asked from, or take these lines out",
                data.folder.display()
            );
        }
        if self.places.is_empty() {
            bail!("`{shown}` holds no response; help: {FORM}");
        }
        Ok(self)
    }

    /// The response for a chart, if there is one.
    pub fn get(&self, stem: &str) -> Result<Option<Response>> {
        let Some(&(start, length)) = self.places.get(stem) else { return Ok(None) };
        let mut bytes = vec![0; length];
        let place = || format!("`{}` changed while it was read; help: run again", self.path.display());
        self.file.read_exact_at(&mut bytes, start).with_context(place)?;
        let (_, text) = read_line(&bytes, self.format).map_err(|_| anyhow!(place()))?;
        Ok(text.map(|text| Response { text, idefics2: self.format == Format::Idefics2 }))
    }
}

fn resolve(path: &Path, format: Format) -> Format {
    let named = path.file_name().is_some_and(|n| n.to_string_lossy().contains("idefics2"));
    if format == Format::Auto && named { Format::Idefics2 } else { format }
}

/// The stem and the text of a line; no text for a response that is null. The error says how to fix
/// the line.
fn read_line(bytes: &[u8], format: Format) -> Result<(String, Option<String>), String> {
    if bytes.len() > MAX_LINE {
        return Err(format!("the line has more than {MAX_LINE} bytes: {FORM}"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the line is not UTF-8: save it as UTF-8")?;
    let line: Line = serde_json::from_str(text).map_err(|e| format!("{e}: {FORM}"))?;
    let stem = match (line.name, line.file) {
        (Some(name), _) => name,
        (None, Some(file)) => stem(&file),
        (None, None) => return Err(format!("neither `name` nor `file`: {FORM}")),
    };
    if stem.is_empty() || stem.chars().any(|c| c == '/' || c.is_control()) {
        return Err(format!("`{stem}` is not a chart's name: {FORM}"));
    }
    Ok((stem, content(line.response, format)?))
}

fn stem(file: &str) -> String {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    [".pdf", ".png", ".py"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base).to_owned()
}

/// The text that the model wrote.
fn content(response: Value, format: Format) -> Result<Option<String>, String> {
    match (response, format) {
        (Value::Null, _) => Ok(None),
        (Value::String(text), Format::Gpt) => {
            Ok(Some(serde_json::from_str(&text).ok().and_then(|v| message(&v)).unwrap_or_default()))
        }
        (Value::String(text), Format::Auto) if text.trim_start().starts_with('{') => {
            let inner = serde_json::from_str(&text).ok().and_then(|v| message(&v));
            Ok(Some(inner.unwrap_or(text)))
        }
        (Value::String(text), _) => Ok(Some(text)),
        (object @ Value::Object(_), Format::Gpt | Format::Claude) => {
            Ok(Some(message(&object).unwrap_or_default()))
        }
        (object @ Value::Object(_), Format::Auto) => message(&object).map(Some).ok_or_else(|| {
            "`response` is an object without choices[0].message.content: give a chat completion or text"
                .into()
        }),
        (other, _) => {
            let kind = if other.is_object() { "an object" } else { "neither text nor a chat completion" };
            Err(format!("`response` is {kind}: {FORM}"))
        }
    }
}

/// The text of a chat completion.
fn message(completion: &Value) -> Option<String> {
    let content = &completion["choices"][0]["message"]["content"];
    // Anthropic's API has a list of parts at the top level.
    let content = if content.is_null() { &completion["content"][0]["text"] } else { content };
    content.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, format: Format) -> Result<(String, Option<String>), String> {
        read_line(text.as_bytes(), format)
    }

    #[test]
    fn every_form_of_the_benchmark_is_read() {
        let chat = r#"{"choices":[{"message":{"content":"hi"}}]}"#;
        let quoted = serde_json::to_string(chat).unwrap();
        let hi = |stem: &str| Ok((stem.to_owned(), Some("hi".to_owned())));
        for (text, format) in [
            (r#"{"name":"bar_1","response":"hi"}"#.to_owned(), Format::Auto),
            (r#"{"file":"a/b/bar_1.pdf","response":"hi"}"#.to_owned(), Format::Plain),
            (format!(r#"{{"file":"bar_1.pdf","response":{quoted}}}"#), Format::Gpt),
            (format!(r#"{{"file":"bar_1.pdf","response":{quoted}}}"#), Format::Auto),
            (format!(r#"{{"file":"bar_1.pdf","response":{chat}}}"#), Format::Claude),
            (format!(r#"{{"file":"bar_1.pdf","response":{chat},"more":1}}"#), Format::Auto),
            (r#"{"file":"bar_1.pdf","response":{"content":[{"text":"hi"}]}}"#.to_owned(), Format::Auto),
        ] {
            assert_eq!(line(&text, format), hi("bar_1"), "{text}");
        }
        assert_eq!(line(r#"{"name":"a.b","response":null}"#, Format::Auto), Ok(("a.b".into(), None)));
        let empty = line(r#"{"name":"a","response":"plain"}"#, Format::Gpt).unwrap().1;
        assert_eq!(empty.as_deref(), Some(""), "a completion that cannot be read is empty, as officially");
        let code = line(r#"{"name":"a","response":"{not json"}"#, Format::Auto).unwrap().1;
        assert_eq!(code.as_deref(), Some("{not json"));
    }

    #[test]
    fn errors_of_bad_lines_say_how_to_fix_them() {
        for bad in [
            "{",
            "[]",
            r#"{"response":"x"}"#,
            r#"{"name":"a"}"#,
            r#"{"name":"","response":"x"}"#,
            r#"{"name":"../a","response":"x"}"#,
            r#"{"name":"a","response":3}"#,
            r#"{"name":"a","response":{"x":1}}"#,
        ] {
            let why = line(bad, Format::Auto).unwrap_err();
            assert!(why.contains("write {") || why.contains("give "), "{bad}: {why}");
        }
        assert!(read_line(b"{\"name\":\"\xff\"}", Format::Auto).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn idefics2_answers_without_a_fence() {
        assert_eq!(resolve(Path::new("x_idefics2-8b_y.json"), Format::Auto), Format::Idefics2);
        assert_eq!(resolve(Path::new("idefics2/gpt.json"), Format::Auto), Format::Auto);
        let of = |text: &str, idefics2| Response { text: text.into(), idefics2 }.scripts(Rules::Official);
        let bare = of("User: x\nAssistant: a = 1", true).bare.unwrap();
        assert!(bare.starts_with("a = 1\nplt.savefig("), "{bare}");
        assert_eq!(of("User: x\nAssistant: a = 1", false).bare, None);
    }
}
