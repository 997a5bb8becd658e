//! The files that `data filter` writes, such that an interruption at any moment costs one chunk.
//!
//! Beside `--out` stands `OUT.state` while the work is under way: rows done, bytes written, counts.
//! It is replaced by a rename after the outputs are flushed; going on cuts the outputs back to
//! these bytes.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use vsdpo_data::{Corpus, Picture, Record, jsonl_line};

/// How far the work is.
#[derive(Default, Serialize, Deserialize)]
pub struct State {
    /// What is filtered; another job must not go on with these files.
    job: Value,
    /// Whether the malformed rows are written.
    pub opened: bool,
    /// Well-formed rows that are judged.
    pub done: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows rejected, by kind.
    pub reasons: BTreeMap<String, u64>,
    out_bytes: u64,
    rejected_bytes: u64,
}

/// The outputs, open for appending.
pub struct Outputs {
    /// How far the work is.
    pub state: State,
    out: BufWriter<File>,
    rejected: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Outputs {
    /// Begins, or goes on with the work that was interrupted.
    pub fn open(out: &Path, rejected: Option<&Path>, job: Value) -> Result<Self> {
        let state = match fs::read(state_path(out)) {
            Ok(bytes) => {
                let shown = state_path(out);
                let state: State = serde_json::from_slice(&bytes).with_context(|| {
                    format!("`{}` is damaged: delete it and begin again", shown.display())
                })?;
                if state.job != job {
                    bail!("`{}` belongs to other arguments: give those, or delete it", shown.display());
                }
                state
            }
            // An empty file is what a start that failed leaves.
            Err(_) if fs::metadata(out).is_ok_and(|facts| facts.len() > 0) => {
                bail!("`{}` is there already: name another file, or delete it", out.display())
            }
            Err(_) => State { job, ..State::default() },
        };
        let rejected = rejected.map(|path| append(path, state.rejected_bytes)).transpose()?;
        Ok(Self { out: append(out, state.out_bytes)?, rejected, path: out.to_owned(), state })
    }

    /// Writes a row that is kept, with its pictures if they lie in an archive.
    pub fn keep(&mut self, corpus: &Corpus, number: u64, record: &Record) -> Result<()> {
        let folder = parent(&self.path);
        let mut images = Vec::new();
        for (k, picture) in record.pictures.iter().enumerate() {
            images.push(match picture {
                Picture::File(path) => relative(path, folder)?,
                Picture::Member { name, .. } => {
                    self.unpack(corpus, picture, &format!("{number}-{k}-{}", file_name(name)))?
                }
                // Numbers are those of a file, and there may be several; ids are the data set's.
                Picture::Held { bytes, .. } => {
                    let ending = if bytes.starts_with(b"\xff\xd8") { "jpg" } else { "png" };
                    self.unpack(corpus, picture, &format!("{}.{ending}", record.id))?
                }
            });
        }
        writeln!(self.out, "{}", jsonl_line(record, &images)).with_context(|| self.cannot())?;
        self.state.kept += 1;
        Ok(())
    }

    /// Counts a row that is not kept, and writes why.
    pub fn reject(&mut self, row: u64, id: Option<&str>, kind: &str, message: &str) -> Result<()> {
        *self.state.reasons.entry(kind.to_owned()).or_default() += 1;
        if let Some(file) = &mut self.rejected {
            let line = json!({"row": row, "id": id, "kind": kind, "message": message});
            writeln!(file, "{line}").context("cannot write the rejected rows")?;
        }
        Ok(())
    }

    /// Makes what was written durable, then says so in the state.
    pub fn save(&mut self) -> Result<()> {
        self.state.out_bytes = flushed(&mut self.out).with_context(|| self.cannot())?;
        if let Some(file) = &mut self.rejected {
            self.state.rejected_bytes = flushed(file).context("cannot write the rejected rows")?;
        }
        let path = state_path(&self.path);
        let fresh = path.with_extension("state.new");
        let text = serde_json::to_string(&self.state)?;
        fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).with_context(|| self.cannot())
    }

    /// The work is done: the state goes.
    pub fn finish(&mut self) -> Result<()> {
        self.save()?;
        fs::remove_file(state_path(&self.path)).with_context(|| self.cannot())
    }

    /// Writes a member of an archive beside the output; its path relative to the output.
    fn unpack(&self, corpus: &Corpus, picture: &Picture, name: &str) -> Result<String> {
        let stem = self.path.file_stem().map_or("kept".into(), |s| s.to_string_lossy().into_owned());
        let folder = format!("{stem}_images");
        let target = parent(&self.path).join(&folder);
        let bytes = corpus.picture(picture)?;
        fs::create_dir_all(&target)
            .and_then(|()| fs::write(target.join(name), bytes))
            .with_context(|| format!("cannot write `{}`", target.display()))?;
        Ok(format!("{folder}/{name}"))
    }

    fn cannot(&self) -> String {
        format!("cannot write `{}`", self.path.display())
    }
}

fn state_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".state");
    name.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Opens a file cut back to `bytes`.
fn append(path: &Path, bytes: u64) -> Result<BufWriter<File>> {
    let open = || -> std::io::Result<File> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        file.set_len(bytes)?;
        file.seek(SeekFrom::Start(bytes))?;
        Ok(file)
    };
    open().map(BufWriter::new).with_context(|| format!("cannot write `{}`", path.display()))
}

fn flushed(file: &mut BufWriter<File>) -> std::io::Result<u64> {
    file.flush()?;
    file.get_ref().sync_data()?;
    file.stream_position()
}

/// The way from a folder to a file, with `/`.
fn relative(path: &Path, folder: &Path) -> Result<String> {
    let whole = |p: &Path| fs::canonicalize(p).with_context(|| format!("cannot find `{}`", p.display()));
    let (path, folder) = (whole(path)?, whole(folder)?);
    let (to, from): (Vec<Component>, Vec<Component>) =
        (path.components().collect(), folder.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..].iter().map(|c| c.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}
