//! Endurance: thousands of decks through one pool of offices, hostile ones among them, and nothing
//! may pile up.
//!
//! `cargo run --release -p vsdpo-render --example soak_deck [DECKS [SECONDS]]` (default 2000, with
//! 10 seconds a deck). Every deck must give a record. After each tenth the program prints what
//! could leak: memory of this process and of the offices, open descriptors, processes, files of the
//! pool. It ends with 1 if any of them has grown past its allowance since the second tenth.

#[path = "../tests/office_support/mod.rs"]
mod office_support;

use office_support::{deck, write_decks};
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};
use vsdpo_render::{Office, RenderConfig, spread};

const TENTHS: usize = 10;
/// Megabytes that may be held beyond the second tenth.
const ALLOWANCE_MB: u64 = 64;
/// Resident memory of an office at most: what a fresh one has, and what it may grow by.
const MAX_OFFICE_MB: u64 = 650;
/// Files of an office's scratch folder beyond the second tenth; its age differs.
const ALLOWANCE_FILES: usize = 20;
/// Descriptors of an office at most.
const MAX_OPEN: usize = 64;
/// Honest decks, which must draw.
const HONEST: [&str; 5] = ["one", "box", "ten", "standard", "picture"];
/// Hostile decks, one in twenty; the last ones take the whole time limit and are one in a hundred.
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

/// The deck of a number, and whether it must draw.
fn job(number: usize) -> (&'static str, bool) {
    if number % 100 == 57 {
        (SLOW[number / 100 % SLOW.len()], false)
    } else if number % 20 == 3 {
        (HOSTILE[number / 20 % HOSTILE.len()], false)
    } else {
        (HONEST[number % HONEST.len()], true)
    }
}

/// What could pile up.
#[derive(Debug, Clone, Copy)]
struct Held {
    own_mb: u64,
    office_mb: u64,
    descriptors: usize,
    office_descriptors: usize,
    office_files: usize,
    offices: usize,
    files: usize,
}

fn resident_mb(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn files_below(folder: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder { files_below(&entry.path().to_string_lossy()) } else { 1 }
    };
    entries.flatten().map(count).sum()
}

/// Memory, descriptors and files of an office are the largest of any.
fn held(office: &Office, scratch: &str) -> Held {
    let pids: Vec<String> = office.worker_pids().iter().map(u32::to_string).collect();
    let count = |folder: String| fs::read_dir(folder).map_or(0, Iterator::count);
    Held {
        own_mb: resident_mb("self"),
        office_mb: pids.iter().map(|pid| resident_mb(pid)).max().unwrap_or(0),
        descriptors: count("/proc/self/fd".into()),
        office_descriptors: pids.iter().map(|pid| count(format!("/proc/{pid}/fd"))).max().unwrap_or(0),
        office_files: pids
            .iter()
            .map(|p| files_below(&format!("/proc/{p}/root{scratch}")))
            .max()
            .unwrap_or(0),
        offices: pids.len(),
        files: files_below(scratch),
    }
}

fn run(
    office: &Office,
    folder: &std::path::Path,
    numbers: std::ops::Range<usize>,
) -> Result<(), Box<dyn Error>> {
    let first = numbers.start;
    spread(office.workers(), numbers.len(), |i| {
        let (name, draws) = job(first + i);
        let outcome = office.render(&deck(folder, name)).map_err(|e| e.to_string())?;
        match outcome {
            Err(error) if draws => Err(format!("deck {} ({name}): {}", first + i, error.message)),
            _ => Ok(()),
        }
    })?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let decks: usize = args.next().map_or(Ok(2000), |n| n.parse())?;
    let seconds: u64 = args.next().map_or(Ok(10), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    write_decks(folder.path(), 9);
    let scratch = tempfile::tempdir()?;
    fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("TMPDIR", scratch.path()) };
    let office =
        Office::open(RenderConfig { timeout: Duration::from_secs(seconds), ..RenderConfig::default() })?;
    let place = scratch.path().to_string_lossy().into_owned();
    let (start, mut before) = (Instant::now(), None);
    for tenth in 0..TENTHS {
        run(&office, folder.path(), decks * tenth / TENTHS..decks * (tenth + 1) / TENTHS)?;
        let now = held(&office, &place);
        println!("{:5} decks, {:.0} s: {now:?}", decks * (tenth + 1) / TENTHS, start.elapsed().as_secs_f64());
        // The first tenth fills caches.
        if tenth == 1 {
            before = Some(now);
        }
        let Some(before) = before else { continue };
        let grown = now.own_mb > before.own_mb + ALLOWANCE_MB || now.office_mb > MAX_OFFICE_MB;
        let more = now.files > before.files || now.office_files > before.office_files + ALLOWANCE_FILES;
        // A slot may be without an office at one time and have one at another.
        let open =
            now.descriptors > before.descriptors + office.workers() || now.office_descriptors > MAX_OPEN;
        if grown || more || open || now.offices > office.workers() {
            return Err(format!("something piles up: {before:?}, now {now:?}").into());
        }
    }
    let stats = office.stats();
    let (jobs, cpu) = (stats.jobs, stats.cpu_seconds * 1e3 / stats.jobs as f64);
    println!(
        "{jobs} records, {} failures, {} restarts, {cpu:.1} CPU-ms a deck",
        stats.failures, stats.restarts
    );
    if jobs != decks as u64 {
        return Err("not every deck gave a record".into());
    }
    Ok(())
}
