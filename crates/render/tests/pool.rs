//! The pool itself: order, repetition, replaced fork servers, clean slots. (Hostile scripts:
//! `attacks/`.) These tests need the Python environment; without it they fail and say how to make
//! it.

use std::time::{Duration, Instant};
use vsdpo_artifact::{FailureKind, Language, Outcome, Source};
use vsdpo_render::{ChartRenderer, RenderConfig, RenderError, Renderer};

const HONEST: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('honest')\n";

fn config() -> RenderConfig {
    // A short memory limit, because filling memory takes long on a busy machine.
    let timeout = Duration::from_secs(20);
    RenderConfig { workers: 2, timeout, memory_mb: 300, cache_entries: 0, ..RenderConfig::default() }
}

fn start(config: RenderConfig) -> ChartRenderer {
    ChartRenderer::start(config).unwrap_or_else(|e| panic!("these tests render for real: {e}"))
}

fn script(text: &str) -> Source {
    Source::new(text, Language::Python)
}

fn drawn(outcome: &Outcome) -> bool {
    outcome.rendered().is_some_and(|r| {
        let colours: std::collections::BTreeSet<&[u8]> = r.pages[0].image.rgba.chunks(4).collect();
        r.pages[0].image.width >= 100 && r.pages[0].image.height >= 100 && colours.len() > 10
    })
}

#[test]
fn the_wall_clock_ends_loops_and_sleeps() {
    let pool = start(RenderConfig { timeout: Duration::from_secs(2), ..config() });
    let began = Instant::now();
    let sleep = "import signal, time\nfor s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\ntime.sleep(60)";
    for outcome in pool.render_all(&[script("while True: pass"), script(sleep)]).unwrap() {
        let Outcome::Failed { error } = outcome else { panic!("it went on") };
        assert_eq!(
            (error.kind, error.message.as_str()),
            (FailureKind::Timeout, "the script ran longer than 2 s")
        );
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(pool.stats().restarts, 0, "the fork server lives on");
}

#[test]
fn jobs_leave_nothing_to_the_next() {
    let pool = start(RenderConfig { workers: 1, ..config() });
    let first = format!(
        "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\n\
         import os\nos.makedirs('a/b')\nopen('a/b/left.txt', 'w').write('x')\n\
         import matplotlib\nmatplotlib.rcParams['figure.dpi'] = 31\n{HONEST}"
    );
    let second = format!(
        "import os, matplotlib\nassert not os.listdir('.')\nassert matplotlib.rcParams['figure.dpi'] != 31\n{HONEST}"
    );
    for text in [&first, &second] {
        let outcome = pool.render(&script(text)).unwrap();
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
    for pid in pool.server_pids() {
        // When memory runs out, the kernel is to end scripts, not the program that wants their
        // pictures.
        assert_eq!(std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim(), "900");
    }
    kill();
    assert!(drawn(&pool.render(&script(HONEST)).unwrap()));
    assert_eq!(pool.stats().restarts, 1);
    let slow = format!("import time\ntime.sleep(2)\n{HONEST}");
    std::thread::scope(|scope| {
        let job = scope.spawn(|| pool.render(&script(&slow)).unwrap());
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
    let sources = [HONEST, wide, HONEST, "1 / 0", wide].map(script);
    let sizes = |outcomes: Result<Vec<Outcome>, RenderError>| -> Vec<Option<(u32, u32)>> {
        let size = |o: Outcome| o.rendered().map(|r| (r.pages[0].image.width, r.pages[0].image.height));
        outcomes.unwrap().into_iter().map(size).collect()
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
fn a_missing_environment_is_reported_with_its_help() {
    let empty = tempfile::tempdir().unwrap();
    let result = ChartRenderer::start(RenderConfig { home: Some(empty.path().into()), ..config() });
    let message = result.err().expect("there is nothing to start").to_string();
    assert!(message.contains(".venv/bin/python is missing"), "{message}");
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
        checks.iter().all(|c| (c.state == vsdpo_render::CheckState::Ok) == c.help.is_empty()),
        "{checks:?}"
    );
}
