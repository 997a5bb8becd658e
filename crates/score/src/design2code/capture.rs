//! From a page to what the metric compares: three screenshots, and the text blocks in them
//! (docs/specs/design2code.md, 3 to 9).

use super::blocks::{Screenshots, blocks};
use super::clean;
use super::html::PageError;
use super::items::{Item, items};
use super::recolor::recolored;
use super::unscored::Unscored;
use vsdpo_artifact::{Image, Source, TextBlock};
use vsdpo_render::{RenderError, Renderer, Screenshot};

/// The text blocks of a page, and its plain screenshot.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The texts with their boxes.
    pub blocks: Vec<TextBlock>,
    /// The screenshot of the page without recolouring.
    pub plain: Image,
    /// URLs that the page requested and did not get.
    pub unmet: Vec<String>,
    /// Names of the files in the page's folder that it requested.
    pub beside: Vec<String>,
    /// Screenshots that failed once and were taken again.
    pub retried: usize,
}

/// Captures a candidate, which the benchmark cleans first.
///
/// # Errors
/// Returns an error if the renderer itself fails. A page on which the benchmark's programs raise,
/// or whose screenshot fails, is [`Unscored`].
pub fn candidate(renderer: &dyn Renderer, page: &Source) -> Result<Result<Capture, Unscored>, RenderError> {
    let cleaned = clean::read(page.text.as_bytes()).and_then(|text| clean::clean(&text));
    capture(renderer, page, cleaned.and_then(|text| Variants::new(&text, &text)))
}

/// Captures a reference, which stays as it is.
///
/// # Errors
/// As [`candidate`].
pub fn reference(renderer: &dyn Renderer, page: &Source) -> Result<Result<Capture, Unscored>, RenderError> {
    let text = clean::read(page.text.as_bytes());
    capture(renderer, page, text.and_then(|text| Variants::new(&page.text, &text)))
}

/// The three pages that are drawn for one page, and the texts to find in their screenshots.
struct Variants {
    plain: String,
    recolored: String,
    shifted: String,
    items: Vec<Item>,
}

impl Variants {
    /// `text` is `plain` as the benchmark's programs read it.
    fn new(plain: &str, text: &str) -> Result<Self, PageError> {
        let (recolored, shifted) = (recolored(text, 0)?, recolored(text, 50)?);
        let items = items(&recolored)?;
        Ok(Self { plain: plain.to_owned(), recolored, shifted, items })
    }
}

fn capture(
    renderer: &dyn Renderer,
    page: &Source,
    variants: Result<Variants, PageError>,
) -> Result<Result<Capture, Unscored>, RenderError> {
    let Variants { plain, recolored, shifted, items } = match variants {
        Ok(variants) => variants,
        Err(error) => return Ok(Err(error.into())),
    };
    // The benchmark takes a failed screenshot for a white page; here the page has no scores.
    let shoot = |text: String| -> Result<Result<Screenshot, Unscored>, RenderError> {
        let shot = renderer.screenshot(&Source { text, ..page.clone() })?;
        Ok(shot.map_err(|error| Unscored::screenshot(&error)))
    };
    let plain = match shoot(plain)? {
        Ok(shot) => shot,
        Err(unscored) => return Ok(Err(unscored)),
    };
    let recolored = match shoot(recolored)? {
        Ok(shot) => shot,
        Err(unscored) => return Ok(Err(unscored)),
    };
    let shifted = match shoot(shifted)? {
        Ok(shot) => shot,
        Err(unscored) => return Ok(Err(unscored)),
    };
    let retried = [&plain, &recolored, &shifted].into_iter().filter(|shot| shot.retried).count();
    let images = Screenshots { plain: plain.image, recolored: recolored.image, shifted: shifted.image };
    // The recoloured pages request the same files as the plain one.
    let (unmet, beside) = (plain.unmet, plain.beside);
    Ok(Ok(Capture { blocks: blocks(&items, &images), plain: images.plain, unmet, beside, retried }))
}
