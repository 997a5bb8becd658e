//! Checks what a render process wrote and makes an [`Outcome`] of it. The records are a claim of
//! untrusted code: every length, number and text has a cap, and no claim is trusted because of the
//! way the process ended.

use crate::config::MAX_ELEMENTS;
use crate::python::buffer::{FRAME_AT, Header, MAX_PIXELS, Refused, broken, open};
use crate::python::failure;
use crate::python::job::Trial;
use crate::text::clean;
use serde::Deserialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use vsdpo_artifact::{Element, ElementKind, Image, Outcome, Page, Region, Rendered};

const MAX_STACK: usize = 64;
const MAX_VALUES: usize = 64;
const MAX_POINTS: usize = 512;
const MAX_TEXT: usize = 2_000;
const MAX_NOTES: usize = 32;
/// Characters of a font's name, and letters that a text lacks.
const MAX_NAME: usize = 200;
const MAX_MISSING: usize = 32;

/// The options of the probe.
pub(crate) fn options() -> serde_json::Value {
    serde_json::json!({"max_pixels": MAX_PIXELS, "max_elements": MAX_ELEMENTS, "instrument": true})
}

/// A run under the probe that shows whether the sandbox is closed.
pub(crate) fn trial() -> Trial {
    Trial {
        options: options(),
        error: |buffer, source| Ok(read(buffer, source)?.error().map(|e| e.message.clone())),
    }
}

/// Reads and checks the buffer of a dead process.
pub(crate) fn read(buffer: &File, source: &str) -> Result<Outcome, Refused> {
    let (head, records) = open(buffer)?;
    head.of_frame()?;
    if head.failed {
        return failure::read(&records, source).map(|error| Outcome::Failed { error });
    }
    let Records { pages: sizes, elements, notes } = records_of(&records, source, &head)?;
    let mut pages = Vec::new();
    let mut at = FRAME_AT;
    for [width, height] in sizes {
        let bytes = u64::from(width) * u64::from(height) * 4;
        let mut rgba: Arc<[u8]> = std::iter::repeat_n(0, bytes as usize).collect();
        if let Some(pixels) = Arc::get_mut(&mut rgba) {
            buffer.read_exact_at(pixels, at).or_else(|e| broken(e.to_string()))?;
        }
        at += bytes;
        pages.push(Page::from(Image { width, height, rgba }));
    }
    Ok(Outcome::Rendered(Rendered { pages, elements, notes, styles: Vec::new() }))
}

#[derive(Deserialize)]
struct Records {
    /// Width and height of every page; absent where there is one.
    #[serde(default)]
    pages: Vec<[u32; 2]>,
    elements: Vec<Element>,
    notes: Vec<String>,
}

/// Parses and checks the records of pages.
fn records_of(json: &[u8], source: &str, head: &Header) -> Result<Records, Refused> {
    let Records { pages, mut elements, mut notes } =
        serde_json::from_slice(json).or_else(|e| broken(format!("malformed records: {e}")))?;
    let pages = head.pages(pages)?;
    if elements.len() > MAX_ELEMENTS {
        return broken(format!("{} elements, at most {MAX_ELEMENTS}", elements.len()));
    }
    for i in 0..elements.len() {
        let before = i.checked_sub(1).map_or(0, |last| elements[last].page);
        let ordered = match elements[i].page {
            page if page >= before && (page as usize) < pages.len() => Ok(()),
            _ => Err("a page out of order"),
        };
        let checked = ordered.and_then(|()| check(&elements[i], i));
        checked
            .and_then(|()| check_links(&elements[i], &elements))
            .or_else(|why| broken(format!("element {i}: {why}")))?;
    }
    for (i, element) in elements.iter_mut().enumerate() {
        if element.stack.iter().any(|&span| !failure::inside(span, source)) {
            return broken(format!("element {i}: a span outside the source"));
        }
        let [width, height] = pages[element.page as usize];
        fit(element, width as f32, height as f32);
        element.shape = None;
        element.text = element.text.take().map(|t| clean(&t, MAX_TEXT));
        element.label = element.label.take().map(|t| clean(&t, MAX_TEXT));
        if let Some(glyphs) = &mut element.glyphs {
            glyphs.missing = clean(&glyphs.missing, MAX_MISSING);
            glyphs.font = glyphs.font.take().map(|name| clean(&name, MAX_NAME));
        }
        element.pattern = element.pattern.take().map(|t| clean(&t, MAX_TEXT));
    }
    notes.truncate(MAX_NOTES);
    let notes = notes.iter().map(|n| clean(n, MAX_TEXT)).collect();
    Ok(Records { pages, elements, notes })
}

/// Refuses records that the probe cannot have made.
fn check(e: &Element, position: usize) -> Result<(), &'static str> {
    // Numbers are finite: JSON has no others, and one too large for its type is malformed.
    let upright = |r: Region| r.x0 <= r.x1 && r.y0 <= r.y1;
    if e.id as usize != position {
        return Err("ids must count from 0");
    }
    if !upright(e.region) || !e.layout.is_none_or(upright) {
        return Err("a box that is not upright");
    }
    if e.stack.len() > MAX_STACK || e.values.len() > MAX_VALUES || e.points.len() > MAX_POINTS {
        return Err("too many spans, values or points");
    }
    if e.axis.is_some_and(|axis| !matches!(axis, 'x' | 'y' | 'z')) {
        return Err("an axis that is not x, y or z");
    }
    Ok(())
}

/// Checks that the parent and the axes of an element exist and have the right kind.
fn check_links(e: &Element, all: &[Element]) -> Result<(), &'static str> {
    let find = |id: u32| match all.get(id as usize) {
        Some(other) if other.page == e.page => Ok(other),
        Some(_) => Err("a reference to another page"),
        None => Err("a reference to no element"),
    };
    if e.parent.map(find).transpose()?.is_some_and(|parent| parent.parent.is_some()) {
        return Err("a part of a part");
    }
    if e.axes.map(find).transpose()?.is_some_and(|axes| axes.kind != ElementKind::Axes) {
        return Err("axes that are none");
    }
    Ok(())
}

/// Clips the box to the image, and layout and points to four image sizes around it.
fn fit(e: &mut Element, width: f32, height: f32) {
    let clamp = |r: Region, left: f32, right: f32, top: f32, bottom: f32| {
        let (x, y) = (|v: f32| v.clamp(left, right), |v: f32| v.clamp(top, bottom));
        Region::new(x(r.x0), y(r.y0), x(r.x1), y(r.y1))
    };
    e.region = clamp(e.region, 0.0, width, 0.0, height);
    let (left, right, top, bottom) = (-4.0 * width, 5.0 * width, -4.0 * height, 5.0 * height);
    e.layout = e.layout.map(|r| clamp(r, left, right, top, bottom));
    for [x, y] in &mut e.points {
        (*x, *y) = (x.clamp(left, right), y.clamp(top, bottom));
    }
}

#[cfg(test)]
mod tests;
