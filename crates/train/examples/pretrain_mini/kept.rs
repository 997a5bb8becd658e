//! Keeps renders on disk, so that a pre-training that goes on with a later stage does not render
//! its attempts again.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor};
use std::path::Path;
use vsdpo_artifact::{Element, ExecError, Image, Outcome, Page, Rendered, Source, StyleRule};
use vsdpo_render::Renderer;

/// What is written of an outcome.
#[derive(Serialize, Deserialize)]
enum Kept {
    Rendered { pages: Vec<Vec<u8>>, elements: Vec<Element>, notes: Vec<String>, styles: Vec<StyleRule> },
    Failed(ExecError),
}

/// The outcomes of `sources`: from `folder` if they were rendered before by the same renderer, else
/// rendered and kept there.
pub fn render_all(renderer: &dyn Renderer, sources: &[Source], folder: &Path) -> Result<Vec<Outcome>> {
    let mut hash = Sha256::new_with_prefix(renderer.identity()?);
    sources.iter().for_each(|s| hash.update(s.text.as_bytes()));
    let path = folder.join(format!("{:x}.json", hash.finalize()));
    if let Ok(file) = File::open(&path) {
        let kept: Vec<Kept> = serde_json::from_reader(BufReader::new(file))
            .with_context(|| format!("{}: not a file of renders; delete it", path.display()))?;
        return kept.into_iter().map(Kept::outcome).collect();
    }
    let outcomes = renderer.render_all(sources)?;
    let kept = outcomes.iter().map(Kept::of).collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    serde_json::to_writer(BufWriter::new(File::create(&part)?), &kept)?;
    std::fs::rename(&part, &path)?;
    Ok(outcomes)
}

impl Kept {
    fn of(outcome: &Outcome) -> Result<Self> {
        Ok(match outcome {
            Outcome::Failed { error } => Kept::Failed(error.clone()),
            Outcome::Rendered(r) => Kept::Rendered {
                pages: r.pages.iter().map(|p| to_png(&p.image)).collect::<Result<_>>()?,
                elements: r.elements.clone(),
                notes: r.notes.clone(),
                styles: r.styles.clone(),
            },
        })
    }

    fn outcome(self) -> Result<Outcome> {
        Ok(match self {
            Kept::Failed(error) => Outcome::Failed { error },
            Kept::Rendered { pages, elements, notes, styles } => {
                let page = |png: &Vec<u8>| Ok(Page { image: from_png(png)? });
                let pages = pages.iter().map(page).collect::<Result<_>>()?;
                Outcome::Rendered(Rendered { pages, elements, notes, styles })
            }
        })
    }
}

/// The picture as PNG.
pub fn to_png(image: &Image) -> Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    let (w, h) = (image.width, image.height);
    image::write_buffer_with_format(
        &mut out,
        &image.rgba,
        w,
        h,
        image::ColorType::Rgba8,
        image::ImageFormat::Png,
    )?;
    Ok(out.into_inner())
}

/// The picture in a PNG.
pub fn from_png(png: &[u8]) -> Result<Image> {
    let decoded = image::load_from_memory(png)?.into_rgba8();
    Ok(Image { width: decoded.width(), height: decoded.height(), rgba: decoded.into_raw().into() })
}
