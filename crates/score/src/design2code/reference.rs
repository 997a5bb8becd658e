//! Pages compared with the references of their tasks: Design2Code's blocks, and CLIP where it is
//! given.

use super::capture::{self, Capture};
use super::pair::{self, PairedBlocks};
use super::shrink;
use super::unscored::{Cause, Unscored};
use crate::references::{Candidate, Embed, ScoreError, cosine, vectors};
use std::collections::HashMap;
use vsdpo_artifact::{Comparison, Image, Source};
use vsdpo_render::{Renderer, spread};

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
    // References are cleaned like candidates: unlike the benchmark's, those of a task need not be
    // whole pages.
    let read = spread(renderer.workers(), pages.len(), |i| capture::candidate(renderer, pages[i]))?;
    let captures: Captures<'_> = pages.iter().map(|page| page.text.as_str()).zip(read).collect();
    let pair = |i: usize| {
        let (candidate, pages) = pairs[i];
        let pages = pages.map(|page| page.text.as_str());
        Ok::<_, ScoreError>(paired(&captures, pages).map(|blocks| Compared { candidate, pages, blocks }))
    };
    let compared: Vec<Compared<'_>> = spread(threads(), pairs.len(), pair)?.into_iter().flatten().collect();
    let clips = match embed {
        Some(embed) => similarities(embed, &captures, &compared)?,
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

fn paired(captures: &Captures<'_>, [cand, reference]: [&str; 2]) -> Option<PairedBlocks> {
    let blocks = match &captures[cand] {
        Ok(page) => page.blocks.clone(),
        Err(Unscored { cause: Cause::Page, .. }) => Vec::new(),
        Err(Unscored { cause: Cause::Screenshot, .. }) => return None,
    };
    Some(pair::compare(blocks, captures[reference].as_ref().ok()?.blocks.clone()))
}

/// Threads for work that needs no renderer.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Text blocks and screenshots by the text of the page.
type Captures<'a> = HashMap<&'a str, Result<Capture, Unscored>>;

/// A candidate and its reference, compared.
struct Compared<'a> {
    candidate: usize,
    pages: [&'a str; 2],
    blocks: PairedBlocks,
}

impl Compared<'_> {
    /// The two screenshots with the boxes of the texts that CLIP does not see; `None` if one is
    /// missing.
    fn pictures<'c>(&self, captures: &'c Captures<'_>) -> Option<[Masked<'c>; 2]> {
        let [cand, reference] = self.pages.map(|page| captures[page].as_ref().ok());
        let reference = Masked { page: &reference?.plain, masks: self.blocks.ref_masks.clone() };
        Some([Masked { page: &cand?.plain, masks: self.blocks.cand_masks() }, reference])
    }
}

/// A screenshot without its texts.
struct Masked<'c> {
    page: &'c Image,
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
fn similarities<'c>(
    embed: &Embed,
    captures: &'c Captures<'_>,
    compared: &[Compared<'_>],
) -> Result<Vec<Option<f64>>, ScoreError> {
    let mut distinct: Vec<Masked<'c>> = Vec::new();
    let mut place = |picture: Masked<'c>| {
        distinct.iter().position(|known| *known == picture).unwrap_or_else(|| {
            distinct.push(picture);
            distinct.len() - 1
        })
    };
    let places: Vec<Option<[usize; 2]>> =
        compared.iter().map(|one| Some(one.pictures(captures)?.map(&mut place))).collect();
    let masked = |i: usize| Ok::<_, ScoreError>(shrink::picture(distinct[i].page, &distinct[i].masks));
    let pictures = spread(threads(), distinct.len(), masked)?;
    let vectors = vectors(embed, &pictures.iter().collect::<Vec<_>>())?;
    let similarity =
        |[cand, reference]: [usize; 2]| cosine(&vectors[cand], &vectors[reference]).clamp(0.0, 1.0);
    Ok(places.into_iter().map(|places| places.map(similarity)).collect())
}
