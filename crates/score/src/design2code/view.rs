//! From a page to what the metric compares: three screenshots and the text blocks in them
//! (docs/specs/design2code.md, 3 to 9).

use super::blocks::{Screenshots, blocks};
use super::html::PageError;
use super::{clean, items, recolor};
use vsdpo_artifact::{Image, TextBlock};

/// What the metric sees of a page.
#[derive(Clone, Debug)]
pub struct View {
    /// The texts, where they stand.
    pub blocks: Vec<TextBlock>,
    /// The page as it is.
    pub plain: Image,
}

/// Sees a candidate's page, which the benchmark cleans first. `shoot` takes a screenshot of a page:
/// first of this one, then of two recoloured ones.
///
/// # Errors
/// The benchmark's programs raise on the page, or `shoot` fails.
pub fn candidate<E: From<PageError>>(
    page: &[u8],
    shoot: impl FnMut(&[u8]) -> Result<Image, E>,
) -> Result<View, E> {
    let cleaned = clean::clean(&clean::read(page)?)?;
    see(cleaned.as_bytes(), &cleaned, shoot)
}

/// Sees a reference, which stays as it is.
///
/// # Errors
/// As [`candidate`].
pub fn reference<E: From<PageError>>(
    page: &[u8],
    shoot: impl FnMut(&[u8]) -> Result<Image, E>,
) -> Result<View, E> {
    see(page, &clean::read(page)?, shoot)
}

/// `text` is what is recoloured.
fn see<E: From<PageError>>(
    page: &[u8],
    text: &str,
    mut shoot: impl FnMut(&[u8]) -> Result<Image, E>,
) -> Result<View, E> {
    let recolored = recolor::recolored(text, 0)?;
    let shifted = recolor::recolored(text, 50)?;
    let items = items::items(&recolored)?;
    let shots = Screenshots {
        plain: shoot(page)?,
        recolored: shoot(recolored.as_bytes())?,
        shifted: shoot(shifted.as_bytes())?,
    };
    Ok(View { blocks: blocks(&items, &shots), plain: shots.plain })
}
