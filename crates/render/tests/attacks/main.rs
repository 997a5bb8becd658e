//! Hostile scripts: each is stopped by the layer that its entry names, while honest scripts in the
//! same pool draw what they always draw. The same list runs several times:
//! - `all_layers`: with everything that this machine gives the tests (as root: another user id per
//!   slot, namespaces, scratch file systems, landlock, seccomp, limits);
//! - `ordinary_user`: the same without the user ids, as on a desktop (the attacks on files and
//!   processes);
//! - `unprivileged`: where user namespaces are denied, as in a container: landlock, seccomp and
//!   limits.
//! - `open_folder` and `open_folder_unprivileged`: the first and the third, for a person's script
//!   whose own folder is open to reading (the attacks on files and processes).
//!
//! Three of them start this program again under another user id or behind a filter that denies
//! namespaces. They need the Python environment; without it they fail and say how to make it.

mod clock;
mod files;
mod frames;
mod kernel;
mod list;
mod locks;
mod memory;
mod open;
mod parsers;
mod processes;

use list::{Attack, Patience, all, check, drawn, on_others};
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use vsdpo_artifact::Outcome;
use vsdpo_artifact::{Language, Source};
use vsdpo_render::{ChartRenderer, Check, CheckState, RenderConfig, Renderer, UserEnv, doctor, spread};

const HONEST: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('honest')\n";
/// Slots: one honest script, the others hostile.
const WORKERS: usize = 5;
/// An id that no system gives out and no slot uses.
const SOMEBODY: u32 = 1_999_999_999;
const USER: &str = "ordinary user";
const UNPRIVILEGED: &str = "unprivileged";
const OPEN: &str = "open folder";
const SETTING: &str = "VSDPO_ATTACKS_SETTING";
const NAMESPACES: [&str; 2] = ["network namespace", "scratch file system"];

#[test]
fn all_layers() {
    run_all("all layers");
}

#[test]
fn ordinary_user() {
    if rustix::process::geteuid().is_root() {
        elsewhere(USER, false);
    } else {
        eprintln!("skipped: these tests already run as an ordinary user, so `all_layers` is this test");
    }
}

#[test]
fn unprivileged() {
    elsewhere(UNPRIVILEGED, true);
}

#[test]
fn open_folder() {
    run_all(OPEN);
}

#[test]
fn open_folder_unprivileged() {
    elsewhere(&format!("{OPEN}, {UNPRIVILEGED}"), true);
}

#[test]
#[ignore = "the part of the tests above that runs in the other process"]
fn inside() {
    run_all(&std::env::var(SETTING).expect("started by one of the tests above"));
}

/// Runs `inside` in another process: as an ordinary user, and with namespaces denied or not.
fn elsewhere(setting: &str, deny_namespaces: bool) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "inside", "--ignored", "--nocapture"]).env(SETTING, setting);
    if rustix::process::geteuid().is_root() {
        command.uid(SOMEBODY).gid(SOMEBODY).env_remove("TMPDIR");
    }
    if deny_namespaces {
        let filter = no_namespaces();
        // SAFETY: between fork and exec the closure makes two system calls; it takes no lock and
        // allocates nothing.
        unsafe {
            command.pre_exec(move || {
                seccompiler::apply_filter(&filter).map_err(|_| std::io::ErrorKind::Unsupported.into())
            })
        };
    }
    let status = command.status().unwrap_or_else(|e| {
        panic!("user {SOMEBODY} cannot run this program: {e}; help: keep the target folder readable for all")
    });
    assert!(status.success(), "see above: {setting}");
}

/// What Docker's default profile does to a container without extra rights.
fn no_namespaces() -> seccompiler::BpfProgram {
    use seccompiler::{SeccompAction, SeccompFilter};
    let calls = [libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount].map(|call| (call, vec![]));
    let deny = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(calls.into(), SeccompAction::Allow, deny, arch).unwrap().try_into().unwrap()
}

/// Whether the layers are those of the setting; `None` if this machine cannot give them.
fn is_bare(setting: &str) -> Option<bool> {
    let checks = doctor();
    let state =
        |name: &str| -> &Check { checks.iter().find(|c| c.name == name).expect("a line of the doctor") };
    let on = |name: &str| state(name).state == CheckState::Ok;
    for name in ["landlock", "seccomp", "charts"] {
        assert!(on(name), "{setting}: {:?}", state(name));
    }
    let active: Vec<_> = checks.iter().filter(|c| c.state == CheckState::Ok).map(|c| c.name).collect();
    eprintln!("{setting}: {}", active.join(", "));
    let bare = NAMESPACES.iter().all(|n| !on(n));
    let unprivileged = setting.ends_with(UNPRIVILEGED);
    match setting {
        _ if unprivileged => assert!(bare && !on("user id"), "{setting}: {checks:?}"),
        USER => assert!(!on("user id"), "{setting}: {checks:?}"),
        _ => (),
    }
    (bare == unprivileged && NAMESPACES.iter().all(|n| on(n) != bare)).then_some(bare)
}

fn start(timeout: Duration, open: bool) -> ChartRenderer {
    // A short memory limit, because filling memory takes long on a busy machine.
    let cfg = RenderConfig {
        workers: WORKERS,
        timeout,
        memory_mb: 200,
        cache_entries: 0,
        user: open.then(UserEnv::default),
        ..RenderConfig::default()
    };
    ChartRenderer::start(cfg).unwrap_or_else(|e| panic!("these tests render for real: {e}"))
}

/// Runs the list, each attack beside an honest script, and reports everything that went wrong at
/// once.
fn run_all(setting: &str) {
    let Some(bare) = is_bare(setting) else {
        eprintln!("skipped: {setting}: this machine does not allow what the setting is about");
        return;
    };
    let began = Instant::now();
    let secret = Secret::plant();
    let own = setting.starts_with(OPEN).then(|| open::Open::plant(&secret.path));
    let attacks = match &own {
        // Without a layer over the folder nothing is written, and so nothing filled.
        Some(_) => on_others(&secret.path)
            .into_iter()
            .filter(|a| !(bare && a.writes_here()))
            .chain(open::attacks(&secret.path))
            .collect(),
        None if setting == USER => on_others(&secret.path),
        None => all(&secret.path),
    };
    let folder = own.as_ref().map(open::Open::path);
    let start = |timeout| start(timeout, own.is_some());
    let (short, long): (Vec<_>, Vec<_>) =
        attacks.iter().filter(|a| chosen(a)).partition(|a| a.patience == Patience::Short);
    let patient = start(Duration::from_secs(60));
    let mut wrong = run_in(&patient, &long, bare, folder.as_deref());
    if !short.is_empty() {
        // Honest scripts beside those that use up every core must be done in time, also on a slow
        // machine.
        let honest = Instant::now();
        patient.render(&script(HONEST, folder.as_deref())).unwrap();
        let timeout = (honest.elapsed() * 16).clamp(Duration::from_secs(4), Duration::from_secs(40));
        wrong.extend(run_in(&start(timeout), &short, bare, folder.as_deref()));
    }
    wrong.extend(secret.wrong());
    wrong.extend(own.as_ref().and_then(open::Open::wrong));
    let (count, seconds) = (long.len() + short.len(), began.elapsed().as_secs_f32());
    eprintln!("{setting}: {count} attacks, each beside an honest script, in {seconds:.0} s");
    assert!(wrong.is_empty(), "{setting}: {} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Picks attacks by a part of their name, for a person who works on one of them.
fn chosen(attack: &Attack) -> bool {
    std::env::var("VSDPO_ATTACK").map_or(true, |part| attack.name.contains(&part))
}

/// Runs attacks in one pool, as many at a time as it has slots beside the honest script's; returns
/// what went wrong.
fn run_in(pool: &ChartRenderer, attacks: &[&Attack], bare: bool, folder: Option<&Path>) -> Vec<String> {
    let usual = pool.render(&script(HONEST, folder)).unwrap();
    assert!(drawn(&usual), "{usual:?}");
    let servers = pool.server_pids();
    let open = open_files();
    let mut wrong = Vec::new();
    for group in attacks.chunks(WORKERS - 1) {
        let scripts: Vec<&str> = group.iter().map(|a| &*a.script).chain([HONEST]).collect();
        let render = |i: usize| Ok::<_, Infallible>(pool.render(&script(scripts[i], folder)));
        let Ok(mut results) = spread(WORKERS, scripts.len(), render);
        match results.pop().unwrap() {
            Ok(outcome) if outcome == usual => (),
            other => {
                let names: Vec<_> = group.iter().map(|a| a.name).collect();
                wrong.push(format!("the honest script beside {names:?} suffered: {other:?}"));
            }
        }
        for (attack, result) in group.iter().zip(results) {
            let (layer, sees) = attack.expected(bare);
            let stopped = result.map_err(|e| format!("ours: {e}"));
            if let Err(why) = stopped.and_then(|outcome| check(&outcome, sees)) {
                wrong.push(format!("{}: {layer:?} should have stopped it: {why}", attack.name));
            }
        }
    }
    if pool.stats().restarts > 0 || !pool.server_pids().starts_with(&servers) {
        wrong.push(format!("a fork server died: {:?}", pool.stats()));
    }
    // Tests beside this one open files of this process as well, and close them; a leak stays.
    let settled = || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        open_files() <= open + 8
    };
    if !(0..100).any(|_| settled()) {
        wrong.push(format!("the supervisor leaks descriptors: {open} before, {} after", open_files()));
    }
    wrong
}

fn script(text: &str, folder: Option<&Path>) -> Source {
    Source { folder: folder.map(Path::to_path_buf), ..Source::new(text, Language::Python) }
}

fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// A file that any user may read and write, so that nothing but the sandbox keeps scripts away from
/// it.
struct Secret {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Secret {
    fn plant() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "secret").unwrap();
        open_to_all(folder.path(), 0o777);
        open_to_all(&path, 0o666);
        Self { folder, path }
    }

    fn wrong(&self) -> Option<String> {
        let names: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        let text = std::fs::read_to_string(&self.path);
        (names != ["secret"] || !matches!(&text, Ok(t) if t == "secret"))
            .then(|| format!("the files of the user were changed: {names:?} {text:?}"))
    }
}

#[test]
fn a_check_can_fail() {
    use list::Sees;
    use vsdpo_artifact::{ExecError, FailureKind};
    let failed = |kind, message: &str| Outcome::Failed { error: ExecError::new(kind, message) };
    let through = failed(FailureKind::NoFigure, "the script ended without a figure");
    let seccomp = failed(FailureKind::Exception, "PermissionError: [Errno 1] Operation not permitted");
    let landlock = failed(FailureKind::Exception, "PermissionError: [Errno 13] Permission denied");
    for sees in [Sees::NoAccess, Sees::NotPermitted, Sees::Raises(""), Sees::Fails, Sees::Draws] {
        assert!(check(&through, sees).is_err(), "{sees:?}");
    }
    assert!(check(&seccomp, Sees::NotPermitted).is_ok() && check(&seccomp, Sees::NoAccess).is_err());
    assert!(check(&landlock, Sees::NoAccess).is_ok() && check(&landlock, Sees::NotPermitted).is_err());
    assert!(check(&failed(FailureKind::Exception, "a\u{1b}[2J"), Sees::Fails).is_err());
}
