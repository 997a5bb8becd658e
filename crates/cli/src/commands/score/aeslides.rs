//! `score aeslides`: the four axes of a slide, or of many.

use super::pairs::print_lines;
use crate::commands::source;
use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{Language, Source};
use vsdpo_score::aeslides::{SlideScorer, as_json, table};

/// Score slides by AeSlides: aspect ratio, whitespace, collision and imbalance, with the rewards of
/// training.
///
/// Slides are rendered by Chromium without a network; they may use the pictures beside them. A
/// slide that cannot be drawn has 0 on all axes.
///
/// Example: visual-sdpo score aeslides slide.html
#[derive(Parser)]
pub struct Args {
    /// Slides, an HTML file each. More than one: prints a JSON line for each, in the same order,
    /// with its `file`.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Time limit of a slide in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

pub fn run(args: &Args) -> Result<Exit> {
    let slides: Vec<Source> = args.files.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let scorer = SlideScorer::start(Duration::from_secs(args.timeout))?;
    if let [slide] = slides.as_slice() {
        let scored = scorer.score(slide)?;
        terminal::out_json_or(args.json, &as_json(&scored), || table(&scored))?;
        return Ok(Exit::Fine);
    }
    print_lines(slides.len(), scorer.workers(), |i| {
        let mut line = serde_json::json!({ "file": args.files[i].to_string_lossy() });
        if let (Some(line), Some(scores)) =
            (line.as_object_mut(), as_json(&scorer.score(&slides[i])?).as_object_mut())
        {
            line.append(scores);
        }
        Ok(line)
    })?;
    Ok(Exit::Fine)
}

/// A slide, which may use the files of its folder.
fn read(path: &Path) -> Result<Source> {
    let folder = path.parent().map(Path::to_path_buf);
    Ok(Source { folder, ..Source::new(source::read_even_empty(path)?, Language::Html) })
}
