//! One browser process: how it is started, confined and ended.
//!
//! Pages are untrusted, and so is what draws them. The browser runs in a network namespace that is
//! empty, under a user id of its own when we are root, with an empty profile that goes with it, and
//! landlock closes to it all files but programs, fonts and that profile. Chromium's own sandbox
//! needs user namespaces and an ordinary user; where it cannot have them, that layer is missing and
//! `doctor` says so.

use super::cdp::{CdpError, Pipe};
use crate::config::{RenderError, io};
use crate::files;
use crate::process::resident_mb;
use crate::sandbox;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names of the programs that can draw, the cheapest first.
const PROGRAMS: [&str; 3] = ["chromium-headless-shell", "chromium", "google-chrome"];
/// What to type when there is none.
pub const HELP: &str = "visual-sdpo setup web (as root), or: sudo apt-get install chromium-headless-shell";
/// Where the system keeps fonts.
const FONTS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
/// The user id of browsers when we are root.
const UID: u32 = 64_901;
/// How long a browser may take to answer its first command.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long the processes of a killed browser may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Switches of Design2Code's screenshots (docs/specs/design2code.md, 2), then quiet ones, then
/// limits.
const SWITCHES: [&str; 18] = [
    "--headless",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-popup-blocking",
    "--mute-audio",
    "--remote-debugging-pipe",
    // Under load the compositor thread keeps showing animations after they were ended.
    "--disable-threaded-animation",
    // Nothing navigates back, so left pages need not be kept.
    "--disable-features=BackForwardCache",
    // A page that fills its heap crashes its renderer process, not the machine.
    "--js-flags=--max-old-space-size=512",
    // Host names do not resolve, also where a network namespace cannot be created.
    "--host-resolver-rules=MAP * ^NOTFOUND",
];

/// Moves our pipes to the descriptors 3 and 4, where the browser expects them, caps the memory of
/// each of its processes (in KiB), which is what a page fills outside of its heap, and offers them
/// first when the machine's memory runs out.
const SHELL: &str = "ulimit -d 2097152; ulimit -c 0; echo 500 >/proc/self/oom_score_adj; exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// A running browser. Dropping it ends its processes and its profile.
pub struct Browser {
    pub pipe: Pipe,
    child: Child,
    /// Pages drawn so far.
    pub pages: usize,
    _profile: TempDir,
}

/// The layers of isolation that this machine allows.
#[derive(Clone, Debug)]
pub struct Confinement {
    program: PathBuf,
    /// An empty network namespace.
    pub network: bool,
    /// A user id of its own.
    pub uid: bool,
    /// Chromium's own sandbox.
    pub own: bool,
}

impl Confinement {
    /// Searches for the program and tests each layer.
    ///
    /// # Errors
    /// [`RenderError::Setup`] without a browser.
    pub fn find() -> Result<Self, RenderError> {
        let program = program().ok_or_else(|| RenderError::Setup {
            what: format!("no browser found (searched for {} on the PATH)", PROGRAMS.join(", ")),
            help: HELP,
        })?;
        let uid = rustix::process::geteuid().is_root() && works(Command::new("setpriv").args(uid_args()));
        let network = works(Command::new("unshare").args(network_args()));
        let mut userns = Command::new("setpriv");
        let own = if rustix::process::geteuid().is_root() {
            uid && works(userns.args(uid_args()).args(["unshare", "--user", "--map-current-user"]))
        } else {
            works(Command::new("unshare").args(["--user", "--map-current-user"]))
        };
        Ok(Self { program, network, uid, own })
    }
}

fn uid_args() -> [String; 4] {
    [format!("--reuid={UID}"), format!("--regid={UID}"), "--clear-groups".into(), "--".into()]
}

fn network_args() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() { &["--net"] } else { &["--user", "--map-current-user", "--net"] }
}

/// Whether the command, followed by `true`, succeeds.
fn works(command: &mut Command) -> bool {
    let quiet = command.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.into_iter().find(|path| path.is_file())
}

impl Browser {
    /// Starts a browser and waits for its first answer.
    ///
    /// # Errors
    /// [`RenderError::Browser`] if it does not start.
    pub fn start(with: &Confinement) -> Result<Self, RenderError> {
        let profile = profile(with.uid)?;
        let mut command = command(with, profile.path());
        if let Some(ruleset) = sandbox::around_browser(&with.program, profile.path())? {
            // SAFETY: between fork and exec the closure makes two system calls; it takes no lock
            // and allocates nothing.
            unsafe { command.pre_exec(move || sandbox::restrict(&ruleset)) };
        }
        let mut child = command.spawn().map_err(io("start the browser"))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(RenderError::Browser { message: "has no pipes".into() });
        };
        let mut browser = Self { pipe: Pipe::new(to, from), child, pages: 0, _profile: profile };
        let deadline = Instant::now() + START_LIMIT;
        let deny = json!({ "behavior": "deny" });
        match browser.pipe.call(None, "Browser.setDownloadBehavior", deny, deadline) {
            Ok(_) => Ok(browser),
            Err(e) => Err(RenderError::Browser { message: format!("did not start: {}", why(&e)) }),
        }
    }

    /// Name and version of the program.
    pub fn version(&mut self) -> Option<String> {
        let answer =
            self.pipe.call(None, "Browser.getVersion", json!({}), Instant::now() + START_LIMIT).ok()?;
        Some(answer["product"].as_str()?.to_owned())
    }

    /// The id of its first process, the leader of the process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident megabytes of the browser's processes.
    pub fn resident_mb(&self) -> u64 {
        tree(self.id()).into_iter().map(resident_mb).sum()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The process group holds all of its processes.
        if let Some(group) = rustix::process::Pid::from_raw(self.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = self.child.wait();
            // A process that still writes would keep a part of the profile from being removed.
            let limit = Instant::now() + END_LIMIT;
            while rustix::process::test_kill_process_group(group).is_ok() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// The error as text.
pub fn why(error: &CdpError) -> String {
    match error {
        CdpError::Gone => "it ended".into(),
        CdpError::Late => "it did not answer in time".into(),
        CdpError::Refused(message) => message.clone(),
    }
}

/// An empty folder that the browser may write.
fn profile(uid: bool) -> Result<TempDir, RenderError> {
    let folder = tempfile::Builder::new().prefix("vsdpo-web-").tempdir().map_err(io("make a profile"))?;
    if uid {
        std::os::unix::fs::chown(folder.path(), Some(UID), Some(UID)).map_err(io("hand over a profile"))?;
    }
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700))
        .map_err(io("close a profile"))?;
    Ok(folder)
}

/// The command line of the confined browser.
fn command(with: &Confinement, profile: &Path) -> Command {
    let mut words: Vec<String> = Vec::new();
    if with.network {
        words.push("unshare".into());
        words.extend(network_args().iter().map(|word| (*word).to_owned()));
        words.push("--".into());
    }
    if with.uid {
        words.push("setpriv".into());
        words.extend(uid_args());
    }
    words.extend(["sh", "-c", SHELL, "sh"].map(str::to_owned));
    words.push(with.program.to_string_lossy().into_owned());
    words.extend(SWITCHES.map(str::to_owned));
    words.push(format!("--user-data-dir={}", profile.display()));
    if !with.own {
        words.push("--no-sandbox".into());
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
        .current_dir(profile)
        .env_clear()
        .env("HOME", profile)
        .env("TMPDIR", profile)
        .env("LANG", "C.UTF-8");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.process_group(0);
    command
}

/// Files of the system's font folders with their sizes. A browser can read no other fonts.
pub fn fonts() -> Vec<String> {
    files::below(&FONTS.map(PathBuf::from))
}

/// A process and its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>())
        .flatten()
        .collect();
    std::iter::once(pid).chain(children.into_iter().flat_map(tree)).collect()
}

/// The empty parameters of a command.
pub fn none() -> Value {
    json!({})
}
