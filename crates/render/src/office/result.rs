//! What a worker wrote about a deck: checked, because the deck may have taken over the worker.

use super::{OfficePage, OfficePages, SLIDE_WIDTH, Word};
use crate::config::RenderConfig;
use crate::python::buffer::{FRAME_AT, Header, Refused, broken, open};
use crate::text::{clean, clean_line};
use serde::Deserialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use vsdpo_artifact::{ExecError, FailureKind, Image, Region};

/// Pixels of all slides of a deck at most.
pub(super) const MAX_TOTAL_PIXELS: u64 = 96 << 20;
/// Bytes of the whole buffer.
pub(super) const BUFFER_BYTES: u64 = FRAME_AT + MAX_TOTAL_PIXELS * 4;
/// How far beyond the slide a word may lie, in slide widths or heights.
const MAX_BEYOND: f32 = 4.0;
/// Characters of a word, and of the office's message, at most.
const MAX_TEXT: usize = 500;

#[derive(Deserialize)]
struct Failure {
    kind: String,
    message: String,
}

type Entry = (String, [f32; 4], [f32; 4], f32);

#[derive(Deserialize)]
struct Records {
    /// Slides of the file.
    slides: usize,
    /// The words of each page.
    words: Vec<Vec<Entry>>,
    /// Whether words were left out.
    cut: bool,
}

/// Reads the result of a deck, or why it has none.
pub(super) fn read(buffer: &File, config: &RenderConfig) -> Result<Result<OfficePages, ExecError>, Refused> {
    let (header, records) = open(buffer)?;
    if header.failed {
        return failure(&records).map(Err);
    }
    let records: Records = serde_json::from_slice(&records).or_else(|e| broken(e.to_string()))?;
    check(&header, &records, config)?;
    let mut pages = Vec::new();
    for (i, words) in records.words.into_iter().enumerate() {
        let image = picture(buffer, &header, i as u64)?;
        let size = [header.width, header.height].map(|side| side as f32);
        let words = words.into_iter().map(|entry| word(entry, size)).collect::<Result<_, _>>()?;
        pages.push(OfficePage { image, words });
    }
    let mut notes = Vec::new();
    if pages.len() < records.slides {
        notes.push(format!("only the first {} of {} slides were drawn", pages.len(), records.slides));
    }
    if records.cut {
        notes.push("a part of the words was left out".into());
    }
    Ok(Ok(OfficePages { pages, total: records.slides, notes }))
}

fn failure(records: &[u8]) -> Result<ExecError, Refused> {
    let failure: Failure = serde_json::from_slice(records).or_else(|e| broken(e.to_string()))?;
    let known = [FailureKind::Exception, FailureKind::Memory, FailureKind::NoFigure, FailureKind::Limit];
    let Some(kind) = known.into_iter().find(|kind| kind.name() == failure.kind) else {
        return broken("a failure of another kind");
    };
    Ok(super::failed(kind, clean_line(&failure.message, MAX_TEXT)))
}

fn check(header: &Header, records: &Records, config: &RenderConfig) -> Result<(), Refused> {
    let (width, height) = (header.width, header.height);
    let area = u64::from(width) * u64::from(height);
    if width != SLIDE_WIDTH || area == 0 || area > config.max_pixels {
        return broken(format!("slides of {width}x{height} pixels"));
    }
    let count = records.words.len();
    if count == 0 || count > config.max_slides || count > records.slides || records.slides > i32::MAX as usize
    {
        return broken(format!("{count} pages of {} slides", records.slides));
    }
    let all = area * count as u64;
    if all > MAX_TOTAL_PIXELS || header.pixels != all * 4 {
        return broken(format!("{} bytes for {count} pages of {width}x{height}", header.pixels));
    }
    Ok(())
}

/// The pixels of a page, opaque.
fn picture(buffer: &File, header: &Header, index: u64) -> Result<Image, Refused> {
    let bytes = u64::from(header.width) * u64::from(header.height) * 4;
    let mut rgba = vec![0; bytes as usize];
    buffer.read_exact_at(&mut rgba, FRAME_AT + index * bytes).or_else(|e| broken(e.to_string()))?;
    for pixel in rgba.as_chunks_mut::<4>().0 {
        pixel[3] = 255;
    }
    Ok(Image { width: header.width, height: header.height, rgba: rgba.into() })
}

/// A word whose boxes are in order; what lies far beyond the slide is moved to the bounds.
fn word((text, ink, frame, size): Entry, page: [f32; 2]) -> Result<Word, Refused> {
    let ordered = |[x0, y0, x1, y1]: [f32; 4]| x0 <= x1 && y0 <= y1;
    let finite = [ink, frame].iter().flatten().all(|edge| edge.is_finite());
    if !finite || !ordered(ink) || !ordered(frame) || !(0.0..=1e6).contains(&size) {
        return broken("a word with a box that no word has");
    }
    let [x, y] = page.map(|side| side * MAX_BEYOND);
    let bound = |[x0, y0, x1, y1]: [f32; 4]| {
        Region::from([x0.clamp(-x, x), y0.clamp(-y, y), x1.clamp(-x, x), y1.clamp(-y, y)])
    };
    Ok(Word { text: clean(&text, MAX_TEXT), ink: bound(ink), frame: bound(frame), size })
}
