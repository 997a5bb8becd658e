//! `render`: the picture and the element table of one script or page.

use super::drawing::{Drawing, file};
use super::source;
use crate::report::png;
use crate::{Exit, terminal};
use anyhow::{Context, Result};
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};

/// Render a matplotlib script or an HTML page in the sandbox and write its picture.
///
/// A page has no network: it may use the files beside it and the style sheets, scripts and fonts of
/// public servers that are kept in this program. What it asked for in vain is told.
///
/// Examples: visual-sdpo render chart.py -o chart.png --elements chart.json; visual-sdpo render
/// page.html -o page.png
#[derive(Parser)]
pub struct Args {
    /// A Python script that draws a chart, or a page (.html).
    file: PathBuf,
    /// The picture to write, as PNG.
    #[arg(short, long, value_name = "PNG")]
    output: PathBuf,
    /// Also write the table of everything drawn: kind, box, text, colour and the calls that drew
    /// it.
    #[arg(long, value_name = "JSON")]
    elements: Option<PathBuf>,
    #[command(flatten)]
    drawing: Drawing,
}

pub fn run(args: &Args) -> Result<Exit> {
    let read = (args.file.display().to_string(), source::read(&args.file)?);
    let rendered = args.drawing.picture_of(&file(&args.file, read))?;
    write(&args.output, &png(&rendered.image)?)?;
    if let Some(path) = &args.elements {
        let table = serde_json::to_string_pretty(&rendered.elements)? + "\n";
        write(path, table.as_bytes())?;
    }
    let (width, height) = (rendered.image.width, rendered.image.height);
    let place = args.output.display();
    let line = format!("{place}: {width}x{height} px, {} elements", rendered.elements.len());
    terminal::out(&(terminal::clean_line(&line) + "\n"))?;
    rendered.notes.iter().for_each(|note| terminal::remark(&format!("note: {note}")));
    Ok(Exit::Fine)
}

/// Writes a file that a person asked for.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
