//! `score aeslides`: the four axes of a slide, or of many.

use super::pairs::print_lines;
use crate::commands::source::{self, Read};
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
/// An HTML file is one slide, rendered by Chromium without a network; it may use the pictures
/// beside it. A .pptx file, or a Python script that saves one, is a deck, drawn by LibreOffice:
/// each slide has scores, and those of the deck are their means. What cannot be drawn has 0 on all
/// axes.
///
/// Examples: visual-sdpo score aeslides slide.html; visual-sdpo score aeslides deck.pptx
#[derive(Parser)]
pub struct Args {
    /// Slides (.html) and decks (.pptx, .py). More than one: prints a JSON line for each, in the
    /// same order, with its `file`.
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
    let scorer = SlideScorer::new(Duration::from_secs(args.timeout));
    if let [slide] = slides.as_slice() {
        let scored = scorer.score(slide)?;
        terminal::out_json_or(args.json, &as_json(&scored, slide.language), || table(&scored))?;
        return Ok(Exit::Fine);
    }
    print_lines(slides.len(), scorer.workers(), |i| {
        let mut line = serde_json::json!({ "file": args.files[i].to_string_lossy() });
        if let (Some(line), Some(scores)) =
            (line.as_object_mut(), as_json(&scorer.score(&slides[i])?, slides[i].language).as_object_mut())
        {
            line.append(scores);
        }
        Ok(line)
    })?;
    Ok(Exit::Fine)
}

/// A slide, which may use the files of its folder, or a deck.
fn read(path: &Path) -> Result<Source> {
    let Read { text, deck, .. } = source::read_slides(path)?;
    if let Some(deck) = deck {
        return Ok(Source::pptx(deck));
    }
    let script = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("py"));
    Ok(match script {
        true => Source::new(text, Language::Python),
        false => Source { folder: path.parent().map(Path::to_path_buf), ..Source::new(text, Language::Html) },
    })
}
