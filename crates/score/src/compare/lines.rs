//! JSON lines as results: `id`, and a metric per number, boolean or null. The fields of an object
//! are metrics too, as `object.field`. A null is a missing value, for which `reasons` may have a
//! text under the metric's name. Texts and lists are no metrics; `prompt`, `picture`,
//! `reference_picture`, `code` and `domain` are for a judge.

use super::drawings::Drawing;
use super::inputs::Items;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use vsdpo_artifact::Domain;

/// The form of a line.
pub(super) const FORM: &str = r#"write {"id": "...", "score": 0.5} on each line"#;

/// Calls `line` with each line of a file that is not empty.
///
/// # Errors
/// Returns the error of a line with the file and the line's number.
pub(crate) fn each_line(path: &Path, mut line: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    for (i, bytes) in BufReader::new(file).split(b'\n').enumerate() {
        let bytes = bytes.with_context(|| format!("cannot read `{shown}`"))?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| anyhow!("the line is not UTF-8; help: save it as UTF-8"));
        let read = text.and_then(|text| if text.trim().is_empty() { Ok(()) } else { line(text) });
        read.with_context(|| format!("`{shown}` line {}", i + 1))?;
    }
    Ok(())
}

/// The metrics of a file, with what its lines say about their pictures.
pub(super) fn read(path: &Path) -> Result<(Items, BTreeMap<String, Drawing>)> {
    let (mut items, mut drawings) = (Items::default(), BTreeMap::new());
    let mut texts = BTreeSet::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    each_line(path, |text| {
        let line: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| anyhow!("{e}; help: {FORM}"))?;
        let id = id(&line)?;
        let mut found = Fields { values: Vec::new(), texts: &mut texts };
        found.read("", &line);
        for (metric, value) in &mut found.values {
            let reason = line.get("reasons").and_then(|r| r[metric.as_str()].as_str());
            *value = value.clone().map_err(|why| reason.map_or(why, str::to_owned));
        }
        let values = found.values;
        drawings.insert(id.clone(), drawing(&line, folder)?);
        items.add(id, values)
    })?;
    // A field that is null everywhere may be a text that is missing everywhere.
    let numeric = |m: &String| items.rows.values().any(|row| row.get(m).is_some_and(Result::is_ok));
    let (metrics, empty): (Vec<_>, Vec<_>) = items.metrics.drain(..).partition(numeric);
    if let Some(both) = metrics.iter().find(|m| texts.contains(*m)) {
        bail!(
            "`{}`: `{both}` is a number on some lines and a text or a list on others; help: use numbers, booleans or null",
            path.display()
        );
    }
    items.metrics = metrics;
    items.metrics.extend(empty.into_iter().filter(|m| !texts.contains(m)));
    Ok((items, drawings))
}

/// The metrics of a line.
struct Fields<'a> {
    values: Vec<(String, Result<f64, String>)>,
    /// Fields that hold texts or lists, over all lines.
    texts: &'a mut BTreeSet<String>,
}

impl Fields<'_> {
    fn read(&mut self, prefix: &str, object: &Map<String, Value>) {
        for (key, value) in object {
            let name = format!("{prefix}{key}");
            if name == "id" || name == "reasons" {
                continue;
            }
            let value = match value {
                Value::Null => Err(super::inputs::NO_VALUE.to_owned()),
                Value::Bool(value) => Ok(f64::from(u8::from(*value))),
                // Numbers of JSON are finite; without arbitrary precision, each is an `f64`.
                Value::Number(value) => Ok(value.as_f64().unwrap_or_default()),
                Value::Object(inner) => {
                    self.read(&format!("{name}."), inner);
                    continue;
                }
                Value::String(_) | Value::Array(_) => {
                    self.texts.insert(name);
                    continue;
                }
            };
            self.values.push((name, value));
        }
    }
}

fn id(line: &Map<String, Value>) -> Result<String> {
    match line.get("id") {
        Some(Value::String(id)) if !id.trim().is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        Some(_) => bail!("`id` is neither a text nor a number; help: {FORM}"),
        None => bail!("there is no `id`; help: {FORM}, or give the folder that `eval` wrote"),
    }
}

fn drawing(line: &Map<String, Value>, folder: &Path) -> Result<Drawing> {
    let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
    let domain = text("domain").map(|name| {
        let domain = Domain::ALL.into_iter().find(|d| d.name() == name);
        domain.with_context(|| format!("there is no domain `{name}`; help: write chart or web"))
    });
    Ok(Drawing {
        prompt: text("prompt"),
        picture: text("picture").map(|path| folder.join(path)),
        reference: text("reference_picture").map(|path| folder.join(path)),
        code: text("code"),
        domain: domain.transpose()?,
    })
}
