//! One page: opens its browser context, loads it, captures it.

use super::browser::{Browser, none};
use super::cdp::{CdpError, Event};
use super::slide::SlideMode;
use super::store::{ORIGIN, Store};
use super::styles::Sheet;
use super::table::Table;
use super::tag::Tagged;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vsdpo_artifact::SlideLayout;

/// Time limit for closing a context; after it the browser is replaced.
const DISPOSE_LIMIT: Duration = Duration::from_secs(5);
/// Resource types that are answered here. Requests of scripts (`fetch`, `XMLHttpRequest`, beacons)
/// are not intercepted and fail for lack of a network: a request with a large body would keep the
/// browser busy after its page is done.
const SHOWN: [&str; 7] = ["Document", "Stylesheet", "Image", "Media", "Font", "Script", "Other"];
/// Interval between two measurements of the browser's memory during a page.
const MEASURE: Duration = Duration::from_millis(250);
/// Ends a page above this resident memory of all processes of its browser (MB).
const MAX_PAGE_MB: u64 = 4000;
/// Unanswered requests listed by URL at most.
const MAX_UNMET: usize = 32;
/// Style sheets read at most.
const MAX_SHEETS: usize = 256;
/// Bytes of a listed URL at most.
const MAX_URL: usize = 200;
/// Local files listed by name at most; further ones are not listed.
pub const MAX_BESIDE: usize = 256;

/// Waits for `load` again, since the event received may belong to the blank page before it. Ends
/// animations as Playwright does for screenshots: finite ones jump to their end, infinite ones are
/// cancelled. Then waits for fonts and returns the size of the page.
const SETTLE: &str = r#"(async () => {
    if (document.readyState !== 'complete') await new Promise((done) => addEventListener('load', done));
    const style = document.createElement('style');
    style.textContent = '* { caret-color: transparent !important; }';
    document.documentElement.append(style);
    const end = (root) => {
        for (const animation of root.getAnimations ? root.getAnimations() : []) {
            if (!animation.effect || animation.playbackRate === 0) continue;
            try {
                if (Number.isFinite(animation.effect.getComputedTiming().endTime)) animation.finish();
                else animation.cancel();
            } catch {}
        }
        for (const node of root.querySelectorAll('*')) if (node.shadowRoot) end(node.shadowRoot);
    };
    // Animations are created at the first frame.
    await new Promise((done) => requestAnimationFrame(done));
    end(document);
    await document.fonts.ready;
    style.remove();
    const most = (key) => Math.max(document.body ? document.body[key] : 0, document.documentElement[key]);
    return [Math.max(most('scrollWidth'), most('offsetWidth'), most('clientWidth')),
            Math.max(most('scrollHeight'), most('offsetHeight'), most('clientHeight'))];
})()"#;

/// A browser context without a page yet.
pub struct Context {
    pub(super) context: String,
    session: String,
    /// Pages rendered in it so far, all of them inert.
    pub pages: usize,
}

/// The result of one page.
pub struct Drawn {
    /// The screenshot: a PNG file in base64.
    pub png: String,
    /// Elements and style rules; only for a tagged page.
    pub table: Option<Table>,
    /// The layout; only for a tagged slide.
    pub slide: Option<SlideLayout>,
    /// URLs that were requested and not answered.
    pub unmet: Vec<String>,
    /// Local files that were requested, whether or not they exist.
    pub beside: Vec<String>,
    /// Whether it requested nothing but itself.
    pub alone: bool,
}

/// Why there is no screenshot. All but [`PageError::Browser`] are failures of the page.
#[derive(Debug)]
pub enum PageError {
    /// It ran into the time limit.
    Late,
    /// Its renderer process crashed, for example for lack of memory.
    Crashed,
    /// The browser's processes used more than [`MAX_PAGE_MB`].
    Memory,
    /// The whole page has more pixels than the limit; width and height.
    TooLarge(u64, u64),
    /// A slide has more elements or lines than the limit.
    Crowded,
    /// It navigated away before it was captured.
    Left(String),
    /// It closed its window.
    Closed,
    /// The browser can no longer be used.
    Browser(CdpError),
}

impl From<CdpError> for PageError {
    fn from(error: CdpError) -> Self {
        match error {
            CdpError::Late => Self::Late,
            CdpError::Refused(message) => Self::Left(message),
            CdpError::Gone => Self::Browser(error),
        }
    }
}

impl Context {
    /// Opens a context and sets window, media, and fonts, which a page must not choose.
    pub fn open(
        browser: &mut Browser,
        (width, height): (u32, u32),
        deadline: Instant,
    ) -> Result<Self, CdpError> {
        let pipe = &mut browser.pipe;
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let made =
            pipe.call(None, "Target.createBrowserContext", json!({ "disposeOnDetach": true }), deadline)?;
        let context = text(&made, "browserContextId");
        let blank =
            json!({ "url": "about:blank", "browserContextId": context, "width": width, "height": height });
        let target = text(&pipe.call(None, "Target.createTarget", blank, deadline)?, "targetId");
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&pipe.call(None, "Target.attachToTarget", attach, deadline)?, "sessionId");
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            "screenWidth": width, "screenHeight": height });
        let media = json!({ "media": "", "features": [
            { "name": "prefers-color-scheme", "value": "light" },
            { "name": "prefers-reduced-motion", "value": "no-preference" },
            { "name": "forced-colors", "value": "none" }] });
        let fonts = json!({ "fontFamilies": { "standard": "Times New Roman", "serif": "Times New Roman",
            "sansSerif": "Arial", "fixed": "Monospace", "cursive": "Comic Sans MS", "fantasy": "Impact" } });
        let shown: Vec<Value> = SHOWN.iter().map(|kind| json!({ "resourceType": kind })).collect();
        let mut asked = Vec::new();
        for (method, params) in [
            ("Page.enable", none()),
            ("Inspector.enable", none()),
            ("Page.setFontFamilies", fonts),
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", media),
            ("Fetch.enable", json!({ "patterns": shown })),
        ] {
            asked.push(pipe.send(Some(&session), method, params)?);
        }
        // Without waiting, the navigation could start before these settings apply.
        pipe.answers(asked, deadline)?;
        Ok(Self { context, session, pages: 0 })
    }

    /// Closes the context and ends the processes of its page.
    pub fn close(self, browser: &mut Browser) -> Result<(), CdpError> {
        let dispose = json!({ "browserContextId": self.context });
        let deadline = Instant::now() + DISPOSE_LIMIT;
        browser.pipe.call(None, "Target.disposeBrowserContext", dispose, deadline).map(drop)
    }

    /// Loads the page and captures it; with `tagged`, which must be made of the same source, its
    /// elements too.
    pub fn draw(
        &self,
        browser: &mut Browser,
        page: &Store,
        limits: &Limits,
        tagged: Option<&Tagged>,
    ) -> Result<Drawn, PageError> {
        let mut visit = Visit::new(self, browser, page, limits);
        if let Some(mode) = limits.slide {
            return visit.slide(mode, tagged);
        }
        visit.load()?;
        let (world, size) = loop {
            // A page that reloads itself in a loop is captured between two loads, or times out.
            match visit.world().and_then(|world| Ok((visit.settle(&world)?, world))) {
                Err(PageError::Left(_)) => (),
                settled => break settled.map(|(size, world)| (world, size))?,
            }
        };
        if size.0.saturating_mul(size.1) > limits.max_pixels {
            return Err(PageError::TooLarge(size.0, size.1));
        }
        let table = tagged.map(|tagged| visit.table(&world, tagged, size, limits.window)).transpose()?;
        let png = visit.picture(size, limits.window)?;
        Ok(visit.drawn(png, table, None))
    }
}

/// Limits of one page.
pub struct Limits {
    /// When the page must be done.
    pub deadline: Instant,
    /// Pixels of the whole page.
    pub max_pixels: u64,
    /// Width and height of the window, in pixels.
    pub window: (u32, u32),
    /// How it is drawn if it is a slide.
    pub slide: Option<SlideMode>,
}

/// A page during its rendering.
pub struct Visit<'a> {
    context: &'a Context,
    browser: &'a mut Browser,
    pub page: &'a Store<'a>,
    deadline: Instant,
    /// When memory is measured next.
    measure_at: Instant,
    unmet: BTreeSet<String>,
    /// The style sheets that the browser reported.
    pub sheets: Vec<Sheet>,
    beside: BTreeSet<String>,
    /// Whether it has requested nothing but itself.
    alone: bool,
    /// Documents that it has loaded.
    pub navigations: usize,
    /// Whether its virtual time is over.
    pub expired: bool,
}

impl<'a> Visit<'a> {
    fn new(context: &'a Context, browser: &'a mut Browser, page: &'a Store<'a>, limits: &Limits) -> Self {
        Self {
            context,
            browser,
            page,
            deadline: limits.deadline,
            measure_at: Instant::now() + MEASURE,
            unmet: BTreeSet::new(),
            sheets: Vec::new(),
            beside: BTreeSet::new(),
            alone: true,
            navigations: 0,
            expired: false,
        }
    }

    /// The result of the visit.
    pub fn drawn(self, png: String, table: Option<Table>, slide: Option<SlideLayout>) -> Drawn {
        let (unmet, beside) = (self.unmet.into_iter().collect(), self.beside.into_iter().collect());
        Drawn { png, table, slide, unmet, beside, alone: self.alone }
    }

    /// Navigates and waits for the `load` event.
    pub fn load(&mut self) -> Result<(), PageError> {
        let session = self.context.session.clone();
        let to = json!({ "url": format!("{ORIGIN}{}", self.page.name) });
        let id = self.browser.pipe.send(Some(&session), "Page.navigate", to)?;
        let (mut navigated, mut loaded) = (false, false);
        while !(navigated && loaded) {
            match self.next(if navigated { 0 } else { id })? {
                Ok(_) => navigated = true,
                Err(event) => loaded |= self.handle(event)?,
            }
        }
        Ok(())
    }

    /// Creates an isolated world: the page cannot replace the functions that are called in it.
    pub fn world(&mut self) -> Result<Value, PageError> {
        let tree = self.call("Page.getFrameTree", none())?;
        let world = json!({ "frameId": tree["frameTree"]["frame"]["id"], "worldName": "settle" });
        Ok(self.call("Page.createIsolatedWorld", world)?["executionContextId"].take())
    }

    pub fn evaluate(&mut self, world: &Value, script: &str) -> Result<Value, PageError> {
        let ask =
            json!({ "expression": script, "contextId": world, "awaitPromise": true, "returnByValue": true });
        Ok(self.call("Runtime.evaluate", ask)?["result"]["value"].take())
    }

    /// Ends animations, waits for fonts, and returns the size of the whole page.
    fn settle(&mut self, world: &Value) -> Result<(u64, u64), PageError> {
        let answer = self.evaluate(world, SETTLE)?;
        let side = |i: usize| answer[i].as_u64().filter(|side| *side > 0);
        match (side(0), side(1)) {
            (Some(width), Some(height)) => Ok((width, height)),
            _ => Err(PageError::TooLarge(0, 0)),
        }
    }

    pub fn picture(&mut self, (width, height): (u64, u64), window: (u32, u32)) -> Result<String, PageError> {
        let beyond = width > u64::from(window.0) || height > u64::from(window.1);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let shot = json!({ "format": "png", "optimizeForSpeed": true, "clip": clip, "captureBeyondViewport": beyond });
        let mut answer = self.call("Page.captureScreenshot", shot)?;
        match answer["data"].take() {
            Value::String(data) => Ok(data),
            _ => Err(PageError::Left("the screenshot is empty".into())),
        }
    }

    /// The answer with this id, or the next event. Measures memory meanwhile, because memory
    /// outside the JavaScript heap has no limit of its own.
    fn next(&mut self, id: u64) -> Result<Result<Value, Event>, PageError> {
        loop {
            let soon = self.measure_at.min(self.deadline);
            match self.browser.pipe.answer_or_event(id, soon) {
                Err(CdpError::Late) if soon < self.deadline => {
                    if self.browser.resident_mb() > MAX_PAGE_MB {
                        return Err(PageError::Memory);
                    }
                    self.measure_at = Instant::now() + MEASURE;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Waits for the next event and handles it.
    pub fn event(&mut self) -> Result<(), PageError> {
        // No command has the number 0.
        match self.next(0)? {
            Ok(_) => Ok(()),
            Err(event) => self.handle(event).map(drop),
        }
    }

    /// Sends a command to this page and handles events until its answer comes.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, PageError> {
        let id = self.browser.pipe.send(Some(&self.context.session), method, params)?;
        self.answer(id)
    }

    fn answer(&mut self, id: u64) -> Result<Value, PageError> {
        loop {
            match self.next(id)? {
                Ok(answer) => return Ok(answer),
                Err(event) => drop(self.handle(event)?),
            }
        }
    }

    /// Sends the same command with each of the parameters; answers come in the same order.
    pub fn call_all(&mut self, method: &str, params: Vec<Value>) -> Result<Vec<Value>, PageError> {
        let session = Some(self.context.session.as_str());
        let asked: Vec<u64> = params
            .into_iter()
            .map(|params| self.browser.pipe.send(session, method, params))
            .collect::<Result<_, _>>()?;
        asked.into_iter().map(|id| self.answer(id)).collect()
    }

    /// Handles an event; returns whether it says that the page has loaded.
    fn handle(&mut self, event: Event) -> Result<bool, PageError> {
        if event.method == "Target.detachedFromTarget" && event.params["sessionId"] == self.context.session {
            return Err(PageError::Closed);
        }
        if event.session.as_deref() != Some(&self.context.session) {
            return Ok(false);
        }
        let session = Some(self.context.session.as_str());
        match event.method.as_str() {
            "Page.loadEventFired" => return Ok(true),
            "Page.frameNavigated" if event.params["frame"]["parentId"].is_null() => self.navigations += 1,
            "Emulation.virtualTimeBudgetExpired" => self.expired = true,
            "CSS.styleSheetAdded" if self.sheets.len() < MAX_SHEETS => {
                self.sheets.extend(Sheet::of(&event.params));
            }
            "Inspector.targetCrashed" => return Err(PageError::Crashed),
            "Page.javascriptDialogOpening" => {
                let no = json!({ "accept": false });
                self.browser.pipe.send(session, "Page.handleJavaScriptDialog", no)?;
            }
            "Fetch.requestPaused" => {
                let id = &event.params["requestId"];
                let url = event.params["request"]["url"].as_str().unwrap_or_default();
                let path = url.strip_prefix(ORIGIN);
                let file = path.and_then(|path| path.split(['?', '#']).next());
                // Reading the style sheets requests the page once more.
                self.alone &= file == Some(self.page.name);
                let file = file.filter(|file| *file != self.page.name && self.beside.len() < MAX_BESIDE);
                self.beside.extend(file.map(str::to_owned));
                let file = self.page.answer(url);
                if !file.as_ref().is_some_and(|file| file.whole) && self.unmet.len() < MAX_UNMET {
                    self.unmet.insert(path.unwrap_or(url).chars().take(MAX_URL).collect());
                }
                let (method, params) = match file {
                    Some(file) => ("Fetch.fulfillRequest", file.fulfil(id)),
                    None => {
                        ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "BlockedByClient" }))
                    }
                };
                self.browser.pipe.send(session, method, params)?;
            }
            _ => (),
        }
        Ok(false)
    }
}
