//! The pictures of JSON lines: files that a line names, or renders of the code that it holds.

use super::{PictureSource, Renderers, Shown};
use crate::files::png;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::{Domain, Outcome, Source};
use vsdpo_render::{RenderConfig, Renderer};

/// What a line says about its picture.
#[derive(Default)]
pub(super) struct Drawing {
    /// The instruction.
    pub prompt: Option<String>,
    /// The picture's file.
    pub picture: Option<PathBuf>,
    /// The file of the picture to reproduce.
    pub reference: Option<PathBuf>,
    /// The code that draws the picture.
    pub code: Option<String>,
    /// The domain of the code.
    pub domain: Option<Domain>,
}

impl Drawing {
    /// What has to be rendered, if no picture is given.
    fn source(&self) -> Option<(Domain, &str)> {
        let rendered = self.domain.zip(self.code.as_deref());
        rendered.filter(|_| self.picture.is_none())
    }
}

/// The pictures of an input of JSON lines.
pub(super) struct Drawings<'a> {
    drawings: &'a BTreeMap<String, Drawing>,
    renderers: BTreeMap<Domain, Arc<dyn Renderer>>,
}

impl<'a> Drawings<'a> {
    /// Starts the renderers that the lines need; pages have this window if one is given.
    ///
    /// # Errors
    /// Returns an error if no line has a picture, or a renderer does not start.
    pub fn open(
        drawings: &'a BTreeMap<String, Drawing>,
        renderers: &mut Renderers,
        window: Option<(u32, u32)>,
    ) -> Result<Self> {
        if !drawings.values().any(|d| d.picture.is_some() || d.source().is_some()) {
            bail!("no line names one; help: give each line `picture` (a file), or `code` and `domain`");
        }
        let adapt = |c: RenderConfig| RenderConfig { window: window.unwrap_or(c.window), ..c };
        let mut started = BTreeMap::new();
        for (domain, _) in drawings.values().filter_map(Drawing::source) {
            started.insert(domain, renderers.get(domain, adapt)?);
        }
        Ok(Self { drawings, renderers: started })
    }

    fn picture(&self, drawing: &Drawing) -> Result<Result<Vec<u8>, String>> {
        if let Some(path) = &drawing.picture {
            return Ok(Ok(file(path)?));
        }
        let renderer =
            drawing.source().and_then(|(domain, code)| Some((domain, code, self.renderers.get(&domain)?)));
        let Some((domain, code, renderer)) = renderer else {
            return Ok(Err("the line has neither `picture` nor `code` and `domain`".into()));
        };
        match renderer.render(&Source::new(code, domain.default_language()))? {
            Outcome::Rendered(rendered) => Ok(Ok(png(&rendered.pages[0].image)?)),
            Outcome::Failed { error } => Ok(Err(error.message)),
        }
    }
}

impl PictureSource for Drawings<'_> {
    fn shown(&self, id: &str) -> Result<Shown> {
        let Some(drawing) = self.drawings.get(id) else { bail!("there is no line for `{id}`") };
        Ok(Shown {
            task: drawing.prompt.clone(),
            reference: drawing.reference.as_deref().map(file).transpose()?,
            picture: self.picture(drawing)?,
        })
    }
}

/// The bytes of a picture.
fn file(path: &Path) -> Result<Vec<u8>> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read the picture `{}`", path.display()))?;
    if crate::endpoint::media_type(&bytes).is_none() {
        bail!("`{}` is neither PNG nor JPEG; help: convert it to PNG", path.display());
    }
    Ok(bytes)
}
