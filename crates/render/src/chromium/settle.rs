//! A page comes to rest: loaded, scrolled through once, its animations at their end.

use super::inert::is_inert;
use super::page::{PageError, Visit};
use serde_json::{Value, json};

/// Waits for `load` again, since the event received may belong to the blank page before it. Ends
/// animations as Playwright does for screenshots: finite ones jump to their end, infinite ones are
/// cancelled. Then waits for fonts and returns the size of the page, and whether the root hides
/// what is beyond the window at the right.
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
    const across = (node) => node ? getComputedStyle(node).overflowX : 'visible';
    const root = across(document.documentElement);
    const cuts = ['hidden', 'clip'].includes(root === 'visible' ? across(document.body) : root);
    return [Math.max(most('scrollWidth'), most('offsetWidth'), most('clientWidth')),
            Math.max(most('scrollHeight'), most('offsetHeight'), most('clientHeight')), cuts];
})()"#;

/// Scrolls down window by window and back up, so that what waits to be seen shows itself: pictures
/// that load late, and parts that appear when they are reached. Then waits for those pictures, but
/// not for ever.
const SCROLL: &str = r#"(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    const high = () => document.documentElement.scrollHeight;
    const to = async (top) => {
        scrollTo({ top, behavior: 'instant' });
        await frame();
        await frame();
    };
    for (let n = 1; n <= 60 && n * innerHeight < high(); n += 1) await to(n * innerHeight);
    await to(0);
    const waiting = [...document.images].filter((image) => !image.complete);
    const loaded = waiting.map((image) => image.decode().catch(() => 0));
    await Promise.race([Promise.all(loaded), new Promise((done) => setTimeout(done, 1000))]);
})()"#;

/// Ends all transitions before they begin, and animations at once, from here on: drawing what is
/// beyond the window makes the browser ask the media queries anew. The sheet is no part of the
/// document, so it changes no selector.
const FREEZE: &str = r#"(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('*, ::before, ::after { transition: none !important; animation-duration: 0s !important;'
        + ' animation-delay: 0s !important }');
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
})()"#;

/// Pixels of a page that is drawn in one piece at most, and of each piece of a larger one.
const WHOLE: u64 = 16 << 20;
const PIECE: u64 = 8 << 20;

/// The size of a whole page at rest.
#[derive(Clone, Copy)]
pub struct Extent {
    pub width: u64,
    pub height: u64,
    /// Whether the root hides what is beyond the window at the right.
    pub cut: bool,
}

impl Visit<'_> {
    /// Ends animations, waits for fonts, and returns the size of the whole page. `scroll` shows
    /// what appears only when a reader gets there.
    pub fn rest_of(&mut self, scroll: bool) -> Result<(Value, Extent), PageError> {
        loop {
            // A page that reloads itself in a loop is captured between two loads, or times out.
            match self.settled(scroll) {
                Err(PageError::Left(_)) => (),
                settled => return settled,
            }
        }
    }

    fn settled(&mut self, scroll: bool) -> Result<(Value, Extent), PageError> {
        let world = self.world()?;
        // A page that leaves before it has a body is never drawn: the browser gives it no frame.
        if self.onward.is_some() && self.evaluate(&world, "!document.body")? == true {
            return Err(PageError::Onward(self.onward.clone().unwrap_or_default()));
        }
        let mut extent = self.settle(&world)?;
        let html = self.page.html;
        let waits = !is_inert(html) || html.windows(4).any(|four| four.eq_ignore_ascii_case(b"lazy"));
        if scroll && waits && extent.height > u64::from(self.window.1) {
            self.evaluate(&world, SCROLL)?;
            extent = self.settle(&world)?;
        }
        Ok((world, extent))
    }

    fn settle(&mut self, world: &Value) -> Result<Extent, PageError> {
        let answer = self.evaluate(world, SETTLE)?;
        let side = |i: usize| answer[i].as_u64().filter(|side| *side > 0);
        let cut = answer[2].as_bool().unwrap_or(false);
        match (side(0), side(1)) {
            (Some(width), Some(height)) => Ok(Extent { width, height, cut }),
            _ => Err(PageError::TooLarge(0, 0)),
        }
    }

    /// Keeps the page as it is until [`Self::thaw`], so that its elements and its picture are of
    /// one moment.
    pub fn freeze(&mut self, world: &Value) -> Result<(), PageError> {
        self.evaluate(world, FREEZE)?;
        self.stop(true)
    }

    /// Lets the page go on.
    pub fn thaw(&mut self) -> Result<(), PageError> {
        self.stop(false)
    }

    fn stop(&mut self, stop: bool) -> Result<(), PageError> {
        if is_inert(self.page.html) {
            return Ok(());
        }
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": stop })).map(drop)
    }

    /// The picture of the whole page: PNG files in base64, from the top down.
    pub fn picture(
        &mut self,
        (width, height): (u64, u64),
        window: (u32, u32),
    ) -> Result<Vec<String>, PageError> {
        let beyond = width > u64::from(window.0) || height > u64::from(window.1);
        let rows = if width * height <= WHOLE { height } else { (PIECE / width).max(1) };
        let mut pieces = Vec::new();
        let mut y = 0;
        while y < height {
            let part = rows.min(height - y);
            let clip = json!({ "x": 0, "y": y, "width": width, "height": part, "scale": 1 });
            let shot = json!({ "format": "png", "optimizeForSpeed": true, "clip": clip,
                "captureBeyondViewport": beyond });
            let mut answer = self.call("Page.captureScreenshot", shot)?;
            match answer["data"].take() {
                Value::String(data) => pieces.push(data),
                _ => return Err(PageError::Left("the screenshot is empty".into())),
            }
            y += part;
        }
        Ok(pieces)
    }
}
