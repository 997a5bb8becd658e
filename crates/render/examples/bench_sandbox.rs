//! What the sandbox costs a job: empty scripts through two pools, one of which leaves it open.
//!
//! `cargo run --release -p vsdpo-render --example bench_sandbox`. The open pool runs a copy of the
//! fork server without its calls of `close_sandbox` and `renew_scratch`; the project has no switch
//! for that. Rounds alternate; the median of the rounds counts.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vsdpo_artifact::{Language, Source};
use vsdpo_render::{ChartRenderer, RenderConfig, Renderer};

const ROUNDS: usize = 15;
const JOBS: usize = 100;
/// Lines of the fork server, and what stands there in the open copy. The pool tries its sandbox
/// with the first scripts; those are closed in.
const OPENED: [(&str, &str); 2] = [
    (
        "        close_sandbox(policy, request[\"slot\"], rules, parent)\n",
        "        if request[\"job\"] < 10: close_sandbox(policy, request[\"slot\"], rules, parent)\n",
    ),
    ("    if policy.tmpfs:\n        renew_scratch(policy, request[\"slot\"])\n", ""),
];

/// A folder of Python files whose fork server leaves the sandbox open.
fn open_python(root: &Path) -> Result<tempfile::TempDir, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    copy(&root.join("crates/render/python"), home.path())?;
    let path = home.path().join("zygote.py");
    let mut text = std::fs::read_to_string(&path)?;
    for (line, instead) in OPENED {
        if !text.contains(line) {
            return Err(format!("the fork server has no line `{}` any more", line.trim()).into());
        }
        text = text.replace(line, instead);
    }
    std::fs::write(path, text)?;
    Ok(home)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Wall and CPU milliseconds of a job.
fn round(pool: &ChartRenderer, number: usize) -> Result<[f64; 2], Box<dyn Error>> {
    let sources: Vec<String> = (0..JOBS).map(|i| format!("# {number} {i}\n")).collect();
    let (start, before) = (Instant::now(), pool.stats().cpu_seconds);
    for source in &sources {
        if pool.render(&Source::new(source, Language::Python))?.rendered().is_some() {
            return Err("an empty script has drawn".into());
        }
    }
    let spent = [start.elapsed().as_secs_f64(), pool.stats().cpu_seconds - before];
    Ok(spent.map(|seconds| seconds * 1e3 / JOBS as f64))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let open = open_python(&root)?;
    let config = |python: Option<PathBuf>| RenderConfig {
        workers: 1,
        timeout: Duration::from_secs(10),
        cache_entries: 0,
        home: Some(root.clone()),
        python,
        ..RenderConfig::default()
    };
    let closed = ChartRenderer::start(config(None))?;
    let pools = [closed, ChartRenderer::start(config(Some(open.path().to_path_buf())))?];
    let mut spent = [Vec::new(), Vec::new()];
    for number in 0..=ROUNDS {
        for (pool, spent) in pools.iter().zip(&mut spent) {
            let now = round(pool, number)?;
            // The first round finds cold caches.
            if number > 0 {
                spent.push(now);
            }
        }
    }
    for (i, what) in ["wall", "CPU"].into_iter().enumerate() {
        let of = |rounds: &[[f64; 2]]| median(rounds.iter().map(|r| r[i]).collect());
        let differences: Vec<f64> = spent[0].iter().zip(&spent[1]).map(|(a, b)| a[i] - b[i]).collect();
        let (closed, open) = (of(&spent[0]), of(&spent[1]));
        println!(
            "{what:4} a job: {closed:.2} ms closed, {open:.2} ms open; the sandbox costs {:.2} ms",
            median(differences)
        );
    }
    Ok(())
}
