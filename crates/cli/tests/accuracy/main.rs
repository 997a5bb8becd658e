//! The accuracy of `lint` against labels made by hand: `fixtures/attribution` (the statement that
//! drew each element), `fixtures/lint` (the rules that find a defect in each picture) and
//! `fixtures/lint_cases` (the rules that warn about one kind of chart).
//!
//! `cargo test --release --workspace --test accuracy -- --nocapture` prints the tables of
//! `docs/accuracy.md`.

mod attribution;
mod cases;
mod remedies;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Domain, Language, Outcome, Source};
use vsdpo_render::{RenderConfig, open};

/// A folder of `fixtures`.
fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// The scripts of a folder, by name.
fn scripts(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "py"));
    paths.sort();
    let read = |p: PathBuf| (p.clone(), fs::read_to_string(p).unwrap());
    paths.into_iter().map(read).collect()
}

/// The outcomes of scripts that must draw.
fn render(scripts: &[(PathBuf, String)]) -> Vec<Outcome> {
    let outcomes = outcomes(scripts);
    for ((path, _), outcome) in scripts.iter().zip(&outcomes) {
        if let Outcome::Failed { error } = outcome {
            panic!("{} fails: {}", path.display(), error.message);
        }
    }
    outcomes
}

fn outcomes(scripts: &[(PathBuf, String)]) -> Vec<Outcome> {
    let config = RenderConfig { timeout: std::time::Duration::from_secs(60), ..RenderConfig::default() };
    let renderer = open(Domain::Chart, Language::Python, config)
        .unwrap_or_else(|e| panic!("these tests need the renderer: {e}"));
    let sources: Vec<Source> =
        scripts.iter().map(|(_, source)| Source::new(source, Language::Python)).collect();
    renderer.render_all(&sources).unwrap()
}
