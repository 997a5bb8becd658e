//! Pages compared with the references of their tasks: Design2Code's blocks, and CLIP where it is
//! given.

use super::html::PageError;
use super::pair::{self, PairedBlocks};
use super::shrink;
use super::view::{self, View};
use crate::references::{Candidate, Embed, ScoreError, cosine, vectors};
use std::collections::HashMap;
use vsdpo_artifact::{Comparison, Image, Source};
use vsdpo_render::{RenderError, Renderer, spread};

/// Why a page has no text blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unscored {
    /// The metric's own programs raise on the page; they will again.
    Page,
    /// A screenshot failed.
    Screenshot,
}

/// What ends the reading of a page: its own fault, or ours.
enum Stop {
    Unscored(Unscored),
    Failed(RenderError),
}

impl From<PageError> for Stop {
    fn from(_: PageError) -> Self {
        Self::Unscored(Unscored::Page)
    }
}

impl From<RenderError> for Stop {
    fn from(error: RenderError) -> Self {
        Self::Failed(error)
    }
}

/// As [`crate::ReferenceScorer::compare`]: `None` where there is no reference, where the candidate
/// did not render, and where a screenshot failed or the metric refuses the reference.
///
/// A candidate on which the metric's programs raise has no blocks: it would otherwise be spared the
/// axes on which it does worst.
pub(crate) fn compare(
    renderer: &dyn Renderer,
    embed: Option<&Embed>,
    candidates: &[Candidate],
) -> Result<Vec<Option<Comparison>>, ScoreError> {
    let pairs: Vec<(usize, [&Source; 2])> = candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| c.outcome.rendered().is_some())
        .filter_map(|(i, c)| Some((i, [c.source, c.reference?])))
        .collect();
    // The rollouts of a group share their reference, and some are the same.
    let mut pages: Vec<&Source> = pairs.iter().flat_map(|(_, pages)| *pages).collect();
    pages.sort_unstable_by(|a, b| a.text.cmp(&b.text));
    pages.dedup_by(|a, b| a.text == b.text);
    let read = spread(renderer.workers(), pages.len(), |i| read(renderer, pages[i]))?;
    let views: Views<'_> = pages.iter().map(|page| page.text.as_str()).zip(read).collect();
    let pair = |i: usize| {
        let (candidate, pages) = pairs[i];
        let pages = pages.map(|page| page.text.as_str());
        Ok::<_, ScoreError>(paired(&views, pages).map(|blocks| Compared { candidate, pages, blocks }))
    };
    let compared: Vec<Compared<'_>> = spread(threads(), pairs.len(), pair)?.into_iter().flatten().collect();
    let clips = match embed {
        Some(embed) => similarities(embed, &views, &compared)?,
        None => vec![None; compared.len()],
    };
    let mut all: Vec<Option<Comparison>> = vec![None; candidates.len()];
    for (Compared { candidate, blocks, .. }, clip) in compared.into_iter().zip(clips) {
        let mut comparison = blocks.comparison;
        comparison.clip = clip;
        all[candidate] = Some(Comparison::Web(comparison));
    }
    Ok(all)
}

/// The text blocks and the plain screenshot of a page. References are cleaned like candidates:
/// unlike the benchmark's, those of a task need not be whole pages.
fn read(renderer: &dyn Renderer, page: &Source) -> Result<Result<View, Unscored>, RenderError> {
    let screenshot = |html: &[u8]| -> Result<Image, Stop> {
        let text = String::from_utf8_lossy(html).into_owned();
        let taken = renderer.screenshot(&Source { text, ..page.clone() })?;
        taken.map(|shot| shot.image).map_err(|_| Stop::Unscored(Unscored::Screenshot))
    };
    match view::candidate(page.text.as_bytes(), screenshot) {
        Ok(view) => Ok(Ok(view)),
        Err(Stop::Unscored(why)) => Ok(Err(why)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn paired(views: &Views<'_>, [cand, reference]: [&str; 2]) -> Option<PairedBlocks> {
    let blocks = match &views[cand] {
        Ok(view) => view.blocks.clone(),
        Err(Unscored::Page) => Vec::new(),
        Err(Unscored::Screenshot) => return None,
    };
    Some(pair::compare(blocks, views[reference].as_ref().ok()?.blocks.clone()))
}

/// Threads for work that needs no renderer.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Text blocks and screenshots by the text of the page.
type Views<'a> = HashMap<&'a str, Result<View, Unscored>>;

/// A candidate and its reference, compared.
struct Compared<'a> {
    candidate: usize,
    pages: [&'a str; 2],
    blocks: PairedBlocks,
}

impl Compared<'_> {
    /// The two screenshots with the boxes of the texts that CLIP does not see; `None` if one is
    /// missing.
    fn pictures<'v>(&self, views: &'v Views<'_>) -> Option<[Masked<'v>; 2]> {
        let [cand, reference] = self.pages.map(|page| views[page].as_ref().ok());
        let reference = Masked { page: &reference?.plain, masks: self.blocks.ref_masks.clone() };
        Some([Masked { page: &cand?.plain, masks: self.blocks.cand_masks() }, reference])
    }
}

/// A screenshot without its texts.
struct Masked<'v> {
    page: &'v Image,
    masks: Vec<[f64; 4]>,
}

impl PartialEq for Masked<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.page, other.page) && self.masks == other.masks
    }
}

/// CLIP's similarities, 0 to 1; `None` where a screenshot is missing. A picture that several
/// comparisons share, as a group does its reference, is embedded once.
///
/// The benchmark does not clamp the cosine. A reward is not negative, so this one is.
fn similarities<'v>(
    embed: &Embed,
    views: &'v Views<'_>,
    compared: &[Compared<'_>],
) -> Result<Vec<Option<f64>>, ScoreError> {
    let mut distinct: Vec<Masked<'v>> = Vec::new();
    let mut place = |picture: Masked<'v>| {
        distinct.iter().position(|known| *known == picture).unwrap_or_else(|| {
            distinct.push(picture);
            distinct.len() - 1
        })
    };
    let places: Vec<Option<[usize; 2]>> =
        compared.iter().map(|one| Some(one.pictures(views)?.map(&mut place))).collect();
    let masked = |i: usize| Ok::<_, ScoreError>(shrink::picture(distinct[i].page, &distinct[i].masks));
    let pictures = spread(threads(), distinct.len(), masked)?;
    let vectors = vectors(embed, &pictures.iter().collect::<Vec<_>>())?;
    let similarity =
        |[cand, reference]: [usize; 2]| cosine(&vectors[cand], &vectors[reference]).clamp(0.0, 1.0);
    Ok(places.into_iter().map(|places| places.map(similarity)).collect())
}
