//! `render`: the picture and the element table of one script.

use super::source;
use crate::report::png;
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::Parser;
use std::fs;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Outcome, Rendered};
use vsdpo_render::ChartRenderer;

/// Render a matplotlib script in the sandbox and write its picture.
///
/// Example: visual-sdpo render chart.py -o chart.png --elements chart.json
#[derive(Parser)]
pub struct Args {
    /// A Python script that draws a chart.
    file: PathBuf,
    /// The picture to write, as PNG.
    #[arg(short, long, value_name = "PNG")]
    output: PathBuf,
    /// Also write the table of everything drawn: kind, box, text, colour and the calls that drew it.
    #[arg(long, value_name = "JSON")]
    elements: Option<PathBuf>,
    #[command(flatten)]
    sandbox: super::Sandbox,
}

pub fn run(args: &Args) -> Result<Exit> {
    let source = source::read(&args.file)?;
    let rendered = picture_of(&source, &args.file.display().to_string(), &args.sandbox)?;
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

/// Renders code; code that does not run is an error here, with the line it stopped at.
pub fn picture_of(source: &str, name: &str, sandbox: &super::Sandbox) -> Result<Rendered> {
    let renderer = ChartRenderer::start(sandbox.config_for(1))?;
    match renderer.render(source).with_context(|| format!("cannot render `{name}`"))? {
        Outcome::Rendered(rendered) => Ok(rendered),
        Outcome::Failed { error } => {
            let line = error.span.and_then(|s| source.get(..s.start)).map(|s| s.matches('\n').count() + 1);
            let place = line.map_or(String::new(), |line| format!(" at line {line}"));
            bail!("`{name}` did not run{place}: {}", error.message)
        }
    }
}

/// Writes a file that a person asked for.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
