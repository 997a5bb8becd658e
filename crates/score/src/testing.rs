//! A renderer for tests that draws the same source differently in every folder.

use vsdpo_artifact::{ExecError, Image, Outcome, Rendered, Source};
use vsdpo_render::{RenderError, RenderStats, Renderer, Screenshot};

/// Draws every source in one colour: red in a folder named `red`, else blue.
pub struct ByFolder;

/// 40 x 30 pixels in one colour.
pub fn plain([r, g, b]: [u8; 3]) -> Image {
    Image { width: 40, height: 30, rgba: [r, g, b, 255].repeat(40 * 30).into() }
}

pub const RED: [u8; 3] = [200, 30, 30];
pub const BLUE: [u8; 3] = [20, 40, 160];

/// A unit vector per picture, by its first pixel: those of red and blue are at an angle of 60
/// degrees.
pub fn embed(images: &[&Image]) -> Result<Vec<Vec<f32>>, crate::EmbedError> {
    let vector =
        |image: &&Image| if image.rgba[0] > 100 { vec![1.0, 0.0] } else { vec![0.5, 0.75f32.sqrt()] };
    Ok(images.iter().map(vector).collect())
}

fn picture(source: &Source) -> Image {
    plain(if source.folder.as_ref().is_some_and(|folder| folder.ends_with("red")) { RED } else { BLUE })
}

impl Renderer for ByFolder {
    fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
        Ok(Outcome::Rendered(Rendered::of_page(picture(source), Vec::new())))
    }

    fn screenshot(&self, source: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        let image = picture(source);
        Ok(Ok(Screenshot { image, unmet: Vec::new(), beside: Vec::new(), retried: false }))
    }

    fn workers(&self) -> usize {
        1
    }

    fn identity(&self) -> Result<String, RenderError> {
        Ok("ByFolder".into())
    }

    fn stats(&self) -> RenderStats {
        RenderStats::default()
    }
}
