//! Keeps renders on disk, so that a pre-training that goes on with a later stage does not render
//! its attempts again.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use vsdpo_artifact::{Element, ExecError, Image, Outcome, Page, Rendered, SlideLayout, Source, StyleRule};
use vsdpo_render::Renderer;
use vsdpo_score::files;

/// What is written of an outcome.
#[derive(Serialize, Deserialize)]
enum Cached {
    Rendered {
        /// PNGs.
        pages: Vec<Vec<u8>>,
        slides: Vec<Option<SlideLayout>>,
        elements: Vec<Element>,
        notes: Vec<String>,
        styles: Vec<StyleRule>,
    },
    Failed(ExecError),
}

/// The outcomes of `sources`: from `folder` if the same renderer rendered them before, else
/// rendered and written there.
pub fn render_all(renderer: &dyn Renderer, sources: &[Source], folder: &Path) -> Result<Vec<Outcome>> {
    let identity = renderer.identity()?;
    let parts: Vec<&str> =
        std::iter::once(identity.as_str()).chain(sources.iter().map(|s| s.text.as_str())).collect();
    let path = folder.join(format!("{}.json", files::hash(&parts)));
    if let Ok(file) = File::open(&path) {
        let cached: Vec<Cached> = serde_json::from_reader(BufReader::new(file))
            .with_context(|| format!("`{}` is not a file of renders; help: delete it", path.display()))?;
        return cached.into_iter().map(Cached::outcome).collect();
    }
    let outcomes = renderer.render_all(sources)?;
    let cached = outcomes.iter().map(Cached::of).collect::<Result<Vec<_>>>()?;
    files::make_folder(folder)?;
    files::replace(&path, &serde_json::to_vec(&cached)?)?;
    Ok(outcomes)
}

impl Cached {
    fn of(outcome: &Outcome) -> Result<Self> {
        Ok(match outcome {
            Outcome::Failed { error } => Cached::Failed(error.clone()),
            Outcome::Rendered(r) => Cached::Rendered {
                pages: r.pages.iter().map(|p| files::png(&p.image)).collect::<Result<_>>()?,
                slides: r.pages.iter().map(|p| p.slide.clone()).collect(),
                elements: r.elements.clone(),
                notes: r.notes.clone(),
                styles: r.styles.clone(),
            },
        })
    }

    fn outcome(self) -> Result<Outcome> {
        Ok(match self {
            Cached::Failed(error) => Outcome::Failed { error },
            Cached::Rendered { pages, slides, elements, notes, styles } => {
                let page =
                    |(png, slide): (&Vec<u8>, Option<SlideLayout>)| Ok(Page { image: from_png(png)?, slide });
                let pages = pages.iter().zip(slides).map(page).collect::<Result<_>>()?;
                Outcome::Rendered(Rendered { pages, elements, notes, styles })
            }
        })
    }
}

/// The picture in a PNG.
pub fn from_png(png: &[u8]) -> Result<Image> {
    let decoded = image::load_from_memory(png)?.into_rgba8();
    Ok(Image { width: decoded.width(), height: decoded.height(), rgba: decoded.into_raw().into() })
}
