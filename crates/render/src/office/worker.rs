//! One office process: how it is started, given decks, and ended.

use super::Office;
use super::result::BUFFER_BYTES;
use crate::config::{RenderConfig, RenderError, io};
use crate::process::{cpu_seconds, resident_mb};
use crate::python::buffer::{FRAME_AT, RECORDS_AT, RECORDS_MAX};
use crate::python::forkserver::last_line;
use crate::python::packet;
use crate::sandbox;
use rustix::fs::{MemfdFlags, SealFlags, memfd_create};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Replaces an office after this many decks.
const MAX_DECKS: usize = 190;
/// Replaces an office whose resident memory has grown by this much (MB) since its start.
const MAX_GROWTH_MB: u64 = 400;
/// Loading LibreOffice takes a second, minutes with a cold disk on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct Orders<'a> {
    full: bool,
    warm_up: bool,
    uid: Option<u32>,
    landlock: bool,
    seccomp: String,
    rlimits: Vec<(u32, u64, u64)>,
    memory: u64,
    scratch: [&'a Path; 1],
    tmpfs: &'static str,
    records_at: u64,
    records_max: u64,
    frame_at: u64,
    frame_max: u64,
    packages: [&'static str; 1],
    program: &'a Path,
    width: u32,
    most_slides: usize,
    most_pixels: u64,
    most_total: u64,
}

/// The first words of a worker: what the landlock rules need to know, and the layers.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Layers {
    /// A network namespace of its own.
    pub netns: bool,
    /// A scratch file system of its own.
    pub tmpfs: bool,
    /// A user id of its own.
    pub uid: bool,
}

#[derive(Deserialize)]
struct Prepared {
    paths: Vec<PathBuf>,
    #[serde(flatten)]
    layers: Layers,
}

#[derive(Deserialize)]
struct Ready {
    version: String,
    packages: BTreeMap<String, Option<String>>,
    closed: bool,
}

/// What an office found at its start.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Name and version.
    pub version: String,
    /// Versions of Python packages.
    pub packages: BTreeMap<String, Option<String>>,
    pub layers: Layers,
}

/// How a deck ended.
pub(super) enum Answer {
    /// The worker says that the result in this buffer is complete.
    Complete(File),
    /// The time limit was met.
    Late,
    /// The worker's process ended; how.
    Gone(String),
}

/// Starts processes in a thread of its own. A worker asks the kernel to be killed with the thread
/// that started it, so that nothing outlives the program; the thread of a caller may end earlier.
pub(super) struct Spawner {
    requests: Sender<(Command, Sender<std::io::Result<Child>>)>,
}

impl Spawner {
    pub fn start() -> Self {
        let (requests, inbox) = channel::<(Command, Sender<std::io::Result<Child>>)>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody waits for the answer only if the pool is being dropped.
                let _ = answer.send(command.spawn());
            }
        });
        Self { requests }
    }

    fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let (answer, child) = channel();
        let gone = || std::io::Error::other("the thread that starts processes has ended");
        self.requests.send((command, answer)).map_err(|_| gone())?;
        child.recv().map_err(|_| gone())?
    }
}

/// A running office. Dropping it ends the process, and its scratch file system with it.
pub(super) struct Worker {
    child: Child,
    socket: OwnedFd,
    /// Decks that it was given.
    pub decks: usize,
    /// Resident memory at its start.
    base_mb: u64,
    pub facts: Facts,
}

impl Worker {
    /// Starts an office with an empty scratch folder, and tests that its sandbox is closed.
    pub fn start(office: &Office, folder: &Path) -> Result<Self, RenderError> {
        let scratch = folder.join("w");
        // Without a file system of its own, the folder holds what the last office left.
        let _ = std::fs::remove_dir_all(&scratch);
        std::fs::create_dir_all(&scratch).map_err(io("create a scratch folder"))?;
        let (socket, theirs) = packet::pair()?;
        let errors = File::from(memfd_create("errors", MemfdFlags::CLOEXEC).map_err(io("create a buffer"))?);
        let copy = errors.try_clone().map_err(io("copy a descriptor"))?;
        let child = office.spawner.spawn(command(office, theirs, copy)).map_err(io("start an office"))?;
        let layers = Layers { netns: false, tmpfs: false, uid: false };
        let facts = Facts { version: String::new(), packages: BTreeMap::new(), layers };
        let mut worker = Self { child, socket, decks: 0, base_mb: 0, facts };
        match worker.shake_hands(office, folder, &scratch)? {
            Some(facts) => worker.facts = facts,
            None => {
                let message = format!("did not start: {}", last_line(&errors));
                return Err(RenderError::Office { message });
            }
        }
        worker.base_mb = resident_mb(worker.pid());
        Ok(worker)
    }

    /// `None` if the process ended or did not answer.
    fn shake_hands(
        &self,
        office: &Office,
        folder: &Path,
        scratch: &Path,
    ) -> Result<Option<Facts>, RenderError> {
        let orders = orders(&office.config, &office.install.program, scratch)?;
        if packet::send(&self.socket, &orders, &[]).is_err() {
            return Ok(None);
        }
        let Some(prepared) = self.hear::<Prepared>()? else { return Ok(None) };
        let fonts = office.fonts.parent().map(Path::to_path_buf);
        let libraries: Vec<PathBuf> =
            prepared.paths.into_iter().chain(office.install.reads()).chain(fonts).collect();
        let rules = sandbox::Rules { libraries: &libraries, read: &[], slot: folder, writable: true };
        let rules = if orders.landlock { rules.build()? } else { null()? };
        if packet::send(&self.socket, &(), &[rules.as_fd()]).is_err() {
            return Ok(None);
        }
        let Some(ready) = self.hear::<Ready>()? else { return Ok(None) };
        if orders.landlock && !ready.closed {
            return Err(RenderError::Sandbox { message: "an office could list the root folder".into() });
        }
        Ok(Some(Facts { version: ready.version, packages: ready.packages, layers: prepared.layers }))
    }

    fn hear<T: for<'a> Deserialize<'a>>(&self) -> Result<Option<T>, RenderError> {
        if !packet::wait(&self.socket, START_LIMIT)? {
            return Ok(None);
        }
        let packet = packet::receive(self.socket.as_fd()).unwrap_or_default();
        Ok(packet.and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok()))
    }

    /// Hands over a deck and waits for the end, with the processor seconds that it took. After any
    /// other end than [`Answer::Complete`] the worker must be dropped.
    pub fn render(&mut self, deck: &[u8], timeout: Duration) -> Result<(Answer, f64), RenderError> {
        #[derive(Serialize)]
        struct Request {
            job: usize,
            size: usize,
        }
        #[derive(Deserialize)]
        struct Done {
            job: usize,
        }
        self.decks += 1;
        let (deadline, before) = (Instant::now() + timeout, cpu_seconds(self.pid()));
        let seal = SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        let source = buffer("deck")?;
        source.write_all_at(deck, 0).map_err(io("fill a buffer"))?;
        rustix::fs::fcntl_add_seals(&source, seal | SealFlags::WRITE).map_err(io("seal a buffer"))?;
        let result = buffer("slides")?;
        result.set_len(BUFFER_BYTES).map_err(io("size a buffer"))?;
        rustix::fs::fcntl_add_seals(&result, seal).map_err(io("seal a buffer"))?;
        let request = Request { job: self.decks, size: deck.len() };
        if packet::send(&self.socket, &request, &[source.as_fd(), result.as_fd()]).is_err() {
            return Ok((Answer::Gone(self.end()), 0.0));
        }
        if !packet::wait(&self.socket, deadline.saturating_duration_since(Instant::now()))? {
            return Ok((Answer::Late, cpu_seconds(self.pid()) - before));
        }
        // An office that ended has no times any more; its last deck counts as none.
        let cpu = (cpu_seconds(self.pid()) - before).max(0.0);
        // A killed process may reset the connection, which is an end as well.
        let packet = packet::receive(self.socket.as_fd()).unwrap_or_default();
        let done = packet.and_then(|(bytes, _)| serde_json::from_slice::<Done>(&bytes).ok());
        match done {
            Some(done) if done.job == self.decks => Ok((Answer::Complete(result), cpu)),
            Some(_) => Ok((Answer::Gone("answered what it was not asked".into()), cpu)),
            None => Ok((Answer::Gone(self.end()), cpu)),
        }
    }

    /// Whether it should draw no further deck.
    pub fn worn(&self) -> bool {
        self.decks >= MAX_DECKS || resident_mb(self.pid()) > self.base_mb + MAX_GROWTH_MB
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process, which has hung up, and says how it ended.
    fn end(&mut self) -> String {
        // A process that hangs up is at its end, or wants to look so.
        let patience = Instant::now() + Duration::from_secs(1);
        while Instant::now() < patience {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("ended ({status})"),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(_) => break,
            }
        }
        "hung up".into()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn buffer(name: &str) -> Result<File, RenderError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    memfd_create(name, flags).map(File::from).map_err(io("create a buffer"))
}

/// A descriptor in place of rules that the kernel does not have.
fn null() -> Result<OwnedFd, RenderError> {
    File::open("/dev/null").map(OwnedFd::from).map_err(io("open /dev/null"))
}

fn orders<'a>(
    config: &RenderConfig,
    program: &'a Path,
    scratch: &'a Path,
) -> Result<Orders<'a>, RenderError> {
    Ok(Orders {
        full: false,
        warm_up: false,
        uid: rustix::process::geteuid().is_root().then_some(sandbox::FIRST_UID + OFFICE_UID),
        landlock: sandbox::abi() > 0,
        seccomp: if sandbox::available() {
            sandbox::program_hex(sandbox::Caller::Office)?
        } else {
            String::new()
        },
        rlimits: sandbox::office_rlimits(),
        memory: config.memory_mb << 20,
        scratch: [scratch],
        tmpfs: sandbox::OFFICE_SCRATCH,
        records_at: RECORDS_AT,
        records_max: RECORDS_MAX,
        frame_at: FRAME_AT,
        frame_max: BUFFER_BYTES - FRAME_AT,
        packages: ["pypdfium2"],
        program,
        width: super::SLIDE_WIDTH,
        most_slides: config.max_slides,
        most_pixels: config.max_pixels,
        most_total: super::result::MAX_TOTAL_PIXELS,
    })
}

/// The user id of offices, beyond those of the slots of scripts.
const OFFICE_UID: u32 = 1 << 20;

/// The worker's command line, in a process group of its own so that Ctrl-C reaches only us.
fn command(office: &Office, socket: OwnedFd, errors: File) -> Command {
    let mut command = Command::new(&office.home.python);
    command
        .args(["-I", "-B"])
        .arg(&office.script)
        .env_clear()
        .env("FONTCONFIG_FILE", &office.fonts)
        .env("SAL_USE_VCLPLUGIN", "svp")
        // One core per office, and the same order of work in every run.
        .env("MAX_CONCURRENCY", "1")
        .env("MALLOC_ARENA_MAX", "2")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::from(errors))
        .process_group(0);
    command
}
