//! Seconds to render and diagnose the labelled charts on two workers, one line per round: the side
//! of Rust in `python/bench/pool.py`, which starts this program. `ROUNDS` is the only argument.

use std::path::Path;
use std::time::Instant;
use vsdpo_artifact::{Domain, Language, Source, Task};
use vsdpo_render::{RenderConfig, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: usize = std::env::args().nth(1).unwrap_or_default().parse()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "py") {
            scripts.push(std::fs::read_to_string(path)?);
        }
    }
    scripts.sort();
    let config = RenderConfig { workers: 2, ..RenderConfig::default() };
    let renderer = open(Domain::Chart, Language::Python, config)?;
    let task = Task::unspecified(Domain::Chart, Language::Python);
    for round in 0..=rounds {
        // A comment of its own keeps a round from being recalled.
        let own = |script: &String| Source::new(format!("{script}\n# {round}"), Language::Python);
        let sources: Vec<Source> = scripts.iter().map(own).collect();
        let start = Instant::now();
        let outcomes = renderer.render_all(&sources)?;
        let judged = outcomes.iter().map(|outcome| vsdpo_diagnose::diagnose(&task, outcome, None));
        let defects: usize = judged.map(|diagnosis| diagnosis.defects.len()).sum();
        // The first round loads what the later ones find loaded.
        if round > 0 {
            println!("{} {} {defects}", start.elapsed().as_secs_f64(), sources.len());
        }
    }
    Ok(())
}
