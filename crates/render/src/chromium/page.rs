//! One page: opens its browser context, loads it, captures it.

use super::browser::{Browser, none};
use super::cdp::{CdpError, Event};
use super::slide::SlideMode;
use super::store::{ORIGIN, Store};
use super::styles::Sheet;
use super::table::{Room, Table};
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

/// A browser context without a page yet.
pub struct Context {
    pub(super) context: String,
    session: String,
    /// The browser's name of the page itself, beside those of its frames.
    target: String,
    /// Pages rendered in it so far, all of them inert.
    pub pages: usize,
}

/// The result of one page.
pub struct Drawn {
    /// The screenshot: PNG files in base64, from the top down.
    pub png: Vec<String>,
    /// Elements and style rules; only for a tagged page.
    pub table: Option<Table>,
    /// The layout; only for a tagged slide.
    pub slide: Option<SlideLayout>,
    /// URLs that were requested and not answered.
    pub unmet: Vec<String>,
    /// Scripts among them.
    pub scripts: Vec<String>,
    /// Where the page would have sent its readers.
    pub onward: Option<String>,
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
    /// It sends its readers on before it shows anything.
    Onward(String),
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
        Ok(Self { context, session, target, pages: 0 })
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
        let (world, extent) = visit.rest_of(tagged.is_some())?;
        // A reader cannot get to what the root hides; a screenshot shows it all the same.
        let hidden = extent.cut && tagged.is_some();
        let width = if hidden { extent.width.min(limits.window.0.into()) } else { extent.width };
        let size = (width, extent.height);
        if size.0.saturating_mul(size.1) > limits.max_pixels {
            return Err(PageError::TooLarge(size.0, size.1));
        }
        visit.freeze(&world)?;
        let mut table = match tagged {
            Some(tagged) => {
                Some(visit.table(&world, tagged, &Room { size, window: limits.window, cut: hidden })?)
            }
            None => None,
        };
        let png = visit.picture(size, limits.window)?;
        if let (Some(table), Some(tagged)) = (&mut table, tagged) {
            table.styles = visit.styles(&world, table, tagged)?;
        }
        visit.thaw()?;
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
    /// Width and height of the window.
    pub window: (u32, u32),
    deadline: Instant,
    /// When memory is measured next.
    measure_at: Instant,
    unmet: BTreeSet<String>,
    scripts: BTreeSet<String>,
    pub onward: Option<String>,
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
            window: limits.window,
            deadline: limits.deadline,
            measure_at: Instant::now() + MEASURE,
            unmet: BTreeSet::new(),
            scripts: BTreeSet::new(),
            onward: None,
            sheets: Vec::new(),
            beside: BTreeSet::new(),
            alone: true,
            navigations: 0,
            expired: false,
        }
    }

    /// The result of the visit.
    pub fn drawn(self, png: Vec<String>, table: Option<Table>, slide: Option<SlideLayout>) -> Drawn {
        let [unmet, beside, scripts] =
            [self.unmet, self.beside, self.scripts].map(|set| set.into_iter().collect());
        Drawn { png, table, slide, unmet, scripts, onward: self.onward, beside, alone: self.alone }
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
            // What sends its readers on while it loads fires no `load` once that is refused.
            "Page.frameStoppedLoading" if event.params["frameId"] == self.context.target.as_str() => {
                return Ok(self.onward.is_some());
            }
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
            "Fetch.requestPaused" => self.request(&event.params)?,
            _ => (),
        }
        Ok(false)
    }

    /// Answers a request of the page.
    fn request(&mut self, params: &Value) -> Result<(), PageError> {
        let id = &params["requestId"];
        let url = params["request"]["url"].as_str().unwrap_or_default();
        let path = url.strip_prefix(ORIGIN);
        let file = path.and_then(|path| path.split(['?', '#']).next());
        let listed: String = path.unwrap_or(url).chars().take(MAX_URL).collect();
        let kind = params["resourceType"].as_str();
        // A page that sends its readers on is drawn as it is before that.
        let leaves = kind == Some("Document") && params["frameId"] == self.context.target.as_str();
        let leaves = leaves && file != Some(&*self.page.name);
        // Reading the style sheets requests the page once more.
        self.alone &= file == Some(&*self.page.name);
        let beside = file.filter(|file| *file != self.page.name && self.beside.len() < MAX_BESIDE && !leaves);
        self.beside.extend(beside.map(str::to_owned));
        let answer = if leaves { None } else { self.page.answer(url) };
        if leaves {
            self.onward.get_or_insert(listed);
        } else if !answer.as_ref().is_some_and(|file| file.whole) && self.unmet.len() < MAX_UNMET {
            self.scripts.extend((kind == Some("Script")).then(|| listed.clone()));
            self.unmet.insert(listed);
        }
        let (method, params) = match answer {
            Some(file) => ("Fetch.fulfillRequest", file.fulfil(id)),
            None => {
                let why = if leaves { "Aborted" } else { "BlockedByClient" };
                ("Fetch.failRequest", json!({ "requestId": id, "errorReason": why }))
            }
        };
        self.browser.pipe.send(Some(&self.context.session), method, params)?;
        Ok(())
    }
}
