//! What an evaluation scores: a folder of slides and decks, or a model's answers to prompts.

use crate::compare::each_line;
use crate::design2code::answers;
use crate::provenance::Asking;
use crate::questions::{Answered, Asked, Question, Questions};
use crate::report::Reporter;
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Domain, Language, Source};
use vsdpo_data::{Corpus, DataConfig, DataSet};

/// Bytes of a page, a script and a response at most.
const MAX_BYTES: usize = 4 << 20;
/// Bytes of a .pptx file at most.
const MAX_DECK: usize = 128 << 20;
/// Files beside slides that are looked at for changes, and the depth of their folders.
const MAX_BESIDE: usize = 100_000;
const MAX_DEPTH: usize = 16;

/// Where the slides come from.
pub enum Predictions<'a> {
    /// A folder of slides and decks.
    Folder(&'a Path),
    /// A file of lines of `{"name", "response"}`, and the prompts that were answered.
    Responses {
        /// The prompts, as the data set `aeslides`.
        data: &'a Path,
        /// The answers; a name is the `id` of a prompt.
        file: &'a Path,
    },
    /// A model that is asked before scoring.
    Model {
        /// The prompts, as the data set `aeslides`.
        data: &'a Path,
        /// The model.
        asked: &'a Asked<'a>,
    },
}

/// One thing to score: a file of a folder, or a prompt with its answer.
pub(super) struct Item {
    /// The name of the file, or the `id` of the prompt.
    pub name: String,
    origin: Origin,
}

enum Origin {
    File(PathBuf),
    /// The text that was answered; `None` without an answer.
    Reply(Option<String>),
}

/// What there is to draw for an item.
pub(super) enum Drawable {
    Source(Source),
    /// There is a file or an answer, and it cannot be drawn.
    Unusable(String),
    /// There is no answer.
    Missing,
}

impl Predictions<'_> {
    /// The items in a fixed order; a model is asked first, and then how it was asked is returned.
    pub(super) fn items(&self, out: &Path, reporter: &dyn Reporter) -> Result<(Vec<Item>, Option<Asking>)> {
        match self {
            Predictions::Folder(folder) => Ok((files(folder)?, None)),
            Predictions::Responses { data, file } => {
                Ok((answered(&Prompts::open(data, reporter)?.names, file)?, None))
            }
            Predictions::Model { data, asked } => {
                let prompts = Prompts::open(data, reporter)?;
                let get = |i: usize| prompts.question(i);
                let variant = "as in the file of prompts";
                let questions = Questions { variant, count: prompts.names.len(), get: &get };
                let Answered { file, asking } = (asked.answer)(&questions, out)?;
                Ok((answered(&prompts.names, &file)?, Some(asking)))
            }
        }
    }

    /// Identifies the files that slides may use besides themselves, which decide their pictures.
    pub(super) fn beside(&self, out: &Path) -> Result<String> {
        let mut files = Vec::new();
        if let Predictions::Folder(folder) = self {
            let out = out.canonicalize().unwrap_or_else(|_| out.to_owned());
            list_beside(folder, &out, 0, &mut files)
                .with_context(|| format!("cannot list `{}`", folder.display()))?;
        }
        files.sort();
        Ok(files.join("\n"))
    }
}

impl Item {
    /// The slide of this item.
    ///
    /// # Errors
    /// Returns an error if its file cannot be read.
    pub fn drawable(&self) -> Result<Drawable> {
        match &self.origin {
            Origin::File(path) => file(path),
            Origin::Reply(None) => Ok(Drawable::Missing),
            Origin::Reply(Some(reply)) if reply.len() > MAX_BYTES => Ok(too_large(MAX_BYTES)),
            Origin::Reply(Some(reply)) => Ok(match page(reply) {
                Some(page) => Drawable::Source(Source::new(page, Language::Html)),
                None => Drawable::Unusable("the answer holds no HTML".into()),
            }),
        }
    }
}

impl Drawable {
    /// The part of an item's key that this decides.
    pub fn key_part(&self) -> &[u8] {
        match self {
            Drawable::Source(source) => source.file.as_deref().unwrap_or(source.text.as_bytes()),
            Drawable::Unusable(why) => why.as_bytes(),
            Drawable::Missing => b"",
        }
    }

    /// The source, if there is one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Drawable::Source(source) => Some(source),
            Drawable::Unusable(_) | Drawable::Missing => None,
        }
    }
}

/// The page in a reply, extracted as for Design2Code; `None` if there is no tag in it.
fn page(reply: &str) -> Option<String> {
    let page = answers::page(reply);
    let tag = |(at, _)| page[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '!');
    page.match_indices('<').any(tag).then_some(page)
}

fn too_large(most: usize) -> Drawable {
    Drawable::Unusable(format!("more than {most} bytes"))
}

/// The language of a file that can be scored, by its suffix.
fn language(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "html" | "htm" => Some(Language::Html),
        "py" => Some(Language::Python),
        "pptx" => Some(Language::Pptx),
        _ => None,
    }
}

fn file(path: &Path) -> Result<Drawable> {
    let wrong = || format!("cannot read `{}`", path.display());
    let language = language(path).unwrap_or(Language::Html);
    let most = if language == Language::Pptx { MAX_DECK } else { MAX_BYTES };
    if std::fs::metadata(path).with_context(wrong)?.len() > most as u64 {
        return Ok(too_large(most));
    }
    let bytes = std::fs::read(path).with_context(wrong)?;
    if language == Language::Pptx {
        return Ok(Drawable::Source(Source::pptx(bytes)));
    }
    Ok(match String::from_utf8(bytes) {
        Err(e) => Drawable::Unusable(format!("byte {} is not UTF-8", e.utf8_error().valid_up_to())),
        Ok(text) => {
            // The sandbox of scripts hides every file.
            let folder = path.parent().filter(|_| language == Language::Html).map(Path::to_path_buf);
            Drawable::Source(Source { folder, ..Source::new(text, language) })
        }
    })
}

/// The slides and decks in a folder by name.
fn files(folder: &Path) -> Result<Vec<Item>> {
    let shown = folder.display();
    let help = "give the folder with the slides (.html) or decks (.pptx, .py)";
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list `{shown}`; help: {help}"))?;
    let mut items = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list `{shown}`"))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.starts_with('.') && path.is_file() && language(&path).is_some() {
            items.push(Item { name: name.to_owned(), origin: Origin::File(path) });
        }
    }
    if items.is_empty() {
        bail!("`{shown}` holds no slide; help: {help}");
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(items)
}

/// Name, size and time of every file below a folder that is no slide and not in `out`.
fn list_beside(folder: &Path, out: &Path, depth: usize, files: &mut Vec<String>) -> std::io::Result<()> {
    if depth > MAX_DEPTH || folder.canonicalize()? == out {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // A link is not followed into a folder, so that the walk ends.
        let facts = std::fs::symlink_metadata(&path)?;
        if facts.is_dir() {
            list_beside(&path, out, depth + 1, files)?;
        } else if language(&path).is_none() && files.len() < MAX_BESIDE {
            files.push(format!("{path:?} {} {:?}", facts.len(), facts.modified().ok()));
        }
    }
    Ok(())
}

/// The prompts of a file; their texts, which may be long, stay in it.
struct Prompts {
    corpus: Corpus,
    names: Vec<String>,
}

impl Prompts {
    fn open(data: &Path, reporter: &dyn Reporter) -> Result<Self> {
        let config = DataConfig {
            dataset: DataSet::AeSlides,
            path: data.to_owned(),
            domain: Domain::Slide,
            ..DataConfig::default()
        };
        let corpus = Corpus::open(&config, &mut |_| {})?;
        let skipped: u64 = corpus.skipped().values().sum();
        if skipped > 0 {
            let shown = data.display();
            reporter.note(&format!("note: {skipped} rows of `{shown}` cannot be read and are not scored"));
        }
        let mut known = BTreeSet::new();
        let name = |i: u64| {
            let id = corpus.record(i)?.id;
            if !known.insert(id.clone()) {
                let (shown, row) = (data.display(), corpus.number(i));
                bail!("`{shown}` row {row}: the id `{id}` occurs again; help: give every prompt another id");
            }
            Ok(id)
        };
        let names = (0..corpus.len()).map(name).collect::<Result<_>>()?;
        Ok(Self { corpus, names })
    }

    fn question(&self, i: usize) -> Result<Question> {
        let record = self.corpus.record(i as u64)?;
        Ok(Question { name: record.id, domain: Domain::Slide, prompt: record.prompt, pictures: Vec::new() })
    }
}

/// A line of responses; other fields are ignored.
#[derive(Deserialize)]
struct Line {
    name: String,
    response: Option<String>,
}

/// The prompts with their answers; of two answers the last one counts.
fn answered(prompts: &[String], file: &Path) -> Result<Vec<Item>> {
    const FORM: &str = r#"write {"name": ID, "response": TEXT} on each line"#;
    let asked: BTreeSet<&str> = prompts.iter().map(String::as_str).collect();
    let mut replies = BTreeMap::new();
    each_line(file, |text| {
        let line: Line = serde_json::from_str(text).map_err(|e| anyhow!("{e}; help: {FORM}"))?;
        if !asked.contains(line.name.as_str()) {
            bail!("no prompt has the id `{}`; help: give the prompts that were answered", line.name);
        }
        replies.insert(line.name, line.response);
        Ok(())
    })?;
    if replies.is_empty() {
        bail!("`{}` holds no response; help: {FORM}", file.display());
    }
    let item =
        |name: &String| Item { name: name.clone(), origin: Origin::Reply(replies.remove(name).flatten()) };
    Ok(prompts.iter().map(item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_reply_has_a_tag() {
        let slide = "<!DOCTYPE html><html>a</html>";
        assert_eq!(page(&format!("Here:\n{slide} done")).as_deref(), Some(slide));
        assert_eq!(page("```html\n<p>a</p>\n```").as_deref(), Some("<p>a</p>"));
        for none in ["", "I cannot write slides.", "1 < 2, <3", "<"] {
            assert_eq!(page(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_beside_slides_is_known_by_size_and_time_and_without_the_results() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["pictures", "out"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        let folder = Predictions::Folder(dir.path());
        let beside = || folder.beside(&path("out")).unwrap();
        let none = beside();
        for name in ["a.html", "out/examples.jsonl"] {
            std::fs::write(path(name), "x").unwrap();
        }
        assert_eq!(beside(), none);
        std::fs::write(path("pictures/a.png"), "x").unwrap();
        let one = beside();
        std::fs::write(path("pictures/a.png"), "xy").unwrap();
        assert!(one != none && beside() != one);
    }
}
