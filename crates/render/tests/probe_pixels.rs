//! Instrumentation never changes pixels, and the recorded boxes are where the pixels are: both
//! against plain Python processes, over every fixture script.

mod probe_support;

use probe_support::{pool, rendered, root};
use std::path::PathBuf;
use std::process::Command;
use vsdpo_artifact::{Image, Language, Source};
use vsdpo_render::Renderer;

fn python() -> Command {
    let root = root();
    let mut command = Command::new(root.join(".venv/bin/python"));
    command
        .env("MPLCONFIGDIR", root.join(".venv/share/matplotlib-cache"))
        .env("MPLBACKEND", "Agg")
        .args(["-W", "ignore"]);
    command
}

/// The scripts of both fixture folders: those of the renderer and those of the attribution.
fn scripts() -> Vec<PathBuf> {
    let folders = ["fixtures/chart/scripts", "fixtures/attribution"].map(|folder| root().join(folder));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "py"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 80, "only {} scripts", paths.len());
    paths
}

/// The pictures that the scripts give without the probe; `None` for one that saves no pixels.
fn plain(scripts: &[PathBuf]) -> Vec<Option<Image>> {
    let folder = tempfile::tempdir().unwrap();
    let driver = root().join("crates/render/tests/probe_plain.py");
    let out = python().arg(driver).arg(folder.path()).args(scripts).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let image = |i: usize| {
        let bytes = std::fs::read(folder.path().join(i.to_string())).ok()?;
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        Some(Image { width: number(0), height: number(4), rgba: bytes[8..].into() })
    };
    (0..scripts.len()).map(image).collect()
}

#[test]
fn pixels_equal_those_of_a_plain_process_byte_for_byte() {
    let scripts = scripts();
    let texts: Vec<String> = scripts.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let sources: Vec<Source> = texts.iter().map(|text| Source::new(text, Language::Python)).collect();
    let mut compared = 0;
    let outcomes = pool().render_all(&sources).unwrap();
    for ((path, outcome), expected) in scripts.iter().zip(outcomes).zip(plain(&scripts)) {
        let name = path.display();
        let rendered = outcome.rendered().unwrap_or_else(|| panic!("{name}: {outcome:?}"));
        assert!(rendered.elements.len() >= 4, "{name} has {} elements", rendered.elements.len());
        let Some(expected) = expected else { continue };
        assert!(
            rendered.pages[0].image == expected,
            "{name}: {:?} differs from {expected:?}",
            rendered.pages[0].image
        );
        compared += 1;
    }
    println!("{compared} pictures are the same with and without the probe");
    assert!(compared >= 80, "only {compared} of {} scripts leave a picture", scripts.len());
}

#[test]
fn copied_ticks_equal_those_that_matplotlib_builds() {
    rendered(include_str!("probe_ticks.py"));
}

/// How many artists have a box that holds every pixel which drawing them changed; the goal is 97 %.
#[test]
fn ink_boxes_hold_the_pixels_that_every_artist_changed() {
    let root = root();
    let tests = root.join("crates/render/tests/probe_ink_truth.py");
    let scripts = scripts();
    let out = python().arg(tests).arg(root.join("crates/render/python")).args(&scripts).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<serde_json::Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), scripts.len());
    let (mut artists, mut astray) = (0, 0);
    for line in &lines {
        artists += line["artists"].as_u64().unwrap();
        let wrong = ["missing", "outside"].map(|key| line[key].as_array().unwrap().len());
        if wrong != [0, 0] {
            println!("{}: no box {}, ink outside {}", line["script"], line["missing"], line["outside"]);
        }
        astray += wrong.iter().sum::<usize>() as u64;
        // Ticks and grid lines are 1 px wide, so that the padding of 1 px dominates their share.
        assert!(line["iou"].as_f64().unwrap() > 0.3, "boxes are too large: {line}");
    }
    println!("{} of {artists} artists lie within their boxes", artists - astray);
    assert!(artists > 3000, "only {artists} artists were compared");
    assert!(astray * 100 <= 3 * artists, "{astray} of {artists} artists lie outside of their boxes");
}
