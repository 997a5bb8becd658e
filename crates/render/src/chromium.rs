//! Renders HTML, pages and slides, in long-lived browsers.
//!
//! The principal type is [`ChromiumRenderer`]. Starting a browser dominates the cost of a page, so
//! each worker keeps one. Every page gets a fresh browser context (process, storage, cache), which
//! is opened while the worker is idle. Pages share a context only if they run no script and load
//! nothing (see `inert`). Pages cannot reach a network: the browser's network namespace is empty,
//! host names do not resolve, and every request is answered here or fails.

mod assets;
mod browser;
mod cdp;
mod colours;
mod elements;
mod fields;
mod fonts;
mod inert;
mod packages;
mod page;
mod remarks;
mod settle;
mod slide;
mod snapshot;
mod state;
mod store;
mod styles;
mod table;
mod tag;

use crate::cache::{Cache, key};
use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::lock::lock;
use crate::renderer::{Renderer, Screenshot};
pub(crate) use assets::list as assets;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub(crate) use browser::HELP;
use browser::{Browser, Confinement, why};
use inert::is_inert;
pub use page::MAX_BESIDE;
use page::{Context, Drawn, Limits, PageError};
use slide::MAX_PARTS;
pub use slide::SlideMode;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use store::{Store, place};
use tag::Tagged;
use vsdpo_artifact::{Element, ElementKind, ExecError, FailureKind, Image, Outcome, Page, Rendered, Source};

/// Replaces the browser after this many pages.
const MAX_PAGES: usize = 500;
/// Replaces the context after this many pages.
const MAX_IN_CONTEXT: usize = 50;
/// Replaces the browser above this resident memory of all its processes (MB).
const MAX_RESIDENT_MB: u64 = 1500;
/// Measures that memory once per this many pages.
const MEASURE_EVERY: usize = 16;
/// Attempts before a page that ends its browser counts as a crash of the page.
const TRIES: usize = 2;

/// The file name under which a page is served.
const NAME: &str = "page.html";

/// Renders HTML pages in Chromium. Thread safe; share it by reference.
pub struct ChromiumRenderer {
    config: RenderConfig,
    /// How slides are drawn; `None` for pages.
    slide: Option<SlideMode>,
    confinement: Confinement,
    idle: Mutex<Vec<Worker>>,
    cache: Mutex<Cache>,
    stats: Mutex<RenderStats>,
}

/// A browser, and the context that was opened for its next page.
struct Worker {
    browser: Browser,
    ahead: Option<Context>,
}

impl Worker {
    fn worn(&self) -> bool {
        let pages = self.browser.pages;
        pages >= MAX_PAGES
            || (pages.is_multiple_of(MEASURE_EVERY)
                && pages > 0
                && self.browser.resident_mb() > MAX_RESIDENT_MB)
    }
}

impl ChromiumRenderer {
    /// Finds the browser and starts one.
    ///
    /// # Errors
    /// Returns an error if no browser is installed or it does not start.
    pub fn start(config: RenderConfig) -> Result<Self, RenderError> {
        Self::of(config, None)
    }

    /// As [`Self::start`], for slides: 1280 px wide, whatever the window of `config`, with the
    /// layout that slide metrics are computed from ([`vsdpo_artifact::Page::slide`]). A slide that
    /// shows nothing is a slide.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn slides(config: RenderConfig, mode: SlideMode) -> Result<Self, RenderError> {
        Self::of(RenderConfig { window: RenderConfig::default().window, ..config }, Some(mode))
    }

    fn of(config: RenderConfig, slide: Option<SlideMode>) -> Result<Self, RenderError> {
        let confinement = Confinement::find()?;
        let worker = Worker { browser: Browser::start(&confinement)?, ahead: None };
        let cache = Mutex::new(Cache::new(config.cache_entries));
        Ok(Self {
            config,
            slide,
            confinement,
            idle: Mutex::new(vec![worker]),
            cache,
            stats: Mutex::default(),
        })
    }

    fn store<'a>(&'a self, html: &'a [u8], folder: Option<&'a Path>) -> Store<'a> {
        let (folder, name) = place(self.config.root.as_deref(), folder, NAME);
        Store { name, html, folder, common: &self.config.common }
    }

    fn visit(
        &self,
        html: &[u8],
        folder: Option<&Path>,
        tagged: Option<&Tagged>,
    ) -> Result<Result<Drawn, ExecError>, RenderError> {
        let store = self.store(html, folder);
        let mut last = String::new();
        for _ in 0..TRIES {
            let mut worker = self.worker()?;
            match self.draw(&mut worker, &store, tagged) {
                Ok(drawn) => {
                    self.put_back(worker);
                    return Ok(Ok(drawn));
                }
                // The context of a failed page is closed; the browser is kept if that succeeds.
                Err(PageError::Browser(error)) => last = why(&error),
                Err(error) => {
                    self.put_back(worker);
                    return Ok(Err(self.failure(&error)));
                }
            }
        }
        let message = format!("the browser process ended while it rendered the page: {last}");
        Ok(Err(failure(FailureKind::Crash, message)))
    }

    /// One attempt at a screenshot, without the second one of [`Renderer::screenshot`].
    ///
    /// # Errors
    /// Returns an error if no browser can be started.
    pub fn shoot(&self, page: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        let drawn = self.visit(page.text.as_bytes(), page.folder.as_deref(), None)?;
        drawn.map(screenshot).map_or_else(|error| Ok(Err(error)), |shot| shot.map(Ok))
    }

    fn shoot_anew(&self, page: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        let mut worker = Worker { browser: Browser::start(&self.confinement)?, ahead: None };
        let store = self.store(page.text.as_bytes(), page.folder.as_deref());
        match self.draw(&mut worker, &store, None) {
            Ok(drawn) => {
                self.put_back(worker);
                screenshot(drawn).map(|shot| Ok(Screenshot { retried: true, ..shot }))
            }
            Err(error) => Ok(Err(self.failure(&error))),
        }
    }

    fn draw(&self, worker: &mut Worker, page: &Store, tagged: Option<&Tagged>) -> Result<Drawn, PageError> {
        let RenderConfig { timeout, max_pixels, window, .. } = self.config;
        let slide = self.slide;
        let limits = Limits { deadline: Instant::now() + timeout, max_pixels, window, slide };
        let browser = &mut worker.browser;
        // A context is shared only by inert pages, which can neither leave state in it nor read it.
        let inert = is_inert(page.html);
        let mut context = match worker.ahead.take() {
            Some(context) if inert || context.pages == 0 => context,
            used => {
                if let Some(used) = used {
                    used.close(browser).map_err(PageError::Browser)?;
                }
                Context::open(browser, window, limits.deadline).map_err(PageError::Browser)?
            }
        };
        let drawn = context.draw(browser, page, &limits, tagged);
        browser.pages += 1;
        context.pages += 1;
        if inert && drawn.as_ref().is_ok_and(|d| d.alone) && context.pages < MAX_IN_CONTEXT {
            worker.ahead = Some(context);
            return drawn;
        }
        if let Err(error) = context.close(browser) {
            // A context that cannot be closed keeps its processes, so the browser is replaced.
            browser.pages = MAX_PAGES;
            if matches!(drawn, Err(PageError::Left(_))) {
                return Err(PageError::Browser(error));
            }
        }
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
                "the page's process crashed, most likely because it ran out of memory".into(),
            ),
            PageError::Memory => failure(FailureKind::Memory, "the page used too much memory".into()),
            PageError::Closed => failure(FailureKind::NoFigure, "the page closed its window".into()),
            PageError::Onward(to) => failure(FailureKind::NoFigure, remarks::sends_on(to)),
            PageError::Left(message) => failure(
                FailureKind::Crash,
                format!("the page navigated away before it was captured: {message}"),
            ),
            PageError::TooLarge(0, 0) => {
                failure(FailureKind::NoFigure, "the page has zero width or height".into())
            }
            PageError::TooLarge(width, height) => {
                let most = self.config.max_pixels;
                failure(
                    FailureKind::Limit,
                    format!(
                        "the page is {width} x {height} pixels large; at most {most} pixels are drawn ({width} x {}); \
                         help: check its parts as pages of their own",
                        most / width.max(&1)
                    ),
                )
            }
            PageError::Crowded => failure(
                FailureKind::Limit,
                format!("the slide has more than {MAX_PARTS} elements, or too many lines of text"),
            ),
            PageError::Browser(error) => failure(FailureKind::Crash, why(error)),
        }
    }

    fn worker(&self) -> Result<Worker, RenderError> {
        let idle = lock(&self.idle).pop();
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
        if worker.ahead.is_none() {
            worker.ahead = Context::open(&mut worker.browser, self.config.window, soon).ok();
        }
        if worker.ahead.is_some() {
            lock(&self.idle).push(worker);
        }
    }
}

impl Renderer for ChromiumRenderer {
    fn render(&self, page: &Source) -> Result<Outcome, RenderError> {
        // Files of a folder may change between two renders.
        let key = page.folder.is_none().then(|| key("page", &page.text));
        if let Some(known) = key.as_ref().and_then(|key| lock(&self.cache).get(key)) {
            lock(&self.stats).cache_hits += 1;
            return Ok(known);
        }
        let tagged = Tagged::new(page.text.as_bytes());
        let outcome = match self.visit(&tagged.html, page.folder.as_deref(), Some(&tagged))? {
            Ok(drawn) => outcome(drawn)?,
            Err(error) => Outcome::Failed { error },
        };
        let mut stats = lock(&self.stats);
        stats.jobs += 1;
        stats.failures += u64::from(outcome.rendered().is_none());
        if let Some(key) = key {
            lock(&self.cache).put(key, &outcome);
        }
        Ok(outcome)
    }

    fn screenshot(&self, page: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        // A page that is too large, or has no size, fails in every browser.
        let passing = |kind| !matches!(kind, FailureKind::Limit | FailureKind::NoFigure);
        match self.shoot(page)? {
            Err(error) if passing(error.kind) => self.shoot_anew(page),
            shot => Ok(shot),
        }
    }

    fn workers(&self) -> usize {
        self.config.workers
    }

    fn identity(&self) -> Result<String, RenderError> {
        let mut worker = self.worker()?;
        let version = worker.browser.version();
        self.put_back(worker);
        let version =
            version.ok_or_else(|| RenderError::Browser { message: "does not report its version".into() })?;
        let mode = self.slide.map(|mode| format!("slides, {mode:?}"));
        let all = std::iter::once(version).chain(mode).chain(browser::fonts()).chain(assets::list());
        Ok(all.collect::<Vec<_>>().join("\n"))
    }

    /// The browsers' CPU time is not among the counters.
    fn stats(&self) -> RenderStats {
        lock(&self.stats).clone()
    }
}

/// The browser's name and version, and its layers of isolation, each tested.
pub(crate) fn facts() -> Result<(String, Confinement), RenderError> {
    let confinement = Confinement::find()?;
    let version = Browser::start(&confinement)?.version();
    Ok((version.unwrap_or_else(|| "a browser that does not report its version".into()), confinement))
}

fn screenshot(drawn: Drawn) -> Result<Screenshot, RenderError> {
    let Drawn { unmet, beside, .. } = drawn;
    Ok(Screenshot { image: joined(&drawn.png)?, unmet, beside, retried: false })
}

/// A page without any visible element is a failure (`NoFigure`); a slide is not.
fn outcome(drawn: Drawn) -> Result<Outcome, RenderError> {
    let visible = |e: &Element| {
        let facts = e.html.as_ref();
        let shows = facts.is_some_and(|f| f.framed || f.painted || !f.lines.is_empty());
        !e.region.is_empty() && (shows || matches!(e.kind, ElementKind::Image | ElementKind::Control))
    };
    let elements = drawn.table.as_ref().map_or(&[][..], |table| &table.elements);
    if drawn.slide.is_none() && !elements.iter().any(visible) {
        let error = failure(FailureKind::NoFigure, remarks::nothing(&drawn));
        return Ok(Outcome::Failed { error });
    }
    let (image, notes) = (joined(&drawn.png)?, remarks::notes(&drawn));
    let (elements, styles) = drawn.table.map(|table| (table.elements, table.styles)).unwrap_or_default();
    Ok(Outcome::Rendered(Rendered {
        pages: vec![Page { image, slide: drawn.slide }],
        elements,
        notes,
        styles,
    }))
}

fn failure(kind: FailureKind, message: String) -> ExecError {
    ExecError::new(kind, message)
}

/// The picture whose pieces these are, from the top down: PNG files in base64.
fn joined(pieces: &[String]) -> Result<Image, RenderError> {
    let mut pieces = pieces.iter();
    let first = pieces.next().map(|piece| decode(piece)).transpose()?.unwrap_or_default();
    let (width, mut height) = (first.width(), first.height());
    let mut rgba = first.into_raw();
    for piece in pieces {
        let piece = decode(piece)?;
        if piece.width() != width {
            return Err(RenderError::Browser { message: "sent pieces of different width".into() });
        }
        height += piece.height();
        rgba.extend_from_slice(piece.as_raw());
    }
    Ok(Image { width, height, rgba: rgba.into() })
}

fn decode(data: &str) -> Result<image::RgbaImage, RenderError> {
    let broken = |what: String| RenderError::Browser { message: format!("sent an invalid PNG: {what}") };
    let bytes = STANDARD.decode(data).map_err(|e| broken(e.to_string()))?;
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
    Ok(picture.map_err(|e| broken(e.to_string()))?.into_rgba8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vsdpo_artifact::Language;

    fn renderer(timeout: u64) -> ChromiumRenderer {
        let config =
            RenderConfig { workers: 1, timeout: Duration::from_secs(timeout), ..RenderConfig::default() };
        ChromiumRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
    }

    /// The page's picture, and the number of the browser that waits afterwards.
    fn draw(renderer: &ChromiumRenderer, html: &str) -> (Result<Screenshot, ExecError>, Option<u32>) {
        let shot = renderer.shoot(&Source::new(html, Language::Html)).unwrap();
        (shot, renderer.idle.lock().unwrap().first().map(|worker| worker.browser.id()))
    }

    fn change(renderer: &ChromiumRenderer, with: impl FnOnce(&mut Worker)) {
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

    /// Sharing a context changes nothing of what is drawn and recorded, and nobody who could look
    /// finds anything.
    #[test]
    fn pages_that_follow_each_other_look_as_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint_web");
        let mut pages: Vec<Source> = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let html =
                std::fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|e| e == "html"));
            if let Some(html) = html.filter(|html| is_inert(html.as_bytes()) && !html.contains('@')) {
                pages.push(Source::new(html, Language::Html));
            }
        }
        pages.sort_by(|a, b| a.text.cmp(&b.text));
        pages.truncate(24);
        let all = |alone: bool| -> (Vec<Outcome>, usize, u32) {
            let config = RenderConfig { workers: 1, cache_entries: 0, ..RenderConfig::default() };
            let renderer = ChromiumRenderer::start(config).unwrap();
            let mut most = 0;
            let draw = |page: &Source| {
                if alone {
                    change(&renderer, |worker| {
                        let ahead = worker.ahead.take();
                        ahead.into_iter().for_each(|context| context.close(&mut worker.browser).unwrap());
                    });
                }
                let outcome = renderer.render(page).unwrap();
                change(&renderer, |worker| most = most.max(worker.ahead.as_ref().map_or(0, |c| c.pages)));
                outcome
            };
            let outcomes = pages.iter().map(draw).collect();
            let look =
                "<script>document.write('<div style=height:' + 1000 * history.length + 'px>')</script>";
            (outcomes, most, super::tests::draw(&renderer, look).0.unwrap().image.height)
        };
        let ((together, shared, behind), (alone, single, fresh)) = (all(false), all(true));
        assert_eq!(behind, fresh, "a page that acts has no history");
        assert!(pages.len() > 16 && shared > 8 && single == 1, "{} {shared} {single}", pages.len());
        assert!(together.iter().all(|outcome| outcome.rendered().is_some()));
        assert_eq!(together, alone);
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
