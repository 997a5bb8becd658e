//! Endurance: tens of thousands of scripts through one pool, hostile ones among them, and nothing
//! may pile up.
//!
//! `cargo run --release -p vsdpo-render --example soak_chart [JOBS]` (default 50,000). Every
//! job must come to the outcome that its kind requires. After each tenth the program prints what
//! could leak: memory of this process and of the fork servers, open descriptors, processes, files.
//! It ends with 1 if any of them has grown past its allowance since the first tenth.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};
use vsdpo_artifact::{FailureKind, Language, Outcome, Source};
use vsdpo_render::{ChartRenderer, RenderConfig, Renderer};

const TENTHS: usize = 10;
/// Scripts handed over at once. Their pictures are held together, as those of a training step are;
/// with thousands at once the allocator's leftovers would hide a leak.
const BATCH: usize = 250;
/// Megabytes that may be held beyond the first tenth; allocators and the kernel's page cache
/// breathe.
const ALLOWANCE_MB: u64 = 32;

/// Fails in its own way, and how the supervisor must call it.
const HOSTILE: [(&str, &[FailureKind]); 9] = [
    ("while True: pass", &[FailureKind::Timeout]),
    ("import os\nos._exit(0)", &[FailureKind::Crash]),
    ("import ctypes\nctypes.string_at(0)", &[FailureKind::Crash]),
    ("x = bytearray(10 << 30)", &[FailureKind::Memory]),
    ("import os\nwhile True: os.fork()", &[FailureKind::Exception]),
    ("import os\nfor i in range(4096): os.write(1, b'x' * 4096)", &[FailureKind::NoFigure]),
    (
        "import os\nfor i in range(500): open(f'f{i}', 'w').write('x' * 999)",
        &[FailureKind::NoFigure, FailureKind::Exception],
    ),
    (
        "import threading, time\nfor i in range(9): threading.Thread(target=time.sleep, args=(99,)).start()\nplt.plot(",
        &[FailureKind::Syntax],
    ),
    (
        "import os\n[os.close(fd) for fd in range(3, 99)]\nos.kill(os.getpid(), 9)",
        &[FailureKind::Memory, FailureKind::Crash, FailureKind::Exception],
    ),
];

/// The script of a number, and the failures that it may come to; none for an honest one. The
/// endless loop takes a whole time limit and comes once in 500 jobs, the others once in 25.
fn job(number: usize) -> (String, &'static [FailureKind]) {
    let hostile = if number % 500 == 7 {
        Some(HOSTILE[0])
    } else if number % 25 == 3 {
        Some(HOSTILE[1 + number / 25 % (HOSTILE.len() - 1)])
    } else {
        None
    };
    match hostile {
        Some((script, kinds)) => (format!("# {number}\n{script}\n"), kinds),
        None => (
            format!(
                "import matplotlib.pyplot as plt\nfig = plt.figure(figsize=(2, 1.5))\n\
                 fig.text(0.1, 0.1, 'number {number}')\nfig.add_artist(plt.Line2D([0, 1], [0, {}]))\n",
                number % 10
            ),
            &[],
        ),
    }
}

/// What could pile up.
#[derive(Debug, Clone, Copy)]
struct Held {
    own_mb: u64,
    servers_mb: u64,
    descriptors: usize,
    processes: usize,
    files: usize,
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Megabytes that only this process holds: what it shares with its children does not count.
fn private_mb(pid: &str) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kb = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    (kb("Private_Dirty:").unwrap_or(0) + kb("Private_Clean:").unwrap_or(0)) / 1024
}

/// Files below a folder, as the process `pid` sees them, in whatever depth.
fn files_below(folder: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder { files_below(&entry.path().to_string_lossy()) } else { 1 }
    };
    entries.flatten().map(count).sum()
}

fn held(pool: &ChartRenderer, scratch: &str) -> Held {
    let servers = pool.server_pids();
    let children = |pid: &u32| {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_whitespace().count()
    };
    Held {
        own_mb: private_mb("self"),
        servers_mb: servers.iter().map(|pid| private_mb(&pid.to_string())).sum(),
        descriptors: entries("/proc/self/fd")
            + servers.iter().map(|pid| entries(&format!("/proc/{pid}/fd"))).sum::<usize>(),
        processes: servers.len() + servers.iter().map(children).sum::<usize>(),
        files: files_below(scratch)
            + servers.iter().map(|pid| files_below(&format!("/proc/{pid}/root{scratch}"))).sum::<usize>(),
    }
}

/// Runs a slice of the jobs, a batch after another; the number of failures among them.
fn run(pool: &ChartRenderer, mut numbers: std::ops::Range<usize>) -> Result<usize, Box<dyn Error>> {
    let mut failures = 0;
    while !numbers.is_empty() {
        let end = numbers.end.min(numbers.start + BATCH);
        failures += run_batch(pool, numbers.start..end)?;
        numbers.start = end;
    }
    Ok(failures)
}

fn run_batch(pool: &ChartRenderer, numbers: std::ops::Range<usize>) -> Result<usize, Box<dyn Error>> {
    let jobs: Vec<_> = numbers.clone().map(job).collect();
    let sources: Vec<Source> = jobs.iter().map(|(source, _)| Source::new(source, Language::Python)).collect();
    let mut failures = 0;
    for ((number, (_, expected)), outcome) in numbers.zip(&jobs).zip(pool.render_all(&sources)?) {
        match outcome {
            Outcome::Rendered(_) if expected.is_empty() => (),
            Outcome::Failed { error } if expected.contains(&error.kind) => failures += 1,
            other => return Err(format!("job {number} ended with {other:?}, expected {expected:?}").into()),
        }
    }
    Ok(failures)
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs: usize = std::env::args().nth(1).map_or(Ok(50_000), |n| n.parse())?;
    let scratch = tempfile::tempdir()?;
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("TMPDIR", scratch.path()) };
    let config = RenderConfig {
        timeout: Duration::from_secs(2),
        memory_mb: 600,
        cache_entries: 0,
        ..RenderConfig::default()
    };
    let pool = ChartRenderer::start(config)?;
    let folder = scratch.path().to_string_lossy().into_owned();
    let (start, mut first, mut failures) = (Instant::now(), None, 0);
    for tenth in 0..TENTHS {
        failures += run(&pool, jobs * tenth / TENTHS..jobs * (tenth + 1) / TENTHS)?;
        let now = held(&pool, &folder);
        let first = *first.get_or_insert(now);
        println!(
            "{:6} jobs, {failures} failed as they should, {:.0} s: {now:?}",
            jobs * (tenth + 1) / TENTHS,
            start.elapsed().as_secs_f64()
        );
        let grown = |before: u64, after: u64| after > before + ALLOWANCE_MB;
        if grown(first.own_mb, now.own_mb) || grown(first.servers_mb, now.servers_mb) {
            return Err(format!("memory piles up: {first:?}, now {now:?}").into());
        }
        if now.descriptors > first.descriptors || now.processes > first.processes || now.files > first.files {
            return Err(format!("something piles up: {first:?}, now {now:?}").into());
        }
    }
    let stats = pool.stats();
    println!(
        "{} jobs run, {} failures, {} restarts, {:.1} CPU-ms a job",
        stats.jobs,
        stats.failures,
        stats.restarts,
        stats.cpu_seconds * 1e3 / stats.jobs as f64
    );
    if stats.jobs != jobs as u64 || stats.restarts > 0 {
        return Err("not every job was run by the servers that were started first".into());
    }
    Ok(())
}
