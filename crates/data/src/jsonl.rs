//! TRL's conversational format: one JSON object per line.
//!
//! ```json
//! {"id": "a", "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Redraw it."}]}],
//!  "completion": [{"role": "assistant",
//!                  "content": [{"type": "text", "text": "plt.plot([1, 2])"}]}],
//!  "images": ["images/a.png"]}
//! ```
//! or `messages` with both turns; `content` may be a plain string; `completion` may be absent.
//! Paths in `images` are relative to the file. A system turn is prepended to the text of the
//! instruction, because a task has a single instruction. Pictures come before the text wherever
//! they are marked in the content, as [`vsdpo_artifact::Task`] defines. The reference is the fenced
//! code of the answer (in a language of `data.domain`), or the whole answer if it has no fence. The
//! optional key `requirements` is our extension. Other keys are ignored.
//!
//! Not supported: more than one user turn, tool calls, pictures inside the JSON.

use crate::DataConfig;
use crate::error::{DataError, Reason, Rejection, Skips};
use crate::picture::{Picture, Store};
use crate::record::{Record, code_of, id_of, parsed};
use crate::rows::RowFormat;
use crate::table::{RowContext, RowParser, Table};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vsdpo_artifact::Requirements;

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    id: Value,
    prompt: Option<Turns>,
    completion: Option<Turns>,
    messages: Option<Vec<Turn>>,
    #[serde(default)]
    images: Vec<String>,
    requirements: Option<Requirements>,
}

/// TRL also allows plain text for both prompt and completion.
#[derive(Deserialize)]
#[serde(untagged, expecting = "neither a text nor a list of {role, content}")]
pub(crate) enum Turns {
    Text(String),
    List(Vec<Turn>),
}

impl Turns {
    /// The turns; a text is one of `role`.
    pub fn into_list(self, role: &str) -> Vec<Turn> {
        match self {
            Turns::Text(text) => vec![Turn { role: role.into(), content: Content::Text(text) }],
            Turns::List(list) => list,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Turn {
    pub role: String,
    pub content: Content,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "content is neither a text nor a list of {type: text | image}")]
pub(crate) enum Content {
    Text(String),
    Pieces(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Piece {
    Text { text: String },
    Image {},
}

impl Content {
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Pieces(pieces) => {
                let texts = pieces.iter().filter_map(|p| match p {
                    Piece::Text { text } => Some(text.as_str()),
                    Piece::Image {} => None,
                });
                texts.collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// The number of picture marks; `None` for plain text, which cannot mark its pictures.
    pub fn marks(&self) -> Option<usize> {
        match self {
            Content::Text(_) => None,
            Content::Pieces(pieces) => Some(pieces.iter().filter(|p| matches!(p, Piece::Image {})).count()),
        }
    }
}

/// Opens a file, or `SPLIT.jsonl` in a folder.
pub(crate) fn open(config: &DataConfig, skips: &mut Skips) -> Result<Table, DataError> {
    let file = file_of(&config.path, &config.split)?;
    let store = Store::Folder(file.parent().unwrap_or(Path::new("")).to_owned());
    let context = RowContext { store, domain: config.domain };
    Table::scan(&file, RowFormat::Lines, RowParser { context, parse: record }, config.limit, skips)
}

pub(crate) fn file_of(path: &Path, split: &str) -> Result<PathBuf, DataError> {
    if !path.is_dir() {
        return match split {
            "train" => Ok(path.to_owned()),
            _ => Err(DataError::Key {
                key: "split",
                problem: format!("is {split:?}, but data.path is a single file"),
                help: "leave data.split out, or give the folder that contains SPLIT.jsonl",
            }),
        };
    }
    let file = path.join(format!("{split}.jsonl"));
    match file.is_file() {
        true => Ok(file),
        false => {
            Err(DataError::file(path, format!("contains no {split}.jsonl"), "set data.path to a .jsonl file"))
        }
    }
}

/// Parses a line, or says why the row is skipped.
fn record(text: &str, number: u64, context: &RowContext) -> Result<Record, Rejection> {
    let form = |problem: String| (Reason::Form, problem);
    let mut raw: Raw = parsed(text)?;
    let turns = turns(&mut raw).map_err(form)?;
    let of = |role: &str| turns.iter().filter(move |t| t.role == role).collect::<Vec<_>>();
    let (system, user, answer) = (of("system"), of("user"), of("assistant"));
    if user.len() != 1 || answer.len() > 1 || system.len() + user.len() + answer.len() != turns.len() {
        let roles: Vec<&str> = turns.iter().map(|t| t.role.as_str()).collect();
        return Err(form(format!("the turns are {}, not [system,] user[, assistant]", roles.join(", "))));
    }
    let marks = turns.iter().filter_map(|t| t.content.marks()).reduce(|a, b| a + b);
    if marks
        .is_some_and(|marks| marks != raw.images.len() && (marks > 0 || user[0].content.marks().is_some()))
    {
        let marks = marks.unwrap_or(0);
        return Err(form(format!("{marks} image marks, but {} images", raw.images.len())));
    }
    let answer = answer.first().map(|turn| turn.content.text());
    let code = answer.map(|text| code_of(&text, context.domain, true).map(str::to_owned).ok_or(text));
    let reference = code.transpose().map_err(|_| (Reason::NoCode, "the assistant's turn is empty".into()))?;
    let words: Vec<String> = system.iter().chain(&user).map(|t| t.content.text()).collect();
    let find = |name: &String| {
        context.store.find(name).ok_or_else(|| (Reason::MissingImage, format!("{name} does not exist")))
    };
    Ok(Record {
        id: id_of(&raw.id, number),
        prompt: words.join("\n\n").trim().to_owned(),
        pictures: raw.images.iter().map(find).collect::<Result<Vec<Picture>, Rejection>>()?,
        reference,
        requirements: raw.requirements,
    })
}

/// All turns of a row, from `messages` or from `prompt` and `completion`.
fn turns(raw: &mut Raw) -> Result<Vec<Turn>, String> {
    match (raw.messages.take(), raw.prompt.take(), raw.completion.take()) {
        (Some(messages), None, None) => Ok(messages),
        (None, Some(prompt), completion) => {
            let mut turns = prompt.into_list("user");
            turns.extend(completion.map_or_else(Vec::new, |c| c.into_list("assistant")));
            Ok(turns)
        }
        (None, None, _) => Err("has neither `prompt` nor `messages`".into()),
        (Some(_), _, _) => Err("has both `messages` and `prompt` or `completion`".into()),
    }
}

/// Writes a record as one line of this format, without the line feed. `images` are the paths of its
/// pictures, relative to the file.
pub fn line(record: &Record, images: &[String]) -> String {
    let text = |text: &str| json!({"type": "text", "text": text});
    let mut content: Vec<Value> = images.iter().map(|_| json!({"type": "image"})).collect();
    content.push(text(&record.prompt));
    let mut row = json!({"id": record.id, "prompt": [{"role": "user", "content": content}]});
    if let Some(code) = &record.reference {
        row["completion"] = json!([{"role": "assistant", "content": [text(code)]}]);
    }
    row["images"] = json!(images);
    if let Some(requirements) = &record.requirements {
        row["requirements"] = json!(requirements);
    }
    row.to_string()
}
