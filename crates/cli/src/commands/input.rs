//! The files of the command line: their domain, and rendering them.

use super::Sandbox;
use super::source::Read;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Domain, Language, Outcome, Rendered, Source};
use vsdpo_render::{RenderConfig, Renderer, UserEnv, open};
use vsdpo_report::Cell;

/// Slides of a deck that are drawn at most; of further ones only what the file says is checked.
const MAX_SLIDES: usize = 1000;

/// Pixels of a page at most: 1280 x 32 768, which take 160 MiB.
const MAX_PIXELS: u64 = 40 << 20;
/// Address space of a person's script in MiB: some packages reserve more than they use.
pub const MEMORY_MB: u64 = 4096;

/// How files are rendered.
#[derive(Args)]
pub struct Rendering {
    #[command(flatten)]
    sandbox: Sandbox,
    /// Domain of the files. Default: by the suffix, and by the first character of files with
    /// another suffix; an HTML file is a page unless this says slide, and a script that imports
    /// pptx makes a deck.
    #[arg(long, value_enum)]
    domain: Option<Kind>,
    /// Size of the browser window for pages, in pixels.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = window, value_delimiter = ',')]
    window: Vec<(u32, u32)>,
    /// A folder around the pages whose files they may use as well, as in `../css/site.css`.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How text of decks that shrinks to fit is shown: with the scale that the file stores, which
    /// is what PowerPoint shows, or with the one that LibreOffice computes.
    #[arg(long, value_enum, default_value = "stored")]
    autofit: Autofit,
}

/// Who says how far a text shrinks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Autofit {
    Stored,
    Libreoffice,
}

/// Kinds of artifacts that can be rendered.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A matplotlib script.
    Chart,
    /// An HTML page.
    Web,
    /// Slides: a page 1280 pixels wide in HTML, a script that makes a deck, or a .pptx file.
    Slide,
}

impl From<Kind> for Domain {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Chart => Domain::Chart,
            Kind::Web => Domain::Web,
            Kind::Slide => Domain::Slide,
        }
    }
}

/// One file to render.
#[derive(Clone)]
pub struct File {
    /// The path as it was typed, or a description of another source.
    pub name: String,
    /// The domain, which decides the rules and axes.
    pub domain: Domain,
    /// The text, its language, and the folder whose files it may use.
    pub source: Source,
    /// Of a notebook, where its code cells begin.
    pub cells: Vec<Cell>,
    /// Lines that are no Python and were skipped.
    pub skipped: usize,
    /// The environment of a person's script; none where the pinned one counts.
    pub user: Option<UserEnv>,
    /// The browser window, where there are several.
    pub window: Option<(u32, u32)>,
}

impl File {
    /// A file of one text.
    pub fn new(name: String, domain: Domain, source: Source) -> Self {
        Self { name, domain, source, cells: Vec::new(), skipped: 0, user: None, window: None }
    }
}

impl Rendering {
    /// Renderers for this number of files.
    pub fn renderers(&self, files: usize) -> Renderers<'_> {
        Renderers { how: self, files, undrawn: false, memory: MEMORY_MB, open: BTreeMap::new() }
    }

    /// The same for checking what somebody wrote: a deck that nothing can draw is judged as far as
    /// its file tells.
    pub fn checkers(&self, files: usize, memory: u64) -> Renderers<'_> {
        Renderers { undrawn: true, memory, ..self.renderers(files) }
    }

    /// A renderer for sources of a domain in its default language, one at a time.
    #[cfg(feature = "train")]
    pub fn open(&self, domain: Domain) -> Result<Box<dyn Renderer>> {
        Ok(open(domain, domain.default_language(), self.renderers(1).config())?)
    }

    /// Time limit of one file in seconds.
    pub fn timeout(&self) -> u64 {
        self.sandbox.timeout
    }

    /// Whether pages may use files around their folders.
    pub fn has_root(&self) -> bool {
        self.root.is_some()
    }

    /// The domain, if --domain is given.
    pub fn domain(&self) -> Option<Domain> {
        self.domain.map(Domain::from)
    }

    /// The file at `path` that was read. A page may use the files beside it.
    pub fn file(&self, path: &Path, read: Read) -> File {
        self.file_of(path, read, self.domain())
    }

    /// The same for a domain that the caller names; without one the path and the text decide.
    pub fn file_of(&self, path: &Path, read: Read, domain: Option<Domain>) -> File {
        let Read { name, text, deck, cells, skipped } = read;
        if deck.is_some() {
            let source = Source { file: deck, ..Source::new("", Language::Pptx) };
            return File::new(name, Domain::Slide, source);
        }
        let domain = domain.unwrap_or_else(|| domain_of(path, &text));
        let language = match domain {
            Domain::Slide if !is_page(path, &text) => Language::Python,
            Domain::Chart | Domain::Web | Domain::Slide => domain.default_language(),
        };
        let beside = path.parent().filter(|_| path != Path::new("-"));
        let folder = beside.map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
        let source = Source {
            folder: folder.map(Path::to_path_buf),
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()),
            cells: cells.iter().map(|cell| cell.start).collect(),
            ..Source::new(text, language)
        };
        File { cells, skipped, ..File::new(name, domain, source) }
    }

    /// The file once for every window, if it is a page and there are several.
    pub fn windows(&self, file: File) -> Vec<File> {
        match (file.domain, self.window.as_slice()) {
            (Domain::Web, windows @ [_, _, ..]) => {
                let of = |&window: &(u32, u32)| File { window: Some(window), ..file.clone() };
                windows.iter().map(of).collect()
            }
            _ => vec![file],
        }
    }

    /// In how many windows a page is checked.
    pub fn windows_of_pages(&self) -> usize {
        self.window.len().max(1)
    }

    /// Renders one file. Code that fails is an error that names the line.
    pub fn render(&self, file: &File) -> Result<Rendered> {
        let name = &file.name;
        match self.renderers(1).render(std::slice::from_ref(file))?.pop() {
            Some(Outcome::Rendered(rendered)) => Ok(rendered),
            Some(Outcome::Failed { error }) => {
                let before = error.span.and_then(|s| file.source.text.get(..s.start));
                let line = before.map(|before| before.matches('\n').count() + 1);
                let place = line.map_or(String::new(), |line| format!(" at line {line}"));
                let help = error.help.map_or(String::new(), |help| format!("; help: {help}"));
                bail!("`{name}` did not run{place}: {}{help}", error.message)
            }
            None => bail!("`{name}` has no outcome"),
        }
    }
}

/// Renders files. The renderer of a domain and language starts with the first file that needs it.
pub struct Renderers<'a> {
    how: &'a Rendering,
    files: usize,
    /// Whether a deck counts that is not drawn.
    undrawn: bool,
    /// Address space of a person's script in MiB.
    memory: u64,
    open: BTreeMap<Kinds, Box<dyn Renderer>>,
}

/// What decides the renderer of a file.
type Kinds = (Domain, Language, Option<UserEnv>, Option<(u32, u32)>);

impl Renderers<'_> {
    fn config(&self) -> RenderConfig {
        let undrawn = self.undrawn;
        let config = self.how.sandbox.config_for(self.files);
        let freeze = self.how.autofit == Autofit::Stored;
        let (window, root) =
            (self.how.window.first().copied().unwrap_or(config.window), self.how.root.clone());
        let max_pixels = MAX_PIXELS;
        RenderConfig { window, root, freeze, undrawn, max_slides: MAX_SLIDES, max_pixels, ..config }
    }

    /// Files that are rendered in parallel.
    pub fn workers(&self) -> usize {
        self.config().workers
    }

    /// The outcomes of all files, in order.
    pub fn render(&mut self, files: &[File]) -> Result<Vec<Outcome>> {
        let mut by_kind: BTreeMap<Kinds, Vec<usize>> = BTreeMap::new();
        for (i, file) in files.iter().enumerate() {
            let kind = (file.domain, file.source.language, file.user.clone(), file.window);
            by_kind.entry(kind).or_default().push(i);
        }
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        for (kind, places) in by_kind {
            if !self.open.contains_key(&kind) {
                let mut config = self.config();
                if let Some(user) = &kind.2 {
                    config = RenderConfig { user: Some(user.clone()), memory_mb: self.memory, ..config };
                }
                config.window = kind.3.unwrap_or(config.window);
                self.open.insert(kind.clone(), open(kind.0, kind.1, config)?);
            }
            let sources: Vec<Source> = places.iter().map(|&i| files[i].source.clone()).collect();
            let renderer = self.open.get(&kind).context("the renderer is not open")?;
            let first = &files[places[0]].name;
            let rendered =
                renderer.render_all(&sources).with_context(|| format!("cannot render `{first}`"))?;
            outcomes.extend(places.into_iter().zip(rendered));
        }
        Ok(outcomes.into_values().collect())
    }
}

/// The domain of a file by its suffix, and by its first character if the suffix is another one.
fn domain_of(path: &Path, text: &str) -> Domain {
    if is_page(path, text) {
        Domain::Web
    } else if makes_deck(text) {
        Domain::Slide
    } else {
        Domain::Chart
    }
}

/// Whether a text is HTML: by its suffix, or its first character.
fn is_page(path: &Path, text: &str) -> bool {
    match extension(path).as_str() {
        "html" | "htm" | "xhtml" => true,
        "py" | "pyw" | "ipynb" => false,
        _ => text.trim_start_matches('\u{feff}').trim_start().starts_with('<'),
    }
}

/// Whether a script imports python-pptx.
fn makes_deck(text: &str) -> bool {
    let imports = |line: &str| {
        let mut words = line.split(|c: char| c.is_whitespace() || c == '.' || c == ',');
        matches!(words.next(), Some("from" | "import")) && words.next() == Some("pptx")
    };
    text.lines().any(|line| imports(line.trim_start()))
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |end| end.to_string_lossy().to_ascii_lowercase())
}

fn window(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides
        .filter(|(w, h)| [w, h].iter().all(|side| (16..=8192).contains(*side)))
        .ok_or_else(|| "write WIDTHxHEIGHT in pixels, 16 to 8192 each, such as 1280x720".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendering(domain: Option<Kind>) -> Rendering {
        let sandbox = Sandbox { timeout: 10, unsafe_no_sandbox: false };
        Rendering { sandbox, domain, window: vec![(1280, 720)], root: None, autofit: Autofit::Stored }
    }

    #[test]
    fn the_suffix_decides_the_domain_then_the_text() {
        assert_eq!(domain_of(Path::new("a/b.HTML"), ""), Domain::Web);
        assert_eq!(domain_of(Path::new("a.py"), "<p>"), Domain::Chart);
        assert_eq!(domain_of(Path::new("-"), "\u{feff} \n<!doctype html>"), Domain::Web);
        assert_eq!(domain_of(Path::new("-"), "import x"), Domain::Chart);
        assert_eq!(domain_of(Path::new("answer.txt"), "<p>"), Domain::Web);
        let made = "import os\nfrom pptx.util import Pt\n";
        assert_eq!(domain_of(Path::new("a.py"), made), Domain::Slide);
        assert_eq!(domain_of(Path::new("a.py"), "import pptx2"), Domain::Chart);
        let read = |text: &str| Read { text: text.into(), ..Read::default() };
        let file = |kind, path: &str| rendering(kind).file(Path::new(path), read(""));
        let language =
            |path, text| rendering(Some(Kind::Slide)).file(Path::new(path), read(text)).source.language;
        assert_eq!((language("a.py", "x"), language("-", "<p>")), (Language::Python, Language::Html));
        assert_eq!(file(None, "a.html").source.folder, Some(".".into()));
        assert_eq!(file(None, "-").source.folder, None);
        let page = file(Some(Kind::Web), "a.txt");
        assert_eq!((page.domain, page.source.language), (Domain::Web, Language::Html));
        assert_eq!(file(Some(Kind::Chart), "a.html").domain, Domain::Chart);
    }

    #[test]
    fn a_window_is_two_sides_within_the_limits() {
        assert_eq!(window("320x240"), Ok((320, 240)));
        for wrong in ["320", "x", "320x", "0x240", "320x99999", "320 x 240"] {
            assert!(window(wrong).is_err(), "{wrong}");
        }
    }
}
