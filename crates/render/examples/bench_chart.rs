//! CPU-milliseconds of a chart: a fresh Python process per script (the field's way) against the
//! pool.
//!
//! Both ways run in this one process's time, over the fixture scripts, and count user and system
//! time of everything they start: the plain process by `wait4`, the pool by its servers, their
//! children and this process. The plain way draws and writes a PNG (see [`SAVE`]); the pool draws,
//! records every element and hands over raw pixels. The start of the pool is printed apart. Lines
//! of JSON at the end are read by `cargo xtask bench`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vsdpo_artifact::{Language, Source};
use vsdpo_render::{ChartRenderer, RenderConfig, Renderer, spread};

const FOLDERS: [&str; 2] = ["fixtures/chart/scripts", "fixtures/attribution"];
const ROUNDS: usize = 2;
/// What a script that only shows its figure ends with in the plain way, as benchmarks have it
/// (docs/specs/chartmimic.md): without a window `plt.show()` draws nothing.
const SAVE: &str = "\nfrom matplotlib import pyplot; pyplot.savefig('chart.png')\n";
const CLASSES: [&str; 5] = ["simple", "polar", "3d", "panels", "library"];

/// The class of a script by what it imports and calls; libraries on top of matplotlib come first.
fn class(source: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| source.contains(word));
    if has(&["seaborn", "pandas", "networkx", "squarify", "matplotlib_venn"]) {
        "library"
    } else if has(&["\"3d\"", "'3d'"]) {
        "3d"
    } else if has(&[
        "subplots(2",
        "subplots(3",
        "subplots(1,",
        "GridSpec",
        "gridspec",
        "mosaic",
        "subplot(2",
        "nrows=",
        "ncols=",
    ]) {
        "panels"
    } else if has(&["polar"]) {
        "polar"
    } else {
        "simple"
    }
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 * 1e-6
}

/// CPU seconds of this process, or of its ended children.
fn own_cpu(who: libc::c_int) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure that the pointer leads to; zeroes are valid for it
    // too.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// CPU seconds of a running process and its ended children.
fn tree_cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum();
    // SAFETY: a plain query of a constant of the system.
    ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
}

/// CPU seconds of fresh Python processes that each run a script in an empty folder, as many at a
/// time as the pool has workers: two that run side by side slow each other down, on both sides
/// alike.
fn plain_round(root: &Path, scripts: &[&Path], workers: usize) -> Result<f64, Failure> {
    let before = own_cpu(libc::RUSAGE_CHILDREN);
    spread(workers, scripts.len(), |i| plain(root, scripts[i]))?;
    Ok(own_cpu(libc::RUSAGE_CHILDREN) - before)
}

fn plain(root: &Path, script: &Path) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let status = Command::new(root.join(".venv/bin/python"))
        .args(["-W", "ignore"])
        .arg(script)
        .env("MPLCONFIGDIR", root.join(".venv/share/matplotlib-cache"))
        .env("MPLBACKEND", "Agg")
        .current_dir(&folder)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("{} ended with {status}", script.display()).into());
    }
    Ok(())
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Pool {
    renderer: ChartRenderer,
}

impl Pool {
    fn cpu(&self) -> f64 {
        own_cpu(libc::RUSAGE_SELF) + self.renderer.server_pids().into_iter().map(tree_cpu).sum::<f64>()
    }

    /// CPU seconds of one round over the scripts; every script must give a picture.
    fn round(&self, sources: &[&str]) -> Result<f64, Failure> {
        let before = self.cpu();
        let sources: Vec<Source> = sources.iter().map(|&s| Source::new(s, Language::Python)).collect();
        for outcome in self.renderer.render_all(&sources)? {
            if outcome.rendered().is_none() {
                return Err("a fixture script failed in the pool".into());
            }
        }
        Ok(self.cpu() - before)
    }
}

struct Script {
    class: &'static str,
    source: String,
    /// The same with its figure saved, as the plain side runs it.
    plain: PathBuf,
}

/// Every fixture script; what the plain side runs is written into `saving`.
fn scripts(root: &Path, saving: &Path) -> Result<Vec<Script>, Failure> {
    let mut scripts = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "py") {
                let source = std::fs::read_to_string(&path)?;
                let save = if source.contains("savefig") { "" } else { SAVE };
                let plain = saving.join(format!("{}.py", scripts.len()));
                std::fs::write(&plain, format!("{source}{save}"))?;
                scripts.push(Script { class: class(&source), source, plain });
            }
        }
    }
    Ok(scripts)
}

fn main() -> Result<(), Failure> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let saving = tempfile::tempdir()?;
    let scripts = scripts(&root, saving.path())?;
    let start = Instant::now();
    let config =
        RenderConfig { timeout: Duration::from_secs(60), cache_entries: 0, ..RenderConfig::default() };
    let workers = config.workers;
    let pool = Pool { renderer: ChartRenderer::start(config)? };
    pool.round(&scripts.iter().map(|s| s.source.as_str()).collect::<Vec<_>>())?;
    println!(
        "start of the pool and a first round: {:.1} s wall, {:.1} CPU-s",
        start.elapsed().as_secs_f64(),
        pool.cpu()
    );

    let (mut field_all, mut ours_all) = (0.0, 0.0);
    let mut rows = Vec::new();
    for name in CLASSES {
        let chosen: Vec<_> = scripts.iter().filter(|s| s.class == name).collect();
        let sources: Vec<&str> = chosen.iter().map(|s| s.source.as_str()).collect();
        let files: Vec<&Path> = chosen.iter().map(|s| s.plain.as_path()).collect();
        let (mut field, mut ours) = (0.0, 0.0);
        for _ in 0..ROUNDS {
            field += plain_round(&root, &files, workers)?;
            ours += pool.round(&sources)?;
        }
        field_all += field;
        ours_all += ours;
        let per_item = 1e3 / (ROUNDS * chosen.len()) as f64;
        rows.push((format!("chart, {name} ({})", chosen.len()), field * per_item, ours * per_item));
    }
    let per_item = 1e3 / (ROUNDS * scripts.len()) as f64;
    rows.push((format!("chart, all ({})", scripts.len()), field_all * per_item, ours_all * per_item));
    for (bench, field, ours) in rows {
        println!("{}", serde_json::json!({ "bench": bench, "field": field, "ours": ours, "goal": 5 }));
    }
    Ok(())
}
