//! Rendering the files that a person names, whatever their domain.

use super::Sandbox;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{Domain, Outcome, Rendered};
use vsdpo_render::{ChartRenderer, Page, WebConfig, WebRenderer};

/// How files are rendered.
#[derive(Args)]
pub struct Drawing {
    #[command(flatten)]
    sandbox: Sandbox,
    /// The window that pages are drawn in, in pixels.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = window)]
    window: (u32, u32),
}

/// One file to render.
pub struct File {
    /// The path as it was typed, or what stands for it.
    pub name: String,
    /// Decides how it is rendered.
    pub domain: Domain,
    /// Its text.
    pub source: String,
    /// The folder whose files a page may use.
    pub folder: Option<PathBuf>,
}

/// Renders files; each renderer starts when the first file of its domain comes.
pub struct Renderers<'a> {
    how: &'a Drawing,
    files: usize,
    chart: Option<ChartRenderer>,
    web: Option<WebRenderer>,
}

impl Drawing {
    /// Renderers for a verb that renders this many files.
    pub fn renderers(&self, files: usize) -> Renderers<'_> {
        Renderers { how: self, files, chart: None, web: None }
    }

    /// Seconds that one file may take.
    pub fn timeout(&self) -> u64 {
        self.sandbox.timeout
    }

    /// Renders one file; code that does not run is an error here, with the line it stopped at.
    pub fn picture_of(&self, file: &File) -> Result<Rendered> {
        let name = &file.name;
        match self.renderers(1).render(std::slice::from_ref(file))?.pop() {
            Some(Outcome::Rendered(rendered)) => Ok(rendered),
            Some(Outcome::Failed { error }) => {
                let before = error.span.and_then(|s| file.source.get(..s.start));
                let line = before.map(|before| before.matches('\n').count() + 1);
                let place = line.map_or(String::new(), |line| format!(" at line {line}"));
                bail!("`{name}` did not run{place}: {}", error.message)
            }
            None => bail!("`{name}` has no outcome"),
        }
    }
}

impl Renderers<'_> {
    /// Files that are rendered at the same time.
    pub fn workers(&self) -> usize {
        self.how.sandbox.config_for(self.files).workers
    }

    /// The outcomes of all files, in order.
    pub fn render(&mut self, files: &[File]) -> Result<Vec<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = files.iter().map(|_| None).collect();
        for domain in [Domain::Chart, Domain::Web] {
            let of: Vec<usize> = (0..files.len()).filter(|&i| files[i].domain == domain).collect();
            if of.is_empty() {
                continue;
            }
            let some: Vec<&File> = of.iter().map(|&i| &files[i]).collect();
            let drawn = if domain == Domain::Chart { self.charts(&some)? } else { self.pages(&some)? };
            of.into_iter().zip(drawn).for_each(|(i, outcome)| outcomes[i] = Some(outcome));
        }
        outcomes.into_iter().zip(files).map(|(o, file)| o.with_context(|| unknown(file))).collect()
    }

    fn charts(&mut self, files: &[&File]) -> Result<Vec<Outcome>> {
        if self.chart.is_none() {
            self.chart = Some(ChartRenderer::start(self.how.sandbox.config_for(self.files))?);
        }
        let texts: Vec<&str> = files.iter().map(|file| file.source.as_str()).collect();
        let drawn = self.chart.as_ref().map_or(Vec::new(), |chart| chart.render_all(&texts));
        let named = |(outcome, file): (Result<_, _>, &&File)| -> Result<Outcome> {
            outcome.with_context(|| format!("cannot render `{}`", file.name))
        };
        drawn.into_iter().zip(files).map(named).collect()
    }

    fn pages(&mut self, files: &[&File]) -> Result<Vec<Outcome>> {
        if self.web.is_none() {
            let timeout = Duration::from_secs(self.how.sandbox.timeout);
            let config = WebConfig { timeout, window: self.how.window, ..WebConfig::default() };
            self.web = Some(WebRenderer::start(config)?);
        }
        let page = |file: &&File| Page { html: file.source.as_bytes().to_vec(), folder: file.folder.clone() };
        let pages: Vec<Page> = files.iter().map(page).collect();
        Ok(self.web.as_ref().map_or(Ok(Vec::new()), |web| web.render_all(&pages))?)
    }
}

fn unknown(file: &File) -> String {
    format!("`{}`: {}s cannot be rendered yet", file.name, file.domain.name())
}

/// The domain of a file: pages by their name, or for standard input by their first character.
pub fn domain(path: &Path, source: &str) -> Domain {
    let end = path.extension().map_or(String::new(), |end| end.to_string_lossy().to_ascii_lowercase());
    let page = match path == Path::new("-") {
        true => source.trim_start_matches('\u{feff}').trim_start().starts_with('<'),
        false => matches!(end.as_str(), "html" | "htm"),
    };
    if page { Domain::Web } else { Domain::Chart }
}

/// A file that was read. A page may use what lies beside it.
pub fn file(path: &Path, (name, source): (String, String)) -> File {
    let folder = path.parent().filter(|_| path != Path::new("-"));
    let folder = folder.map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    File { domain: domain(path, &source), folder: folder.map(Path::to_path_buf), name, source }
}

fn window(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides
        .filter(|(w, h)| [w, h].iter().all(|side| (16..=8192).contains(*side)))
        .ok_or_else(|| "write WIDTHxHEIGHT in pixels, 16 to 8192 each, as in 1280x720".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_names() {
        assert_eq!(domain(Path::new("a/b.HTML"), ""), Domain::Web);
        assert_eq!(domain(Path::new("a.py"), "<p>"), Domain::Chart);
        assert_eq!(domain(Path::new("-"), "\u{feff} \n<!doctype html>"), Domain::Web);
        assert_eq!(domain(Path::new("-"), "import x"), Domain::Chart);
        assert_eq!(file(Path::new("a.html"), Default::default()).folder, Some(".".into()));
        assert_eq!(file(Path::new("-"), Default::default()).folder, None);
    }

    #[test]
    fn a_window_has_two_sides() {
        assert_eq!(window("320x240"), Ok((320, 240)));
        for wrong in ["320", "x", "320x", "0x240", "320x99999", "320 x 240"] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }
}
