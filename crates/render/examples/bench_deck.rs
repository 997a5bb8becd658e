//! CPU-milliseconds and wall clock of a deck's pictures, an office per deck (the field's way:
//! `soffice --headless --convert-to pdf`) against kept offices, for a deck of one slide and, per
//! slide, for a deck of ten.
//!
//! The field's figure is the conversion to PDF alone: it has no pixels yet. Ours are the pixels and
//! the words, and the start of the office is in them. Every figure is the user and system time of a
//! whole tree of processes, from its start to its end, as in `bench_web`. Lines of JSON at the end
//! are read by `cargo xtask bench`.

#[path = "../tests/office_support/mod.rs"]
mod office_support;

use office_support::{deck, write_decks};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use vsdpo_render::{Office, RenderConfig, spread};

type Failure = Box<dyn std::error::Error>;

/// Decks by the field's way, each a process.
const FIELD: usize = 5;
/// Decks by kept offices; less than an office draws in its life.
const OURS: usize = 100;
/// The child's way: draw a deck of a folder so often.
const KEPT: &str = "--kept";

/// CPU and wall seconds.
struct Cost {
    cpu: f64,
    wall: f64,
}

/// CPU seconds of children that have ended.
fn ended_cpu() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure that the pointer leads to; zeroes are valid for it
    // too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// The cost of a command and of everything that it starts, until all of it has ended.
fn tree(command: &mut Command) -> Result<Cost, Failure> {
    let (before, start) = (ended_cpu(), Instant::now());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    // SAFETY: waits for children of this process only; a null pointer asks for no status.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(Cost { cpu: ended_cpu() - before, wall: start.elapsed().as_secs_f64() })
}

/// One conversion with an office of its own and a profile that is kept.
fn alone(folder: &Path, name: &str) -> Result<Cost, Failure> {
    let mut command = Command::new("soffice");
    command.arg(format!("-env:UserInstallation=file://{}", folder.join("profile").display()));
    command.args(["--headless", "--convert-to", "pdf", "--outdir"]).arg(folder.join("out"));
    command.arg(folder.join(name).with_extension("pptx"));
    let cost = tree(&mut command)?;
    // The program ends well without a file, too.
    std::fs::remove_file(folder.join("out").join(name).with_extension("pdf"))?;
    Ok(cost)
}

/// Draws a deck so often; what `--kept` runs.
fn draw(folder: &Path, name: &str, times: usize) -> Result<(), Failure> {
    let office = Office::open(RenderConfig::default())?;
    let bytes = deck(folder, name);
    for outcome in spread(office.workers(), times, |_| office.render(&bytes))? {
        outcome.map_err(|error| error.message)?;
    }
    Ok(())
}

fn compare(folder: &Path, name: &str, slides: usize, goal: u32) -> Result<(), Failure> {
    alone(folder, name)?;
    let mut field = Cost { cpu: 0.0, wall: 0.0 };
    for _ in 0..FIELD {
        let one = alone(folder, name)?;
        field = Cost { cpu: field.cpu + one.cpu, wall: field.wall + one.wall };
    }
    let times = OURS.to_string();
    let mut command = Command::new(std::env::current_exe()?);
    let ours = tree(command.arg(KEPT).arg(folder).args([name, &times]))?;
    let (per_field, per_ours) = (1e3 / (FIELD * slides) as f64, 1e3 / (OURS * slides) as f64);
    println!(
        "{name}: wall {:.1} ms with an office each, {:.1} ms with kept offices",
        field.wall * per_field,
        ours.wall * per_ours
    );
    let bench = if slides == 1 { "deck of one slide".into() } else { format!("slide of a deck of {slides}") };
    let (field, ours) = (field.cpu * per_field, ours.cpu * per_ours);
    println!("{}", serde_json::json!({ "bench": bench, "field": field, "ours": ours, "goal": goal }));
    Ok(())
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let [KEPT, folder, name, times] = args[..] {
        return draw(Path::new(folder), name, times.parse()?);
    }
    // SAFETY: makes this process the parent of what its children leave behind; it takes no pointer.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine before: {}; busy machines inflate CPU time", load.trim());
    let folder = tempfile::tempdir()?;
    write_decks(folder.path(), 9);
    compare(folder.path(), "one", 1, 15)?;
    compare(folder.path(), "ten", 10, 8)
}
