//! Slides to write, in the form that AeSlides trains on: one JSON object per line.
//!
//! ```json
//! {"id": "deck-7/3", "prompt": "Write slide 3 of a deck about tides.", "html": "<!DOCTYPE ..."}
//! {"messages": [{"role": "system", "content": "You write slides."},
//!               {"role": "user", "content": "Slide 1: what tides are."},
//!               {"role": "assistant", "content": "```html\n<!DOCTYPE html>...\n```"}]}
//! ```
//!
//! The original data is not published, and its names are not known (docs/specs/aeslides.md, 9). The
//! names that are read:
//!
//! - `id`: a text or a number; `row-N` where it is absent.
//! - the prompt, one of `prompt`, `instruction` and `messages`: a text, or chat turns of the roles
//!   `system`, `user`, `assistant` and `tool`.
//! - the reference, at most one of `html`, `reference` and `completion`, or a last turn of the
//!   assistant: the fenced HTML in it, or all of it if it has no fence.
//! - `metadata`, which is ignored, and `images`, which must be empty.
//!
//! A file with any other name is refused as a whole: what a name of another form says would be lost
//! in silence. Rows that are wrong in another way are skipped and counted.
//!
//! A task has a single instruction. The turns are joined by blank lines; a conversation of more
//! than a system and a user turn has the role of each in front of it, as in `user: ...`.

use crate::DataConfig;
use crate::error::{DataError, Reason, Rejection, Skipped, Skips};
use crate::jsonl::{Turn, Turns, file_of};
use crate::picture::Store;
use crate::record::{Record, code_of, id_of, parsed};
use crate::rows::RowFormat;
use crate::table::{RowContext, RowParser, Table};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

const PROMPTS: [&str; 3] = ["prompt", "instruction", "messages"];
const REFERENCES: [&str; 3] = ["html", "reference", "completion"];
const OTHERS: [&str; 3] = ["id", "metadata", "images"];
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

const HELP: &str = "write the prompt as `prompt`, `instruction` or `messages` and, if there is one, the \
    reference as `html`, `reference` or `completion`; besides them `id` and `metadata` are known";

/// Opens a file, or `SPLIT.jsonl` in a folder.
pub(crate) fn open(config: &DataConfig, skips: &mut Skips) -> Result<Table, DataError> {
    let file = file_of(&config.path, &config.split)?;
    let store = Store::Folder(file.parent().unwrap_or(Path::new("")).to_owned());
    let parser = RowParser { context: RowContext { store, domain: config.domain }, parse: record };
    let mut refused: Option<Skipped> = None;
    let listener = &mut |row: &Skipped| {
        if row.reason == Reason::Name && refused.is_none() {
            refused = Some(row.clone());
        }
        skips.add(row.row, (row.reason, row.message.clone()));
    };
    let own = &mut Skips { counts: BTreeMap::new(), listener };
    let table = Table::scan(&file, RowFormat::Lines, parser, config.limit, own)?;
    match refused {
        Some(Skipped { row, message: problem, .. }) => {
            Err(DataError::Row { path: file, row, problem, help: HELP })
        }
        None => Ok(table),
    }
}

/// Parses a line, or says why the row is skipped.
fn record(text: &str, number: u64, context: &RowContext) -> Result<Record, Rejection> {
    let mut row: Map<String, Value> = parsed(text)?;
    let known = |name: &String| {
        let name = name.as_str();
        PROMPTS.contains(&name) || REFERENCES.contains(&name) || OTHERS.contains(&name)
    };
    if let Some(other) = row.keys().find(|name| !known(name)) {
        return Err((Reason::Name, format!("`{}` is not a known name", other.escape_debug())));
    }
    if row.get("images").is_some_and(|images| images.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(form("`images` is not an empty list: pictures are not read"));
    }
    let Some(prompt) = one_of(&mut row, &PROMPTS)? else {
        return Err((Reason::Name, "no prompt: none of `prompt`, `instruction` and `messages`".into()));
    };
    let given = one_of(&mut row, &REFERENCES)?.map(answer).transpose()?;
    let mut turns = turns(prompt)?;
    let last = turns.pop_if(|turn| turn.role == "assistant").map(|turn| turn.content.text());
    let reference = match (given, last) {
        (Some(_), Some(_)) => {
            return Err(form("a reference and a last turn of the assistant: keep one of them"));
        }
        (given, last) => given.or(last),
    };
    let code = |text: String| {
        let code = code_of(&text, context.domain, true).map(str::to_owned);
        code.ok_or_else(|| (Reason::NoCode, "the reference is empty".into()))
    };
    Ok(Record {
        id: id_of(row.get("id").unwrap_or(&Value::Null), number),
        prompt: instruction(&turns)?,
        pictures: Vec::new(),
        reference: reference.map(code).transpose()?,
        requirements: None,
    })
}

fn form(problem: &str) -> Rejection {
    (Reason::Form, problem.to_owned())
}

/// Takes the value of the one of the names that the row has; null counts as absent.
fn one_of(row: &mut Map<String, Value>, names: &[&str]) -> Result<Option<Value>, Rejection> {
    let mut found: Option<(&str, Value)> = None;
    for &name in names {
        let value = row.remove(name).filter(|value| !value.is_null());
        match (&found, value) {
            (Some((first, _)), Some(_)) => {
                return Err((Reason::Name, format!("both `{first}` and `{name}`")));
            }
            (None, Some(value)) => found = Some((name, value)),
            (_, None) => {}
        }
    }
    Ok(found.map(|(_, value)| value))
}

/// A text as one turn of the user, or the turns.
fn turns(value: Value) -> Result<Vec<Turn>, Rejection> {
    let turns: Turns = serde_json::from_value(value).map_err(|e| (Reason::Form, e.to_string()))?;
    Ok(turns.into_list("user"))
}

/// The text of a reference, which may be written as turns of the assistant.
fn answer(value: Value) -> Result<String, Rejection> {
    match turns(value)?.as_slice() {
        [turn] => Ok(turn.content.text()),
        list => Err((Reason::Form, format!("the reference has {} turns, not one", list.len()))),
    }
}

/// The turns as one text.
fn instruction(turns: &[Turn]) -> Result<String, Rejection> {
    if let Some(other) = turns.iter().find(|turn| !ROLES.contains(&turn.role.as_str())) {
        return Err((Reason::Form, format!("the role {:?} is not known", other.role)));
    }
    if turns.iter().any(|turn| turn.content.marks().is_some_and(|marks| marks > 0)) {
        return Err(form("a picture in the prompt: pictures are not read"));
    }
    let roles: Vec<&str> = turns.iter().map(|turn| turn.role.as_str()).collect();
    let plain = matches!(roles.as_slice(), ["user"] | ["system", "user"]);
    let text = |turn: &Turn| match plain {
        true => turn.content.text(),
        false => format!("{}: {}", turn.role, turn.content.text()),
    };
    let said = turns.iter().any(|turn| turn.role == "user" && !turn.content.text().trim().is_empty());
    let all: Vec<String> = turns.iter().map(text).collect();
    said.then(|| all.join("\n\n").trim().to_owned()).ok_or_else(|| form("the user says nothing"))
}
