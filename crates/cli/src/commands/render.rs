//! `render`: writes the pictures and the element table of one script, page or deck.

use super::environment::Environment;
use super::input::Rendering;
use super::lint::config::Configs;
use super::source;
use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Image, Language, Page};
use vsdpo_score::files::png;

/// Render a matplotlib script, an HTML page, or a deck in the sandbox and write its pictures.
///
/// A page has no network: it may use the files beside it, and the style sheets, scripts and fonts
/// of public servers that are built into this program. Requests for other files are reported.
///
/// Examples: visual-sdpo render chart.py -o chart.png --elements chart.json; visual-sdpo render
/// page.html -o page.png
#[derive(Parser)]
pub struct Args {
    /// A Python script that draws a chart or makes a deck, a page (.html), or a .pptx file.
    file: PathBuf,
    /// The PNG file to write; with several pages it is the first one, and the others are NAME-2.png
    /// and so on.
    #[arg(short, long, value_name = "PNG")]
    output: PathBuf,
    /// Also write the table of drawn elements: kind, box, text, colour and the calls that drew
    /// each.
    #[arg(long, value_name = "JSON")]
    elements: Option<PathBuf>,
    #[command(flatten)]
    rendering: Rendering,
    #[command(flatten)]
    environment: Environment,
}

pub fn run(args: &Args) -> Result<Exit> {
    let read = source::read_or_stdin(&args.file)?;
    let mut file = args.rendering.file(&args.file, read);
    if file.source.language == Language::Python {
        file.user = Some(args.environment.of(&Configs::default().of(&args.file)?));
    }
    let rendered = args.rendering.render(&file)?;
    let written = write_pages(&args.output, &rendered.pages)?;
    if let Some(path) = &args.elements {
        let table = serde_json::to_string_pretty(&rendered.elements)? + "\n";
        vsdpo_score::files::write(path, table.as_bytes())?;
    }
    for (i, (path, page)) in written.iter().zip(&rendered.pages).enumerate() {
        let Image { width, height, .. } = &page.image;
        let elements = rendered.elements_on(i).len();
        let line = format!("{}: {width}x{height} px, {elements} elements", path.display());
        terminal::out(&(terminal::clean_line(&line) + "\n"))?;
    }
    rendered.notes.iter().for_each(|note| terminal::remark(&format!("note: {note}")));
    Ok(Exit::Fine)
}

/// Writes the pages of a render: the first one to `path`, page N to `path` with `-N` before the
/// suffix. Returns the paths.
pub fn write_pages(path: &Path, pages: &[Page]) -> Result<Vec<PathBuf>> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let suffix = path.extension().map_or(String::new(), |end| format!(".{}", end.to_string_lossy()));
    let mut written = Vec::new();
    for (i, page) in pages.iter().enumerate() {
        let path = match i {
            0 => path.to_path_buf(),
            _ => path.with_file_name(format!("{stem}-{}{suffix}", i + 1)),
        };
        vsdpo_score::files::write(&path, &png(&page.image)?)?;
        written.push(path);
    }
    Ok(written)
}
