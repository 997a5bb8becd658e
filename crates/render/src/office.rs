//! Turns .pptx files into pictures of their slides, with the words on them, in LibreOffice.
//!
//! The principal type is [`Office`]. Starting LibreOffice dominates the cost of a small deck, so
//! each slot keeps one (`crates/render/python/office.py`): it loads a deck, writes a PDF, and
//! PDFium draws the PDF's pages in the same process, which lives behind the same walls as a script.
//! A deck that ends, stops or fills its office costs that deck: the office is replaced.

mod install;
mod result;
mod worker;

use crate::config::{RenderConfig, RenderError, RenderStats, io};
use crate::lock::lock;
use crate::python::buffer::Refused;
use crate::python::home::{Home, python_text, unpack};
use crate::python::pool::require_sandbox;
use install::Install;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use vsdpo_artifact::{ExecError, FailureKind, Image, Region};
pub(crate) use worker::Facts;
use worker::{Answer, Spawner, Worker};

/// Width of a slide's picture in pixels (docs/specs/aeslides.md, 11).
pub const SLIDE_WIDTH: u32 = 1280;
/// Bytes of a deck at most.
const MAX_DECK: usize = 128 << 20;
/// Attempts before a deck that ends its office counts as a crash of the deck. The second one is in
/// a fresh office, so that no deck pays for what an earlier one left behind.
const TRIES: usize = 2;

/// The slides of a deck as the office draws them.
#[derive(Clone, Debug, PartialEq)]
pub struct OfficePages {
    /// One for each slide in the order of presentation, hidden ones too, up to the limits.
    pub pages: Vec<OfficePage>,
    /// Slides of the file.
    pub total: usize,
    /// What was left out, in sentences.
    pub notes: Vec<String>,
}

/// One slide.
#[derive(Clone, Debug, PartialEq)]
pub struct OfficePage {
    /// [`SLIDE_WIDTH`] pixels wide and `round(1280 * slide height / slide width)` high, opaque.
    pub image: Image,
    /// The words of the text as it was drawn, in drawing order.
    pub words: Vec<Word>,
}

/// Characters that are drawn next to each other. Text in a script without spaces gives one word per
/// line. Boxes are in pixels of the picture and may lie beyond it.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The characters; at most 500.
    pub text: String,
    /// Around the glyphs' outlines.
    pub ink: Region,
    /// Around the glyphs' advance, from the font's ascent to its descent: the line's height.
    pub frame: Region,
    /// Font size.
    pub size: f32,
}

/// A pool of offices, at most one per worker of the configuration, each started when it is first
/// needed. Thread safe; share it by reference.
pub struct Office {
    config: RenderConfig,
    home: Home,
    install: Install,
    /// The workers' file.
    script: PathBuf,
    fonts: PathBuf,
    spawner: Spawner,
    slots: Vec<Slot>,
    free: Mutex<Vec<usize>>,
    freed: Condvar,
    stats: Mutex<RenderStats>,
    /// Removed with the pool.
    _scratch: tempfile::TempDir,
}

struct Slot {
    folder: PathBuf,
    worker: Mutex<Option<Worker>>,
    /// The process id of the worker, also while it works; 0 without one.
    pid: AtomicU32,
}

impl Slot {
    fn new(folder: PathBuf) -> Self {
        Self { folder, worker: Mutex::new(None), pid: AtomicU32::new(0) }
    }

    /// The waiting worker, or a new one.
    fn worker(&self, office: &Office, place: &mut Option<Worker>) -> Result<Worker, RenderError> {
        let worker = place.take().map_or_else(|| Worker::start(office, &self.folder), Ok)?;
        self.pid.store(worker.pid(), Ordering::Release);
        Ok(worker)
    }
}

impl Office {
    /// Finds LibreOffice and prepares the pool. Of the configuration it reads `workers`, `timeout`
    /// (of a deck), `memory_mb`, `unsafe_no_sandbox`, `home`, `python`, `max_pixels` (of a slide)
    /// and `max_slides`.
    ///
    /// # Errors
    /// [`RenderError::Setup`] if LibreOffice or the Python environment is missing,
    /// [`RenderError::NoSandbox`] if a layer of the sandbox is.
    pub fn open(config: RenderConfig) -> Result<Self, RenderError> {
        let home = Home::find(config.home.as_deref())?;
        let install = Install::find(&home)?;
        require_sandbox(&config)?;
        let folder = tempfile::Builder::new().prefix("vsdpo-office-").tempdir();
        let scratch = folder.map_err(io("create a scratch folder"))?;
        // Offices may run under another user id, and name their files by full paths.
        std::fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o711))
            .map_err(io("open a scratch folder"))?;
        let python = match &config.python {
            Some(folder) => folder.join("office.py"),
            None => unpack(&scratch.path().join("python"))?.with_file_name("office.py"),
        };
        let fonts = install.configure_fonts(&scratch.path().join("fonts"))?;
        let slot = |i| Slot::new(scratch.path().join(format!("office{i}")));
        let slots: Vec<Slot> = (0..config.workers.max(1)).map(slot).collect();
        Ok(Self {
            free: Mutex::new((0..slots.len()).rev().collect()),
            freed: Condvar::new(),
            stats: Mutex::default(),
            spawner: Spawner::start(),
            script: python,
            _scratch: scratch,
            config,
            home,
            install,
            fonts,
            slots,
        })
    }

    /// The slides of a .pptx file. A file that the office cannot draw, or that breaks a limit, is a
    /// failure as a value. Waits for a free slot.
    ///
    /// # Errors
    /// Returns an error if no office can be started.
    pub fn render(&self, deck: &[u8]) -> Result<Result<OfficePages, ExecError>, RenderError> {
        let outcome = match unfit(deck) {
            Some(error) => Err(error),
            None => {
                let free = self.take_slot();
                let slot = &self.slots[free.index];
                let mut place = lock(&slot.worker);
                let outcome = self.render_in(slot, &mut place, deck);
                slot.pid.store(place.as_ref().map_or(0, Worker::pid), Ordering::Release);
                outcome?
            }
        };
        let mut stats = lock(&self.stats);
        stats.jobs += 1;
        stats.failures += u64::from(outcome.is_err());
        Ok(outcome)
    }

    fn render_in(
        &self,
        slot: &Slot,
        place: &mut Option<Worker>,
        deck: &[u8],
    ) -> Result<Result<OfficePages, ExecError>, RenderError> {
        let mut ended = String::new();
        for _ in 0..TRIES {
            let mut worker = slot.worker(self, place)?;
            let fresh = worker.decks == 0;
            let (answer, cpu) = worker.render(deck, self.config.timeout)?;
            lock(&self.stats).cpu_seconds += cpu;
            match answer {
                Answer::Complete(buffer) => match result::read(&buffer, &self.config) {
                    Ok(outcome) => {
                        *place = Some(worker).filter(|worker| !worker.worn());
                        return Ok(outcome);
                    }
                    Err(Refused::Broken(why)) => {
                        return Ok(Err(failed(FailureKind::Limit, format!("the result was refused: {why}"))));
                    }
                    Err(Refused::Absent) => ended = "answered without a result".into(),
                },
                Answer::Late => {
                    lock(&self.stats).restarts += 1;
                    let message =
                        format!("the deck took longer than {} s", self.config.timeout.as_secs_f64());
                    return Ok(Err(failed(FailureKind::Timeout, message)));
                }
                Answer::Gone(how) => ended = how,
            }
            lock(&self.stats).restarts += 1;
            if fresh {
                break;
            }
        }
        Ok(Err(failed(FailureKind::Crash, format!("the office {ended} while it drew the deck"))))
    }

    /// Decks that can be rendered at the same time.
    pub fn workers(&self) -> usize {
        self.slots.len()
    }

    /// Names everything beside the deck that decides its pictures: the version of LibreOffice and
    /// of PDFium, the fonts, files of ours. Starts an office if none runs.
    ///
    /// # Errors
    /// Returns an error if no office can be started.
    pub fn identity(&self) -> Result<String, RenderError> {
        let facts = self.facts()?;
        Ok(format!(
            "{} {:?}\n{}\n{}",
            facts.version,
            facts.packages,
            self.install.font_files().join("\n"),
            python_text()
        ))
    }

    /// Counters since the start; restarts are offices that ended or were too slow.
    pub fn stats(&self) -> RenderStats {
        lock(&self.stats).clone()
    }

    /// Process ids of the running offices.
    pub fn worker_pids(&self) -> Vec<u32> {
        let pids = self.slots.iter().map(|slot| slot.pid.load(Ordering::Acquire));
        pids.filter(|pid| *pid != 0).collect()
    }

    /// What an office found at its start.
    pub(crate) fn facts(&self) -> Result<Facts, RenderError> {
        let free = self.take_slot();
        let slot = &self.slots[free.index];
        let mut place = lock(&slot.worker);
        let worker = slot.worker(self, &mut place)?;
        Ok(place.insert(worker).facts.clone())
    }

    /// Families of the fixed set that this machine lacks.
    pub(crate) fn missing_fonts(&self) -> Vec<&'static str> {
        self.install.missing_fonts()
    }

    fn take_slot(&self) -> Taken<'_> {
        let mut free = lock(&self.free);
        loop {
            if let Some(index) = free.pop() {
                return Taken { office: self, index };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A slot in use; given back when dropped, also by a panic.
struct Taken<'a> {
    office: &'a Office,
    index: usize,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        lock(&self.office.free).push(self.index);
        self.office.freed.notify_one();
    }
}

/// Why a file cannot be a deck. Other forms that the office reads are none of ours.
fn unfit(deck: &[u8]) -> Option<ExecError> {
    if deck.len() > MAX_DECK {
        let message = format!("the file has {} bytes; {MAX_DECK} are allowed", deck.len());
        return Some(failed(FailureKind::Limit, message));
    }
    let zip = deck.starts_with(b"PK\x03\x04");
    (!zip).then(|| failed(FailureKind::Exception, "the file is no .pptx file (no zip archive)".into()))
}

fn failed(kind: FailureKind, message: String) -> ExecError {
    ExecError::new(kind, message)
}
