//! `--reference`: pages beside the page that they are to look like.

use crate::commands::drawing::File;
use crate::commands::score::pages::{PageScorer, Source, Unscored};
use anyhow::{Result, anyhow, bail};
use std::path::Path;
use vsdpo_artifact::{Diagnosis, Domain, Rendered};
use vsdpo_diagnose::axes::web::blocks::Block;
use vsdpo_diagnose::axes::web::pair::compare;
use vsdpo_diagnose::{PageComparison, against_page};

/// The page that others are to look like.
pub struct Reference {
    scorer: PageScorer,
    blocks: Vec<Block>,
}

impl Reference {
    /// Draws the reference of these files, all of which must be pages.
    pub fn open(path: &Path, files: &[File], timeout: u64) -> Result<Self> {
        if let Some(chart) = files.iter().find(|file| file.domain != Domain::Web) {
            let name = &chart.name;
            bail!(
                "--reference compares pages, and `{name}` is a {}: `visual-sdpo score chartmimic` compares charts",
                chart.domain.name()
            );
        }
        let page = Source::read(path)?;
        let scorer = PageScorer::start(timeout, None, None)?;
        // Cleaned like the pages beside it: unlike the benchmark's references, this one may be a
        // part of a page.
        let blocks = scorer.blocks(&page)?.map_err(|e| unscored(&path.display().to_string(), &e))?;
        Ok(Self { scorer, blocks })
    }

    /// The diagnosis with the findings and axes that need the reference.
    pub fn judge(&self, file: &File, diagnosis: Diagnosis, rendered: &Rendered) -> Result<Diagnosis> {
        let page = Source { bytes: file.source.clone().into_bytes(), folder: file.folder.clone() };
        let blocks = self.scorer.blocks(&page)?.map_err(|e| unscored(&file.name, &e))?;
        let compared = compare(blocks, self.blocks.clone());
        Ok(against_page(diagnosis, rendered, &PageComparison { blocks: &compared, clip: None }))
    }
}

fn unscored(name: &str, error: &Unscored) -> anyhow::Error {
    anyhow!("`{name}` cannot be compared: {}", error.why)
}
