//! Pages compared with the references of their tasks: Design2Code's blocks, and CLIP where it is
//! given.

use super::capture::{self, Capture};
use super::pair::{self, PairedBlocks};
use super::shrink;
use super::unscored::{Cause, Unscored};
use crate::references::{Candidate, Embed, ScoreError, clip_similarity, vectors};
use std::collections::{HashMap, HashSet};
use vsdpo_artifact::{Comparison, Image, Source};
use vsdpo_render::{Renderer, spread};

/// As [`crate::ReferenceScorer::compare`]: `None` where there is no reference, where the candidate
/// did not render, and where a screenshot failed or the metric's programs raise on the reference.
///
/// A candidate on which the metric's programs raise has no blocks and scores 0 on the axes of text;
/// without a comparison these axes would not count.
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
    let mut known = HashSet::new();
    let pages: Vec<&Source> =
        pairs.iter().flat_map(|(_, pages)| *pages).filter(|page| known.insert(*page)).collect();
    // References are cleaned like candidates: unlike the benchmark's, those of a task need not be
    // whole pages.
    let read = spread(renderer.workers(), pages.len(), |i| capture::candidate(renderer, pages[i]))?;
    let captures: Captures<'_> = pages.into_iter().zip(read).collect();
    let pair = |i: usize| {
        let (candidate, pages) = pairs[i];
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

fn paired(captures: &Captures<'_>, [cand, reference]: [&Source; 2]) -> Option<PairedBlocks> {
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

/// Text blocks and screenshots by page. The folder is part of the key: it decides the pictures.
type Captures<'a> = HashMap<&'a Source, Result<Capture, Unscored>>;

/// A candidate and its reference, compared.
struct Compared<'a> {
    candidate: usize,
    pages: [&'a Source; 2],
    blocks: PairedBlocks,
}

impl Compared<'_> {
    /// The two screenshots with the boxes that hide their texts from CLIP; `None` if one is
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
    let similarity = |[cand, reference]: [usize; 2]| clip_similarity(&vectors[cand], &vectors[reference]);
    Ok(places.into_iter().map(|places| places.map(similarity)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ByFolder, embed};
    use vsdpo_artifact::Language;

    /// The same HTML shows another `a.png` in each folder.
    #[test]
    fn equal_texts_in_two_folders_are_two_pages() {
        let page = |folder: &str| Source {
            folder: Some(folder.into()),
            ..Source::new("<html><body><img src=\"a.png\"></body></html>", Language::Html)
        };
        let (red, blue) = (page("red"), page("blue"));
        let outcomes = [&red, &blue].map(|source| ByFolder.render(source).unwrap());
        let candidates = [(&red, &outcomes[0]), (&blue, &outcomes[1])].map(|(source, outcome)| Candidate {
            source,
            outcome,
            reference: Some(&red),
        });
        let compared = compare(&ByFolder, Some(&embed), &candidates).unwrap();
        let clips = compared.into_iter().map(|one| match one {
            Some(Comparison::Web(comparison)) => comparison.clip.unwrap(),
            other => panic!("{other:?}"),
        });
        let clips: Vec<f64> = clips.collect();
        assert!((clips[0] - 1.0).abs() < 1e-6 && (clips[1] - 0.5).abs() < 1e-6, "{clips:?}");
    }
}
