//! Endurance: thousands of decks through one renderer, files and scripts, hostile ones among them,
//! and nothing may pile up.
//!
//! `cargo run --release -p vsdpo-render --example soak_deck [DECKS [SECONDS]]` (default 2000,
//! with 10 seconds a script; drawing has at least 30). Every deck must give a record. At the start,
//! after each tenth and after the renderer is gone the program prints what could leak: memory of
//! this process and of all below it, open descriptors, processes, temporary files and folders. It
//! ends with 1 if any of them has grown past its allowance since the second tenth, or if anything
//! is left.

#[path = "../tests/office_support/mod.rs"]
mod office_support;

use office_support::{deck, write_decks};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use vsdpo_artifact::{FailureKind, Language, Outcome, Source};
use vsdpo_render::{DeckRenderer, RenderConfig, Renderer, spread};

const TENTHS: usize = 10;
/// Megabytes of this process, and of each worker's, that may be held beyond the second tenth. An
/// office is replaced when it has grown by 400.
const ALLOWANCE_MB: u64 = 64;
const WORKER_MB: u64 = 450;
/// Files and folders of a worker beyond the second tenth; the ages of offices differ.
const ALLOWANCE_FILES: usize = 40;
/// Descriptors of a worker's processes beyond the second tenth.
const ALLOWANCE_OPEN: usize = 64;
/// Processes of a worker at most: its script, its office, and a fork server for each.
const PROCESSES: usize = 6;
/// Honest files and scripts, which must draw.
const HONEST: [&str; 6] = ["one", "box", "ten", "standard", "picture", SCRIPT];
/// Hostile files, one in twenty; the slow ones may take their whole time and are one in a hundred.
const HOSTILE: [&str; 10] = [
    "truncated",
    "no-slide-part",
    "half-a-slide",
    "picture-corrupt",
    "entities",
    "shapes-of-1e9-emu",
    "linked-file",
    "linked-port",
    "macros",
    "tall",
];
const SLOW: [&str; 4] = ["text-of-2-mb", "groups-20000-deep", "zip-bomb", "slides-5000"];
const SCRIPT: &str = "from pptx import Presentation\np = Presentation()\n\
    s = p.slides.add_slide(p.slide_layouts[1])\ns.shapes.title.text = 'Soak'\np.save('a.pptx')\n";
/// Hostile scripts, one in twenty, with what becomes of them.
const SCRIPTS: [(&str, FailureKind); 6] = [
    ("while True: pass", FailureKind::Timeout),
    ("import os; os._exit(0)", FailureKind::Crash),
    ("x = bytearray(10 << 30)", FailureKind::Memory),
    ("import subprocess; subprocess.run(['ls'])", FailureKind::Exception),
    ("import vsdpo_deck.saves as s\ns.SAVES.last = b'PK' * 1000", FailureKind::Limit),
    ("from pptx import", FailureKind::Syntax),
];

/// The deck of a number: its name or its script, and what must become of it: to be drawn, to fail
/// in one way, or either.
fn job(number: usize) -> (&'static str, Option<Result<(), FailureKind>>) {
    match number {
        n if n % 100 == 57 => (SLOW[n / 100 % SLOW.len()], None),
        n if n % 20 == 3 => (HOSTILE[n / 20 % HOSTILE.len()], None),
        n if n % 20 == 13 => {
            let (script, kind) = SCRIPTS[n / 20 % SCRIPTS.len()];
            (script, Some(Err(kind)))
        }
        n => (HONEST[n % HONEST.len()], Some(Ok(()))),
    }
}

/// What could pile up.
#[derive(Debug, Clone, Copy)]
struct Held {
    own_mb: u64,
    below_mb: u64,
    open: usize,
    open_below: usize,
    processes: usize,
    zombies: usize,
    files: usize,
}

/// Process ids below this process, and those of them that have ended and nobody waited for.
fn below() -> (Vec<u32>, usize) {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut rest = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, parent) =
            (rest.next().map(str::to_owned), rest.next().and_then(|p| p.parse::<u32>().ok()));
        if let (Some(pid), Some(state), Some(parent)) = (pid, state, parent) {
            parents.insert(pid, (parent, state));
        }
    }
    let up = |pid: &u32| parents.get(pid).map(|(parent, _)| *parent);
    let ours = |pid: &u32| std::iter::successors(up(pid), up).take(64).any(|at| at == std::process::id());
    let all: Vec<u32> = parents.keys().copied().filter(ours).collect();
    let zombies = all.iter().filter(|pid| parents[pid].1 == "Z").count();
    (all, zombies)
}

fn resident_mb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Files and folders below a folder.
fn entries_below(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        1 + if is_folder { entries_below(&entry.path()) } else { 0 }
    };
    entries.flatten().map(count).sum()
}

fn held(scratch: &Path) -> Held {
    let open = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let (pids, zombies) = below();
    // Workers see folders of their own in the place of the scratch folder.
    let inside = |pid: &u32| {
        let root = format!("/proc/{pid}/root{}", scratch.display());
        entries_below(Path::new(&root))
    };
    let files = entries_below(scratch);
    Held {
        own_mb: resident_mb(std::process::id()),
        below_mb: pids.iter().map(|pid| resident_mb(*pid)).sum(),
        open: open(std::process::id()),
        open_below: pids.iter().map(|pid| open(*pid)).sum(),
        processes: pids.len() - zombies,
        zombies,
        files: files.max(pids.iter().map(inside).max().unwrap_or(0)),
    }
}

/// What became of the decks, by the kind of failure; `drawn` for the others.
type Records = BTreeMap<String, usize>;

fn run(
    renderer: &DeckRenderer,
    folder: &Path,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<String>, Box<dyn Error>> {
    let first = numbers.start;
    let records = spread(renderer.workers(), numbers.len(), |i| {
        let (what, expected) = job(first + i);
        let is_script = what.contains(' ') || what.contains('\n');
        let source = match is_script {
            true => Source::new(what, Language::Python),
            false => Source::pptx(deck(folder, what)),
        };
        let outcome = renderer.render(&source).map_err(|e| format!("deck {} ({what}): {e}", first + i))?;
        let (got, words) = match &outcome {
            Outcome::Rendered(_) => (Ok(()), "drawn".to_owned()),
            Outcome::Failed { error } => (Err(error.kind), error.kind.name().to_owned()),
        };
        // A busy machine may let a good deck meet its limits.
        let busy = got.is_err_and(|kind| kind.depends_on_load());
        match expected {
            Some(wanted) if wanted != got && !busy => {
                Err(format!("deck {} ({what}): {words}, expected {wanted:?}", first + i))
            }
            Some(Ok(())) if busy => Ok(format!("{words} of an honest deck")),
            _ => Ok(words),
        }
    })?;
    Ok(records)
}

/// What has grown past its allowance.
fn grown(before: Held, now: Held, workers: usize) -> bool {
    now.own_mb > before.own_mb + ALLOWANCE_MB
        || now.below_mb > before.below_mb + WORKER_MB * workers as u64
        || now.open > before.open + 2 * workers
        || now.open_below > before.open_below + ALLOWANCE_OPEN * workers
        || now.files > before.files + ALLOWANCE_FILES * workers
        || now.processes > PROCESSES * workers + 1
        || now.zombies > workers
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let decks: usize = args.next().map_or(Ok(2000), |n| n.parse())?;
    let seconds: u64 = args.next().map_or(Ok(10), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    write_decks(folder.path(), 9);
    let scratch = tempfile::tempdir()?;
    let place = scratch.path();
    fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("TMPDIR", place) };
    let timeout = Duration::from_secs(seconds);
    let empty = held(place);
    println!("nothing yet: {empty:?}");
    let renderer =
        DeckRenderer::start(RenderConfig { timeout, cache_entries: 0, ..RenderConfig::default() })?;
    println!("start: {:?}", held(place));
    let (start, mut before, mut records) = (Instant::now(), None, Records::new());
    for tenth in 0..TENTHS {
        let part = decks * tenth / TENTHS..decks * (tenth + 1) / TENTHS;
        for words in run(&renderer, folder.path(), part.clone())? {
            *records.entry(words).or_default() += 1;
        }
        let now = held(place);
        println!("{:5} decks, {:.0} s: {now:?} {records:?}", part.end, start.elapsed().as_secs_f64());
        // The first tenth fills caches.
        if tenth == 1 {
            before = Some(now);
        }
        if let Some(before) = before.filter(|before| grown(*before, now, renderer.workers())) {
            return Err(format!("something piles up: {before:?}, now {now:?}").into());
        }
    }
    let stats = renderer.stats();
    drop(renderer);
    let after = held(place);
    println!("after: {after:?}; {} offices or servers replaced", stats.restarts);
    if records.values().sum::<usize>() != decks {
        return Err("not every deck gave a record".into());
    }
    if after.processes + after.zombies > 0 || after.files > empty.files {
        return Err(format!("something is left: {empty:?}, after {after:?}").into());
    }
    Ok(())
}
