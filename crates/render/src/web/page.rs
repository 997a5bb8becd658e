//! One page: a context of its own, from the first command to its disposal.

use super::browser::{Browser, none};
use super::cdp::{CdpError, Event};
use super::elements::{Laid, elements};
use super::snapshot::{Node, STYLES, Snapshot};
use super::store::Store;
use super::styles::{Decided, Sheet};
use super::tag::Tagged;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vsdpo_artifact::{Element, StyleRule};

/// Where a page believes it lives. Its requests never leave the browser.
const ORIGIN: &str = "http://page.test/";
/// How long a context may take to go away before its browser is given up.
const DISPOSE_LIMIT: Duration = Duration::from_secs(5);
/// Requests without an answer that are told by name.
const MAX_UNMET: usize = 32;
/// Elements whose style rules are looked for; the rest is charged to its element alone.
const MAX_STYLED: usize = 1_000;
/// Style sheets that are looked at.
const MAX_SHEETS: usize = 256;
/// Bytes of an address that are told.
const MAX_URL: usize = 200;

/// The numbers (values of the attribute that is put for `NAME`) of pictures that did not load.
const BROKEN: &str = "[...document.images].filter((i) => i.complete && i.naturalWidth === 0 && i.hasAttribute('src'))\
    .map((i) => i.getAttribute('NAME') || '')";

/// Ends animations as Playwright does for screenshots: finite ones jump to their end, endless ones stop where
/// they begin. Then waits for fonts, and tells the size of the page.
const SETTLE: &str = r#"(async () => {
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
    end(document);
    await document.fonts.ready;
    style.remove();
    const most = (key) => Math.max(document.body ? document.body[key] : 0, document.documentElement[key]);
    return [Math.max(most('scrollWidth'), most('offsetWidth'), most('clientWidth')),
            Math.max(most('scrollHeight'), most('offsetHeight'), most('clientHeight'))];
})()"#;

/// A context that waits for its page.
pub struct Context {
    context: String,
    session: String,
}

/// What a page left.
pub struct Drawn {
    /// The picture as a PNG file.
    pub png: String,
    /// What is on it and the style sheets' rules, where the page was tagged.
    pub table: Option<(Vec<Element>, Vec<StyleRule>)>,
    /// Addresses that were asked for and not answered.
    pub unmet: Vec<String>,
}

/// Why there is no picture; the page's doing unless the browser is gone.
#[derive(Debug)]
pub enum PageError {
    /// The time limit.
    Late,
    /// Its renderer died, for example of memory.
    Crashed,
    /// The whole page has more pixels than asked for.
    TooLarge(u64, u64),
    /// The browser is of no use any more.
    Browser(CdpError),
}

impl From<CdpError> for PageError {
    fn from(error: CdpError) -> Self {
        match error {
            CdpError::Late => Self::Late,
            other => Self::Browser(other),
        }
    }
}

impl Context {
    /// A fresh context with everything set that a page must not choose.
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
        let all = json!({ "patterns": [{ "urlPattern": "*" }] });
        let mut asked = Vec::new();
        for (method, params) in [
            ("Page.enable", none()),
            ("Inspector.enable", none()),
            ("Page.setFontFamilies", fonts),
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", media),
            ("Fetch.enable", all),
        ] {
            asked.push(pipe.send(Some(&session), method, params)?);
        }
        // The browser's own part of a navigation would overtake what the page's process has to do first.
        pipe.answers(asked, deadline)?;
        Ok(Self { context, session })
    }

    /// Ends the page with all that it started.
    pub fn close(self, browser: &mut Browser) -> Result<(), CdpError> {
        let dispose = json!({ "browserContextId": self.context });
        let deadline = Instant::now() + DISPOSE_LIMIT;
        browser.pipe.call(None, "Target.disposeBrowserContext", dispose, deadline).map(drop)
    }

    /// Loads the page and takes its picture; with `tagged`, whose source the page then must be, its table too.
    pub fn draw(
        &self,
        browser: &mut Browser,
        page: &Store,
        limits: &Limits,
        tagged: Option<&Tagged>,
    ) -> Result<Drawn, PageError> {
        let mut visit = Visit {
            context: self,
            browser,
            page,
            deadline: limits.deadline,
            unmet: BTreeSet::new(),
            sheets: Vec::new(),
        };
        visit.load()?;
        let world = visit.world()?;
        let size = visit.settle(&world)?;
        if size.0.saturating_mul(size.1) > limits.max_pixels {
            return Err(PageError::TooLarge(size.0, size.1));
        }
        let table = tagged.map(|tagged| visit.table(&world, tagged, size, limits.window)).transpose()?;
        let png = visit.picture(size, limits.window)?;
        let unmet = visit.unmet.into_iter().collect();
        Ok(Drawn { png, table, unmet })
    }
}

/// How long and how large.
pub struct Limits {
    /// When the page must be done.
    pub deadline: Instant,
    /// Pixels of the whole page.
    pub max_pixels: u64,
    /// Width and height of the window, in pixels.
    pub window: (u32, u32),
}

/// A page while it is drawn.
struct Visit<'a> {
    context: &'a Context,
    browser: &'a mut Browser,
    page: &'a Store<'a>,
    deadline: Instant,
    unmet: BTreeSet<String>,
    sheets: Vec<Sheet>,
}

impl Visit<'_> {
    /// Navigates and waits for the `load` event.
    fn load(&mut self) -> Result<(), PageError> {
        let session = self.context.session.clone();
        let to = json!({ "url": format!("{ORIGIN}{}", self.page.name) });
        let id = self.browser.pipe.send(Some(&session), "Page.navigate", to)?;
        let (mut navigated, mut loaded) = (false, false);
        while !(navigated && loaded) {
            match self.browser.pipe.answer_or_event(if navigated { 0 } else { id }, self.deadline)? {
                Ok(_) => navigated = true,
                Err(event) => loaded |= self.heed(event)?,
            }
        }
        Ok(())
    }

    /// A world of our own: the page cannot have replaced the functions that are called there.
    fn world(&mut self) -> Result<Value, PageError> {
        let tree = self.call("Page.getFrameTree", none())?;
        let world = json!({ "frameId": tree["frameTree"]["frame"]["id"], "worldName": "settle" });
        Ok(self.call("Page.createIsolatedWorld", world)?["executionContextId"].take())
    }

    fn evaluate(&mut self, world: &Value, script: &str) -> Result<Value, PageError> {
        let ask =
            json!({ "expression": script, "contextId": world, "awaitPromise": true, "returnByValue": true });
        Ok(self.call("Runtime.evaluate", ask)?["result"]["value"].take())
    }

    /// Ends animations and waits for fonts; the size of the whole page.
    fn settle(&mut self, world: &Value) -> Result<(u64, u64), PageError> {
        let answer = self.evaluate(world, SETTLE)?;
        let side = |i: usize| answer[i].as_u64().filter(|side| *side > 0);
        match (side(0), side(1)) {
            (Some(width), Some(height)) => Ok((width, height)),
            _ => Err(PageError::TooLarge(0, 0)),
        }
    }

    /// What is on the page, and which rules of its style sheets decide it.
    fn table(
        &mut self,
        world: &Value,
        tagged: &Tagged,
        size: (u64, u64),
        window: (u32, u32),
    ) -> Result<(Vec<Element>, Vec<StyleRule>), PageError> {
        let broken = self.evaluate(world, &BROKEN.replace("NAME", &tagged.attribute))?;
        let broken = serde_json::from_value(broken).unwrap_or_default();
        let ask = json!({ "computedStyles": STYLES, "includePaintOrder": true, "includeDOMRects": true });
        let answer = self.call("DOMSnapshot.captureSnapshot", ask)?;
        let snapshot: Snapshot = serde_json::from_value(answer)
            .map_err(|e| CdpError::Refused(format!("sent a snapshot that is none: {e}")))?;
        let nodes = snapshot.nodes();
        let size = (size.0 as f32, size.1 as f32);
        let laid = Laid { nodes: &nodes, tagged, size, window: window.0 as f32, broken: &broken };
        let (elements, backends) = elements(&laid);
        let styles = self.styles(&backends, &nodes, tagged)?;
        Ok((elements, styles))
    }

    /// The rules of the page's own style sheets that decide something at these nodes.
    fn styles(
        &mut self,
        backends: &[i64],
        nodes: &[Node],
        tagged: &Tagged,
    ) -> Result<Vec<StyleRule>, PageError> {
        if !nodes.iter().any(|node| node.name == "STYLE") {
            return Ok(Vec::new());
        }
        self.call("DOM.enable", none())?;
        self.call("CSS.enable", none())?;
        self.call("DOM.getDocument", json!({ "depth": 0 }))?;
        let tag = |backend: i64| {
            let node = nodes.iter().find(|node| node.backend == backend)?;
            node.attribute(&tagged.attribute).map(str::to_owned)
        };
        let source = std::mem::take(&mut self.sheets);
        let mut decided = Decided::new(&tagged.source, &source, tagged, tag);
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let backends = &backends[..backends.len().min(MAX_STYLED)];
        let ids = self.call("DOM.pushNodesByBackendIdsToFrontend", json!({ "backendNodeIds": backends }))?;
        let ids = ids["nodeIds"].as_array().cloned().unwrap_or_default();
        for (element, id) in ids.iter().enumerate() {
            let answer = self.call("CSS.getMatchedStylesForNode", json!({ "nodeId": id }))?;
            decided.add(element as u32, &answer);
        }
        Ok(decided.rules())
    }

    fn picture(&mut self, (width, height): (u64, u64), window: (u32, u32)) -> Result<String, PageError> {
        let beyond = width > u64::from(window.0) || height > u64::from(window.1);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let shot = json!({ "format": "png", "optimizeForSpeed": true, "clip": clip, "captureBeyondViewport": beyond });
        let mut answer = self.call("Page.captureScreenshot", shot)?;
        match answer["data"].take() {
            Value::String(data) => Ok(data),
            _ => Err(PageError::Browser(CdpError::Refused("no picture".into()))),
        }
    }

    /// A command of this page; what happens meanwhile is heeded.
    fn call(&mut self, method: &str, params: Value) -> Result<Value, PageError> {
        let id = self.browser.pipe.send(Some(&self.context.session), method, params)?;
        loop {
            match self.browser.pipe.answer_or_event(id, self.deadline)? {
                Ok(answer) => return Ok(answer),
                Err(event) => drop(self.heed(event)?),
            }
        }
    }

    /// Answers what the page asks for; whether it has loaded.
    fn heed(&mut self, event: Event) -> Result<bool, PageError> {
        if event.session.as_deref() != Some(&self.context.session) {
            return Ok(false);
        }
        let session = Some(self.context.session.as_str());
        match event.method.as_str() {
            "Page.loadEventFired" => return Ok(true),
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
                let (method, params) = match self.page.answer(url.strip_prefix(ORIGIN), url) {
                    Some(file) => ("Fetch.fulfillRequest", file.fulfil(id)),
                    None => {
                        if self.unmet.len() < MAX_UNMET {
                            self.unmet.insert(url.chars().take(MAX_URL).collect());
                        }
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
