//! Hostile scripts, each stopped by the layer that its test names, while honest scripts render in the
//! same pool. They need the Python environment; without it they fail and say how to make it.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use vsdpo_artifact::{ExecError, FailureKind, Outcome};
use vsdpo_render::{ChartRenderer, RenderConfig};

const HONEST: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('honest')\n";

fn config() -> RenderConfig {
    // A short memory limit, because filling memory takes long on a busy machine.
    let timeout = Duration::from_secs(20);
    RenderConfig { workers: 2, timeout, memory_mb: 300, cache_entries: 0, ..RenderConfig::default() }
}

fn start(config: RenderConfig) -> ChartRenderer {
    ChartRenderer::start(config).unwrap_or_else(|e| panic!("these tests render for real: {e}"))
}

/// One pool for the tests that run at the same time; it ends with the last of them.
fn pool() -> Arc<ChartRenderer> {
    static POOL: Mutex<Weak<ChartRenderer>> = Mutex::new(Weak::new());
    let mut shared = POOL.lock().unwrap_or_else(|e| e.into_inner());
    shared.upgrade().unwrap_or_else(|| {
        let pool = Arc::new(start(config()));
        *shared = Arc::downgrade(&pool);
        pool
    })
}

fn drawn(outcome: &Outcome) -> bool {
    outcome.rendered().is_some_and(|r| {
        let colours: std::collections::BTreeSet<&[u8]> = r.image.rgba.chunks(4).collect();
        r.image.width >= 100 && r.image.height >= 100 && colours.len() > 10
    })
}

/// Runs an attack beside an honest script; returns what became of the attack.
fn attack(script: &str) -> Outcome {
    let pool = pool();
    let mut results = pool.render_all(&[script, HONEST]);
    let honest = results.pop().unwrap().unwrap();
    assert!(drawn(&honest), "the honest script suffered: {honest:?}");
    results.pop().unwrap().unwrap()
}

fn failure(script: &str) -> ExecError {
    match attack(script) {
        Outcome::Failed { error } => error,
        Outcome::Rendered(_) => panic!("the attack went through:\n{script}"),
    }
}

/// The attack must raise this in the script, because of this layer.
#[track_caller]
fn raises(layer: &str, script: &str, what: &str) {
    let error = failure(script);
    assert!(
        error.kind == FailureKind::Exception && error.message.contains(what),
        "{layer} should have stopped this with {what}: {error:?}"
    );
}

#[test]
fn landlock_hides_files() {
    for path in ["/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/self/mem", "/proc/1/cmdline"] {
        raises("landlock", &format!("open('{path}', 'rb').read(1)"), "PermissionError");
    }
    raises("landlock", "import os\nos.listdir('/')", "PermissionError");
    raises("landlock", "import os\nos.listdir('../..')", "PermissionError");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    raises("landlock", &format!("open('{manifest}')"), "PermissionError");
}

#[test]
fn landlock_denies_writing_outside_the_scratch_folder() {
    let target = std::env::temp_dir().join("vsdpo-attack-must-not-exist");
    raises("landlock", &format!("open('{}', 'w')", target.display()), "PermissionError");
    assert!(!target.exists());
    raises("landlock", "import numpy\nopen(numpy.__file__, 'a')", "PermissionError");
    raises("landlock", "import os\nos.rename(os.__file__, os.__file__ + 'x')", "PermissionError");
}

#[test]
fn seccomp_denies_the_network() {
    raises("seccomp", "import socket\nsocket.create_connection(('127.0.0.1', 80))", "PermissionError");
    raises("seccomp", "import socket\nsocket.socket(socket.AF_UNIX)", "PermissionError");
}

#[test]
fn seccomp_denies_processes() {
    raises("seccomp", "import subprocess\nsubprocess.run(['/bin/true'])", "PermissionError");
    raises("seccomp", "import os\nwhile True: os.fork()", "PermissionError");
    raises("seccomp", "import os\nos.execv('/bin/true', ['true'])", "PermissionError");
    raises("seccomp", "import os\nos.posix_spawn('/bin/true', ['true'], {})", "PermissionError");
}

#[test]
fn seccomp_denies_signals() {
    raises("seccomp", "import os\nos.kill(os.getppid(), 9)", "PermissionError");
    raises("seccomp", &format!("import os\nos.kill({}, 9)", std::process::id()), "PermissionError");
    raises("seccomp", "import os\nos.kill(-1, 9)", "PermissionError");
}

#[test]
fn seccomp_denies_the_kernels_back_doors() {
    let call = |name: &str, number: i64| {
        let script = format!(
            "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n\
             answer = libc.syscall({number}, 0, 0, 0, 0, 0)\n\
             raise RuntimeError(f'{name} {{answer}} {{ctypes.get_errno()}}')"
        );
        raises("seccomp", &script, &format!("{name} -1 1"));
    };
    call("unshare", libc::SYS_unshare);
    call("ptrace", libc::SYS_ptrace);
    call("io_uring_setup", libc::SYS_io_uring_setup);
    call("bpf", libc::SYS_bpf);
    call("userfaultfd", libc::SYS_userfaultfd);
    call("shmget", libc::SYS_shmget);
    call("process_vm_writev", libc::SYS_process_vm_writev);
    raises("seccomp", "import os\nos.memfd_create('x')", "PermissionError");
    raises("seccomp", "import os\nos.chmod('.', 0o777)", "PermissionError");
    raises("seccomp", "import os\nos.symlink('/etc/passwd', 'x')", "PermissionError");
    raises("seccomp", "import os\nos.link(os.__file__, 'x')", "PermissionError");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn seccomp_kills_calls_of_another_architecture() {
    // mov eax, 20 (getpid of i386); int 0x80; ret
    let script = "import ctypes, mmap\n\
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n\
        code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n\
        at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n\
        raise RuntimeError(ctypes.CFUNCTYPE(ctypes.c_int)(at)())";
    let error = failure(script);
    assert_eq!(
        (error.kind, error.message.as_str()),
        (FailureKind::Crash, "a system call of another architecture")
    );
}

#[test]
fn the_address_space_limit_stops_memory_bombs() {
    assert_eq!(failure("x = bytearray(10 << 30)").kind, FailureKind::Memory);
    assert_eq!(failure("x = []\nwhile True: x.append(bytearray(1 << 24))").kind, FailureKind::Memory);
    raises("rlimit", "import resource as r\nr.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY,) * 2)", "ValueError");
}

#[test]
fn the_wall_clock_ends_loops_and_sleeps() {
    let pool = start(RenderConfig { timeout: Duration::from_secs(2), ..config() });
    let began = Instant::now();
    let sleep = "import signal, time\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\ntime.sleep(60)";
    for result in pool.render_all(&["while True: pass", sleep]) {
        let Ok(Outcome::Failed { error }) = result else { panic!("it went on") };
        assert_eq!(
            (error.kind, error.message.as_str()),
            (FailureKind::Timeout, "the script ran longer than 2 s")
        );
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(drawn(&pool.render(HONEST).unwrap()));
}

#[test]
fn the_file_size_limit_and_the_scratch_limit_stop_large_files() {
    raises("rlimit", "open('big', 'wb').truncate(5 << 30)", "File too large");
    let many = "for i in range(9):\n  with open(f'f{i}', 'wb') as f: f.write(bytes(16 << 20))";
    raises("tmpfs", many, "No space left");
    raises("tmpfs", "for i in range(5000): open(f'f{i}', 'w').close()", "No space left");
}

#[test]
fn an_early_exit_is_no_success() {
    let error = failure("import os\nos._exit(0)");
    assert_eq!(error.kind, FailureKind::Crash);
    assert_eq!(error.message, "the process ended itself without a result (exit status 0)");
    // The status of a child that could not close its sandbox: from a script it means nothing.
    assert_eq!(failure("import os\nos._exit(97)").kind, FailureKind::Crash);
    let error = failure("import ctypes\nctypes.string_at(0)");
    assert_eq!(error.kind, FailureKind::Crash);
    assert!(error.message.contains("signal 11"), "{error:?}");
}

#[test]
fn output_is_discarded_beyond_a_cap() {
    let loud = "import sys\nline = 'x' * (1 << 20)\nfor i in range(1024): sys.stdout.write(line)\n";
    let outcome = attack(&format!("{loud}{HONEST}"));
    assert!(drawn(&outcome), "{outcome:?}");
}

#[test]
fn forged_results_are_refused() {
    let forge = |tail: &str| {
        format!(
            "import os, struct\n\
             def forge(data, at):\n  for fd in range(3, 64):\n    try: os.pwrite(fd, data, at)\n    except OSError: pass\n\
             {tail}\nos._exit(0)"
        )
    };
    let refused = |tail: &str, why: &str| {
        let error = failure(&forge(tail));
        assert_eq!(error.kind, FailureKind::Limit, "{error:?}");
        assert!(error.message.contains(why), "{error:?}");
    };
    let head = |status: u32, w: u32, h: u32, records: &str, pixels: u64| {
        format!("forge(struct.pack('<8sIIIIQQ', b'VSDPOFRM', 1, {status}, {w}, {h}, {records}, {pixels}), 0)")
    };
    refused("forge(b'garbage!' * 4, 0)", "no valid header");
    refused(&head(0, 10, 10, "1 << 40", 400), "bytes of records");
    refused(&head(0, 1 << 20, 1 << 20, "2", 1 << 42), "bytes for 1048576x1048576 pixels");
    refused(&head(0, 10, 10, "2", 401), "401 bytes for 10x10 pixels");
    let records =
        |json: &str| format!("json = b'''{json}'''\nforge(json, 64)\n{}", head(0, 2, 2, "len(json)", 16));
    refused(&records("{"), "malformed records");
    let element = r#"{"id":ID,"kind":"text","class":"text","stack":[STACK],"region":[0,0,NUM,1],"order":0}"#;
    let table = |id: &str, stack: &str, number: &str| {
        let one = element.replace("ID", id).replace("STACK", stack).replace("NUM", number);
        records(&format!(r#"{{"elements":[{one}],"notes":[]}}"#))
    };
    refused(&table("7", "", "1"), "ids must count from 0");
    refused(&table("0", "", "1e39"), "not finite");
    refused(&table("0", r#"{"start":0,"end":99999}"#, "1"), "a span outside the source");
    let deep = "b'[' * 200000";
    refused(
        &format!("json = {deep}\nforge(json, 64)\n{}", head(0, 2, 2, "len(json)", 16)),
        "malformed records",
    );
}

#[test]
fn nothing_of_ours_is_in_sight() {
    let script =
        format!("import os\nassert not os.environ, os.environ\nassert len(os.listdir('.')) == 0\n{HONEST}");
    let outcome = attack(&script);
    assert!(drawn(&outcome), "{outcome:?}");
}

#[test]
fn threads_work() {
    let script =
        format!("import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\n{HONEST}");
    let outcome = attack(&script);
    assert!(drawn(&outcome), "{outcome:?}");
}

#[test]
fn jobs_leave_nothing_to_the_next() {
    let pool = start(RenderConfig { workers: 1, ..config() });
    let first = format!(
        "import os\nos.makedirs('a/b')\nopen('a/b/left.txt', 'w').write('x')\n\
         import matplotlib\nmatplotlib.rcParams['figure.dpi'] = 31\n{HONEST}"
    );
    let second = format!(
        "import os, matplotlib\nassert not os.listdir('.')\nassert matplotlib.rcParams['figure.dpi'] != 31\n{HONEST}"
    );
    for script in [&first, &second] {
        let outcome = pool.render(script).unwrap();
        assert!(drawn(&outcome), "{outcome:?}");
    }
}

#[test]
fn a_killed_fork_server_is_replaced_and_its_jobs_repeated() {
    let pool = start(config());
    let kill = || {
        for pid in pool.server_pids() {
            // SAFETY: sends a signal to a process that this pool started; touches no memory.
            unsafe { libc::kill(pid as i32, libc::SIGKILL) };
        }
    };
    kill();
    assert!(drawn(&pool.render(HONEST).unwrap()));
    assert_eq!(pool.stats().restarts, 1);
    let slow = format!("import time\ntime.sleep(2)\n{HONEST}");
    std::thread::scope(|scope| {
        let job = scope.spawn(|| pool.render(&slow).unwrap());
        std::thread::sleep(Duration::from_secs(1));
        kill();
        assert!(drawn(&job.join().unwrap()));
    });
    assert_eq!(pool.stats().restarts, 2);
    assert_eq!(pool.stats().jobs, 2);
}

#[test]
fn equal_sources_run_once_and_order_is_kept() {
    let pool = start(RenderConfig { cache_entries: 8, ..config() });
    let wide = "import matplotlib.pyplot as plt\nplt.figure(figsize=(9, 3))\nplt.plot([1, 2])\n";
    let sources = [HONEST, wide, HONEST, "1 / 0", wide];
    let sizes = |results: Vec<Result<Outcome, _>>| -> Vec<Option<(u32, u32)>> {
        let size = |o: Outcome| o.rendered().map(|r| (r.image.width, r.image.height));
        results.into_iter().map(|r: Result<Outcome, vsdpo_render::RenderError>| size(r.unwrap())).collect()
    };
    let got = sizes(pool.render_all(&sources));
    assert_eq!(got[0], got[2]);
    assert_eq!(got[1], got[4]);
    assert_ne!(got[0], got[1]);
    assert!(got[0].is_some() && got[1].is_some() && got[3].is_none());
    let stats = pool.stats();
    assert_eq!((stats.jobs, stats.cache_hits, stats.failures), (3, 2, 1));
    assert!(stats.cpu_seconds > 0.0);
    assert_eq!(sizes(pool.render_all(&sources)), got);
    assert_eq!(pool.stats().jobs, 3, "all were known");
}

#[test]
fn a_missing_environment_is_told_with_its_mend() {
    let empty = tempfile::tempdir().unwrap();
    let result = ChartRenderer::start(RenderConfig { home: Some(empty.path().into()), ..config() });
    let message = result.err().expect("there is nothing to start").to_string();
    assert!(message.contains("python/zygote.py is missing"), "{message}");
}

#[test]
fn the_doctor_names_every_layer() {
    let checks = vsdpo_render::doctor();
    let state = |name: &str| checks.iter().find(|c| c.name == name).map(|c| c.state);
    for name in ["landlock", "seccomp", "python", "packages", "charts"] {
        assert_eq!(state(name), Some(vsdpo_render::CheckState::Ok), "{name}: {checks:?}");
    }
    for name in ["network namespace", "scratch file system", "user id", "fonts"] {
        assert!(state(name).is_some(), "{name}: {checks:?}");
    }
    assert!(
        checks.iter().all(|c| (c.state == vsdpo_render::CheckState::Ok) == c.mend.is_empty()),
        "{checks:?}"
    );
}
