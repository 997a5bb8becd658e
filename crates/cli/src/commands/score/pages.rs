//! Design2Code's way with a pair of pages: three screenshots of each, blocks, scores, and CLIP
//! where there are weights (specs/design2code.md, 1).

use super::sights::{Beside, Sight, Sights, beside};
use crate::commands::files::{folder_identity, hash, hash_bytes};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vsdpo_artifact::Image;
use vsdpo_diagnose::axes::web::blocks::Block;
use vsdpo_diagnose::axes::web::html::PageError;
use vsdpo_diagnose::axes::web::pair::{Scores, compare};
#[cfg(feature = "train")]
use vsdpo_diagnose::axes::web::shrink;
use vsdpo_diagnose::axes::web::view::{self, View};
#[cfg(feature = "train")]
use vsdpo_policy::Clip;
use vsdpo_render::{Page, RenderError, Shot, WebConfig, WebRenderer};

/// Pixels of a whole page; the benchmark has no limit.
const MAX_PIXELS: u64 = 64 << 20;
/// Names the arithmetic in keys; what is kept of another one is not believed.
const ARITHMETIC: &str = concat!("design2code ", env!("CARGO_PKG_VERSION"));
/// Why there is no CLIP.
pub const NO_WEIGHTS: &str = "no weights of CLIP were given (--clip DIR)";

/// A page read from its file.
pub struct Source {
    pub bytes: Vec<u8>,
    /// Where the pictures are that it may show.
    pub folder: Option<PathBuf>,
}

impl Source {
    /// Reads the file; pictures beside it may be used by the page.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { bytes, folder: path.parent().map(Path::to_path_buf) })
    }
}

/// Something of both pages.
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Both<T> {
    pub cand: T,
    pub r#ref: T,
}

/// A scored pair.
pub struct Scored {
    pub scores: Scores,
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
            Self::Page(Unscored { cause, why }) => {
                Ok(Unscored { cause, why: format!("the {side} cannot be scored: {why}") })
            }
            Self::Ours(error) => Err(error),
        }
    }
}

/// Draws and compares pages.
pub struct PageScorer {
    renderer: WebRenderer,
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
        let config = WebConfig {
            timeout: Duration::from_secs(timeout),
            max_pixels: MAX_PIXELS,
            ..WebConfig::default()
        };
        #[cfg(not(feature = "train"))]
        anyhow::ensure!(clip.is_none(), "this build has no networks: leave --clip out, or build with them");
        let weights = clip.map(folder_identity).transpose()?.unwrap_or_default();
        #[cfg(feature = "train")]
        let clip = clip.map(Clip::load).transpose()?;
        let workers = config.workers;
        let renderer = WebRenderer::start(config)?;
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
    pub fn score(&self, cand: &Source, reference: &Source) -> Result<Result<Scored, Unscored>> {
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
        // The boxes that hide the reference's texts do not depend on the candidate.
        self.look(&mut reference_sight, &compared.ref_masks)?;
        if let (Some(sights), true) = (&self.sights, fresh) {
            sights.put(&self.key(reference), &reference_sight)?;
        }
        let mut cand = Sight { blocks: Vec::new(), ..cand };
        self.look(&mut cand, &compared.cand_masks())?;
        let clip = match (&cand.features, &reference_sight.features) {
            (Some(a), Some(b)) => Ok(f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())),
            _ => Err(NO_WEIGHTS),
        };
        Ok(Ok(Scored {
            scores: compared.scores,
            clip,
            blocks: Both { cand: compared.cand.len(), r#ref: compared.refs.len() },
            matched: compared.matches.len(),
            retried: cand.retried + reference_sight.retried,
            unmet: Both { cand: cand.unmet, r#ref: reference_sight.unmet },
            beside: Both { cand: cand.beside, r#ref: reference_sight.beside },
        }))
    }

    /// The text blocks of a page as the benchmark finds those of a candidate.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn blocks(&self, page: &Source) -> Result<Result<Vec<Block>, Unscored>> {
        match self.candidate(page) {
            Ok(sight) => Ok(Ok(sight.blocks)),
            Err(Fault::Page(unscored)) => Ok(Err(unscored)),
            Err(Fault::Ours(error)) => Err(error),
        }
    }

    fn candidate(&self, page: &Source) -> Result<Sight, Fault> {
        self.see(page, |shoot| view::candidate(&page.bytes, shoot))
    }

    fn reference(&self, page: &Source) -> Result<Sight, Fault> {
        self.see(page, |shoot| view::reference(&page.bytes, shoot))
    }

    /// What is kept of a reference.
    fn known(&self, page: &Source) -> Option<Sight> {
        self.sights.as_ref()?.get(&self.key(page), page.folder.as_deref())
    }

    fn key(&self, page: &Source) -> String {
        hash_bytes(&[self.identity.as_bytes(), &page.bytes])
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
            let shot = self.shoot(html, folder, &mut retried)?;
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
    fn shoot(&self, html: &[u8], folder: Option<&Path>, retried: &mut usize) -> Result<Shot, Fault> {
        let page = Page { html: html.to_vec(), folder: folder.map(Path::to_path_buf) };
        let (shot, again) = self.renderer.shoot_twice(&page)?;
        *retried += usize::from(again);
        shot.map_err(|error| {
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
