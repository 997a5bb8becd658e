//! `--reference`: compares pages with the page that they should reproduce.

use crate::commands::input::File;
use crate::commands::score::page_scorer;
use anyhow::{Result, anyhow, bail};
use std::path::Path;
use vsdpo_artifact::{Comparison, Domain, TextBlock};
use vsdpo_score::design2code::pair::compare;
use vsdpo_score::design2code::scorer::{self as pages, PageScorer};
use vsdpo_score::design2code::unscored::Unscored;

/// The page to reproduce.
pub struct Reference {
    scorer: PageScorer,
    blocks: Vec<TextBlock>,
}

impl Reference {
    /// Renders the reference.
    pub fn open(path: &Path, timeout: u64) -> Result<Self> {
        let name = path.display().to_string();
        let page = pages::read(path)?.map_err(|e| unscored(&name, &e))?;
        let scorer = page_scorer(timeout, None, None)?;
        // Cleaned like the other pages, because unlike the benchmark's references this one may be a
        // fragment of a page.
        let blocks = scorer.blocks(&page)?.map_err(|e| unscored(&name, &e))?;
        Ok(Self { scorer, blocks })
    }

    /// Refuses a file that is no page.
    pub fn accepts(file: &File) -> Result<()> {
        match file.domain {
            Domain::Web => Ok(()),
            Domain::Chart | Domain::Slide => bail!(
                "--reference compares pages, and `{}` is a {}; help: compare charts with `visual-sdpo score chartmimic`",
                file.name,
                file.domain.name()
            ),
        }
    }

    /// Compares a file with the reference.
    pub fn compare(&self, file: &File) -> Result<Comparison> {
        let blocks = self.scorer.blocks(&file.source)?.map_err(|e| unscored(&file.name, &e))?;
        Ok(Comparison::Web(compare(blocks, self.blocks.clone()).comparison))
    }
}

fn unscored(name: &str, error: &Unscored) -> anyhow::Error {
    anyhow!("`{name}` cannot be compared: {}", error.why)
}
