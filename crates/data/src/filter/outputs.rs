//! The files that a filter writes. An interruption at any moment loses at most one chunk.
//!
//! While the filter runs, `OUT.state` beside the output holds the finished rows, the bytes written
//! and the counts. It is replaced by a rename after the outputs are flushed; resuming truncates the
//! outputs to these bytes.

use crate::{Corpus, DataError, Picture, Record, jsonl_line};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

/// The help of an output that cannot be written.
const CHECK: &str = "check the disk space and the permissions";

/// The progress of a filter, as `OUT.state` stores it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The configuration of the corpus: only the same one may resume with these files.
    job: Value,
    /// Whether the malformed rows are written.
    pub opened: bool,
    /// Well-formed rows that are finished.
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
    /// The progress so far.
    pub state: State,
    out: Output,
    rejected: Option<Output>,
}

impl Outputs {
    /// Starts a filter, or resumes an interrupted one.
    pub fn open(out: &Path, rejected: Option<&Path>, job: Value) -> Result<Self, DataError> {
        let path = state_path(out);
        let state = match fs::read(&path) {
            Ok(bytes) => {
                let state: State = serde_json::from_slice(&bytes).map_err(|e| {
                    DataError::file(&path, format!("is damaged: {e}"), "delete it and start again")
                })?;
                if state.job != job {
                    let problem = "belongs to a filter with other arguments";
                    return Err(DataError::file(&path, problem, "use the same arguments, or delete it"));
                }
                state
            }
            // An empty file is left by a start that failed.
            Err(_) if fs::metadata(out).is_ok_and(|facts| facts.len() > 0) => {
                return Err(DataError::file(out, "exists already", "name another file, or delete it"));
            }
            Err(_) => State { job, ..State::default() },
        };
        let rejected = rejected.map(|path| Output::open(path, state.rejected_bytes)).transpose()?;
        Ok(Self { out: Output::open(out, state.out_bytes)?, rejected, state })
    }

    /// Writes a row that is kept. Its pictures are written beside the output unless they are files.
    pub fn keep(&mut self, corpus: &Corpus, number: u64, record: &Record) -> Result<(), DataError> {
        let folder = parent(&self.out.path);
        let mut images = Vec::new();
        for (k, picture) in record.pictures.iter().enumerate() {
            images.push(match picture {
                Picture::File(path) => relative(path, folder)?,
                Picture::Member { name, .. } => {
                    self.unpack(corpus, picture, &format!("{number}-{k}-{}", file_name(name)))?
                }
                // Row numbers repeat in a corpus of several files; ids do not.
                Picture::Held { bytes, .. } => {
                    let ending = if bytes.starts_with(b"\xff\xd8") { "jpg" } else { "png" };
                    self.unpack(corpus, picture, &format!("{}.{ending}", record.id))?
                }
            });
        }
        self.out.line(&jsonl_line(record, &images))?;
        self.state.kept += 1;
        Ok(())
    }

    /// Counts a row that is not kept, and writes the reason.
    pub fn reject(&mut self, row: u64, id: Option<&str>, kind: &str, message: &str) -> Result<(), DataError> {
        *self.state.reasons.entry(kind.to_owned()).or_default() += 1;
        match &mut self.rejected {
            Some(file) => {
                file.line(&json!({"row": row, "id": id, "kind": kind, "message": message}).to_string())
            }
            None => Ok(()),
        }
    }

    /// Flushes the outputs to disk, then saves the state.
    pub fn save(&mut self) -> Result<(), DataError> {
        self.state.out_bytes = self.out.flush()?;
        if let Some(file) = &mut self.rejected {
            self.state.rejected_bytes = file.flush()?;
        }
        let path = state_path(&self.out.path);
        let fresh = path.with_extension("state.new");
        let bytes = json!(self.state).to_string();
        fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &path)).map_err(DataError::io(&path, CHECK))
    }

    /// Saves the outputs of a finished filter and deletes its state file.
    pub fn finish(mut self) -> Result<State, DataError> {
        self.save()?;
        let path = state_path(&self.out.path);
        fs::remove_file(&path).map_err(DataError::io(&path, CHECK))?;
        Ok(self.state)
    }

    /// Writes a picture beside the output, and returns its path relative to the output.
    fn unpack(&self, corpus: &Corpus, picture: &Picture, name: &str) -> Result<String, DataError> {
        let path = &self.out.path;
        let stem = path.file_stem().map_or("kept".into(), |s| s.to_string_lossy().into_owned());
        let folder = format!("{stem}_images");
        let target = parent(path).join(&folder);
        let bytes = corpus.picture(picture)?;
        fs::create_dir_all(&target)
            .and_then(|()| fs::write(target.join(name), bytes))
            .map_err(DataError::io(&target, CHECK))?;
        Ok(format!("{folder}/{name}"))
    }
}

/// A file of lines.
struct Output {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Output {
    /// Opens a file for appending, truncated to `bytes`.
    fn open(path: &Path, bytes: u64) -> Result<Self, DataError> {
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok(file)
        };
        let file = open().map(BufWriter::new).map_err(DataError::io(path, CHECK))?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn line(&mut self, text: &str) -> Result<(), DataError> {
        writeln!(self.file, "{text}").map_err(DataError::io(&self.path, CHECK))
    }

    /// Flushes to disk, and returns the length in bytes.
    fn flush(&mut self) -> Result<u64, DataError> {
        let mut flush = || {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            self.file.stream_position()
        };
        flush().map_err(DataError::io(&self.path, CHECK))
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

/// The path of a file relative to a folder, with `/`.
fn relative(path: &Path, folder: &Path) -> Result<String, DataError> {
    let whole = |p: &Path| fs::canonicalize(p).map_err(DataError::io(p, "check the path"));
    let (path, folder) = (whole(path)?, whole(folder)?);
    let (to, from): (Vec<Component>, Vec<Component>) =
        (path.components().collect(), folder.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..].iter().map(|c| c.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}
