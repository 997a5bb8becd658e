//! CPU-milliseconds of a slide: its picture, elements and layout, and all four axes, over the
//! fixture slides, with one kept browser.
//!
//! As in `bench_web`, a figure is the user and system time of a whole tree of processes, the start
//! of the browser among it, divided by the slides. The field's figure is that of the released
//! AeSlides functions with two cold renders (docs/specs/aeslides.md, 1); it was measured elsewhere,
//! with the versions that `fixtures/aeslides/README.md` names, and is no measurement of this
//! machine. Also printed: the wall time of a slide, and that of the metrics alone.

mod bench_support;

use bench_support::{Failure, adopt, print_load, row, tree_cpu};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use vsdpo_artifact::{Language, Source};
use vsdpo_diagnose::slide::measure;
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer, SlideMode};

const ROUNDS: u32 = 5;
/// CPU-milliseconds of a slide with the released functions, measured elsewhere.
const REFERENCE_MS: f64 = 2600.0;
/// The child's way: draw and measure all slides.
const KEPT: &str = "--kept";

fn slides() -> Result<Vec<Source>, Failure> {
    let mut slides = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aeslides"))? {
        let file = entry?.path().join("slide.html");
        if file.is_file() {
            slides.push(Source::new(std::fs::read_to_string(file)?, Language::Html));
        }
    }
    Ok(slides)
}

/// Draws and measures every slide so often; what `--kept` runs.
fn draw(slides: &[Source]) -> Result<(), Failure> {
    let config = RenderConfig { workers: 1, cache_entries: 0, ..RenderConfig::default() };
    let renderer = ChromiumRenderer::slides(config, SlideMode::Adaptive)?;
    let (mut walls, mut metrics) = (Vec::new(), Vec::new());
    for slide in slides.iter().cycle().take(ROUNDS as usize * slides.len()) {
        let began = Instant::now();
        let outcome = renderer.render(slide)?;
        let page = &outcome.rendered().ok_or("a slide was not drawn")?.pages[0];
        let layout = page.slide.as_ref().ok_or("a slide has no layout")?;
        let drawn = Instant::now();
        std::hint::black_box(measure(&page.image, layout));
        metrics.push(drawn.elapsed().as_secs_f64());
        walls.push(began.elapsed().as_secs_f64());
    }
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        1e3 * values[values.len() / 2]
    };
    let (wall, metrics) = (middle(&mut walls), middle(&mut metrics));
    println!("median wall of a slide: {wall:.1} ms, of that its metrics: {metrics:.1} ms");
    Ok(())
}

fn main() -> Result<(), Failure> {
    let slides = slides()?;
    if std::env::args().nth(1).as_deref() == Some(KEPT) {
        return draw(&slides);
    }
    adopt();
    print_load();
    let ours = tree_cpu(Command::new(std::env::current_exe()?).arg(KEPT), Stdio::inherit())?;
    let ours = 1e3 * ours / (f64::from(ROUNDS) * slides.len() as f64);
    row("slide, all axes (stored)", REFERENCE_MS, ours, Some(6));
    Ok(())
}
