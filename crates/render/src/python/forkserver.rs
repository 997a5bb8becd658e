//! One fork server: its process, its socket, and the jobs that wait for its answers.

use super::buffer::{FRAME_AT, MAX_TOTAL_PIXELS, RECORDS_AT, RECORDS_MAX};
use super::home::Files;
use super::job::Request;
use super::packet;
use super::pool::layer;
use super::submission::Submission;
use crate::config::{RenderConfig, RenderError, io};
use crate::lock::lock;
use crate::sandbox;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Importing everything takes seconds on a busy machine, minutes with a cold disk.
const START_LIMIT: Duration = Duration::from_secs(180);
/// Packages whose versions a fork server of charts reports.
const PACKAGES: [&str; 6] = ["matplotlib", "numpy", "pandas", "seaborn", "networkx", "scipy"];

/// The sets of preloaded libraries and who uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// numpy and matplotlib.
    Light,
    /// Also pandas, seaborn, networkx, scipy and three dimensions.
    Full,
    /// As full, with the recorder of a benchmark in place of the probe.
    Recorder,
    /// python-pptx alone, with the recorder of decks.
    Deck,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Light => "light",
            Kind::Full => "full",
            Kind::Recorder => "recorder",
            Kind::Deck => "deck",
        }
    }

    /// The Python module that runs the scripts.
    fn runner(self) -> &'static str {
        match self {
            Kind::Light | Kind::Full => "probe",
            Kind::Recorder => "recorder",
            Kind::Deck => "deck",
        }
    }

    /// Packages whose versions the fork server reports.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Kind::Light | Kind::Full | Kind::Recorder => &PACKAGES,
            Kind::Deck => &["python-pptx", "lxml", "XlsxWriter", "pillow"],
        }
    }
}

/// The fork server's first words: what it found and which layers it could set up.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Facts {
    pub python: String,
    pub versions: BTreeMap<String, Option<String>>,
    pub paths: Vec<PathBuf>,
    pub modules: BTreeSet<String>,
    pub netns: bool,
    pub tmpfs: bool,
    pub uid: bool,
}

/// The first words of a fork server.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Hello {
    Ready(Facts),
    /// Why its interpreter cannot run scripts.
    Refused(String),
}

/// What the fork server says about one job.
pub(crate) enum Event {
    /// The child's pidfd.
    Started(OwnedFd),
    /// The child is gone: wait status, CPU seconds.
    Ended(i32, f64),
}

#[derive(Serialize)]
struct Orders<'a> {
    runner: &'static str,
    full: bool,
    warm_up: bool,
    uid: Option<u32>,
    landlock: bool,
    seccomp: String,
    rlimits: Vec<(u32, u64, u64)>,
    memory: u64,
    scratch: &'a [PathBuf],
    user: Option<UserOrders>,
    tmpfs: &'static str,
    records_at: u64,
    records_max: u64,
    frame_at: u64,
    frame_max: u64,
    packages: &'static [&'static str],
}

/// What is ordered for scripts that have a folder.
#[derive(Serialize)]
struct UserOrders {
    /// Where each slot keeps what its script writes.
    layers: Vec<PathBuf>,
    /// Rights in the folder without and with such a place.
    rights: [u64; 2],
}

#[derive(Deserialize)]
struct Answer {
    job: u64,
    ended: Option<i32>,
    #[serde(default)]
    cpu: f64,
}

type Waiting = Arc<Mutex<HashMap<u64, Sender<Event>>>>;

/// A running fork server. Dropping it ends the process and everything that it forked.
pub(crate) struct ForkServer {
    pub kind: Kind,
    socket: Arc<OwnedFd>,
    process: Mutex<Child>,
    waiting: Waiting,
    alive: Arc<AtomicBool>,
    next: AtomicU64,
    /// What it reported at its start.
    pub facts: Facts,
    slots: Vec<PathBuf>,
    /// Folders that scripts with a folder may read besides it.
    read: Vec<PathBuf>,
    /// One landlock ruleset per slot (`None` where the kernel has none and the user insisted).
    rules: Vec<Option<OwnedFd>>,
}

impl ForkServer {
    /// Starts a fork server for the slots whose folders are `slots`, and waits until it is ready.
    pub fn start(
        kind: Kind,
        files: &Files,
        cfg: &RenderConfig,
        slots: &[PathBuf],
    ) -> Result<Self, RenderError> {
        let (ours, theirs) = packet::pair()?;
        let errors = File::from(memfd_create("errors", MemfdFlags::CLOEXEC).map_err(io("create a buffer"))?);
        let errors_copy = errors.try_clone().map_err(io("copy a descriptor"))?;
        let process = spawn(files, theirs, errors_copy)?;
        let socket = Arc::new(ours);
        let mut server = Self {
            kind,
            socket,
            process: Mutex::new(process),
            waiting: Waiting::default(),
            alive: Arc::new(AtomicBool::new(true)),
            next: AtomicU64::new(0),
            facts: Facts::none(),
            slots: vec![],
            read: vec![],
            rules: vec![],
        };
        let failed = |message| RenderError::ForkServer { server: kind.name(), message };
        server.facts = match server.handshake(cfg, slots)? {
            Some(Hello::Ready(facts)) => facts,
            Some(Hello::Refused(why)) if files.home.own => {
                return Err(RenderError::Interpreter { python: files.home.python.clone(), why });
            }
            Some(Hello::Refused(why)) => return Err(failed(format!("did not start: {why}"))),
            None => return Err(failed(format!("did not start: {}", last_line(&errors)))),
        };
        server.slots = slots.to_vec();
        server.read = cfg.user.as_ref().map_or(Vec::new(), |user| user.read.clone());
        server.rules = slots.iter().map(|slot| server.build_rules(slot, &[])).collect::<Result<_, _>>()?;
        server.listen();
        Ok(server)
    }

    fn handshake(&self, cfg: &RenderConfig, slots: &[PathBuf]) -> Result<Option<Hello>, RenderError> {
        let scratch: Vec<PathBuf> = slots.iter().map(|s| s.join("w")).collect();
        let orders = Orders {
            runner: self.kind.runner(),
            full: matches!(self.kind, Kind::Full | Kind::Recorder),
            warm_up: cfg.warm_up,
            uid: rustix::process::geteuid().is_root().then_some(sandbox::FIRST_UID),
            landlock: sandbox::abi() > 0,
            seccomp: if sandbox::available() {
                sandbox::program_hex(sandbox::Caller::Script)?
            } else {
                String::new()
            },
            rlimits: sandbox::rlimits(cfg.timeout),
            memory: cfg.memory_mb << 20,
            scratch: &scratch,
            user: cfg.user.as_ref().map(|_| UserOrders {
                layers: slots.iter().map(|slot| layer(slot)).collect(),
                rights: sandbox::folder_rights(),
            }),
            tmpfs: sandbox::SCRATCH_OPTIONS,
            records_at: RECORDS_AT,
            records_max: RECORDS_MAX,
            frame_at: FRAME_AT,
            frame_max: MAX_TOTAL_PIXELS * 4,
            packages: self.kind.packages(),
        };
        self.send(&orders, &[])?;
        if !packet::wait(&self.socket, START_LIMIT)? {
            return Ok(None);
        }
        let packet = packet::receive(self.socket.as_fd()).map_err(io("hear from the fork server"))?;
        Ok(packet.and_then(|(bytes, _)| serde_json::from_slice::<Hello>(&bytes).ok()))
    }

    /// What a script in this slot may open; `None` where the kernel has no such rules.
    fn build_rules(&self, slot: &Path, read: &[PathBuf]) -> Result<Option<OwnedFd>, RenderError> {
        if sandbox::abi() == 0 {
            return Ok(None);
        }
        let rules = sandbox::Rules { libraries: &self.facts.paths, read, slot, writable: self.facts.tmpfs };
        rules.build().map(Some)
    }

    /// Hands answers to the jobs that wait for them, until the fork server hangs up.
    fn listen(&self) {
        let (socket, waiting) = (Arc::clone(&self.socket), Arc::clone(&self.waiting));
        let alive = Arc::clone(&self.alive);
        std::thread::spawn(move || {
            while let Ok(Some((bytes, fd))) = packet::receive(socket.as_fd()) {
                let Ok(answer) = serde_json::from_slice::<Answer>(&bytes) else { break };
                let event = match (answer.ended, fd) {
                    (Some(status), _) => Event::Ended(status, answer.cpu),
                    (None, Some(pidfd)) => Event::Started(pidfd),
                    (None, None) => break,
                };
                let last = matches!(event, Event::Ended(..));
                let mut waiting = lock(&waiting);
                if let Some(job) = waiting.get(&answer.job) {
                    // A job that no longer waits has given up on its own.
                    let _ = job.send(event);
                }
                if last {
                    waiting.remove(&answer.job);
                }
            }
            alive.store(false, Ordering::Release);
            // Dropping the senders ends every job that waits for an answer.
            lock(&waiting).clear();
        });
    }

    /// Whether it still answers.
    pub fn alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Ends it. Its children die with it: each has asked for a kill signal at its parent's end.
    pub fn retire(&self) {
        self.alive.store(false, Ordering::Release);
        // Both calls fail only if it is gone already.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        let mut process = lock(&self.process);
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        lock(&self.process).id()
    }

    /// Asks for a child that runs `source` in `slot`. The channel closes early if the fork server
    /// dies.
    pub fn submit(
        &self,
        slot: usize,
        job: &Submission,
        request: &Request<'_>,
    ) -> Result<Receiver<Event>, RenderError> {
        #[derive(Serialize)]
        struct Message<'a> {
            job: u64,
            slot: usize,
            size: u64,
            options: &'a serde_json::Value,
            folder: Option<&'a Path>,
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (options, folder) = (&request.options, request.folder);
        let message = Message { job: id, slot, size: job.size, options, folder };
        // The script's process adds its folder to the rules, which therefore are its own.
        let own = match (folder, self.slots.get(slot)) {
            (Some(_), Some(slot)) => self.build_rules(slot, &self.read)?,
            _ => None,
        };
        let (sender, events) = channel();
        lock(&self.waiting).insert(id, sender);
        let source = job.source.as_fd();
        let shared = self.rules.get(slot).and_then(Option::as_ref);
        let rules = own.as_ref().or(shared).map_or(source, |rules| rules.as_fd());
        self.send(&message, &[source, job.buffer.as_fd(), job.output.as_fd(), rules])?;
        if !self.alive() {
            // The listener may have emptied the table before this job entered it.
            lock(&self.waiting).remove(&id);
        }
        Ok(events)
    }

    fn send(&self, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> Result<(), RenderError> {
        packet::send(&self.socket, message, fds)
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Facts {
    fn none() -> Self {
        Self {
            python: String::new(),
            versions: BTreeMap::new(),
            paths: vec![],
            modules: BTreeSet::new(),
            netns: false,
            tmpfs: false,
            uid: false,
        }
    }
}

/// Starts Python without any variable of ours, in a process group of its own so that Ctrl-C reaches
/// only the supervisor.
fn spawn(files: &Files, socket: OwnedFd, errors: File) -> Result<Child, RenderError> {
    let mut command = Command::new(&files.home.python);
    command.args(if files.home.own { &["-B"][..] } else { &["-I", "-B"] }).arg(files.zygote).env_clear();
    if files.home.own {
        // They decide where packages and settings are found; no script sees them.
        let kept = ["HOME", "PYTHONPATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
        command.envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    }
    command
        .env("MPLBACKEND", "Agg")
        .env("MPLCONFIGDIR", &files.home.font_cache)
        .env("OPENBLAS_NUM_THREADS", "1")
        .env("OMP_NUM_THREADS", "1")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::from(errors))
        .process_group(0)
        .spawn()
        .map_err(io("start Python"))
}

/// The last words of a process that did not start.
pub(crate) fn last_line(errors: &File) -> String {
    let size = errors.metadata().map_or(0, |m| m.len());
    let start = size.saturating_sub(4096);
    let mut bytes = vec![0; (size - start) as usize];
    if errors.read_exact_at(&mut bytes, start).is_err() {
        return "no error output".into();
    }
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no error output").trim().to_string()
}
