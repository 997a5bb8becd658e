//! One slide: like a page, but its window takes the height of its document, and what its scripts do
//! in the first seconds belongs to it. docs/specs/aeslides.md, 1.
//!
//! Nothing waits for a clock: once a slide has loaded, its timers run in the browser's virtual
//! time, which jumps to the next timer and stands still while something is loading. At the end of
//! that time the slide stands still for good. A slide without scripts has no timers.

use super::inert::is_inert;
use super::page::{Drawn, PageError, Visit};
use super::table::{Room, Table};
use super::tag::Tagged;
use serde::Deserialize;
use serde_json::{Value, json};
use vsdpo_artifact::{LayoutKind, Rect, SlideElement, SlideLayout, Visibility};

/// Width of every slide in pixels.
const WIDTH: u32 = 1280;
/// Height of a slide that is 16:9.
const HEIGHT: u32 = 720;
/// Height of the window in which a slide shows its own height.
const LOW: u32 = 10;
/// Height of a picture at most.
const MAX_HEIGHT: u32 = 7680;
/// Virtual milliseconds after loading.
const TIME: u32 = 1900;
/// Virtual milliseconds for what the last timers load.
const REST: u32 = 100;
/// Tasks that run without a step of virtual time at most: a slide may keep itself busy for ever.
const MAX_TASKS: u32 = 1000;
/// Elements of a slide at most, and the depth of their tree.
pub const MAX_PARTS: usize = 5_000;
const MAX_DEPTH: usize = 256;
/// Lines of text of a slide at most.
const MAX_LINES: usize = 20_000;
/// Pixels from the slide at which boxes end.
const FAR: f64 = 1e7;

/// Waits until the page has loaded; the `load` event received may be that of the page before.
const LOADED: &str =
    "document.readyState === 'complete' || new Promise((done) => addEventListener('load', done))";
/// Ends animations once they are there, which is at the first frame: finite ones jump to their end,
/// where a picture two seconds later would find most of them; infinite ones are cancelled, so that
/// equal slides give equal pictures.
const STILL: &str = r#"(async () => {
    await new Promise((done) => requestAnimationFrame(done));
    for (const animation of document.getAnimations()) {
        if (!animation.effect || animation.playbackRate === 0) continue;
        try {
            if (Number.isFinite(animation.effect.getComputedTiming().endTime)) animation.finish();
            else animation.cancel();
        } catch {}
    }
})()"#;
const FONTS: &str = "document.fonts.ready.then(() => true)";
/// The height of the document.
const TALL: &str = r#"((page, body) => Math.max(
    body ? body.scrollHeight : 0, body ? body.offsetHeight : 0,
    page ? page.clientHeight : 0, page ? page.scrollHeight : 0, page ? page.offsetHeight : 0,
) || 1)(document.documentElement, document.body)"#;
/// What gives the elements, once the three limits are in place.
const ELEMENTS: &str = include_str!("layout.js");

/// How tall the window of a slide is: docs/specs/aeslides.md, 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlideMode {
    /// First 10 px, then as tall as the document: slides may be shorter than 720 px.
    Adaptive,
    /// First 720 px, then as tall as the document.
    FullPage,
    /// 720 px; what is below is cut off.
    Fixed,
}

impl SlideMode {
    /// Height of the window in which the document is laid out first.
    fn first(self) -> u32 {
        match self {
            SlideMode::Adaptive => LOW,
            SlideMode::FullPage | SlideMode::Fixed => HEIGHT,
        }
    }

    /// Height of the window for the picture.
    fn last(self, document: u64) -> u32 {
        match self {
            SlideMode::Adaptive | SlideMode::FullPage => document.clamp(1, u64::from(MAX_HEIGHT)) as u32,
            SlideMode::Fixed => HEIGHT,
        }
    }
}

impl Visit<'_> {
    /// Loads the page as a slide and captures it; with `tagged` its elements and layout too.
    pub fn slide(mut self, mode: SlideMode, tagged: Option<&Tagged>) -> Result<Drawn, PageError> {
        self.view(mode.first())?;
        self.load()?;
        let mut again = false;
        let world = loop {
            // As a page that reloads itself: captured between two loads, or late.
            match self.rest(again) {
                Err(PageError::Left(_)) => again = true,
                settled => break settled?,
            }
        };
        let document = self.evaluate(&world, TALL)?.as_f64().filter(|height| *height >= 1.0);
        let document = document.ok_or(PageError::TooLarge(0, 0))?;
        let height = mode.last(document as u64);
        self.view(height)?;
        self.evaluate(&world, STILL)?;
        let mut drawn = (None, None);
        if let Some(tagged) = tagged {
            let rows = self.rows(&world)?;
            let size = (u64::from(WIDTH), u64::from(height));
            let table = self.table(&world, tagged, &Room { size, window: (WIDTH, HEIGHT), cut: false })?;
            let elements = elements(rows, &table);
            let (width, height) = (f64::from(WIDTH), f64::from(height));
            drawn = (
                Some(table),
                Some(SlideLayout { kind: LayoutKind::Html, width, height, full_height: document, elements }),
            );
        }
        let png = self.picture((u64::from(WIDTH), u64::from(height)), (WIDTH, height))?;
        let (mut table, layout) = drawn;
        if let (Some(table), Some(tagged)) = (&mut table, tagged) {
            table.styles = self.styles(&world, table, tagged)?;
        }
        Ok(self.drawn(png, table, layout))
    }

    /// Sets the size of the window.
    fn view(&mut self, height: u32) -> Result<(), PageError> {
        let screen = json!({ "width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": false,
            "screenWidth": WIDTH, "screenHeight": HEIGHT });
        self.call("Emulation.setDeviceMetricsOverride", screen).map(drop)
    }

    /// Waits until nothing changes any more; the world to ask in. `again` after a page that left.
    fn rest(&mut self, again: bool) -> Result<Value, PageError> {
        let acts = !is_inert(self.page.html);
        if again && acts {
            self.call("Emulation.setVirtualTimePolicy", json!({ "policy": "advance" }))?;
        }
        let world = self.world()?;
        self.evaluate(&world, LOADED)?;
        if acts {
            self.advance(TIME)?;
            // What stands still lays itself out and asks for fonts at the next frame.
            self.evaluate(&world, STILL)?;
            self.advance(REST)?;
        } else {
            self.evaluate(&world, FONTS)?;
        }
        self.evaluate(&world, STILL)?;
        Ok(world)
    }

    /// Lets virtual time pass, after which the page stands still.
    fn advance(&mut self, milliseconds: u32) -> Result<(), PageError> {
        let policy = json!({ "policy": "pauseIfNetworkFetchesPending", "budget": milliseconds,
            "maxVirtualTimeTaskStarvationCount": MAX_TASKS });
        self.expired = false;
        let before = self.navigations;
        self.call("Emulation.setVirtualTimePolicy", policy)?;
        while !self.expired {
            if self.navigations > before {
                return Err(PageError::Left("it loaded something else".into()));
            }
            self.event()?;
        }
        Ok(())
    }

    fn rows(&mut self, world: &Value) -> Result<Vec<Row>, PageError> {
        let numbers = format!("({MAX_PARTS}, {MAX_LINES}, {MAX_DEPTH})");
        let script = ELEMENTS.trim_end().trim_end_matches("(MOST, MOST_LINES, MOST_DEPTH)").to_owned();
        match self.evaluate(world, &(script + &numbers))? {
            Value::Null => Err(PageError::Crowded),
            rows => {
                serde_json::from_value(rows).map_err(|e| PageError::Left(format!("its layout is none: {e}")))
            }
        }
    }
}

/// An element as the script reports it: a claim of the process that runs the page.
#[derive(Deserialize)]
struct Row {
    /// Its number among all elements of the document.
    node: usize,
    parent: i64,
    tag: String,
    rect: [f64; 4],
    opacity: f64,
    visibility: String,
    background: f64,
    image: bool,
    border: bool,
    clips: [bool; 2],
    placed: bool,
    font: f64,
    classes: String,
    icons: bool,
    length: u32,
    lines: Vec<[f64; 4]>,
}

/// The elements of the layout, each with its element of the table.
fn elements(rows: Vec<Row>, table: &Table) -> Vec<SlideElement> {
    rows.into_iter().take(MAX_PARTS).enumerate().map(|(i, row)| element(i, row, table)).collect()
}

fn element(place: usize, row: Row, table: &Table) -> SlideElement {
    let near = |[x, y, w, h]: [f64; 4]| {
        let at = |v: f64| v.clamp(-FAR, FAR);
        Rect::new(at(x), at(y), w.clamp(0.0, FAR), h.clamp(0.0, FAR))
    };
    // The document may have changed between the two readings.
    let listed = table.order.get(row.node).filter(|(name, _)| *name == row.tag);
    SlideElement {
        parent: u32::try_from(row.parent).ok().filter(|parent| (*parent as usize) < place),
        rect: near(row.rect),
        opacity: row.opacity.clamp(0.0, 1.0),
        visibility: match row.visibility.as_str() {
            "visible" => Visibility::Visible,
            "collapse" => Visibility::Collapse,
            _ => Visibility::Hidden,
        },
        background: row.background.clamp(0.0, 1.0),
        background_image: row.image,
        border: row.border,
        clips: row.clips,
        placed: row.placed,
        font_px: row.font.clamp(0.0, FAR),
        icon_font: row.icons,
        text_len: row.length.min(240),
        text_rects: row.lines.into_iter().map(near).collect(),
        element: listed.and_then(|(_, element)| *element),
        tag: row.tag,
        classes: row.classes,
    }
}
