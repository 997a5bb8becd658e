//! Pages: HTML in, pictures out, by kept browsers.
//!
//! The principal type is [`WebRenderer`]. Starting a browser is what makes a page slow, so a browser is kept
//! per worker; every page has a fresh context in it (process, storage, cache), opened ahead while the worker
//! waits. Pages cannot reach a network: the browser's namespace has none, names resolve to nothing, and every
//! request is answered here or fails.

mod browser;
mod cdp;
mod elements;
mod page;
mod snapshot;
mod store;
mod styles;
mod tag;

use crate::config::RenderError;
use crate::result::clean_line;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub(crate) use browser::MEND;
use browser::{Browser, Confinement, why};
use page::{Context, Drawn, Limits, PageError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::Store;
use tag::Tagged;
use vsdpo_artifact::{Element, ElementKind, ExecError, FailureKind, Image, Outcome, Rendered};

/// Pages after which a browser is replaced, whatever its state.
const MAX_PAGES: usize = 500;
/// Megabytes of all its processes after which it is.
const MAX_RESIDENT_MB: u64 = 1500;
/// How often the size is looked at, in pages.
const LOOK_EVERY: usize = 16;
/// Browsers that a page may cost before it is the page's fault.
const TRIES: usize = 2;

/// Characters of an address in a note.
const MAX_NOTE: usize = 200;

/// How pages are drawn.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Pages drawn at the same time; at least 1.
    pub workers: usize,
    /// Wall-clock limit of one page.
    pub timeout: Duration,
    /// Pixels of a whole page.
    pub max_pixels: u64,
    /// Width and height of the window, in pixels; a page may be higher, and should not be wider.
    pub window: (u32, u32),
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(10),
            max_pixels: 16 << 20,
            window: (1280, 720),
        }
    }
}

/// A page to draw.
#[derive(Clone, Debug)]
pub struct Page {
    /// The source, as bytes of UTF-8 (or of what its `meta` element says).
    pub html: Vec<u8>,
    /// The folder whose pictures, styles, scripts and fonts it may use by relative addresses.
    pub folder: Option<PathBuf>,
}

/// A page's picture.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The whole page.
    pub image: Image,
    /// Addresses that it asked for and did not get.
    pub unmet: Vec<String>,
}

/// Draws pages.
pub struct WebRenderer {
    config: WebConfig,
    confinement: Confinement,
    idle: Mutex<Vec<Worker>>,
}

/// A browser and the context for its next page.
struct Worker {
    browser: Browser,
    ahead: Option<Context>,
}

impl Worker {
    fn worn(&self) -> bool {
        let pages = self.browser.pages;
        pages >= MAX_PAGES
            || (pages.is_multiple_of(LOOK_EVERY) && pages > 0 && self.browser.resident_mb() > MAX_RESIDENT_MB)
    }
}

impl WebRenderer {
    /// Finds the browser and starts one.
    ///
    /// # Errors
    /// No browser, or it does not come up.
    pub fn start(config: WebConfig) -> Result<Self, RenderError> {
        let confinement = Confinement::find()?;
        let worker = Worker { browser: Browser::start(&confinement)?, ahead: None };
        Ok(Self { config, confinement, idle: Mutex::new(vec![worker]) })
    }

    /// The picture of a page; a page that fails is a value.
    ///
    /// # Errors
    /// What keeps browsers from working at all.
    pub fn shoot(&self, page: &Page) -> Result<Result<Shot, ExecError>, RenderError> {
        let drawn = self.visit(&page.html, page.folder.as_deref(), None)?;
        let shot = |drawn: Drawn| Ok(Shot { image: decode(&drawn.png)?, unmet: drawn.unmet });
        drawn.map(shot).map_or_else(|error| Ok(Err(error)), |shot| shot.map(Ok))
    }

    /// The picture of a page with all that is on it. Which requests had no answer is among the notes.
    ///
    /// # Errors
    /// What keeps browsers from working at all.
    pub fn render(&self, page: &Page) -> Result<Outcome, RenderError> {
        let tagged = Tagged::new(&page.html);
        match self.visit(&tagged.html, page.folder.as_deref(), Some(&tagged))? {
            Ok(drawn) => outcome(drawn),
            Err(error) => Ok(Outcome::Failed { error }),
        }
    }

    /// The outcomes of all pages, in order.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_all(&self, pages: &[Page]) -> Result<Vec<Outcome>, RenderError> {
        crate::spread(self.config.workers, pages.len(), |i| self.render(&pages[i]))
    }

    fn visit(
        &self,
        html: &[u8],
        folder: Option<&Path>,
        tagged: Option<&Tagged>,
    ) -> Result<Result<Drawn, ExecError>, RenderError> {
        let store = Store { name: "page.html", html, folder };
        let mut last = String::new();
        for _ in 0..TRIES {
            let mut worker = self.worker()?;
            match self.draw(&mut worker, &store, tagged) {
                Ok(drawn) => {
                    self.put_back(worker);
                    return Ok(Ok(drawn));
                }
                // A page that is late or broken takes its context with it; the browser stays if it lets go.
                Err(PageError::Browser(error)) => last = why(&error),
                Err(error) => {
                    self.put_back(worker);
                    return Ok(Err(self.failure(&error)));
                }
            }
        }
        let message = format!("the browser ended under it: {last}");
        Ok(Err(failure(FailureKind::Crash, message)))
    }

    /// The pictures of all pages, in order.
    ///
    /// # Errors
    /// As [`Self::shoot`].
    pub fn shoot_all(&self, pages: &[Page]) -> Result<Vec<Result<Shot, ExecError>>, RenderError> {
        crate::spread(self.config.workers, pages.len(), |i| self.shoot(&pages[i]))
    }

    fn draw(&self, worker: &mut Worker, page: &Store, tagged: Option<&Tagged>) -> Result<Drawn, PageError> {
        let WebConfig { timeout, max_pixels, window, .. } = self.config;
        let limits = Limits { deadline: Instant::now() + timeout, max_pixels, window };
        let browser = &mut worker.browser;
        let context = match worker.ahead.take() {
            Some(context) => context,
            None => Context::open(browser, window, limits.deadline).map_err(PageError::Browser)?,
        };
        let drawn = context.draw(browser, page, &limits, tagged);
        browser.pages += 1;
        // A context that does not go away keeps its processes: then the browser goes.
        context.close(browser).map_err(PageError::Browser)?;
        drawn
    }

    fn failure(&self, error: &PageError) -> ExecError {
        match error {
            PageError::Late => {
                let seconds = self.config.timeout.as_secs_f64();
                failure(FailureKind::Timeout, format!("the page took longer than {seconds} s"))
            }
            PageError::Crashed => failure(
                FailureKind::Memory,
                "the page's process died, as it does when memory runs out".into(),
            ),
            PageError::TooLarge(0, 0) => failure(FailureKind::NoFigure, "the page has no size".into()),
            PageError::TooLarge(width, height) => {
                let most = self.config.max_pixels;
                failure(
                    FailureKind::Limit,
                    format!("the page has {width} x {height} pixels; {most} are allowed"),
                )
            }
            PageError::Browser(error) => failure(FailureKind::Crash, why(error)),
        }
    }

    fn worker(&self) -> Result<Worker, RenderError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(worker) => Ok(worker),
            None => Ok(Worker { browser: Browser::start(&self.confinement)?, ahead: None }),
        }
    }

    /// Keeps the worker for the next page unless it is worn out.
    fn put_back(&self, mut worker: Worker) {
        if worker.worn() {
            return;
        }
        let soon = Instant::now() + self.config.timeout;
        worker.ahead = Context::open(&mut worker.browser, self.config.window, soon).ok();
        if worker.ahead.is_some() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }
}

/// The browser's name and version, and which walls stand around it, by trial.
pub(crate) fn facts() -> Result<(String, Confinement), RenderError> {
    let confinement = Confinement::find()?;
    let version = Browser::start(&confinement)?.version();
    Ok((version.unwrap_or_else(|| "a browser that does not tell its name".into()), confinement))
}

/// A page on which nothing is to be seen has drawn nothing.
fn outcome(drawn: Drawn) -> Result<Outcome, RenderError> {
    let image = decode(&drawn.png)?;
    let (elements, styles) = drawn.table.unwrap_or_default();
    let seen = |e: &Element| {
        let facts = e.page.as_ref();
        let shows = facts.is_some_and(|f| f.framed || f.painted || !f.lines.is_empty());
        !e.region.is_empty() && (shows || matches!(e.kind, ElementKind::Image | ElementKind::Control))
    };
    if !elements.iter().any(seen) {
        let error = failure(FailureKind::NoFigure, "the page shows nothing".into());
        return Ok(Outcome::Failed { error });
    }
    let notes =
        drawn.unmet.iter().map(|url| format!("no answer for {}", clean_line(url, MAX_NOTE))).collect();
    Ok(Outcome::Rendered(Rendered { image, elements, notes, styles }))
}

fn failure(kind: FailureKind, message: String) -> ExecError {
    ExecError { kind, message, traceback: String::new(), span: None }
}

/// The pixels of a PNG file in base64.
fn decode(data: &str) -> Result<Image, RenderError> {
    let broken =
        |what: String| RenderError::Browser { message: format!("sent a picture that is none: {what}") };
    let bytes = STANDARD.decode(data).map_err(|e| broken(e.to_string()))?;
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
    let rgba = picture.map_err(|e| broken(e.to_string()))?.into_rgba8();
    Ok(Image { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw().into() })
}
