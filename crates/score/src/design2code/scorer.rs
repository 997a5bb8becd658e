//! Pairs of pages by Design2Code's metrics: three screenshots of each, blocks, scores, and CLIP
//! where it is given (docs/specs/design2code.md, 1).

use super::cache::{Beside, PageText, ReferenceCache, beside};
use super::capture::{self, Capture};
use super::clean;
use super::pair::compare;
use super::shrink;
use super::unscored::Unscored;
use crate::files::{folder_identity, hash};
use crate::references::{Embed, cosine, vectors};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{Domain, Language, Source, TextBlock, WebScores};
use vsdpo_render::{RenderConfig, RenderError, Renderer, open};

/// Pixels of a whole page; the benchmark has no limit.
pub(super) const MAX_PIXELS: u64 = 64 << 20;
/// The version of the metric in keys, so that results of another version are not reused.
const ARITHMETIC: &str = concat!("design2code ", env!("CARGO_PKG_VERSION"));
/// Why there is no CLIP.
pub const NO_WEIGHTS: &str = "no weights of CLIP were given (--clip DIR)";

/// Reads a page, which may use the files of its folder. A page that is not UTF-8 cannot be scored.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn read(path: &Path) -> Result<Result<Source, Unscored>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let folder = path.parent().map(Path::to_path_buf);
    Ok(match clean::read(&bytes) {
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Source { folder, ..Source::new(text, Language::Html) })
        }
        Err(error) => Err(error.into()),
    })
}

/// A value for each of the two pages.
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Both<T> {
    /// The candidate's.
    pub cand: T,
    /// The reference's.
    pub r#ref: T,
}

/// A scored pair.
pub struct Scored {
    /// The four scores without CLIP.
    pub scores: WebScores,
    /// CLIP's cosine, not clamped, or why there is none.
    pub clip: Result<f64, &'static str>,
    /// Text blocks as compared.
    pub blocks: Both<usize>,
    /// Pairs of blocks with similar texts; without one the four scores are 0.
    pub matched: usize,
    /// Addresses that a page requested and did not get.
    pub unmet: Both<Vec<String>>,
    /// The files that the pages requested from their folders, which decide the scores too.
    pub beside: Both<Beside>,
    /// Screenshots that failed once and were taken again.
    pub retried: usize,
}

/// CLIP, and the folder of its weights, which is a part of the key of cached references.
pub struct Clip {
    /// Embeds pictures.
    pub embed: Box<Embed<'static>>,
    /// The folder of its weights.
    pub folder: PathBuf,
}

/// The settings of a scorer of pages.
#[derive(Default)]
pub struct PageScorerConfig {
    /// Wall-clock limit of one screenshot.
    pub timeout: Duration,
    /// `None`: no score by CLIP.
    pub clip: Option<Clip>,
    /// The folder of cached references; `None`: no cache.
    pub cache: Option<PathBuf>,
}

/// Renders and compares pages.
pub struct PageScorer {
    renderer: Box<dyn Renderer>,
    identity: String,
    cache: Option<ReferenceCache>,
    clip: Option<Clip>,
}

/// How a page is captured: as a candidate or as a reference.
type CaptureFn = fn(&dyn Renderer, &Source) -> Result<Result<Capture, Unscored>, RenderError>;

impl PageScorer {
    /// Starts a browser.
    ///
    /// # Errors
    /// Returns an error if no browser starts, or the cache cannot be made.
    pub fn start(config: PageScorerConfig) -> Result<Self> {
        let PageScorerConfig { timeout, clip, cache } = config;
        let rendering = RenderConfig { timeout, max_pixels: MAX_PIXELS, ..RenderConfig::default() };
        let weights =
            clip.as_ref().map(|clip| folder_identity(&clip.folder)).transpose()?.unwrap_or_default();
        let renderer = open(Domain::Web, Language::Html, rendering)?;
        let identity = hash(&[ARITHMETIC, &renderer.identity()?, &weights]);
        let cache = cache.as_deref().map(ReferenceCache::open).transpose()?;
        Ok(Self { renderer, identity, cache, clip })
    }

    /// Pairs that can be scored at the same time.
    pub fn workers(&self) -> usize {
        self.renderer.workers()
    }

    /// References that were in the cache.
    pub fn hits(&self) -> usize {
        self.cache.as_ref().map_or(0, ReferenceCache::hits)
    }

    /// Identifies everything besides the pages and their pictures that decides the scores.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Scores a candidate against its reference.
    ///
    /// # Errors
    /// Returns an error if the browser, CLIP or the cache fails. A page that cannot be scored is
    /// [`Unscored`].
    pub fn score(
        &self,
        cand: &Result<Source, Unscored>,
        reference: &Result<Source, Unscored>,
    ) -> Result<Result<Scored, Unscored>> {
        let (cand, reference) = match (cand, reference) {
            (Ok(cand), Ok(reference)) => (cand, reference),
            (Err(unscored), _) => return Ok(Err(unscored.on_side("candidate"))),
            (_, Err(unscored)) => return Ok(Err(unscored.on_side("reference"))),
        };
        let cand = match self.capture(cand, capture::candidate)? {
            Ok(text) => text,
            Err(unscored) => return Ok(Err(unscored.on_side("candidate"))),
        };
        let known = self.known(reference);
        let fresh = known.is_none();
        let read = known.map_or_else(|| self.capture(reference, capture::reference), |text| Ok(Ok(text)))?;
        let mut reference_text = match read {
            Ok(text) => text,
            Err(unscored) => return Ok(Err(unscored.on_side("reference"))),
        };
        let compared = compare(cand.blocks, reference_text.blocks.clone());
        let blocks = &compared.comparison;
        // The boxes that hide the reference's texts do not depend on the candidate, so its features
        // can be cached.
        self.embed(&mut reference_text, &compared.ref_masks)?;
        if let (Some(cache), true) = (&self.cache, fresh) {
            cache.put(&self.key(reference), &reference_text)?;
        }
        let mut cand = PageText { blocks: Vec::new(), ..cand };
        self.embed(&mut cand, &compared.cand_masks())?;
        let clip = match (&cand.features, &reference_text.features) {
            (Some(a), Some(b)) => Ok(cosine(a, b)),
            _ => Err(NO_WEIGHTS),
        };
        Ok(Ok(Scored {
            scores: blocks.scores,
            clip,
            blocks: Both { cand: blocks.cand.len(), r#ref: blocks.refs.len() },
            matched: blocks.matches.len(),
            retried: cand.retried + reference_text.retried,
            unmet: Both { cand: cand.unmet, r#ref: reference_text.unmet },
            beside: Both { cand: cand.beside, r#ref: reference_text.beside },
        }))
    }

    /// The text blocks of a page as the benchmark finds those of a candidate.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn blocks(&self, page: &Source) -> Result<Result<Vec<TextBlock>, Unscored>> {
        Ok(self.capture(page, capture::candidate)?.map(|text| text.blocks))
    }

    /// The cached data of a reference.
    fn known(&self, page: &Source) -> Option<PageText> {
        self.cache.as_ref()?.get(&self.key(page), page.folder.as_deref())
    }

    /// The key of a reference in the cache. Instead of the path of its folder, the cache compares
    /// the content of the files that the page requests, so that a copy of the data set is known
    /// too. A page without a folder requests none.
    fn key(&self, page: &Source) -> String {
        let folder = if page.folder.is_some() { "folder" } else { "" };
        hash(&[&self.identity, &page.text, page.language.name(), folder])
    }

    /// The text blocks and the screenshot of a page, with the hashes of the files that it
    /// requested.
    fn capture(&self, page: &Source, capture: CaptureFn) -> Result<Result<PageText, Unscored>> {
        Ok(capture(&*self.renderer, page)?.map(|captured| PageText {
            blocks: captured.blocks,
            plain: Some(captured.plain),
            features: None,
            beside: beside(page.folder.as_deref(), &captured.beside),
            unmet: captured.unmet,
            retried: captured.retried,
        }))
    }

    /// Embeds the page without its texts, unless its features are known.
    fn embed(&self, page: &mut PageText, masks: &[[f64; 4]]) -> Result<()> {
        if let (Some(clip), Some(plain), None) = (&self.clip, &page.plain, &page.features) {
            page.features = vectors(&clip.embed, &[&shrink::picture(plain, masks)])?.pop();
        }
        Ok(())
    }
}
