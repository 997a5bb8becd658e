//! The contrast of a text with what is behind it, by WCAG 2; charts and pages share it.

use crate::color::contrast;
use crate::scene::{hex, over};
use vsdpo_artifact::Element;

/// Minimum ratio for text, and for large text (WCAG 2, 1.4.3).
const LEAST: (f32, f32) = (4.5, 3.0);
/// Font size in pixels from which text is large: 18 points of 1/72 inch at 96 dpi.
pub(crate) const LARGE: f32 = 24.0;

/// A text with its two colours.
pub(crate) struct Contrast<'a> {
    pub(crate) element: &'a Element,
    /// Colour of the letters, alpha blended.
    pub(crate) ink: [u8; 3],
    /// Colour behind them.
    pub(crate) ground: [u8; 3],
    /// From 1 to 21.
    pub(crate) ratio: f32,
    large: bool,
}

impl<'a> Contrast<'a> {
    /// The contrast of letters of `color` on `ground`.
    pub(crate) fn new(element: &'a Element, color: [u8; 4], ground: [u8; 3], large: bool) -> Self {
        let ink = over(color, ground);
        Contrast { element, ink, ground, ratio: contrast(ink, ground), large }
    }

    fn least(&self) -> f32 {
        if self.large { LEAST.1 } else { LEAST.0 }
    }

    pub(crate) fn fails(&self) -> bool {
        self.ratio < self.least()
    }

    /// The ratio as a multiple of the required minimum.
    pub(crate) fn margin(&self) -> f32 {
        self.ratio / self.least()
    }

    /// As in `#eeeeee on #ffffff 1.2`. The ratio is rounded down, so that a printed 4.5 passes.
    pub(crate) fn colours(&self) -> String {
        format!("{} on {} {:.1}", hex(self.ink), hex(self.ground), (self.ratio * 10.0 + 1e-3).floor() / 10.0)
    }
}
