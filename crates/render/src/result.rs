//! What a render process left behind, checked. It is a claim of untrusted code: every length,
//! number and text is held to a cap before it becomes an [`Outcome`], and nothing is trusted
//! because of the way the process ended. Read only after the process is dead, so it cannot change
//! underneath.

use serde::Deserialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use vsdpo_artifact::{
    Element, ElementKind, ExecError, FailureKind, Image, Outcome, Page, Region, Rendered, Span,
};

/// Bytes of the header.
pub(crate) const RECORDS_AT: u64 = 64;
/// Bytes of records at most.
pub(crate) const RECORDS_MAX: u64 = (8 << 20) - RECORDS_AT;
/// Where the pixels begin (a multiple of the page size).
pub(crate) const FRAME_AT: u64 = RECORDS_AT + RECORDS_MAX;
/// Pixels of one page at most.
pub(crate) const MAX_PIXELS: u64 = 16 << 20;
/// Pixels of one side at most; matplotlib's own limit.
pub(crate) const MAX_SIDE: u32 = (1 << 16) - 1;
/// Pixels of all pages together at most; less than what a script's process keeps back to report
/// with.
pub(crate) const MAX_TOTAL_PIXELS: u64 = 32 << 20;
/// Pages at most.
const MAX_PAGES: usize = 64;
/// Bytes of the whole buffer.
pub(crate) const BUFFER_BYTES: u64 = FRAME_AT + MAX_TOTAL_PIXELS * 4;
/// Elements at most.
pub(crate) const MAX_ELEMENTS: usize = 20_000;

const MAX_STACK: usize = 64;
const MAX_VALUES: usize = 64;
const MAX_POINTS: usize = 512;
const MAX_TEXT: usize = 2_000;
const MAX_TRACEBACK: usize = 8_000;
const MAX_NOTES: usize = 32;
pub(crate) const FRAME: &[u8; 8] = b"VSDPOFRM";
pub(crate) const RECORDS: &[u8; 8] = b"VSDPOREC";

/// Why a result was rejected.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The process wrote no header.
    Absent,
    /// It breaks this rule.
    Broken(String),
}

fn broken<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Broken(why.into()))
}

/// What is asked of the probe.
pub(crate) fn options() -> serde_json::Value {
    serde_json::json!({"max_pixels": MAX_PIXELS, "max_elements": MAX_ELEMENTS, "instrument": true})
}

/// Reads and checks the buffer of a dead process.
pub(crate) fn read(buffer: &File, source: &str) -> Result<Outcome, Refused> {
    let (head, records) = open(buffer)?;
    head.of_frame()?;
    if head.failed {
        return failure(&records, source).map(|error| Outcome::Failed { error });
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
        pages.push(Page { image: Image { width, height, rgba } });
    }
    Ok(Outcome::Rendered(Rendered { pages, elements, notes, styles: Vec::new() }))
}

/// The header of a buffer, and the bytes of its records.
pub(crate) fn open(buffer: &File) -> Result<(Header, Vec<u8>), Refused> {
    let mut head = [0; RECORDS_AT as usize];
    buffer.read_exact_at(&mut head, 0).or_else(|e| broken(e.to_string()))?;
    let head = Header::parse(&head)?;
    let mut records = vec![0; head.records as usize];
    buffer.read_exact_at(&mut records, RECORDS_AT).or_else(|e| broken(e.to_string()))?;
    Ok((head, records))
}

#[derive(Debug)]
pub(crate) struct Header {
    /// Records of a script, not a picture.
    pub recorded: bool,
    pub failed: bool,
    width: u32,
    height: u32,
    records: u64,
    pixels: u64,
}

impl Header {
    fn parse(bytes: &[u8; RECORDS_AT as usize]) -> Result<Self, Refused> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if bytes[..8] == [0; 8] {
            return Err(Refused::Absent);
        }
        let (magic, version, status) = (&bytes[..8], word(8), word(12));
        let head = Self {
            recorded: magic == RECORDS,
            failed: status == 1,
            width: word(16),
            height: word(20),
            records: long(24),
            pixels: long(32),
        };
        if !(magic == FRAME || magic == RECORDS) || version != 1 || status > 1 {
            return broken("the result has no valid header");
        }
        if head.records > RECORDS_MAX {
            return broken(format!("{} bytes of records", head.records));
        }
        Ok(head)
    }

    /// Whether it can be a picture's, or tells why there is none.
    fn of_frame(&self) -> Result<(), Refused> {
        if self.recorded {
            return broken("the result has no valid header");
        }
        if !self.failed {
            let area = self.area([self.width, self.height])?;
            // Further pages are of whole pixels.
            let whole = self.pixels >= area * 4 && self.pixels.is_multiple_of(4);
            if !whole || self.pixels > MAX_TOTAL_PIXELS * 4 {
                let (width, height) = (self.width, self.height);
                return broken(format!("{} bytes for {width}x{height} pixels", self.pixels));
            }
        }
        Ok(())
    }

    /// The pixels of a page of this width and height.
    fn area(&self, [width, height]: [u32; 2]) -> Result<u64, Refused> {
        let area = u64::from(width) * u64::from(height);
        if area == 0 || area > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return broken(format!("{} bytes for {width}x{height} pixels", self.pixels));
        }
        Ok(area)
    }

    /// The sizes of all pages; `sizes` is what the records say, nothing for a single page.
    fn pages(&self, sizes: Vec<[u32; 2]>) -> Result<Vec<[u32; 2]>, Refused> {
        let first = [self.width, self.height];
        let sizes = if sizes.is_empty() { vec![first] } else { sizes };
        if sizes.len() > MAX_PAGES || sizes[0] != first {
            return broken(format!("{} pages, the first one of {:?}", sizes.len(), sizes[0]));
        }
        let mut all = 0;
        for &size in &sizes {
            all += self.area(size)?;
        }
        if self.pixels != all * 4 {
            return broken(format!("{} bytes for {all} pixels", self.pixels));
        }
        Ok(sizes)
    }

    /// Whether it can be that of records, or tells why there are none.
    pub fn of_records(&self) -> Result<(), Refused> {
        match self.recorded != self.failed && self.pixels == 0 {
            true => Ok(()),
            false => broken("the result has no valid header"),
        }
    }
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
        if element.stack.iter().any(|&span| !inside(span, source)) {
            return broken(format!("element {i}: a span outside the source"));
        }
        let [width, height] = pages[element.page as usize];
        fit(element, width as f32, height as f32);
        element.text = element.text.take().map(|t| clean(&t, MAX_TEXT));
        element.label = element.label.take().map(|t| clean(&t, MAX_TEXT));
        element.pattern = element.pattern.take().map(|t| clean(&t, MAX_TEXT));
    }
    notes.truncate(MAX_NOTES);
    let notes = notes.iter().map(|n| clean(n, MAX_TEXT)).collect();
    Ok(Records { pages, elements, notes })
}

/// What makes a record impossible; such a record was not made by the probe.
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

/// What an element belongs to must be there, and must be what it is said to be.
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

/// Clips the box to the image, and what may reach outside it to four image sizes around it.
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

fn inside(span: Span, source: &str) -> bool {
    span.text(source).is_some()
}

/// Cuts a text to `max` characters and takes out what could steer a terminal.
fn clean(text: &str, max: usize) -> String {
    text.chars().filter(|&c| !steers(c)).take(max).collect()
}

/// Controls, and the marks that make a terminal or an editor show text in another order.
fn steers(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reorders || (c.is_control() && c != '\n' && c != '\t')
}

/// As [`clean`], on one line.
pub(crate) fn clean_line(text: &str, max: usize) -> String {
    text.split(['\n', '\r', '\t'])
        .map(|part| clean(part, max))
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(max)
        .collect()
}

/// What a script that failed reports about itself.
#[derive(Deserialize)]
struct Failure {
    kind: FailureKind,
    message: String,
    #[serde(default)]
    traceback: String,
    #[serde(default)]
    span: Option<Span>,
}

fn failure(json: &[u8], source: &str) -> Result<ExecError, Refused> {
    use FailureKind::{Crash, Timeout};
    let f: Failure = serde_json::from_slice(json).or_else(|e| broken(format!("malformed records: {e}")))?;
    if matches!(f.kind, Crash | Timeout) {
        return broken("a failure that only the supervisor can tell");
    }
    Ok(ExecError {
        kind: f.kind,
        message: clean_line(&f.message, MAX_TEXT),
        traceback: clean(&f.traceback, MAX_TRACEBACK),
        span: f.span.filter(|&s| inside(s, source)),
    })
}

#[cfg(test)]
mod tests;
