//! Design2Code's way with a pair of pages: three screenshots of each, blocks, scores, and CLIP where there are
//! weights (specs/design2code.md, 1).

use anyhow::{Context, Result, anyhow};
use std::path::Path;
use std::time::Duration;
use vsdpo_artifact::Image;
use vsdpo_diagnose::axes::web::blocks::{Block, Screenshots, blocks};
use vsdpo_diagnose::axes::web::pair::{Scores, compare};
use vsdpo_diagnose::axes::web::{clean, items, recolor, shrink};
#[cfg(feature = "train")]
use vsdpo_policy::Clip;
use vsdpo_render::{Page, WebConfig, WebRenderer};

/// Pixels of a whole page; the benchmark has no limit.
const MAX_PIXELS: u64 = 64 << 20;

/// A page read from its file.
pub struct Source {
    bytes: Vec<u8>,
    folder: Option<std::path::PathBuf>,
}

impl Source {
    /// Reads the file; pictures beside it may be used by the page.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { bytes, folder: path.parent().map(Path::to_path_buf) })
    }
}

/// A scored pair.
pub struct Scored {
    pub scores: Scores,
    /// CLIP's cosine, or why there is none.
    pub clip: Result<f64, &'static str>,
    /// Addresses that either page asked for and did not get.
    pub unmet: Vec<String>,
}

/// Draws and compares pages.
pub struct PageScorer {
    renderer: WebRenderer,
    workers: usize,
    #[cfg(feature = "train")]
    clip: Option<Clip>,
}

/// What is seen of one page.
struct Seen {
    plain: Image,
    blocks: Vec<Block>,
    unmet: Vec<String>,
}

impl PageScorer {
    /// Starts a browser; `clip` is the folder of CLIP's weights.
    pub fn start(timeout: u64, clip: Option<&Path>) -> Result<Self> {
        let config = WebConfig {
            timeout: Duration::from_secs(timeout),
            max_pixels: MAX_PIXELS,
            ..WebConfig::default()
        };
        #[cfg(not(feature = "train"))]
        anyhow::ensure!(clip.is_none(), "this build has no networks: leave --clip out, or build with them");
        Ok(Self {
            workers: config.workers,
            #[cfg(feature = "train")]
            clip: clip.map(Clip::load).transpose()?,
            renderer: WebRenderer::start(config)?,
        })
    }

    /// Pairs that are worth scoring at the same time.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Scores a candidate against its reference. What the benchmark's programs raise on is an error.
    pub fn score(&self, cand: &Source, reference: &Source) -> Result<Scored> {
        let text = clean::read(&cand.bytes).context("the candidate cannot be read")?;
        let cleaned = clean::clean(&text).context("the candidate cannot be cleaned")?;
        let source = Source { bytes: cleaned.clone().into_bytes(), folder: cand.folder.clone() };
        let cand = self.see(&source, &cleaned).context("the candidate cannot be scored")?;
        let text = clean::read(&reference.bytes).context("the reference cannot be read")?;
        let reference = self.see(reference, &text).context("the reference cannot be scored")?;
        let compared = compare(cand.blocks, reference.blocks);
        let cand_picture = || shrink::picture(&cand.plain, &compared.cand_masks());
        let clip = self.likeness(cand_picture, || shrink::picture(&reference.plain, &compared.ref_masks))?;
        let unmet = cand.unmet.into_iter().chain(reference.unmet).collect();
        Ok(Scored { scores: compared.scores, clip, unmet })
    }

    /// The three screenshots of a page and what they show. `text` is what is recoloured.
    fn see(&self, source: &Source, text: &str) -> Result<Seen> {
        let recolored = recolor::recolored(text, 0)?;
        let shifted = recolor::recolored(text, 50)?;
        let items = items::items(&recolored)?;
        let pages = [source.bytes.clone(), recolored.into_bytes(), shifted.into_bytes()];
        let pages = pages.map(|html| Page { html, folder: source.folder.clone() });
        let mut shots = Vec::new();
        for page in &pages {
            let shot = self.renderer.shoot(page)?;
            shots.push(shot.map_err(|error| anyhow!("its screenshot failed: {}", error.message))?);
        }
        let (Some(shifted), Some(recolored), Some(plain)) = (shots.pop(), shots.pop(), shots.pop()) else {
            return Err(anyhow!("a screenshot is missing"));
        };
        let shots = Screenshots { plain: plain.image, recolored: recolored.image, shifted: shifted.image };
        let blocks = blocks(&items, &shots);
        Ok(Seen { plain: shots.plain, blocks, unmet: plain.unmet })
    }

    #[cfg(feature = "train")]
    fn likeness(
        &self,
        cand: impl FnOnce() -> Image,
        reference: impl FnOnce() -> Image,
    ) -> Result<Result<f64, &'static str>> {
        let Some(clip) = &self.clip else { return Ok(Err(NO_WEIGHTS)) };
        let embeddings = clip.embed(&[&cand(), &reference()])?;
        Ok(Ok(embeddings[0].cosine(&embeddings[1])))
    }

    #[cfg(not(feature = "train"))]
    fn likeness(
        &self,
        _cand: impl FnOnce() -> Image,
        _reference: impl FnOnce() -> Image,
    ) -> Result<Result<f64, &'static str>> {
        Ok(Err(NO_WEIGHTS))
    }
}

const NO_WEIGHTS: &str = "no weights of CLIP were given (--clip DIR)";
