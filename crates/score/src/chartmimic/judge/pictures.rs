//! The two pictures that a judge compares.

use super::super::dataset::Dataset;
use super::super::responses::Responses;
use crate::chartmimic::script::TARGET;
use crate::chartmimic::{Rules, script};
use crate::files::png;
use anyhow::{Context, Result, bail};
use vsdpo_artifact::{Domain, FailureKind, Image, Language, Outcome, Source};
use vsdpo_render::{RenderConfig, Renderer, open};

/// Dots per inch of the benchmark's conversion to PNG.
const DPI: u32 = 350;

/// The pictures of an example, or its score without a call.
pub enum Pair {
    Judge {
        reference: Vec<u8>,
        prediction: Vec<u8>,
    },
    /// There is nothing to judge: the example counts 0.
    Zero {
        source: &'static str,
        why: Option<String>,
    },
}

pub struct Pictures<'a> {
    pub data: &'a Dataset,
    pub responses: &'a Responses,
    pub renderer: &'a dyn Renderer,
}

/// Starts a renderer for the pictures.
///
/// # Errors
/// Returns an error that names a missing part of the installation.
pub fn renderer(config: RenderConfig) -> Result<Box<dyn Renderer>> {
    let config = RenderConfig { cache_entries: 0, ..config };
    Ok(open(Domain::Chart, Language::Python, config)?)
}

impl Pictures<'_> {
    /// The pictures of an example.
    pub fn pair(&self, name: &str) -> Result<Pair> {
        let context = || format!("cannot draw `{name}` for the judge");
        let Some(response) = self.responses.get(name)? else {
            return Ok(Pair::Zero { source: "no picture", why: Some("there is no response".into()) });
        };
        // The benchmark's judge gets the picture of the wrapped script, under both rules.
        let wrapped = response.scripts(Rules::Official).wrapped;
        let image = match self.draw(&wrapped).with_context(context)? {
            Ok(image) => image,
            Err((FailureKind::NoFigure, _)) => return Ok(Pair::Zero { source: "white", why: None }),
            Err((_, why)) => return Ok(Pair::Zero { source: "no picture", why: Some(why) }),
        };
        if is_white(&image) {
            return Ok(Pair::Zero { source: "white", why: None });
        }
        let reference = match self.data.picture(name)? {
            Some(png) => png,
            None => png(&self.reference(name).with_context(context)?)?,
        };
        Ok(Pair::Judge { reference, prediction: png(&image)? })
    }

    /// The reference rendered from its script, where the folder has no PNG.
    fn reference(&self, name: &str) -> Result<Image> {
        let script = script::read_back(&self.data.script(name)?);
        self.run(&script)?.or_else(|(_, why)| {
            bail!(
                "`{}` drew nothing ({why}) and has no PNG beside it; help: put one there",
                self.data.script_path(name).display()
            )
        })
    }

    fn draw(&self, wrapped: &str) -> Result<Result<Image, (FailureKind, String)>> {
        // Open figures would be further pages; closed, the save at the end is the last one.
        let closed = |script: &str| format!("{script}\nplt.close('all')");
        match self.run(&closed(&at_dpi(wrapped)))? {
            Err((FailureKind::Limit, _)) => self.run(&closed(wrapped)),
            other => Ok(other),
        }
    }

    fn run(&self, script: &str) -> Result<Result<Image, (FailureKind, String)>> {
        Ok(match self.renderer.render(&Source::new(script, Language::Python))? {
            // The benchmark's judge gets the picture that was saved last.
            Outcome::Rendered(mut rendered) => match rendered.pages.pop() {
                Some(page) => Ok(page.image),
                None => Err((FailureKind::NoFigure, "the script left no picture".into())),
            },
            Outcome::Failed { error } => Err((error.kind, error.message)),
        })
    }
}

/// The script with the benchmark's dpi in the save at its end.
fn at_dpi(wrapped: &str) -> String {
    let end = format!("plt.savefig(\"{TARGET}\")");
    match wrapped.strip_suffix(&end) {
        Some(head) => format!("{head}plt.savefig(\"{TARGET}\", dpi={DPI})"),
        None => wrapped.to_owned(),
    }
}

/// Whether every channel of every pixel, on white paper, is above 254.
fn is_white(image: &Image) -> bool {
    image.rgba.chunks_exact(4).all(|p| p[3] == 0 || p[..3].iter().all(|c| *c == 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_save_at_the_end_takes_the_dpi() {
        let scripts = script::of_fence(Some("\nplt.plot([1])\n"), Rules::Official);
        let script = at_dpi(&scripts.wrapped);
        assert!(script.ends_with(&format!("plt.savefig(\"{TARGET}\", dpi=350)")), "{script}");
        assert_eq!(at_dpi("x"), "x");
    }

    #[test]
    fn pictures_without_a_coloured_pixel_are_white() {
        let of =
            |rgba: &[u8]| is_white(&Image { width: 1, height: rgba.len() as u32 / 4, rgba: rgba.into() });
        assert!(of(&[255, 255, 255, 255, 0, 0, 0, 0]));
        assert!(!of(&[255, 255, 254, 255]));
    }
}
