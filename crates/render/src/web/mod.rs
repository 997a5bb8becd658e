//! Pages: HTML in, pictures out, by kept browsers.
//!
//! The principal type is [`WebRenderer`]. Starting a browser is what makes a page slow, so a browser is kept
//! per worker; every page has a fresh context in it (process, storage, cache), opened ahead while the worker
//! waits. Pages cannot reach a network: the browser's namespace has none, names resolve to nothing, and every
//! request is answered here or fails.

mod assets;
mod browser;
mod cdp;
mod fonts;
mod page;
mod store;

use crate::config::RenderError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub(crate) use assets::list as assets;
pub(crate) use browser::MEND;
use browser::{Browser, Confinement, why};
use page::{Context, Limits, PageError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::Store;
use vsdpo_artifact::{ExecError, FailureKind, Image};

/// Pages after which a browser is replaced, whatever its state.
const MAX_PAGES: usize = 500;
/// Megabytes of all its processes after which it is.
const MAX_RESIDENT_MB: u64 = 1500;
/// How often the size is looked at, in pages.
const LOOK_EVERY: usize = 16;
/// Browsers that a page may cost before it is the page's fault.
const TRIES: usize = 2;

/// How pages are drawn.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Pages drawn at the same time; at least 1.
    pub workers: usize,
    /// Wall-clock limit of one page.
    pub timeout: Duration,
    /// Pixels of a whole page.
    pub max_pixels: u64,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(10),
            max_pixels: 16 << 20,
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
    /// Addresses that it asked for and did not get, or got only in part.
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
        let mut last = String::new();
        for _ in 0..TRIES {
            let mut worker = self.worker()?;
            match self.draw(&mut worker, page) {
                Ok(shot) => {
                    self.put_back(worker);
                    return shot.map(Ok);
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

    fn draw(&self, worker: &mut Worker, page: &Page) -> Result<Result<Shot, RenderError>, PageError> {
        let limits =
            Limits { deadline: Instant::now() + self.config.timeout, max_pixels: self.config.max_pixels };
        let browser = &mut worker.browser;
        let context = match worker.ahead.take() {
            Some(context) => context,
            None => Context::open(browser, limits.deadline).map_err(PageError::Browser)?,
        };
        let store = Store { name: "page.html", html: &page.html, folder: page.folder.as_deref() };
        let drawn = context.draw(browser, &store, &limits);
        browser.pages += 1;
        // A context that does not go away keeps its processes: then the browser goes.
        context.close(browser).map_err(PageError::Browser)?;
        let drawn = drawn?;
        Ok(decode(&drawn.png).map(|image| Shot { image, unmet: drawn.unmet }))
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
        worker.ahead = Context::open(&mut worker.browser, soon).ok();
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
