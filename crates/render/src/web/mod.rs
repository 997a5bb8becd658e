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
pub(crate) use assets::list as assets;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
        if let Err(error) = context.close(browser) {
            // A context that does not go away keeps its processes: then the browser goes.
            browser.pages = MAX_PAGES;
            if matches!(drawn, Err(PageError::Left(_))) {
                return Err(PageError::Browser(error));
            }
        }
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
            PageError::Memory => failure(FailureKind::Memory, "the page took too much memory".into()),
            PageError::Closed => failure(FailureKind::NoFigure, "the page closed its window".into()),
            PageError::Left(message) => {
                failure(FailureKind::Crash, format!("the page was gone when it was to be drawn: {message}"))
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn renderer(timeout: u64) -> WebRenderer {
        let config = WebConfig { workers: 1, timeout: Duration::from_secs(timeout), ..WebConfig::default() };
        WebRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
    }

    /// The page's picture, and the number of the browser that waits afterwards.
    fn draw(renderer: &WebRenderer, html: &str) -> (Result<Shot, ExecError>, Option<u32>) {
        let shot = renderer.shoot(&Page { html: html.into(), folder: None }).unwrap();
        (shot, renderer.idle.lock().unwrap().first().map(|worker| worker.browser.id()))
    }

    fn change(renderer: &WebRenderer, with: impl FnOnce(&mut Worker)) {
        with(renderer.idle.lock().unwrap().first_mut().unwrap());
    }

    #[test]
    fn a_browser_draws_its_pages_and_is_then_replaced() {
        let renderer = renderer(60);
        let (_, first) = draw(&renderer, "on");
        change(&renderer, |worker| {
            assert!(worker.ahead.is_some(), "the next context waits");
            assert_eq!(worker.browser.pages, 1);
            worker.browser.pages = MAX_PAGES - 2;
        });
        assert_eq!(draw(&renderer, "on").1, first, "one page is left");
        let (last, none) = draw(&renderer, "on");
        assert!(last.is_ok() && none.is_none(), "that was the last page");
        let (fresh, second) = draw(&renderer, "on");
        assert!(fresh.is_ok() && second.is_some() && second != first);
    }

    #[test]
    fn a_context_that_is_gone_costs_its_browser_and_not_the_page() {
        let renderer = renderer(60);
        let (_, first) = draw(&renderer, "on");
        change(&renderer, |worker| {
            let context = worker.ahead.as_ref().unwrap().context.clone();
            let dispose = serde_json::json!({ "browserContextId": context });
            let soon = Instant::now() + Duration::from_secs(60);
            worker.browser.pipe.call(None, "Target.disposeBrowserContext", dispose, soon).unwrap();
        });
        let (shot, second) = draw(&renderer, "on");
        assert!(shot.is_ok() && second.is_some() && second != first, "{shot:?}");
    }

    #[test]
    fn a_browser_that_was_killed_is_replaced() {
        let renderer = renderer(60);
        let (_, first) = draw(&renderer, "on");
        let group = rustix::process::Pid::from_raw(first.unwrap().cast_signed()).unwrap();
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        let (shot, second) = draw(&renderer, "on");
        assert!(shot.is_ok() && second.is_some() && second != first, "{shot:?}");
    }

    #[test]
    fn limits_are_those_of_their_numbers() {
        let renderer = renderer(3);
        let began = Instant::now();
        let (late, _) = draw(&renderer, "<script>while (true) {}</script>");
        assert_eq!(late.unwrap_err().kind, FailureKind::Timeout);
        let took = began.elapsed().as_secs_f64();
        assert!((3.0..10.0).contains(&took), "{took} s");
        // The page is as tall as its script's heap may be, in megabytes.
        let heap = "<body style='margin: 0'><script>document.body.style.height =
            Math.round(performance.memory.jsHeapSizeLimit / (1 << 20)) + 1000 + 'px'</script>";
        let height = draw(&renderer, heap).0.unwrap().image.height;
        assert!((1512..=1700).contains(&height), "a heap of {} MB", height - 1000);
        change(&renderer, |worker| {
            let all = worker.browser.resident_mb();
            assert!((100..MAX_RESIDENT_MB).contains(&all), "{all} MB at rest");
        });
    }
}
