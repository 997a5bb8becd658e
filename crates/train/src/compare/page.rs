//! Pages beside their references: Design2Code's blocks, and CLIP where there are weights.

use crate::error::TrainError;
use crate::renderer::{Unseen, Viewer};
use crate::stages::Experience;
use rayon::prelude::*;
use std::collections::HashMap;
use vsdpo_artifact::Image;
use vsdpo_diagnose::PageComparison;
use vsdpo_diagnose::axes::web::view::View;
use vsdpo_diagnose::axes::web::{pair, shrink};
use vsdpo_policy::Clip;

/// A page that has a reference.
#[derive(Clone, Debug)]
pub struct Page {
    blocks: pair::Comparison,
    clip: Option<f64>,
}

impl Page {
    /// As the rubric wants it.
    pub fn comparison(&self) -> PageComparison<'_> {
        PageComparison { blocks: &self.blocks, clip: self.clip }
    }
}

/// How every page of the step compares with its task's reference; `None` where there is no
/// reference, where the page did not draw, and where one of the two could not be looked at.
///
/// A page on which the metric's programs raise has no blocks: it would otherwise be spared the axes
/// on which it does worst.
///
/// # Errors
/// The viewer or the network does not work.
pub fn compare(
    viewer: &dyn Viewer,
    clip: Option<&Clip>,
    seen: &Experience,
) -> Result<Vec<Option<Page>>, TrainError> {
    let pairs: Vec<(usize, [&str; 2])> = (0..seen.rollouts.len())
        .filter(|&i| seen.outcomes[i].rendered().is_some())
        .filter_map(|i| {
            let reference = seen.tasks[seen.task_of(i)].reference.as_deref()?;
            Some((i, [seen.rollouts[i].source(), reference]))
        })
        .collect();
    // The rollouts of a group share their reference, and some are the same.
    let mut pages: Vec<&str> = pairs.iter().flat_map(|(_, pages)| *pages).collect();
    pages.sort_unstable();
    pages.dedup();
    let views: Views<'_> = pages.iter().copied().zip(viewer.view_all(&pages)?).collect();
    let blocks_of = |[cand, reference]: [&str; 2]| {
        let blocks = match &views[cand] {
            Ok(view) => view.blocks.clone(),
            Err(Unseen::Refused) => Vec::new(),
            Err(Unseen::Lost) => return None,
        };
        let reference = views[reference].as_ref().ok()?;
        Some(pair::compare(blocks, reference.blocks.clone()))
    };
    let compared: Vec<Compared<'_>> = pairs
        .par_iter()
        .filter_map(|&(i, pages)| Some(Compared { rollout: i, pages, blocks: blocks_of(pages)? }))
        .collect();
    let clips = match clip {
        Some(clip) => look(clip, &views, &compared)?,
        None => vec![None; compared.len()],
    };
    let mut all = vec![None; seen.rollouts.len()];
    for (Compared { rollout, blocks, .. }, clip) in compared.into_iter().zip(clips) {
        all[rollout] = Some(Page { blocks, clip });
    }
    Ok(all)
}

/// What was seen of every page, by its source.
type Views<'a> = HashMap<&'a str, Result<View, Unseen>>;

/// A rollout's page and its reference, compared.
struct Compared<'a> {
    rollout: usize,
    pages: [&'a str; 2],
    blocks: pair::Comparison,
}

impl Compared<'_> {
    /// The two pages with the boxes of the texts that CLIP does not see; `None` if one page was not
    /// seen.
    fn sights<'v>(&self, views: &'v Views<'_>) -> Option<[Sight<'v>; 2]> {
        let [cand, reference] = self.pages.map(|page| views[page].as_ref().ok());
        let reference = Sight { page: &reference?.plain, masks: self.blocks.ref_masks.clone() };
        Some([Sight { page: &cand?.plain, masks: self.blocks.cand_masks() }, reference])
    }
}

/// A page without its texts.
struct Sight<'v> {
    page: &'v Image,
    masks: Vec<[f64; 4]>,
}

impl PartialEq for Sight<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.page, other.page) && self.masks == other.masks
    }
}

/// CLIP's similarities, 0 to 1; `None` where a page was not seen. What several comparisons look at,
/// as a group does at its reference, is looked at once.
fn look<'v>(
    clip: &Clip,
    views: &'v Views<'_>,
    compared: &[Compared<'_>],
) -> Result<Vec<Option<f64>>, TrainError> {
    let mut sights: Vec<Sight<'v>> = Vec::new();
    let mut place = |sight: Sight<'v>| {
        sights.iter().position(|known| *known == sight).unwrap_or_else(|| {
            sights.push(sight);
            sights.len() - 1
        })
    };
    let places: Vec<Option<[usize; 2]>> =
        compared.iter().map(|one| Some(one.sights(views)?.map(&mut place))).collect();
    let pictures: Vec<Image> =
        sights.par_iter().map(|sight| shrink::picture(sight.page, &sight.masks)).collect();
    let embeddings = clip.embed(&pictures.iter().collect::<Vec<_>>())?;
    let similarity =
        |[cand, reference]: [usize; 2]| embeddings[cand].cosine(&embeddings[reference]).clamp(0.0, 1.0);
    Ok(places.into_iter().map(|places| places.map(similarity)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StubRenderer, write_clip};
    use vsdpo_artifact::{Domain, Outcome, Rendered, Rollout, Span, Task};

    /// One task with this reference, and a drawn rollout for every page.
    fn step(reference: Option<&str>, pages: &[&str]) -> Experience {
        let rollout = |page: &&str| Rollout {
            text: (*page).into(),
            tokens: vec![],
            logprobs: vec![],
            token_spans: vec![],
            finished: true,
            code: Span::new(0, page.len()),
        };
        let task = Task {
            id: "t".into(),
            domain: Domain::Web,
            prompt: String::new(),
            images: vec![],
            reference: reference.map(str::to_owned),
            requirements: None,
        };
        let image = Image { width: 1, height: 1, rgba: vec![0; 4].into() };
        let drawn = Rendered { image, elements: vec![], notes: vec![], styles: vec![] };
        Experience {
            tasks: vec![task],
            rollouts: pages.iter().map(rollout).collect(),
            outcomes: vec![Outcome::Rendered(drawn); pages.len()],
            ..Experience::default()
        }
    }

    fn blocks(reference: Option<&str>, pages: &[&str]) -> Vec<Option<f64>> {
        let compared = compare(&StubRenderer, None, &step(reference, pages)).unwrap();
        assert!(compared.iter().flatten().all(|page| page.clip.is_none()));
        compared.iter().map(|page| page.as_ref().map(|page| page.blocks.scores.block_match)).collect()
    }

    #[test]
    fn a_page_that_the_metric_refuses_scores_nothing_and_a_lost_one_is_not_compared() {
        let pages = ["first line\nsecond line", "first line", "<![x\nfirst line", "lost"];
        // One of two equal blocks matches, and its own block is all there is on the other side: 2
        // of 3 blocks.
        let want = [Some(1.0), Some(2.0 / 3.0), Some(0.0), None];
        let got = blocks(Some("first line\nsecond line"), &pages);
        for (got, want) in got.iter().zip(want) {
            assert_eq!(got.is_some(), want.is_some());
            assert!((got.unwrap_or(0.0) - want.unwrap_or(0.0)).abs() < 1e-12, "{got:?} {want:?}");
        }
        assert_eq!(blocks(None, &pages), [None; 4]);
        assert_eq!(blocks(Some("lost"), &pages), [None; 4], "a reference that cannot be seen");
        assert_eq!(blocks(Some("<![x"), &pages), [None; 4], "a reference that the metric refuses");
    }

    #[test]
    fn clip_looks_where_both_pages_were_seen() {
        let folder = tempfile::tempdir().unwrap();
        write_clip(folder.path());
        let clip = Clip::load(folder.path()).unwrap();
        let seen = step(Some("a line"), &["a line", "<![x", "another\nline", "a line"]);
        let compared = compare(&StubRenderer, Some(&clip), &seen).unwrap();
        let clips: Vec<Option<f64>> = compared.iter().flatten().map(|page| page.clip).collect();
        assert!((clips[0].unwrap() - 1.0).abs() < 1e-6, "the same picture twice");
        assert_eq!(clips[1], None);
        assert_eq!(clips[3], clips[0], "after one that was not seen, each has its own");

        // The same, each pair for itself.
        let alone = step(Some("a line"), &["another\nline"]);
        let alone = compare(&StubRenderer, Some(&clip), &alone).unwrap()[0].as_ref().unwrap().clip;
        assert!((clips[2].unwrap() - alone.unwrap()).abs() < 1e-6, "{clips:?} {alone:?}");
    }
}
