//! Settings, counters and errors of renderers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Elements of one source at most.
pub(crate) const MAX_ELEMENTS: usize = 20_000;

/// Settings of a renderer. The defaults suit one training run on this machine.
#[derive(Clone, Debug)]
pub struct RenderConfig {
    /// Sources that are rendered at the same time; at least 1.
    pub workers: usize,
    /// Wall-clock limit of one source.
    pub timeout: Duration,
    /// Address space, in MiB, that a script may take beyond what the imported libraries hold.
    pub memory_mb: u64,
    /// Runs untrusted code even where landlock or seccomp is missing.
    pub unsafe_no_sandbox: bool,
    /// Outcomes kept in memory; 0 turns the cache off.
    pub cache_entries: usize,
    /// Draws a chart before the first script, which then finds fonts and parsers loaded: costs
    /// about 0.3 s; pays off above 8 scripts. Charts only.
    pub warm_up: bool,
    /// Project root: the folder that holds `.venv`. Searched for when absent. Charts only.
    pub home: Option<PathBuf>,
    /// A folder of Python files in place of the built-in ones; the bench of the sandbox changes
    /// one.
    pub python: Option<PathBuf>,
    /// Width and height of the browser window in pixels; a page may be higher, and should not be
    /// wider. Pages only.
    pub window: (u32, u32),
    /// Pixels of a whole page, or of a slide, at most. Pages and decks only.
    pub max_pixels: u64,
    /// Slides of a deck that are drawn at most; further ones are counted. Decks only.
    pub max_slides: usize,
    /// Whether texts that shrink to fit are shown as the file stores them, which PowerPoint does,
    /// and not as LibreOffice computes them. Decks only.
    pub freeze: bool,
    /// Whether a deck that nothing can draw counts as far as its file tells, instead of being an
    /// error. Decks only.
    pub undrawn: bool,
    /// Files that every page may use by name; those of its own folder come first. Pages only.
    pub common: BTreeMap<String, Vec<u8>>,
    /// A folder around the folders of pages, whose files they may use as well (`../`). Pages only.
    pub root: Option<PathBuf>,
    /// The user's own environment for the scripts that a person wrote; `None` is the pinned one,
    /// in which every file is hidden. Scripts only.
    pub user: Option<UserEnv>,
}

/// Where a person's script runs. Its own folder ([`vsdpo_artifact::Source::folder`]) is open to
/// reading; what it writes there is dropped when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserEnv {
    /// The interpreter; `None` is the pinned one.
    pub python: Option<PathBuf>,
    /// Folders that scripts may read besides their own.
    pub read: Vec<PathBuf>,
    /// What scripts find in `sys.argv` after their name.
    pub args: Vec<String>,
}

impl Default for RenderConfig {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(10),
            memory_mb: 1300,
            unsafe_no_sandbox: false,
            cache_entries: 4096,
            warm_up: true,
            home: None,
            python: None,
            window: (1280, 720),
            max_pixels: 16 << 20,
            max_slides: 64,
            freeze: true,
            undrawn: false,
            common: BTreeMap::new(),
            root: None,
            user: None,
        }
    }
}

/// What a pool has done so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderStats {
    /// Scripts that really ran.
    pub jobs: u64,
    /// Scripts whose outcome was already known, in the cache or in the same call.
    pub cache_hits: u64,
    /// Among `jobs`, those without a picture.
    pub failures: u64,
    /// Fork servers that died and were started again.
    pub restarts: u64,
    /// CPU seconds of the scripts' processes, user and system.
    pub cpu_seconds: f64,
}

/// Why *we* could not render; never the fault of the script.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A part of the installation is missing.
    #[error("{what}; help: {help}")]
    Setup {
        /// What is missing and where it was searched for.
        what: String,
        /// What to do about it.
        help: &'static str,
    },
    /// A layer of the sandbox that untrusted code must not run without is missing.
    #[error(
        "the kernel offers no {layer}, so untrusted code is refused; help: use Linux 5.13 or newer (in a container: a profile that allows {layer}), or force it with --unsafe-no-sandbox"
    )]
    NoSandbox {
        /// `landlock` or `seccomp`.
        layer: &'static str,
    },
    /// A child could not close its sandbox.
    #[error("a render process could not close its sandbox: {message}")]
    Sandbox {
        /// What the child reported.
        message: String,
    },
    /// The user's interpreter cannot run charts.
    #[error(
        "{}: {why}; help: choose another interpreter with --python PATH, with `python = \"PATH\"` in visual-sdpo.toml, or by activating a virtual environment",
        python.display()
    )]
    Interpreter {
        /// The interpreter.
        python: PathBuf,
        /// What it lacks.
        why: String,
    },
    /// A fork server did not start, or died twice under the same script.
    #[error("the {server} fork server {message}")]
    ForkServer {
        /// `light` or `full`.
        server: &'static str,
        /// What happened, with the last line of its error output.
        message: String,
    },
    /// An office did not start.
    #[error(
        "the office {message}; help: run `visual-sdpo setup slide`; `visual-sdpo doctor` shows what is missing"
    )]
    Office {
        /// What happened, with the last line of its error output.
        message: String,
    },
    /// A browser did not start, or answered what no browser answers.
    #[error("the browser {message}")]
    Browser {
        /// What happened.
        message: String,
    },
    /// A system call of the supervisor failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Names the step that failed: `.map_err(io("create a pipe"))`.
pub(crate) fn io<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> RenderError {
    move |e| RenderError::Io { what, source: e.into() }
}
