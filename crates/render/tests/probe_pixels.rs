//! Instrumentation never changes pixels, and the recorded boxes are where the pixels are: both against
//! plain Python processes, over every fixture script.

mod probe_support;

use probe_support::{fixtures, pool, root};
use std::process::Command;
use vsdpo_artifact::Image;

/// Runs a script as anybody would; prints width, height and the pixels of the PNG that it left (of the open
/// figure for one that only shows it).
const PLAIN: &str = "
import io, os, random, sys
import matplotlib
import numpy as np
random.seed(0)
np.random.seed(0)
exec(compile(open(sys.argv[1]).read(), 'script', 'exec'), {'__name__': '__main__'})
import matplotlib.pyplot as plt
from PIL import Image
source = 'chart.png'
if not os.path.exists(source):
    source = io.BytesIO()
    plt.gcf().savefig(source, format='png')
image = Image.open(source).convert('RGBA')
for number in image.size:
    sys.stdout.buffer.write(number.to_bytes(4, 'little'))
sys.stdout.buffer.write(image.tobytes())
";

fn python() -> Command {
    let root = root();
    let mut command = Command::new(root.join(".venv/bin/python"));
    command.env("MPLCONFIGDIR", root.join(".venv/mplconfig")).env("MPLBACKEND", "Agg").args(["-W", "ignore"]);
    command
}

fn plain(name: &str) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join(format!("fixtures/chart/scripts/{name}.py"));
    let out = python().args(["-c", PLAIN]).arg(script).current_dir(&folder).output().unwrap();
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    let number = |at: usize| u32::from_le_bytes(out.stdout[at..at + 4].try_into().unwrap());
    Image { width: number(0), height: number(4), rgba: out.stdout[8..].into() }
}

#[test]
fn pixels_equal_those_of_a_plain_process_byte_for_byte() {
    let scripts = fixtures();
    let sources: Vec<&str> = scripts.iter().map(|(_, source)| source.as_str()).collect();
    for ((name, _), outcome) in scripts.iter().zip(pool().render_all(&sources)) {
        let outcome = outcome.unwrap();
        let rendered = outcome.rendered().unwrap_or_else(|| panic!("{name}: {outcome:?}"));
        assert!(rendered.elements.len() >= 5, "{name} has {} elements", rendered.elements.len());
        let expected = plain(name);
        assert!(
            rendered.image == expected,
            "{name}: the pixels of {:?} differ from {expected:?}",
            rendered.image
        );
    }
}

#[test]
fn ink_boxes_hold_the_pixels_that_every_artist_changed() {
    let root = root();
    let tests = root.join("crates/render/tests/probe_ink_truth.py");
    let scripts =
        fixtures().into_iter().map(|(name, _)| root.join(format!("fixtures/chart/scripts/{name}.py")));
    let out = python().arg(tests).arg(root.join("python")).args(scripts).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<serde_json::Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), fixtures().len());
    let mut artists = 0;
    for line in &lines {
        artists += line["artists"].as_u64().unwrap();
        assert_eq!(line["missing"], serde_json::json!([]), "artists without a box: {line}");
        assert_eq!(line["outside"], serde_json::json!([]), "pixels out of the box: {line}");
        // Ticks and grid lines are 1 px wide, so that the padding of 1 px dominates their share.
        assert!(line["iou"].as_f64().unwrap() > 0.3, "boxes are too large: {line}");
    }
    assert!(artists > 1000, "only {artists} artists were compared");
}
