//! Design2Code's way with a pair of pages: three screenshots of each, blocks, scores, and CLIP
//! where there are weights (specs/design2code.md, 1).

use super::sights::{Beside, Sight, Sights, beside};
use crate::commands::files::{folder_identity, hash, hash_bytes};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;
use vsdpo_artifact::{Domain, Image, Language, Source, TextBlock, WebScores};
#[cfg(feature = "train")]
use vsdpo_policy::Clip;
use vsdpo_render::{RenderConfig, RenderError, Renderer, Screenshot, open};
use vsdpo_score::cosine;
use vsdpo_score::design2code::clean;
use vsdpo_score::design2code::html::PageError;
use vsdpo_score::design2code::pair::compare;
#[cfg(feature = "train")]
use vsdpo_score::design2code::shrink;
use vsdpo_score::design2code::view::{self, View};

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
    pub cand: T,
    pub r#ref: T,
}

/// A scored pair.
pub struct Scored {
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
    pub cause: Cause,
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

/// Draws and compares pages.
pub struct PageScorer {
    renderer: Box<dyn Renderer>,
    workers: usize,
    identity: String,
    sights: Option<Sights>,
    #[cfg(feature = "train")]
    clip: Option<Clip>,
}

impl PageScorer {
    /// Starts a browser; `clip` is the folder of CLIP's weights. What is seen of references is kept
    /// in `cache`.
    pub fn start(timeout: u64, clip: Option<&Path>, cache: Option<&Path>) -> Result<Self> {
        let config = RenderConfig {
            timeout: Duration::from_secs(timeout),
            max_pixels: MAX_PIXELS,
            ..RenderConfig::default()
        };
        #[cfg(not(feature = "train"))]
        anyhow::ensure!(clip.is_none(), "this build has no networks: leave --clip out, or build with them");
        let weights = clip.map(folder_identity).transpose()?.unwrap_or_default();
        #[cfg(feature = "train")]
        let clip = clip.map(Clip::load).transpose()?;
        let workers = config.workers;
        let renderer = open(Domain::Web, Language::Html, config)?;
        let identity = hash(&[ARITHMETIC, &renderer.identity()?, &weights]);
        let sights = cache.map(Sights::open).transpose()?;
        Ok(Self {
            renderer,
            workers,
            identity,
            sights,
            #[cfg(feature = "train")]
            clip,
        })
    }

    /// Pairs that are worth scoring at the same time.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// References that were known from the cache.
    pub fn hits(&self) -> usize {
        self.sights.as_ref().map_or(0, Sights::hits)
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
            Ok(sight) => sight,
            Err(fault) => return fault.of("candidate").map(Err),
        };
        let known = self.known(reference);
        let fresh = known.is_none();
        let mut reference_sight = match known.map_or_else(|| self.reference(reference), Ok) {
            Ok(sight) => sight,
            Err(fault) => return fault.of("reference").map(Err),
        };
        let compared = compare(cand.blocks, reference_sight.blocks.clone());
        let blocks = &compared.comparison;
        // The boxes that hide the reference's texts do not depend on the candidate.
        self.look(&mut reference_sight, &compared.ref_masks)?;
        if let (Some(sights), true) = (&self.sights, fresh) {
            sights.put(&self.key(reference), &reference_sight)?;
        }
        let mut cand = Sight { blocks: Vec::new(), ..cand };
        self.look(&mut cand, &compared.cand_masks())?;
        let clip = match (&cand.features, &reference_sight.features) {
            (Some(a), Some(b)) => Ok(cosine(a, b)),
            _ => Err(NO_WEIGHTS),
        };
        Ok(Ok(Scored {
            scores: blocks.scores,
            clip,
            blocks: Both { cand: blocks.cand.len(), r#ref: blocks.refs.len() },
            matched: blocks.matches.len(),
            retried: cand.retried + reference_sight.retried,
            unmet: Both { cand: cand.unmet, r#ref: reference_sight.unmet },
            beside: Both { cand: cand.beside, r#ref: reference_sight.beside },
        }))
    }

    /// The text blocks of a page as the benchmark finds those of a candidate.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn blocks(&self, page: &Source) -> Result<Result<Vec<TextBlock>, Unscored>> {
        match self.candidate(page) {
            Ok(sight) => Ok(Ok(sight.blocks)),
            Err(Fault::Page(unscored)) => Ok(Err(unscored)),
            Err(Fault::Ours(error)) => Err(error),
        }
    }

    fn candidate(&self, page: &Source) -> Result<Sight, Fault> {
        self.see(page, |shoot| view::candidate(page.text.as_bytes(), shoot))
    }

    fn reference(&self, page: &Source) -> Result<Sight, Fault> {
        self.see(page, |shoot| view::reference(page.text.as_bytes(), shoot))
    }

    /// What is kept of a reference.
    fn known(&self, page: &Source) -> Option<Sight> {
        self.sights.as_ref()?.get(&self.key(page), page.folder.as_deref())
    }

    fn key(&self, page: &Source) -> String {
        hash_bytes(&[self.identity.as_bytes(), page.text.as_bytes()])
    }

    /// What there is to see of a page; `view` says how.
    fn see(
        &self,
        page: &Source,
        view: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<Image, Fault>) -> Result<View, Fault>,
    ) -> Result<Sight, Fault> {
        let folder = page.folder.as_deref();
        let (mut retried, mut asked) = (0, None);
        let seen = view(&mut |html| {
            let shot = self.shoot(html, folder)?;
            retried += usize::from(shot.retried);
            // What the page itself asks for; the recoloured ones ask for the same.
            asked.get_or_insert((shot.unmet, shot.beside));
            Ok(shot.image)
        })?;
        let (unmet, files) = asked.unwrap_or_default();
        Ok(Sight {
            blocks: seen.blocks,
            plain: Some(seen.plain),
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

    /// Has CLIP look at a page without its texts, unless it has before.
    #[cfg(feature = "train")]
    fn look(&self, sight: &mut Sight, masks: &[[f64; 4]]) -> Result<()> {
        if let (Some(clip), Some(plain), None) = (&self.clip, &sight.plain, &sight.features) {
            let features = clip.embed(&[&shrink::picture(plain, masks)])?;
            sight.features = features.first().map(|f| f.values().to_vec());
        }
        Ok(())
    }

    #[cfg(not(feature = "train"))]
    fn look(&self, _sight: &mut Sight, _masks: &[[f64; 4]]) -> Result<()> {
        Ok(())
    }
}
