//! CPU-milliseconds of a page's picture, a new browser per page (the field's way) against kept
//! browsers, and of a pair of pages scored by `visual-sdpo score design2code`, over the fixture
//! pages.
//!
//! Every figure is the user and system time of a whole tree of processes, from its start to its
//! end: this program runs each way as a child, takes over what the child leaves behind (as the
//! reaper of its descendants), and waits for all of it. The start of the kept browsers is in their
//! figure.
//!
//! The field's figures for Playwright and for the benchmark's own programs were measured elsewhere,
//! with the versions that `fixtures/design2code/README.md` names; they are stored here, and are no
//! measurement of this machine. Lines of JSON at the end are read by `cargo xtask bench`.
//!
//! `bench_web [--program visual-sdpo]`; without the program, pages only.

mod bench_support;

use bench_support::{Failure, adopt, print_load, row, tree_cpu};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use vsdpo_artifact::{Language, Source};
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer, spread};

const ROUNDS: usize = 3;
/// CPU-milliseconds of a page with Playwright and a new browser, measured elsewhere.
const PLAYWRIGHT_MS: f64 = 1672.0;
/// CPU-milliseconds of a pair with the benchmark's own programs, without CLIP, measured elsewhere.
const REFERENCE_MS: f64 = 10_200.0;
/// The child's way: draw all pages with kept browsers.
const KEPT: &str = "--kept";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code")
}

/// The fixture pairs, candidate first.
fn pairs() -> Result<Vec<[PathBuf; 2]>, Failure> {
    let folder = fixtures().canonicalize()?;
    let mut pairs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let pair = ["cand.html", "ref.html"].map(|name| entry.as_ref().map(|e| e.path().join(name)));
        if let [Ok(cand), Ok(reference)] = pair
            && cand.is_file()
        {
            pairs.push([cand, reference]);
        }
    }
    pairs.sort();
    Ok(pairs)
}

/// Draws every page so often; what `--kept` runs.
fn draw(rounds: usize) -> Result<(), Failure> {
    let renderer = ChromiumRenderer::start(RenderConfig::default())?;
    let mut pages = Vec::new();
    for path in pairs()?.into_iter().flatten() {
        let folder = path.parent().map(Path::to_path_buf);
        pages.push(Source { folder, ..Source::new(std::fs::read_to_string(&path)?, Language::Html) });
    }
    for _ in 0..rounds {
        for shot in spread(renderer.workers(), pages.len(), |i| renderer.shoot(&pages[i]))? {
            shot.map_err(|error| error.message)?;
        }
    }
    Ok(())
}

/// CPU seconds of one page with a browser of its own.
fn alone(page: &Path, folder: &Path) -> Result<f64, Failure> {
    let mut command = Command::new("chromium-headless-shell");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1280,720",
    ]);
    command.arg(format!("--screenshot={}", folder.join("page.png").display()));
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    command.arg(format!("file://{}", page.display()));
    // A shell in some hundreds crashes as it ends. Such a page is drawn once more, and only that
    // counts.
    let cpu = tree_cpu(&mut command, Stdio::null()).or_else(|_| tree_cpu(&mut command, Stdio::null()))?;
    std::fs::remove_file(folder.join("page.png"))?;
    std::fs::remove_dir_all(folder.join("profile"))?;
    Ok(cpu)
}

fn pages() -> Result<(), Failure> {
    let all: Vec<PathBuf> = pairs()?.into_iter().flatten().collect();
    let folder = tempfile::tempdir()?;
    let mut field = 0.0;
    for page in all.iter().cycle().take(ROUNDS * all.len()) {
        field += alone(page, folder.path())?;
    }
    let rounds = ROUNDS.to_string();
    let ours = tree_cpu(Command::new(std::env::current_exe()?).args([KEPT, rounds.as_str()]), Stdio::null())?;
    let per_page = 1e3 / (ROUNDS * all.len()) as f64;
    let (field, ours) = (field * per_page, ours * per_page);
    row("page, headless-shell each", field, ours, None);
    row("page, Playwright (stored)", PLAYWRIGHT_MS, ours, Some(10));
    Ok(())
}

fn scored(program: &Path) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let pairs = pairs()?;
    let line = |[cand, reference]: &[PathBuf; 2]| {
        serde_json::json!({ "cand": cand, "ref": reference }).to_string() + "\n"
    };
    let list = folder.path().join("pairs.jsonl");
    std::fs::write(&list, pairs.iter().map(line).collect::<String>().repeat(ROUNDS))?;
    let score = |more: &[&Path]| {
        let mut command = Command::new(program);
        tree_cpu(command.args(["score", "design2code", "--pairs"]).arg(&list).args(more), Stdio::null())
    };
    let per_pair = 1e3 / (ROUNDS * pairs.len()) as f64;
    let cold = score(&[])? * per_pair;
    let cache = folder.path().join("cache");
    let cached = [Path::new("--cache"), &cache];
    score(&cached)?;
    let warm = score(&cached)? * per_pair;
    row("pair scored (stored)", REFERENCE_MS, cold, Some(10));
    row("reference cached (stored)", REFERENCE_MS, warm, Some(20));
    Ok(())
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let [KEPT, rounds] = args[..] {
        return draw(rounds.parse()?);
    }
    adopt();
    print_load();
    pages()?;
    match args[..] {
        ["--program", program] => scored(Path::new(program)),
        _ => Ok(()),
    }
}
