//! Pairs of pages by Design2Code's metrics: three screenshots of each, blocks, scores, and CLIP
//! where it is given (docs/specs/design2code.md, 1).

use super::cache::{Beside, PageText, ReferenceCache, beside};
use super::clean;
use super::html::PageError;
use super::pair::compare;
use super::shrink;
use super::view::{self, View};
use crate::files::{folder_identity, hash, hash_bytes};
use crate::references::{Embed, cosine, vectors};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::{Domain, Image, Language, Source, TextBlock, WebScores};
use vsdpo_render::{RenderConfig, RenderError, Renderer, Screenshot, open};

/// Pixels of a whole page; the benchmark has no limit.
const MAX_PIXELS: u64 = 64 << 20;
/// Names the arithmetic in keys; what is kept of another one is not believed.
const ARITHMETIC: &str = concat!("design2code ", env!("CARGO_PKG_VERSION"));
/// Why there is no CLIP.
pub const NO_WEIGHTS: &str = "no weights of CLIP were given (--clip DIR)";

/// Reads a page; pictures beside it may be used by it. One that is not UTF-8 cannot be scored.
pub fn read(path: &Path) -> Result<Page> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let folder = path.parent().map(Path::to_path_buf);
    Ok(match clean::read(&bytes) {
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Source { text, language: Language::Html, folder })
        }
        Err(error) => Err(Unscored { cause: Cause::Page, why: error.to_string() }),
    })
}

/// Something of both pages.
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Both<T> {
    /// Of the candidate.
    pub cand: T,
    /// Of the reference.
    pub r#ref: T,
}

/// A scored pair.
pub struct Scored {
    /// The four scores without CLIP.
    pub scores: WebScores,
    /// CLIP's cosine, or why there is none.
    pub clip: Result<f64, &'static str>,
    /// Text blocks as compared.
    pub blocks: Both<usize>,
    /// Pairs of blocks with texts that are alike; without one the four scores are 0.
    pub matched: usize,
    /// Addresses that a page asked for and did not get.
    pub unmet: Both<Vec<String>>,
    /// The files beside the pages that decided the scores.
    pub beside: Both<Beside>,
    /// Screenshots that failed once and were taken again.
    pub retried: usize,
}

/// Why a pair has no scores. None are invented for it.
pub struct Unscored {
    /// Whether it would come out like this again.
    pub cause: Cause,
    /// One line.
    pub why: String,
}

impl Unscored {
    /// The same, with the side of the pair that it is about.
    fn of(&self, side: &str) -> Self {
        Self { cause: self.cause, why: format!("the {side} cannot be scored: {}", self.why) }
    }
}

/// A page to score, or why it cannot be scored.
pub type Page = Result<Source, Unscored>;

/// Whether it would come out like this again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The benchmark's programs raise on the page.
    Page,
    /// A screenshot failed twice.
    Capture,
}

/// What ends the work on a page: the page's doing, or ours.
enum Fault {
    Page(Unscored),
    Ours(anyhow::Error),
}

impl From<PageError> for Fault {
    fn from(error: PageError) -> Self {
        Self::Page(Unscored { cause: Cause::Page, why: error.to_string() })
    }
}

impl From<RenderError> for Fault {
    fn from(error: RenderError) -> Self {
        Self::Ours(error.into())
    }
}

impl Fault {
    fn of(self, side: &str) -> Result<Unscored> {
        match self {
            Self::Page(unscored) => Ok(unscored.of(side)),
            Self::Ours(error) => Err(error),
        }
    }
}

/// CLIP, and the folder that its weights were read from, which is part of what decides a cached
/// reference.
pub struct Clip {
    /// Embeds pictures.
    pub embed: Box<Embed<'static>>,
    /// The folder of its weights.
    pub folder: PathBuf,
}

/// What a scorer of pages works with.
#[derive(Default)]
pub struct PageScorerConfig {
    /// Wall-clock limit of one screenshot.
    pub timeout: Duration,
    /// Without it the score of CLIP stays empty.
    pub clip: Option<Clip>,
    /// Where the text blocks of references are kept for later runs.
    pub cache: Option<PathBuf>,
}

/// Renders and compares pages.
pub struct PageScorer {
    renderer: Box<dyn Renderer>,
    identity: String,
    cache: Option<ReferenceCache>,
    clip: Option<Clip>,
}

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

    /// Pairs that are worth scoring at the same time.
    pub fn workers(&self) -> usize {
        self.renderer.workers()
    }

    /// References that were known from the cache.
    pub fn hits(&self) -> usize {
        self.cache.as_ref().map_or(0, ReferenceCache::hits)
    }

    /// Everything beside the pages and their pictures that decides their scores.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Scores a candidate against its reference.
    ///
    /// # Errors
    /// Only when *we* failed: no browser, no place to write.
    pub fn score(&self, cand: &Page, reference: &Page) -> Result<Result<Scored, Unscored>> {
        let (cand, reference) = match (cand, reference) {
            (Ok(cand), Ok(reference)) => (cand, reference),
            (Err(unscored), _) => return Ok(Err(unscored.of("candidate"))),
            (_, Err(unscored)) => return Ok(Err(unscored.of("reference"))),
        };
        let cand = match self.candidate(cand) {
            Ok(text) => text,
            Err(fault) => return fault.of("candidate").map(Err),
        };
        let known = self.known(reference);
        let fresh = known.is_none();
        let mut reference_text = match known.map_or_else(|| self.reference(reference), Ok) {
            Ok(text) => text,
            Err(fault) => return fault.of("reference").map(Err),
        };
        let compared = compare(cand.blocks, reference_text.blocks.clone());
        let blocks = &compared.comparison;
        // The boxes that hide the reference's texts do not depend on the candidate.
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
        match self.candidate(page) {
            Ok(text) => Ok(Ok(text.blocks)),
            Err(Fault::Page(unscored)) => Ok(Err(unscored)),
            Err(Fault::Ours(error)) => Err(error),
        }
    }

    fn candidate(&self, page: &Source) -> Result<PageText, Fault> {
        self.capture(page, |shoot| view::candidate(page.text.as_bytes(), shoot))
    }

    fn reference(&self, page: &Source) -> Result<PageText, Fault> {
        self.capture(page, |shoot| view::reference(page.text.as_bytes(), shoot))
    }

    /// What is kept of a reference.
    fn known(&self, page: &Source) -> Option<PageText> {
        self.cache.as_ref()?.get(&self.key(page), page.folder.as_deref())
    }

    fn key(&self, page: &Source) -> String {
        hash_bytes(&[self.identity.as_bytes(), page.text.as_bytes()])
    }

    /// Takes the screenshots of a page and finds its text blocks; `view` says how.
    fn capture(
        &self,
        page: &Source,
        view: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<Image, Fault>) -> Result<View, Fault>,
    ) -> Result<PageText, Fault> {
        let folder = page.folder.as_deref();
        let (mut retried, mut asked) = (0, None);
        let captured = view(&mut |html| {
            let shot = self.shoot(html, folder)?;
            retried += usize::from(shot.retried);
            // What the page itself asks for; the recoloured ones ask for the same.
            asked.get_or_insert((shot.unmet, shot.beside));
            Ok(shot.image)
        })?;
        let (unmet, files) = asked.unwrap_or_default();
        Ok(PageText {
            blocks: captured.blocks,
            plain: Some(captured.plain),
            features: None,
            beside: beside(folder, &files),
            unmet,
            retried,
        })
    }

    /// A screenshot. The benchmark takes a failed one for a white page; here it is taken once more
    /// in a fresh browser, and then it is an error.
    fn shoot(&self, html: &[u8], folder: Option<&Path>) -> Result<Screenshot, Fault> {
        let text = String::from_utf8_lossy(html).into_owned();
        let page = Source { text, language: Language::Html, folder: folder.map(Path::to_path_buf) };
        self.renderer.screenshot(&page)?.map_err(|error| {
            let why = format!("its screenshot failed: {}", error.message);
            Fault::Page(Unscored { cause: Cause::Capture, why })
        })
    }

    /// Embeds a page without its texts, unless that is known.
    fn embed(&self, page: &mut PageText, masks: &[[f64; 4]]) -> Result<()> {
        if let (Some(clip), Some(plain), None) = (&self.clip, &page.plain, &page.features) {
            page.features = vectors(&clip.embed, &[&shrink::picture(plain, masks)])?.pop();
        }
        Ok(())
    }
}
